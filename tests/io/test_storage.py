import errno
import gzip
import io
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from nircam_tso.exceptions import CorruptFileError, InputFileError, ResourceLimitError, UnsupportedFileError
from nircam_tso.io import storage
from nircam_tso.io.content import content_of
from nircam_tso.io.sources import open_exposure


@pytest.mark.parametrize("name", ["a.fits.gz", "a.fits", "unsuffixed"])
def test_gzip_whatever_its_name(tmp_path, jwst, name):
    plain = tmp_path / "plain.fits"
    jwst(plain)
    packed = tmp_path / "packed" / name
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    expected, found = open_exposure(plain), open_exposure(packed)
    assert found.segments[0].header_sha256 == expected.segments[0].header_sha256
    for attribute in ("data", "variance", "dq"):
        np.testing.assert_array_equal(getattr(found.read(0, 4), attribute), getattr(expected.read(0, 4), attribute))


def test_many_gzip_files_one_after_another(tmp_path, image):
    pixels = []
    for index in range(9):
        pixels.append(image(tmp_path / "plain.fits", start=f"2020-01-01T00:00:{index:02d}", seed=index))
        (tmp_path / f"{index}.fits.gz").write_bytes(gzip.compress((tmp_path / "plain.fits").read_bytes()))
        (tmp_path / "plain.fits").unlink()
    exposure = open_exposure(tmp_path)
    np.testing.assert_array_equal(exposure.read(0, 9).data, np.stack(pixels).astype(float))
    assert len(storage._cache) <= 4


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.999])
def test_cut_gzip(tmp_path, jwst, share):
    plain = tmp_path / "plain"
    jwst(plain, n=20)
    raw = gzip.compress(plain.read_bytes())
    path = tmp_path / "a.fits.gz"
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(CorruptFileError, match=r"a\.fits\.gz: cannot be unpacked"):
        open_exposure(path)


@pytest.mark.parametrize("where", ["checksum", "middle", "length"])
def test_corrupt_gzip(tmp_path, jwst, where):
    plain = tmp_path / "plain"
    jwst(plain, n=20)
    raw = bytearray(gzip.compress(plain.read_bytes()))
    at = {"checksum": len(raw) - 6, "middle": len(raw) // 2, "length": len(raw) - 2}[where]
    raw[at] ^= 0x55
    path = tmp_path / "a.fits.gz"
    path.write_bytes(raw)
    with pytest.raises(CorruptFileError):
        open_exposure(path)


def test_gzip_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "RATIO_CHECKED_ABOVE", 8 << 20)
    path = tmp_path / "bomb.fits.gz"
    with gzip.open(path, "wb") as file:
        file.write("".join(card.ljust(80) for card in ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", "END")).encode())
        for _ in range(20):
            file.write(bytes(1 << 20))
    with pytest.raises(ResourceLimitError, match="unpack to more than"):
        open_exposure(path)


def test_gzip_larger_than_allowed(tmp_path, jwst, monkeypatch):
    plain = tmp_path / "plain"
    jwst(plain, n=20)
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    monkeypatch.setattr(storage, "MAX_UNPACKED", 20000)
    with pytest.raises(ResourceLimitError):
        open_exposure(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "PNG"),
        (b"<!DOCTYPE html>\n<html>not found</html>", "HTML"),
        (b"\n<html>", "HTML"),
        (b"\x89HDF\r\n\x1a\n" + bytes(9), "HDF5"),
        (b"\x93NUMPY" + bytes(99), "NumPy"),
        (bytes(range(256)), "binary"),
        (gzip.compress(b"hello", mtime=0), "gzip-compressed text"),
        (b'{"a": 1}', "JSON"),
        (b"%PDF-1.4", "PDF"),
        (b'<?xml version="1.0"?><a/>', "an XML or HTML document"),
    ],
    ids=range(11),
)
def test_what_is_not_fits_is_named(tmp_path, content, words):
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    with pytest.raises(UnsupportedFileError, match=words) as caught:
        open_exposure(path)
    assert caught.value.path == str(path)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    begin = time.perf_counter()
    fifo = tmp_path / "fifo.fits"
    os.mkfifo(fifo)
    with pytest.raises(UnsupportedFileError, match="FIFO"):
        open_exposure(fifo)
    with pytest.raises(UnsupportedFileError, match="FIFO"):
        open_exposure([fifo])
    with pytest.raises(UnsupportedFileError, match="device"):
        open_exposure("/dev/zero")
    if hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "s"))
            with pytest.raises(UnsupportedFileError, match="not a regular file"):
                open_exposure(tmp_path / "s")
    assert time.perf_counter() - begin < 1


