"""What is refused before anything is written, and where file systems know less than others."""

import errno
import fcntl
import os
import stat
import threading

import pytest

from nircam_tso.exceptions import OutputError
from nircam_tso.io.atomic import check_target, claim, replace_file


def test_what_can_be_written_is_not_refused(tmp_path):
    check_target(tmp_path / "new.h5")
    (tmp_path / "old.h5").write_text("old")
    check_target(tmp_path / "old.h5", overwrite=True, inputs=[tmp_path / "new.h5"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.h5"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_inputs_are_kept_under_any_name(tmp_path, overwrite):
    (tmp_path / "a.fits").write_text("pixels")
    (tmp_path / "link.h5").symlink_to("a.fits")
    for name in ("a.fits", "link.h5"):
        with pytest.raises(OutputError, match=f"{name}: is an input; choose another name"):
            check_target(tmp_path / name, overwrite=overwrite, inputs=[tmp_path / "none", tmp_path / "." / "a.fits"])


def test_what_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "old.h5").write_text("old")
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "lost.h5").symlink_to("nowhere")
    for name, words in (
        ("folder.h5", "is a folder; give a file name"),
        ("pipe.h5", "is a device or pipe"),
        ("lost.h5", "is a link to a file that does not exist"),
        ("nowhere/a.h5", "the folder .*nowhere does not exist"),
    ):
        with pytest.raises(OutputError, match=words) as raised:
            check_target(tmp_path / name, overwrite=True)
        assert raised.value.path == tmp_path / name
    with pytest.raises(OutputError, match="exists already; pass overwrite=True .in a shell --overwrite. to replace it"):
        check_target(tmp_path / "old.h5")


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def without_locks(monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_where_there_are_no_locks(tmp_path, without_locks):
    path = tmp_path / "a.bin"
    with claim(path) as target:
        assert target == path and names(tmp_path) == []
    replace_file(path, b"old")
    replace_file(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new" and names(tmp_path) == ["a.bin"]


def test_half_a_file_where_there_are_no_locks(tmp_path, without_locks):
    """It may be another's, who is just writing it: it stays, and so does the old file."""
    path, part = tmp_path / "a.bin", tmp_path / ".a.bin.part"
    path.write_bytes(b"old")
    part.write_bytes(b"ne")
    with pytest.raises(OutputError, match=r"\.a\.bin\.part is there: another process writes it, or was killed") as told:
        replace_file(path, b"new", overwrite=True)
    assert told.value.errno == errno.EEXIST
    assert (path.read_bytes(), part.read_bytes()) == (b"old", b"ne")


def test_a_lock_that_fails(tmp_path, monkeypatch):
    def fail(descriptor, operation):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OutputError, match="cannot be written .Input/output error."):
        replace_file(tmp_path / "a.bin", b"new")
    assert not (tmp_path / "a.bin").exists()


def test_a_lock_whose_last_holder_has_just_removed_it(tmp_path, monkeypatch):
    """What was locked then is no longer the file of that name: it is made, and locked, again."""
    flock, locked = fcntl.flock, []
    lock = tmp_path / ".a.bin.lock"

    def late(descriptor, operation):
        flock(descriptor, operation)
        if operation & fcntl.LOCK_EX:
            locked.append(os.fstat(descriptor).st_ino)
            if len(locked) == 1:
                lock.unlink()

    monkeypatch.setattr(fcntl, "flock", late)
    with claim(tmp_path / "a.bin"):
        assert len(locked) == 2 and lock.stat().st_ino == locked[1]
    assert names(tmp_path) == []


def test_a_disk_that_writes_something_else(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(len(data))))
    with pytest.raises(OutputError, match="reads back changed; the disk may be full or failing"):
        replace_file(path, b"new", overwrite=True)
    assert path.read_bytes() == b"old" and names(tmp_path) == ["a.bin"]


def test_folders_that_cannot_be_brought_to_the_disk(tmp_path, monkeypatch):
    """Some network file systems have no such thing; any other failure is told."""
    fsync, path = os.fsync, tmp_path / "a.bin"

    def of_folders(number):
        def sync(descriptor):
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(number, os.strerror(number))
            fsync(descriptor)

        return sync

    monkeypatch.setattr(os, "fsync", of_folders(errno.EINVAL))
    replace_file(path, b"one")
    monkeypatch.setattr(os, "fsync", of_folders(errno.EIO))
    with pytest.raises(OutputError, match="cannot be written .Input/output error."):
        replace_file(path, b"two", overwrite=True)
    # Only the way of the name to the disk had failed.
    assert path.read_bytes() == b"two" and names(tmp_path) == ["a.bin"]


def test_another_thread_holds_it(tmp_path):
    path, told = tmp_path / "a.bin", []

    def other():
        try:
            replace_file(path, b"other")
        except OutputError as error:
            told.append(str(error))

    with claim(path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        replace_file(path, b"mine")
    assert told == [f"{path}: is being written by another thread of this process"]
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize("letter", ["x", "\u00fc"])
def test_the_longest_names(tmp_path, letter):
    """What is put around a name must fit into the 255 bytes of a file system, too."""
    path = tmp_path / (letter * (250 // len(letter.encode())))
    with claim(path):
        (lock,) = names(tmp_path)
        assert lock.startswith(f".{letter}") and lock.endswith(".lock")
    replace_file(path, b"new")
    assert names(tmp_path) == [path.name]
