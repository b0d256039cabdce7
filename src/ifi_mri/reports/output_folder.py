"""The folder that a report is written into: whole files, and nothing lost that was there before.

One run writes at a time.  What it replaces leaves first and ``report.json`` comes last, so that a
run that is killed leaves an incomplete report and never files of two cases side by side.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ifi_mri.errors import ReportError
from ifi_mri.files import write_atomically

try:
    import fcntl
except ImportError:  # not a POSIX system: runs are not kept apart there
    fcntl = None  # type: ignore[assignment]

#: Where files of earlier runs go, each run's under the time of its files.
PREVIOUS: Final = "previous"

#: Held by the run that writes; a killed run's lock goes with it, whatever becomes of the file.
LOCK: Final = ".lock"

#: Written last and taken away first: where it is, the report is complete.
COMPLETE: Final = "report.json"

#: Without a lock a temporary file may be another run's; after an hour nobody is writing it.
_STALE_AFTER_S: Final = 3600.0


def write(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files into a folder and return their paths.

    Where all bytes are the same nothing is touched.  Else every file that changes moves to
    ``previous/<its time>/`` before the first new one is written; a failure brings them back.

    Raises
    ------
    ReportError
        The folder is a file or cannot be made or written, or another run is writing into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder) as alone:
            _remove_stale(folder, files, alone=alone)
            _replace(folder, _changed(folder, files))
    except OSError as problem:
        raise _refused(folder, problem) from problem
    return [folder / name for name in files]


def set_aside(folder: Path, names: Iterable[str]) -> None:
    """Move files, where they are there, to ``previous/<their time>/``; ReportError where that
    cannot be done."""
    try:
        paths = [path for path in (folder / name for name in names) if path.is_file()]
        if paths:
            with _locked(folder):
                _move_aside([path for path in paths if path.is_file()])
    except OSError as problem:
        raise _refused(folder, problem) from problem


# --- replacing ----------------------------------------------------------------------------------


def _changed(folder: Path, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files to write, `COMPLETE` last; it is written anew where any other one is."""
    changed = {
        name: content
        for name, content in files.items()
        if not (folder / name).exists() or (folder / name).read_bytes() != content
    }
    if changed and COMPLETE in files:
        changed.pop(COMPLETE, None)
        changed[COMPLETE] = files[COMPLETE]
    return changed


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    moved = _move_aside([folder / name for name in files if (folder / name).exists()])
    written = []
    try:
        for name, content in files.items():
            write_atomically(folder / name, content)
            written.append(folder / name)
    except BaseException:
        for path in reversed(written):
            path.unlink(missing_ok=True)
        _bring_back(moved)
        raise


def _move_aside(paths: Iterable[Path]) -> dict[Path, Path]:
    """Move files to ``previous/`` and return where each one went.

    All are copied before the first is taken away: a full disk stops this with nothing changed.
    """
    moved: dict[Path, Path] = {}
    try:
        for path in paths:
            moved[path] = _keep(path, path.read_bytes())
        for path in sorted(moved, key=lambda path: path.name != COMPLETE):
            path.unlink()
    except BaseException:
        _bring_back(moved)
        raise
    return moved


def _bring_back(moved: Mapping[Path, Path]) -> None:
    """Undo `_move_aside`: a rename, which needs no room on the disk; `COMPLETE` comes last."""
    for path in sorted(moved, key=lambda path: path.name == COMPLETE):
        moved[path].replace(path)
        with suppress(OSError):  # files of other runs are in it
            moved[path].parent.rmdir()
            moved[path].parent.parent.rmdir()


def _keep(path: Path, content: bytes) -> Path:
    """Copy a file's content to ``previous/``, under the time it was last written."""
    written_at = path.stat().st_mtime
    stamp = datetime.fromtimestamp(written_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    n_same = 1
    while True:
        kept = path.parent / PREVIOUS / (stamp if n_same == 1 else f"{stamp}-{n_same}") / path.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            n_same += 1
            continue
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            kept.unlink(missing_ok=True)  # a part of a file is no copy
            raise
        os.utime(kept, (written_at, written_at))
        return kept


def _remove_stale(folder: Path, names: Iterable[str], *, alone: bool) -> None:
    """Remove what `write_atomically` of a killed run left: ``.<name>.`` and eight characters."""
    prefixes = "|".join(re.escape(name[:100]) for name in names)
    temporary = re.compile(rf"\.({prefixes})\.[a-z0-9_]{{8}}")
    oldest = time.time() - _STALE_AFTER_S
    for path in list(folder.iterdir()):
        if temporary.fullmatch(path.name) and (alone or path.lstat().st_mtime < oldest):
            path.unlink(missing_ok=True)


# --- one run at a time --------------------------------------------------------------------------


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock; the value says whether the system could give one."""
    descriptor = _lock(folder)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            with suppress(OSError):  # while it is held: never the lock of another run
                (folder / LOCK).unlink()
            os.close(descriptor)


def _lock(folder: Path) -> int | None:
    """Return the open lock file; None where the system or the file system has no locks."""
    if fcntl is None:
        return None
    path = folder / LOCK
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_open_as(path, descriptor):
                with suppress(OSError):  # who holds it is told where the disk has room for it
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        except BlockingIOError as problem:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace")
            os.close(descriptor)
            raise _taken(folder, holder) from problem
        except OSError:  # some network file systems: no locks there
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            return None
        os.close(descriptor)  # its last holder removed it after it was opened: open the new one


def _is_open_as(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _taken(folder: Path, holder: str) -> ReportError:
    who = f"process {holder}" if holder.isdecimal() else "another process"
    return ReportError(
        f"{folder}: another run ({who}) is writing its report here, one run at a time is possible. "
        "Wait until it ends, or choose another folder with --out."
    )


def _refused(folder: Path, problem: OSError) -> ReportError:
    reason = problem.strerror or type(problem).__name__
    return ReportError(
        f"{folder}: the report cannot be written here ({reason}); a folder with room and write "
        "permission is needed. Choose another with --out."
    )