def test_more_files_than_descriptors(tmp_path, image):
    for index in range(200):
        image(tmp_path / f"{index}.fits", start=f"2020-01-01T00:{index // 60:02d}:{index % 60:02d}", shape=(3, 4))
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64));"
        "from nircam_tso.io.sources import open_exposure;"
        "exposure = open_exposure(sys.argv[1]); print(exposure.read(0, 200).data.shape)"
    )
    result = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "(200, 3, 4)", result.stderr


def test_a_packed_file_in_use_outlives_its_place_among_the_kept(tmp_path, image):
    paths = [tmp_path / f"{index}.fits.gz" for index in range(6)]
    raw = []
    for index, path in enumerate(paths):
        image(tmp_path / "a.fits", seed=index)
        raw.append((tmp_path / "a.fits").read_bytes())
        (tmp_path / "a.fits").unlink()
        path.write_bytes(gzip.compress(raw[-1], mtime=0))
    stored = [storage.examine(path) for path in paths]
    with storage.open_stored(stored[0]) as first:
        for one, expected in zip(stored[1:], raw[1:], strict=True):
            with storage.open_stored(one) as handle:
                assert handle.read(0, handle.size) == expected
        assert first.read(0, first.size) == raw[0]
    # Unpacked again, as it was thrown away once nobody used it.
    with storage.open_stored(stored[0]) as handle:
        assert handle is not first
        assert handle.read(0, handle.size) == raw[0]


def test_a_file_that_is_being_written(tmp_path, image, monkeypatch):
    path = tmp_path / "a.fits"
    image(path)
    # Whoever waits finds that the writer has gone on.
    monkeypatch.setattr(storage.time, "sleep", lambda seconds: os.utime(path))
    os.utime(path)
    with pytest.raises(InputFileError, match="is being written just now; wait until it is whole"):
        storage.examine(path)


def test_a_file_that_may_not_be_opened(tmp_path, image, monkeypatch):
    path = tmp_path / "a.fits"
    image(path)

    def refuse(*args, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied")

    # Rights do not stop the superuser, who may run this.
    monkeypatch.setattr(storage, "open", refuse, raising=False)
    with pytest.raises(InputFileError, match="cannot be opened: Permission denied") as caught:
        open_exposure(path)
    assert caught.value.path == str(path)


def test_a_disk_that_fails(tmp_path, image):
    path = tmp_path / "a.fits"
    image(path)

    class Failing(io.BytesIO):
        def fail(self, *args):
            raise OSError(errno.EIO, "Input/output error")

        read = readinto = fail

    handle = storage._Handle(Failing(), 2880, str(path))
    with pytest.raises(InputFileError, match="cannot be read: Input/output error"):
        handle.read(0, 80)
    with pytest.raises(InputFileError, match="cannot be read: Input/output error"):
        content_of(Failing(), str(path))


def test_no_room_to_unpack(tmp_path, jwst, monkeypatch):
    plain, path = tmp_path / "a.fits", tmp_path / "b.fits.gz"
    jwst(plain)
    path.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.tempfile, "SpooledTemporaryFile", lambda max_size: Full())
    with pytest.raises(ResourceLimitError, match="no room to unpack it in .*: No space left on device") as caught:
        open_exposure(path)
    assert caught.value.path == str(path)


def test_a_name_that_is_too_long_in_a_list():
    with pytest.raises(InputFileError, match="cannot be examined: .*File name too long"):
        open_exposure(["x" * 5000 + ".fits"])
