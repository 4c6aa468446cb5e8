import errno
import os

import pytest

from nircam_tso.exceptions import InputFileError, NircamTSOWarning, ResourceLimitError, UnsupportedFileError
from nircam_tso.io.listing import read_list
from nircam_tso.io.sources import open_exposure


def names(paths):
    return [os.path.basename(path) for path in paths]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_forms_of_a_list(tmp_path, encoding, newline):
    odd = ["a.fits", "with space.fits", "star[1].fits", "$(x);.fits", "-rf", "hash #1.fits", "ü.fits"]
    for name in odd:
        (tmp_path / name).touch()
    lines = ["# files of one night", "", "  a.fits  ", "'with space.fits'", '"star[1].fits"', "   ", "\t$(x);.fits"]
    lines += ["-rf", "hash #1.fits", "ü.fits", "a.fits # again"]
    path = tmp_path / "list.txt"
    path.write_bytes(newline.join(lines).encode(encoding))
    assert names(read_list(path)) == [*odd, "a.fits"]


def test_names_count_from_the_list_s_folder(tmp_path, monkeypatch, image):
    (tmp_path / "night").mkdir()
    image(tmp_path / "night" / "a.fits")
    image(tmp_path / "b.fits", start="2020-01-01T00:00:00")
    listed = tmp_path / "night" / "list.txt"
    listed.write_text(f"a.fits\n../b.fits\n{tmp_path / 'night' / '.' / 'a.fits'}\n")
    monkeypatch.chdir(tmp_path.parent)
    with pytest.warns(NircamTSOWarning, match="same file twice"):
        assert len(open_exposure(listed)) == 2


def test_names_that_are_not_utf8(tmp_path):
    name = b"\xff\xfea\xe9.fits"
    try:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb"):
            pass
    except OSError:
        pytest.skip("this file system wants UTF-8 names")
    (tmp_path / "list.txt").write_bytes(b"#\n" + name)
    assert os.fsencode(names(read_list(tmp_path / "list.txt"))[0]) == name


def test_every_missing_entry_is_told_with_its_line(tmp_path):
    (tmp_path / "a.fits").touch()
    (tmp_path / "sub").mkdir()
    path = tmp_path / "list.txt"
    path.write_text("a.fits\nb.fits\n\nsub\nhttp://x.org/c.fits\n~/d.fits\n")
    with pytest.raises(InputFileError) as caught:
        read_list(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: 4 of its entries")
    for words in ("line 2: 'b.fits' does not exist", "line 4: 'sub' is a folder", "line 5", "is a URL", "line 6"):
        assert words in text
    path.write_text("\n".join(f"{k}.fits" for k in range(1000)))
    with pytest.raises(InputFileError, match="and 990 more"):
        read_list(path)


def test_its_own_name_is_left_out(tmp_path):
    for name in ("a.fits", "b.fits"):
        (tmp_path / name).touch()
    path = tmp_path / "fits_input_file.txt"
    path.write_text("a.fits\nb.fits\nfits_input_file.txt\n")
    with pytest.warns(NircamTSOWarning, match="lists itself in line 3"):
        assert names(read_list(path)) == ["a.fits", "b.fits"]


@pytest.mark.parametrize("content", [b"# nothing\n\n", b"\n", b"\xef\xbb\xbf\n"])
def test_a_list_of_nothing(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match="lists no file"):
        open_exposure(path)


def test_nul_bytes(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"a.fits\n" * 2000 + b"\x00")
    with pytest.raises(UnsupportedFileError, match="NUL"):
        read_list(path)


def test_many_lines_are_quick(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("x\n" * 100_000)
    with pytest.raises(InputFileError, match="100000 of its entries"):
        read_list(path)


def test_broken_utf_16(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes("a.fits\nb.fits".encode("utf-16")[:-1])
    with pytest.raises(UnsupportedFileError, match="no list of names: broken UTF-16"):
        read_list(path)


def test_nul_characters_of_utf_16(tmp_path):
    (tmp_path / "a.fits").touch()
    path = tmp_path / "list.txt"
    path.write_bytes("a.fits\nb\0.fits\n".encode("utf-16"))
    with pytest.raises(InputFileError, match="1 of its entries cannot be used: line 2 contains a NUL character"):
        read_list(path)


def test_a_list_larger_than_any(tmp_path):
    path = tmp_path / "list.txt"
    with open(path, "wb") as file:
        file.truncate((256 << 20) + 1)
    with pytest.raises(ResourceLimitError, match="268435457 bytes, which no list of names has"):
        read_list(path)


def test_a_list_that_is_gone(tmp_path):
    with pytest.raises(InputFileError, match="cannot be read: No such file or directory"):
        read_list(tmp_path / "list.txt")


def test_a_remark_behind_a_name_that_is_not_there(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("a.fits # the first\n")
    with pytest.raises(InputFileError, match="line 1: 'a.fits # the first' does not exist"):
        read_list(path)


def test_pipes_in_a_folder_are_left_out(tmp_path, image):
    image(tmp_path / "a.fits")
    os.mkfifo(tmp_path / "b.fits")
    assert names([segment.name for segment in open_exposure(tmp_path).segments]) == ["a.fits"]


def test_a_folder_that_cannot_be_listed(tmp_path, image, monkeypatch):
    image(tmp_path / "a.fits")

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    # Rights do not stop the superuser, who may run this.
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputFileError, match="cannot be read: Permission denied") as caught:
        open_exposure(tmp_path)
    assert caught.value.path == str(tmp_path)
