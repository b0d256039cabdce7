"""The folder that a report is written into: whole files, and nothing lost that was there before.

One run writes at a time.  What it replaces leaves first and ``report.json`` comes last, so that a
run that is killed leaves an incomplete report and never files of two cases side by side.
"""

import fnmatch
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ifi_mri import folder_lock
from ifi_mri.errors import ReportError
from ifi_mri.files import write_atomically

#: Where files of earlier runs go, each run's under the time of its files.
PREVIOUS: Final = "previous"

#: Held by the run that writes.
LOCK: Final = folder_lock.NAME

#: Written last and taken away first: where it is, the report is complete.
COMPLETE: Final = "report.json"

#: Without a lock a temporary file may be another run's; after an hour nobody is writing it.
_STALE_AFTER_S: Final = 3600.0


def write(
    folder: Path, files: Mapping[str, bytes], replaces: Iterable[str] = (), *, sync: bool = True
) -> list[Path]:
    """Write files into a folder and return their paths.

    Where all bytes are the same nothing is touched.  Else every file that changes moves to
    ``previous/<its time>/`` before the first new one is written; a failure brings them back.  So do
    the other files that match ``replaces``: they tell of an earlier run.

    Parameters
    ----------
    folder : pathlib.Path
        Made where it does not exist.
    files : mapping of str to bytes
        By path below the folder; at most one folder deep.
    replaces : iterable of str
        Patterns, as `pathlib.Path.glob` takes them, of what a report may consist of.
    sync : bool
        As in `ifi_mri.files.write_atomically`.

    Raises
    ------
    ReportError
        The folder is a file or cannot be made or written, or another run is writing into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder) as alone:
            there = _listed(folder, files)
            _remove_stale(folder, there, files, alone=alone)
            changed = _changed(folder, there, files)
            outdated = _outdated(folder, there, files, replaces) if changed else []
            _replace(folder, changed, outdated, sync=sync)
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
                _move_aside(folder, [path for path in paths if path.is_file()])
    except OSError as problem:
        raise _refused(folder, problem) from problem


# --- replacing ----------------------------------------------------------------------------------


def _listed(folder: Path, names: Iterable[str]) -> set[str]:
    """Return what lies in a folder, and in those below it that the names lead to, as such names:
    the folder is looked into once, not for every file that may be there."""
    there = {path.name for path in folder.iterdir()}
    for below in {name.rpartition("/")[0] for name in names} & there:
        there |= {f"{below}/{path.name}" for path in (folder / below).iterdir()}
    return there


def _is_there(folder: Path, there: Set[str], name: str) -> bool:
    return name in there and (folder / name).exists()  # not where a link leads nowhere


def _changed(folder: Path, there: Set[str], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files to write, `COMPLETE` last; it is written anew where any other one is."""
    changed = {
        name: content
        for name, content in files.items()
        if not _is_there(folder, there, name) or (folder / name).read_bytes() != content
    }
    if changed and COMPLETE in files:
        changed.pop(COMPLETE, None)
        changed[COMPLETE] = files[COMPLETE]
    return changed


def _outdated(
    folder: Path, there: Set[str], files: Mapping[str, bytes], replaces: Iterable[str]
) -> list[Path]:
    """Return the files of an earlier report that the new one does not hold."""
    names = {folder / name for name in files}
    found = {
        path
        for pattern in replaces
        if fnmatch.filter(there, pattern.partition("/")[0])
        for path in folder.glob(pattern)
    }
    return sorted(path for path in found - names if path.is_file())


def _replace(
    folder: Path, files: Mapping[str, bytes], outdated: Iterable[Path], *, sync: bool
) -> None:
    replaced = [folder / name for name in files if (folder / name).exists()]
    moved = _move_aside(folder, [*replaced, *outdated])
    written = []
    try:
        for name, content in files.items():
            path = folder / name
            if "/" in name:
                path.parent.mkdir(exist_ok=True)
            write_atomically(path, content, sync=sync)
            written.append(path)
    except BaseException:
        for path in reversed(written):
            path.unlink(missing_ok=True)
        _bring_back(moved)
        raise


def _move_aside(folder: Path, paths: Iterable[Path]) -> dict[Path, Path]:
    """Move files to ``previous/`` and return where each one went.

    All are copied before the first is taken away: a full disk stops this with nothing changed.
    """
    moved: dict[Path, Path] = {}
    try:
        for path in paths:
            moved[path] = _keep(folder, path, path.read_bytes())
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


def _keep(folder: Path, path: Path, content: bytes) -> Path:
    """Copy a file's content to ``previous/``, under the time it was last written."""
    written_at = path.stat().st_mtime
    stamp = datetime.fromtimestamp(written_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    n_same = 1
    while True:
        of_run = stamp if n_same == 1 else f"{stamp}-{n_same}"
        kept = folder / PREVIOUS / of_run / path.relative_to(folder)
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


def _remove_stale(folder: Path, there: Set[str], names: Iterable[str], *, alone: bool) -> None:
    """Remove what `write_atomically` of a killed run left: ``.<name>.`` and eight characters."""
    prefixes = "|".join(re.escape(Path(name).name[:100]) for name in names)
    temporary = re.compile(rf"(.*/)?\.({prefixes})\.[a-z0-9_]{{8}}")
    oldest = time.time() - _STALE_AFTER_S
    for path in [folder / name for name in there if temporary.fullmatch(name)]:
        if alone or path.lstat().st_mtime < oldest:
            path.unlink(missing_ok=True)


# --- one run at a time --------------------------------------------------------------------------


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock; the value says whether the system could give one."""
    try:
        with folder_lock.locked(folder, LOCK) as alone:
            yield alone
    except folder_lock.TakenError as taken:
        raise ReportError(
            f"{folder}: another run ({taken.holder}) is writing its report here, one run at a time "
            "is possible. Wait until it ends, or choose another folder with --out."
        ) from taken


def _refused(folder: Path, problem: OSError) -> ReportError:
    reason = problem.strerror or type(problem).__name__
    return ReportError(
        f"{folder}: the report cannot be written here ({reason}); a folder with room and write "
        "permission is needed. Choose another with --out."
    )
