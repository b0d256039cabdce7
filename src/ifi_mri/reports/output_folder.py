"""The folder that a report is written into: whole files, and nothing lost that was there before."""

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ifi_mri.errors import ReportError
from ifi_mri.files import write_atomically

#: Where files of earlier runs go, each run's under the time of its files.
PREVIOUS: Final = "previous"


def write(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files into a folder and return their paths.

    A file that is there already stays where its bytes are the same; else it is copied to
    ``previous/<its time>/`` before the new one takes its name.

    Raises
    ------
    ReportError
        The folder is a file or cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _write(folder / name, content)
    except OSError as problem:
        raise _refused(folder, problem) from problem
    return [folder / name for name in files]


def set_aside(folder: Path, names: Iterable[str]) -> None:
    """Move files, where they are there, to ``previous/<their time>/``; ReportError where that
    cannot be done."""
    try:
        for path in (folder / name for name in names):
            if path.is_file():
                _keep(path, path.read_bytes())
                path.unlink()
    except OSError as problem:
        raise _refused(folder, problem) from problem


def _write(path: Path, content: bytes) -> None:
    before = path.read_bytes() if path.exists() else None
    if before == content:
        return
    if before is not None:
        _keep(path, before)
    write_atomically(path, content)


def _keep(path: Path, content: bytes) -> None:
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
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.utime(kept, (written_at, written_at))
        return


def _refused(folder: Path, problem: OSError) -> ReportError:
    reason = problem.strerror or type(problem).__name__
    return ReportError(
        f"{folder}: the report cannot be written here ({reason}); a folder with room and write "
        "permission is needed. Choose another with --out."
    )
