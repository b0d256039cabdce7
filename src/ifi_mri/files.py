"""Whole files or none: how everything that ``ifi_mri`` writes reaches the disk."""

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new one, never a part.

    The bytes go to a temporary file beside the target, reach the disk (fsync), and take the
    target's name in one step.  Only the owner may read it (mode 0600): it may describe a patient.

    Parameters
    ----------
    path : pathlib.Path
        Its folder must exist; an existing file is replaced.
    content : bytes

    Raises
    ------
    OSError
        The folder does not exist or cannot be written; nothing is left behind.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


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
