"""Files that are cut, broken, huge, odd or changing (rows 1 to 14, 30 and 58 to 61)."""

import gzip
import hashlib
import os
import shutil
import threading
import time

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.exceptions import (
    CorruptFileError,
    InputFileError,
    NircamTSOWarning,
    ResourceLimitError,
    SegmentError,
    TruncatedFileError,
    UnsupportedFileError,
)
from nircam_tso.io import fits_structure
from nircam_tso.io.checksums import ones_sum
from nircam_tso.io.listing import read_list
from nircam_tso.io.sources import open_exposure

MB = 1_000_000


def test_cut_inside_err_is_never_unmasked(tmp_path, jwst):
    """Row 2."""
    path = tmp_path / "a_calints.fits"
    jwst(path)
    raw = path.read_bytes()
    err = next(hdu for hdu in fits_structure.read_structure(path).hdus if hdu.name == "ERR")
    for cut in (err.header_offset, err.data_offset - 80, err.data_offset + 1, err.data_offset + err.data_bytes - 1):
        path.write_bytes(raw[:cut])
        for keywords in ({}, {"on_error": "flag"}):
            with pytest.raises(TruncatedFileError, match="a_calints.fits"):
                open_exposure(path, **keywords)


@pytest.mark.parametrize("name", ["a.fits", "a.txt", "a"])
@pytest.mark.parametrize(
    "content",
    [b"", b"a line of prose\nand another\n", b"<!DOCTYPE html><html></html>", b"\x89PNG\r\n\x1a\n" + bytes(99)],
    ids=["empty", "prose", "html", "png"],
)
def test_what_is_no_image_ends_at_once(tmp_path, name, content):
    """Row 4."""
    path = tmp_path / name
    path.write_bytes(content)
    begin = time.perf_counter()
    with pytest.raises(InputFileError, match=name):
        open_exposure(path)
    assert time.perf_counter() - begin < 1


def test_folder_without_images(tmp_path):
    """Row 4."""
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputFileError, match="there is no FITS file here"):
        open_exposure(tmp_path)


BOMB = """
import sys
from nircam_tso.io.sources import open_exposure
from nircam_tso.exceptions import NircamTSOError
try:
    open_exposure(sys.argv[1], **eval(sys.argv[2]))
except NircamTSOError as error:
    print(type(error).__name__, str(error).count(sys.argv[1]))
"""


def memory(result):
    assert result.returncode == 0, result.stderr
    return int(result.stdout.splitlines()[-1])


