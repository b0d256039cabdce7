"""One run at a time in a folder: an advisory lock that goes with the process that holds it.

The lock is ``flock`` on a file in the folder, so the lock of a killed run is gone with it, whatever
becomes of the file.  The file says who holds it, for the sentence that a second run is told.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # not a POSIX system: runs are not kept apart there
    fcntl = None  # type: ignore[assignment]

#: The file that is locked.
NAME: Final = ".lock"

#: Longest text that is read back: a host's name and a process number.
_LONGEST_HOLDER: Final = 300


class TakenError(Exception):
    """Another process holds the lock; ``holder`` says which, in words."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextmanager
def locked(folder: Path, name: str = NAME) -> Iterator[bool]:
    """Hold a folder's lock; the value says whether the system could give one.

    Raises
    ------
    TakenError
        Another process holds it.
    OSError
        The lock file cannot be made.
    """
    descriptor = _lock(folder / name)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            with suppress(OSError):  # while it is held: never the lock of another run
                (folder / name).unlink()
            os.close(descriptor)


def _lock(path: Path) -> int | None:
    """Return the open lock file; None where the system or the file system has no locks."""
    if fcntl is None:
        return None
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_open_as(path, descriptor):
                with suppress(OSError):  # who holds it is told where the disk has room for it
                    _sign(descriptor)
                return descriptor
        except BlockingIOError as problem:
            holder = os.pread(descriptor, _LONGEST_HOLDER, 0).decode(errors="replace")
            os.close(descriptor)
            raise TakenError(_in_words(holder)) from problem
        except OSError:  # some network file systems: no locks there
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            return None
        os.close(descriptor)  # its last holder removed it after it was opened: open the new one


def _sign(descriptor: int) -> None:
    """Write who holds a lock into its file.  An empty one is not cut first: after that ext4 would
    bring the file to the disk when it is closed (its ``auto_da_alloc``), a wait of 4 ms."""
    if os.fstat(descriptor).st_size:
        os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()} {socket.gethostname()}".encode())


def _is_open_as(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _in_words(holder: str) -> str:
    pid, _, host = holder.partition(" ")
    if not pid.isdecimal():
        return "another process"
    return f"process {pid} on {host}" if host else f"process {pid}"


# --- the workers of a run -----------------------------------------------------------------------


def share(folder: Path, name: str) -> int | None:
    """Hold a lock together with other processes until this one ends; return its descriptor.

    For worker processes: `wait_until_free` of the next run then knows when the last of them is
    gone.  None where there are no locks.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def is_free(folder: Path, name: str) -> bool:
    """Return whether no process shares a lock; True where there are no locks."""
    if fcntl is None:
        return True
    try:
        descriptor = os.open(folder / name, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return True
