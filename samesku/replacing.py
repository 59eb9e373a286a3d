"""Files that are replaced whole: by one process at a time, and so that a reader never sees half of one."""

import ctypes
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

#: How long a writer waits for another one of the same out. A stage that runs longer is refused at its start.
LOCK_SECONDS = 60


@contextmanager
def hold_lock(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock file `path` against other processes and threads; it is removed afterwards.

    Raises:
        TimeoutError: another one holds it, for so many seconds.
        OSError: no file can be made there.
    """
    from filelock import FileLock, Timeout  # here, since most commands only read

    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(PermissionError):  # Windows raises it while another process removes the file
        # FileLock would wait where no file can be made, as in /proc.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o644))
    lock = FileLock(path, poll_interval=0.01)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        reason = f"another process holds it, for {seconds:g} seconds and more"
        raise TimeoutError(errno.ETIMEDOUT, reason, str(path)) from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # whoever waits notices, and makes it anew
        lock.release()


@contextmanager
def replace_out(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path` to write a file or a folder to; rename it to `path` on success.

    A reader never sees half of an out. A kill at any moment leaves the old out or the new one, whole. Where the system
    cannot exchange two folders in one step, the old one is put aside for that moment, and comes back when it is next
    written. Other writers of the same path wait until the block ends: what it reads of `path` cannot change meanwhile.

    Args:
        shared: a file that people write and link to: a link is followed, the file's mode stays, and what was written
            is on the disk when this returns.

    Raises:
        TimeoutError: another process writes the same path, for LOCK_SECONDS.
        IsADirectoryError: a file was written where there is a folder.
    """
    if shared:
        path = path.resolve()
        _refuse_folder(path)
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    partial, last, lock = (path.with_name(f".{path.name}.{suffix}") for suffix in ("partial", "last", "lock"))
    with hold_lock(lock, LOCK_SECONDS):
        _restore(last, path)
        _remove(partial)
        try:
            yield partial
            if shared:
                _settle(partial, path)
            is_folder = path.is_dir() and not path.is_symlink()
            if not partial.is_dir():  # what is in the folder would be lost
                _refuse_folder(path)
            if not (is_folder and _exchange(partial, path)):
                if is_folder:
                    os.replace(path, last)
                os.replace(partial, path)
            if shared:
                _sync(path.parent)
        except OSError as error:
            if error.errno is not None and error.filename is None:  # a full disk says not of which file
                error.filename = str(path)
            raise
        finally:
            _restore(last, path)
            _remove(partial)
            if os.path.lexists(last):
                os.replace(last, partial)  # under the name `last` it is always whole
                _remove(partial)


@contextmanager
def replace_folders(*paths: Path) -> Iterator[list[Path]]:
    """Give an empty folder beside each path; rename each to its path on success, as `replace_out` does."""
    with ExitStack() as stack:
        partial = [stack.enter_context(replace_out(path)) for path in paths]
        for folder in partial:
            folder.mkdir()
        yield partial


def _exchange(left: Path, right: Path) -> bool:
    """Exchange two names in one step; False where the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
    if rename is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    return rename(here, os.fsencode(left), here, os.fsencode(right), exchange) == 0


def _settle(partial: Path, path: Path) -> None:
    """Give a new file the mode and the group of the one that it replaces, and bring it to the disk."""
    if path.exists():
        shutil.copymode(path, partial)
        with suppress(OSError):  # only its owner may give it to a group
            os.chown(partial, -1, path.stat().st_gid)
    _sync(partial)


def _sync(path: Path) -> None:
    """Bring a file or the names in a folder to the disk."""
    if os.name != "posix":  # Windows syncs no folder, and no file that is open for reading
        return
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder; allowed: the name of a file", str(path))


def _restore(last: Path, path: Path) -> None:
    if os.path.lexists(last) and not os.path.lexists(path):
        os.replace(last, path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
