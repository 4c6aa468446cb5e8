"""A file that is whole or not there: written aside, checked, then put in its place.

Whatever happens while it is written (a full disk, a killed process, a power cut), the
name holds the complete old file or the complete new one. One writer at a time works on a
name: it holds a lock that the system takes away from a process that dies.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import threading
from pathlib import Path

from nircam_tso.exceptions import OutputError

__all__ = ["check_target", "claim", "destination", "replace_file"]

_CHUNK = 1 << 20
# File systems allow 255 bytes; what is put around the name takes some of them.
_LONGEST = 200
_EXISTS = "exists already; pass overwrite=True (in a shell --overwrite) to replace it"
_NO_LOCKS = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL)

_held: dict[object, int] = {}
_held_lock = threading.Lock()


def _after_fork():
    # The lock is the parent's, who takes it away.
    global _held_lock
    _held_lock = threading.Lock()
    _held.clear()


os.register_at_fork(after_in_child=_after_fork)


def destination(path):
    """
    Where a file will really lie: links are followed, and stay.

    Parameters
    ----------
    path : path-like
        As the user gave it.

    Returns
    -------
    `~pathlib.Path`
        The file that a link leads to; else ``path`` with its folder's links followed.

    Raises
    ------
    OutputError
        For a link that leads to nothing, or to itself.

    Examples
    --------
    >>> from pathlib import Path
    >>> from nircam_tso.io.atomic import destination
    >>> destination("new.h5") == Path.cwd().resolve() / "new.h5"
    True
    """
    path = Path(path)
    try:
        if path.is_symlink() and not path.exists():
            raise OutputError("is a link to a file that does not exist; remove the link or name the file", path=path)
        return Path(os.path.realpath(path))
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot be written ({getattr(error, 'strerror', None) or error})", path=path) from error


def check_target(path, *, overwrite=False, inputs=()):
    """
    Refuse a file that `replace_file` could not write, before work is spent on its content.

    Parameters
    ----------
    path : path-like
        The file.
    overwrite : bool, optional
        Whether an existing file may be replaced.
    inputs : iterable of path-like, optional
        Files that must stay as they are, whatever ``overwrite`` says.

    Raises
    ------
    OutputError
        If a file is there that may not be replaced, something else than a file is there,
        or the folder cannot be written.

    Examples
    --------
    >>> from nircam_tso.io.atomic import check_target
    >>> check_target("new.h5")
    """
    path = Path(path)
    target = destination(path)
    try:
        present = target.stat().st_mode
    except FileNotFoundError:
        present = None
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=path) from error
    # What is not there is no input, of which there may be thousands.
    if present is not None and any(os.path.realpath(name) == str(target) for name in inputs):
        raise OutputError("is an input; choose another name", path=path)
    if present is not None and stat.S_ISDIR(present):
        raise OutputError("is a folder; give a file name", path=path)
    if present is not None and not stat.S_ISREG(present):
        raise OutputError("is a device or pipe, not a file; give another name", path=path)
    if present is not None and not overwrite:
        raise OutputError(_EXISTS, path=path)
    if not target.parent.is_dir():
        raise OutputError(f"the folder {target.parent} does not exist", path=path)
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {target.parent} cannot be written to", path=path)


def _aside(target, ending):
    """A hidden name beside the target, always the same, so that a killed writer's is found again."""
    name = os.fsencode(target.name)
    if len(name) > _LONGEST:
        name = name[:120] + b"-" + hashlib.sha256(name).hexdigest()[:24].encode()
    return target.parent / os.fsdecode(b"." + name + ending)


