import os

import pytest

from nircam_tso.exceptions import InputFileError, NircamTSOWarning, UnsupportedFileError
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
    for words in ("line 2: 'b.fits' does not exist", "line 4: 'sub' is a directory", "line 5", "is a URL", "line 6"):
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