def test_gzip_bomb_of_two_gigabytes(tmp_path, run):
    """Row 7."""
    path = tmp_path / "bomb.fits.gz"
    head = "".join(card.ljust(80) for card in ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", "END")).ljust(2880)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head.encode())
    # Gzip files may follow each other: a megabyte is packed once.
    piece = gzip.compress(bytes(64 << 20), 9)
    with open(path, "ab") as file:
        for _ in range(32):
            file.write(piece)
    result = run(BOMB, path, {})
    assert result.stdout.startswith("ResourceLimitError 1"), result.stderr
    assert memory(result) < 500 * MB


def header_of(*cards):
    return "".join(card.ljust(80) for card in (*cards, "END")).encode().ljust(2880)


def test_forty_terabytes_are_not_allocated(tmp_path, run):
    """Row 7."""
    path = tmp_path / "a.fits"
    path.write_bytes(
        header_of("SIMPLE  = T", "BITPIX  = -64", "NAXIS   = 2", "NAXIS1  = 1000000", "NAXIS2  = 5000000") + bytes(2880)
    )
    result = run(BOMB, path, {})
    assert result.stdout.startswith("TruncatedFileError 1"), result.stderr
    assert memory(result) < 500 * MB


def test_integration_larger_than_the_memory_allowed(tmp_path, run):
    """Row 7."""
    path = tmp_path / "a.fits"
    with open(path, "wb") as file:
        file.write(header_of("SIMPLE  = T", "BITPIX  = -32", "NAXIS   = 2", "NAXIS1  = 20000", "NAXIS2  = 20000"))
        file.truncate(2880 + -(-4 * 20000 * 20000 // 2880) * 2880)
    result = run(BOMB, path, {"max_memory": "2 GB"})
    assert result.stdout.startswith("ResourceLimitError 1"), result.stderr
    assert memory(result) < 500 * MB
    with pytest.raises(ResourceLimitError, match="--max-memory"):
        open_exposure(np.zeros((2, 100, 100)), max_memory=1000)
    assert open_exposure(path, max_memory="16 GB").shape == (20000, 20000)


STACK = """
import sys, numpy as np
from nircam_tso.io.sources import open_exposure
exposure = open_exposure(sys.argv[1], axis="integrations")
total = sum(float(exposure.read(at, at + 4, slice(0, 64)).data.sum()) for at in range(0, len(exposure), 4))
print(len(exposure), exposure.read(0, 4).data.shape, total)
"""


def test_sparse_stack_of_eight_gigabytes(tmp_path, run):
    """Row 7."""
    path = tmp_path / "a.fits"
    cards = ("SIMPLE  = T", "BITPIX  = -32", "NAXIS   = 3", "NAXIS1  = 2048", "NAXIS2  = 2048", "NAXIS3  = 500")
    with open(path, "wb") as file:
        file.write(header_of(*cards))
        file.truncate(2880 + -(-4 * 2048 * 2048 * 500 // 2880) * 2880)
    result = run(STACK, path, timeout=120)
    assert result.stdout.startswith("500 (4, 2048, 2048) 0.0"), result.stderr
    assert memory(result) < 500 * MB


@pytest.mark.parametrize("kind", ["long header", "many units"])
def test_headers_without_measure(tmp_path, run, kind):
    """Row 7."""
    path = tmp_path / "a.fits"
    primary = header_of("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0")
    with open(path, "wb") as file:
        if kind == "long header":
            file.write(primary[:240])
            for _ in range(40):
                file.write(b"COMMENT and so on".ljust(80) * 13107)
        else:
            file.write(primary)
            file.write(header_of("XTENSION= 'IMAGE   '", "BITPIX  = 8", "NAXIS   = 0") * 20_000)
    result = run(BOMB, path, {})
    assert result.stdout.startswith("ResourceLimitError 1"), result.stdout + result.stderr
    assert memory(result) < 500 * MB


def checksummed(path, jwst):
    hdulist = jwst(path)
    hdulist.writeto(path, checksum=True, overwrite=True)
    return path.read_bytes()


def test_checksums_of_a_sound_file(tmp_path, jwst):
    """Row 9."""
    path = tmp_path / "a_calints.fits"
    checksummed(path, jwst)
    expected = open_exposure(path).read(0, 4).data
    exposure = open_exposure(path, verify_checksums=True)
    assert np.array_equal(exposure.read(0, 4).data, expected)
    path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))
    assert len(open_exposure(path.with_suffix(".gz"), verify_checksums=True)) == 4
    # astropy's own sum, of odd numbers of blocks and large words.
    data = np.random.default_rng(3).integers(0, 1 << 32, 2880, dtype=np.uint32).astype(">u4").tobytes()
    assert ones_sum(data) == fits.PrimaryHDU()._compute_checksum(np.frombuffer(data, np.uint8))


def test_bit_flips_are_found_by_checksums(tmp_path, jwst):
    """Row 9."""
    path = tmp_path / "a_calints.fits"
    raw = checksummed(path, jwst)
    hdus = fits_structure.read_structure(path).hdus
    science = next(hdu for hdu in hdus if hdu.name == "SCI")
    for hdu in (science, next(hdu for hdu in hdus if hdu.name == "DQ")):
        for at in np.random.default_rng(1).integers(hdu.data_bytes, size=20) + hdu.data_offset:
            broken = bytearray(raw)
            broken[at] ^= 4
            path.write_bytes(broken)
            assert len(open_exposure(path)) == 4
            with pytest.raises(CorruptFileError, match=f"DATASUM of {hdu.name}") as caught:
                open_exposure(path, verify_checksums=True)
            assert (caught.value.hdu, caught.value.path) == (hdu.name, str(path))
    broken = raw.replace(b"F210M", b"F212N", 1)
    path.write_bytes(broken)
    with pytest.raises(CorruptFileError, match="CHECKSUM of PRIMARY"):
        open_exposure(path, verify_checksums=True)


def test_file_without_checksums_says_so(tmp_path, image):
    image(tmp_path / "a.fits")
    assert "no checksums" in " ".join(open_exposure(tmp_path / "a.fits", verify_checksums=True).notes)


def test_hash_of_whole_files(tmp_path, visit):
    paths = visit(tmp_path)
    packed = tmp_path / "packed.fits"
    packed.write_bytes(gzip.compress(paths[0].read_bytes()))
    for path in (*paths, packed):
        segment = open_exposure(path, hash_inputs=True).segments[0]
        assert segment.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert open_exposure(paths[0]).segments[0].sha256 == ""


def test_file_rewritten_in_place_while_it_is_read(tmp_path):
    """Row 10: whatever is handed out is all of one version."""
    path = tmp_path / "a.fits"
    versions = []
    for value in (1.0, 2.0):
        fits.PrimaryHDU(np.full((40, 60, 80), value, ">f4")).writeto(path, overwrite=True)
        versions.append(path.read_bytes())
    stop = threading.Event()

    def rewrite():
        turn = 0
        while not stop.is_set():
            turn += 1
            stop.wait(turn % 5 * 0.015)
            with open(path, "r+b") as file:
                file.write(versions[turn % 2])
            if turn % 7 == 0:
                os.truncate(path, 100_000)
                path.write_bytes(versions[turn % 2])

    thread = threading.Thread(target=rewrite)
    thread.start()
    good = refused = 0
    try:
        end = time.perf_counter() + 3
        while time.perf_counter() < end:
            try:
                data = open_exposure(path, axis="integrations").read(0, 40).data
            except InputFileError:
                refused += 1
                continue
            good += 1
            assert data.min() == data.max() and data[0, 0, 0] in (1.0, 2.0)
    finally:
        stop.set()
        thread.join()
    assert refused and good


@pytest.mark.slow
def test_five_thousand_files_and_sixty_four_descriptors(tmp_path, run):
    """Row 11."""
    import resource

    hdu = fits.PrimaryHDU(np.ones((3, 4), "f4"))
    hdu.header["DATE-OBS"] = "2020-01-01T00:00:00"
    hdu.writeto(tmp_path / "0.fits")
    raw = (tmp_path / "0.fits").read_bytes()
    for index in range(5000):
        clock = f"{index // 3600:02d}:{index // 60 % 60:02d}:{index % 60:02d}".encode()
        (tmp_path / f"{index}.fits").write_bytes(raw.replace(b"T00:00:00", b"T" + clock))
    code = (
        "import sys; from nircam_tso.io.sources import open_exposure;"
        "exposure = open_exposure(sys.argv[1]); print(exposure.read(0, 5000).data.sum())"
    )
    result = run(code, tmp_path, limits=[(resource.RLIMIT_NOFILE, 64)], timeout=120)
    assert result.stdout.startswith("60000.0"), result.stderr


def test_one_series_in_every_type(tmp_path):
    """Row 12."""
    rng = np.random.default_rng(6)
    frames = rng.integers(0, 30_000, (3, 8, 9))
    expected = frames.astype(float)
    forms = {
        "f8": frames.astype(">f8"),
        "f4": frames.astype(">f4"),
        "i2": frames.astype(">i2"),
        "u2": frames.astype(np.uint16),
        "i4": frames.astype(">i4"),
    }
    for name, data in forms.items():
        fits.PrimaryHDU(data).writeto(tmp_path / f"{name}.fits")
        found = open_exposure(tmp_path / f"{name}.fits", axis="integrations").read(0, 3).data
        assert found.dtype == np.float64 and found.dtype.isnative
        assert np.array_equal(found, expected), name
        assert np.array_equal(open_exposure(data.astype(data.dtype.newbyteorder("<"))).read(0, 3).data, expected)
    hdu = fits.PrimaryHDU(np.where(frames == frames[0, 0, 0], -1, frames).astype(">i2"))
    hdu.header["BLANK"] = -1
    hdu.writeto(tmp_path / "blank.fits")
    found = open_exposure(tmp_path / "blank.fits", axis="integrations").read(0, 3).data
    assert np.array_equal(np.isnan(found), frames == frames[0, 0, 0])


def test_the_same_file_by_three_names(tmp_path, image):
    """Row 30."""
    image(tmp_path / "a.fits")
    (tmp_path / "link.fits").symlink_to("a.fits")
    with pytest.warns(NircamTSOWarning, match="the same file twice"):
        assert len(open_exposure([tmp_path / "a.fits", tmp_path / "link.fits", tmp_path / "a.fits"])) == 1
    shutil.copy(tmp_path / "a.fits", tmp_path / "copy.fits")
    with pytest.raises(SegmentError, match="hold the same bytes"):
        open_exposure([tmp_path / "a.fits", tmp_path / "copy.fits"])


def test_a_million_lines(tmp_path):
    """Row 58."""
    path = tmp_path / "list.txt"
    path.write_text("x.fits\n" * 1_000_000)
    begin = time.perf_counter()
    with pytest.raises(InputFileError, match="1000000 of its entries"):
        read_list(path)
    assert time.perf_counter() - begin < 30


@pytest.mark.parametrize(
    "name",
    [
        "a b.fits",
        "a\nb.fits",
        "star[1].fits",
        "$(touch pwned).fits",
        "a;touch pwned.fits",
        "-rf",
        b"\xff\xe9.fits",
        "x" * 250 + ".fits",
    ],
)
def test_odd_names_are_names(tmp_path, image, monkeypatch, name):
    """Row 59."""
    monkeypatch.chdir(tmp_path)
    image(tmp_path / "plain.fits")
    os.rename("plain.fits", name)
    assert len(open_exposure(os.fsdecode(name))) == 1
    assert len(open_exposure([os.fsdecode(name)])) == 1
    assert len(open_exposure(tmp_path)) == 1
    if b"\n" not in os.fsencode(name):
        with open("list.txt", "wb") as file:
            file.write(os.fsencode(name) + b"\n")
        assert len(open_exposure("list.txt")) == 1
    assert not os.path.exists("pwned")


def test_entries_of_a_list(tmp_path, image):
    """Row 60."""
    (tmp_path / "night").mkdir()
    image(tmp_path / "a.fits")
    image(tmp_path / "~", start="2020-02-20T09:00:00", seed=3)
    (tmp_path / "~").rename(tmp_path / "night" / "~")
    listed = tmp_path / "night" / "list.txt"
    listed.write_text(f"../a.fits\n~\n{tmp_path}/night/../night/~\n")
    with pytest.warns(NircamTSOWarning, match="the same file twice"):
        assert len(open_exposure(listed)) == 2
    for url in ("https://example.org/a.fits", "file:///etc/passwd", "s3://bucket/a.fits"):
        listed.write_text(url)
        with pytest.raises(InputFileError, match="files are not fetched"):
            open_exposure(listed)
        for source in (url, [url]):
            with pytest.raises(InputFileError, match="files are not fetched"):
                open_exposure(source)


def test_links_that_lead_in_circles(tmp_path, image):
    """Row 61."""
    image(tmp_path / "a.fits")
    (tmp_path / "self").symlink_to(".")
    (tmp_path / "one.fits").symlink_to("two.fits")
    (tmp_path / "two.fits").symlink_to("one.fits")
    begin = time.perf_counter()
    with pytest.raises(InputFileError, match="one.fits"):
        open_exposure(tmp_path, recursive=True)
    for name in ("one.fits", "two.fits"):
        (tmp_path / name).unlink()
    assert len(open_exposure(tmp_path, recursive=True)) == 1
    with pytest.raises(InputFileError):
        open_exposure(tmp_path / "gone.fits")
    assert len(open_exposure(str(tmp_path / "**" / "*.fits"), recursive=True)) == 1
    assert time.perf_counter() - begin < 10


@pytest.mark.parametrize(
    ("memory", "error"),
    [("4 XB", ValueError), ("", ValueError), (0, ValueError), (-5, ValueError), (True, TypeError), ([1], TypeError)],
)
def test_sizes_that_make_no_sense(memory, error):
    with pytest.raises(error, match="max_memory"):
        open_exposure(np.zeros((2, 8, 9)), max_memory=memory)


@pytest.mark.parametrize("keywords", [{"on_error": "skip"}, {"on_error": None}])
def test_policies_that_make_no_sense(keywords):
    with pytest.raises(ValueError, match="on_error"):
        open_exposure(np.zeros((2, 8, 9)), **keywords)
    with pytest.raises(TypeError, match="unexpected keyword"):
        open_exposure(np.zeros((2, 8, 9)), on_eror="flag")


def test_axes(tmp_path):
    """Row 14."""
    data = np.zeros((2, 3, 4, 5), "f4")
    for shape in ((7,), (2, 2, 2, 3, 4), (3, 0, 4)):
        path = tmp_path / f"{len(shape)}.fits"
        fits.PrimaryHDU(np.zeros(shape, "f4")).writeto(path)
        with pytest.raises((UnsupportedFileError, CorruptFileError), match=path.name):
            open_exposure(path, axis="integrations")
    fits.PrimaryHDU(data[0]).writeto(tmp_path / "cube.fits")
    with pytest.raises(UnsupportedFileError, match="axis="):
        open_exposure(tmp_path / "cube.fits")
    assert len(open_exposure(data[0])) == 2 + 1