def _open_lock(path):
    """
    An open, locked file, None where the file system knows no locks.

    The file is looked up again once it is locked: its last holder may just have removed it.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError as error:
            os.close(descriptor)
            if error.errno not in _NO_LOCKS:
                raise
            with contextlib.suppress(OSError):
                os.unlink(path)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextlib.contextmanager
def claim(path):
    """
    Keep others from writing a file until the context is left.

    Enter it before a long measurement, so that a second run with the same output ends at
    once and not after its own measurement. What a killed writer left behind is removed.

    Parameters
    ----------
    path : path-like
        The file that will be written. It is not touched.

    Yields
    ------
    `~pathlib.Path`
        The file behind all links.

    Raises
    ------
    OutputError
        If another process or thread holds it, or the folder cannot be written.

    Notes
    -----
    The lock is an ``flock`` on a hidden file ``.<name>.lock`` in the same folder, which
    is removed at the end. Claims of one thread may be nested. Where the file system has
    no locks, no claim is made.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from nircam_tso.io.atomic import claim
    >>> folder = Path(tempfile.mkdtemp())
    >>> with claim(folder / "a.h5"):
    ...     [entry.name for entry in folder.iterdir()]
    ['.a.h5.lock']
    >>> list(folder.iterdir())
    []
    """
    target = destination(path)
    me = threading.get_ident()
    with _held_lock:
        owner = _held.setdefault(target, me)
        nested = owner == me and (target, me) in _held
        if owner == me:
            _held[target, me] = _held.get((target, me), 0) + 1
    if owner != me:
        raise OutputError("is being written by another thread of this process", path=path)
    descriptor = None
    lock = _aside(target, b".lock")
    try:
        if not nested:
            try:
                descriptor = _open_lock(lock)
                if descriptor is not None:
                    _remove(_aside(target, b".part"))
            except KeyboardInterrupt:
                # It may come when the file is there, and nobody knows of it yet.
                _sweep(lock)
                raise
            except BlockingIOError as error:
                raise OutputError(
                    "is being written by another process; wait for it or choose another name", path=path
                ) from error
            except OSError as error:
                raise OutputError(f"cannot be written ({error.strerror or error})", path=path) from error
        yield target
    finally:
        with _held_lock:
            _held[target, me] -= 1
            if not _held[target, me]:
                del _held[target, me], _held[target]
        if descriptor is not None:
            # Removed before it is unlocked: who opens it in between looks again.
            with contextlib.suppress(OSError):
                os.unlink(lock)
            # Closing alone would leave it locked while a forked worker has it open, too.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _sweep(lock):
    """Remove a lock that nobody holds, or only a descriptor of this process that was lost."""
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(int(name)), os.stat(lock, follow_symlinks=False)):
                    os.close(int(name))
    with contextlib.suppress(OSError):
        descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(lock)):
                os.unlink(lock)
        finally:
            os.close(descriptor)


def _remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _mode(target):
    """Permissions of the old file, else what the process' umask leaves of 0666."""
    try:
        return stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _write_through(path, data, mode):
    """Write a new file and wait until the disk has it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view[:_CHUNK]) :]
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise
    os.close(descriptor)


def _holds(path, data):
    """Whether a file holds these bytes and no others."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            piece = os.read(descriptor, min(_CHUNK, len(view)))
            if not piece or view[: len(piece)] != piece:
                return False
            view = view[len(piece) :]
        return not os.read(descriptor, 1)
    finally:
        os.close(descriptor)


def _sync_folder(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems have no such thing for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def replace_file(path, data, *, overwrite=False):
    """
    Write a file whole, or not at all.

    The bytes go to a hidden file in the same folder, which is brought to the disk, read
    again and compared, and only then given the name.

    Parameters
    ----------
    path : path-like
        The file. Where it is a link, the file that it leads to is replaced and the link
        stays.
    data : bytes
        Its content.
    overwrite : bool, optional
        Whether an existing file may be replaced; its permissions are kept.

    Raises
    ------
    OutputError
        If another writes it, if it exists and ``overwrite`` is False, or if any step
        fails; no other file is left, and the old one is as it was unless only the last
        step failed, the folder's way to the disk.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from nircam_tso.io.atomic import replace_file
    >>> path = Path(tempfile.mkdtemp()) / "a.bin"
    >>> replace_file(path, b"abc")
    >>> path.read_bytes()
    b'abc'
    """
    with claim(path) as target:
        part = _aside(target, b".part")
        made = False
        try:
            if not overwrite and os.path.lexists(target):
                raise OutputError(_EXISTS, path=path)
            mode = _mode(target)
            made = True
            _write_through(part, data, mode)
            if not _holds(part, data):
                raise OutputError("reads back changed; the disk may be full or failing", path=path)
            os.replace(part, target)
            made = False
            _sync_folder(target.parent)
        except OutputError:
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            if made and error.errno == errno.EEXIST:
                made = False
                reason = f"{part} is there: another process writes it, or was killed; then remove that file"
            failure = OutputError(f"cannot be written ({reason})", path=path)
            failure.errno = error.errno
            raise failure from error
        finally:
            if made:
                with contextlib.suppress(OSError):
                    os.unlink(part)
