"""Whole files or none: how everything that ``ifi_mri`` writes reaches the disk."""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Write a file so that readers see the old content or the new one, never a part.

    The bytes go to a temporary file beside the target, reach the disk (fsync), and take the
    target's name in one step.  Only the owner may read it (mode 0600): it may describe a patient.

    Parameters
    ----------
    path : pathlib.Path
        Its folder must exist; an existing file is replaced.
    content : bytes
    sync : bool
        Whether the bytes are on the disk before the file takes its name.  Without it a loss of
        power, and nothing less, may leave an empty file: for many files, whose sizes the caller
        checks later, with `sync_everything` at the end.

    Raises
    ------
    OSError
        The folder does not exist or cannot be written; nothing is left behind.
    """
    with _in_place_of(path, sync=sync) as (descriptor, _), os.fdopen(descriptor, "wb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(descriptor)


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Give the path of a temporary file that takes a file's place when it is whole.

    For content that is written in parts or by another library; else as `write_atomically`, which
    says what is raised.
    """
    with _in_place_of(path, sync=sync) as (descriptor, temporary):
        os.close(descriptor)
        yield temporary
        if sync:
            _sync(temporary)


@contextmanager
def _in_place_of(path: Path, *, sync: bool) -> Iterator[tuple[int, Path]]:
    """Give an open temporary file, which is to be closed, and its path; it takes a file's place."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    temporary = Path(name)
    try:
        yield descriptor, temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        _sync_folder(path.parent)


def sync_everything() -> None:
    """Bring everything that was written to the disk, where the system can be asked to."""
    if hasattr(os, "sync"):
        os.sync()


def remove_temporary(folder: Path, names: Iterable[str]) -> None:
    """Remove what `replacing` of a killed run left: ``.<name>.`` and eight characters.

    The caller sees to it that nobody else is writing.
    """
    prefixes = "|".join(re.escape(name[:100]) for name in names)
    pattern = re.compile(rf"\.({prefixes})\.[a-z0-9_]{{8}}")
    for path in list(folder.iterdir()):
        if pattern.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make a rename last; a file system that cannot sync a folder keeps its own promise."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def check_writable(folder: Path) -> None:
    """Make a folder where it is missing and see that files can be written into it.

    Raises
    ------
    OSError
        It is no folder, or cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
