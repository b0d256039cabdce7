"""DICOMDIR: the list of files on a hospital's CD (PS3.10 section 8, PS3.3 annex F)."""

from io import BytesIO
from pathlib import Path
from typing import Final

from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders.header_scan import pydicom_errors
from ifi_mri.loaders.source_files import Opener

FILE_NAME: Final = "DICOMDIR"

#: A DICOMDIR larger than this lists more than a study.
LARGEST_BYTES: Final = 64 << 20


def is_dicomdir(path: Path) -> bool:
    """Return whether a file is a DICOMDIR by its name, which the standard fixes."""
    return path.name.upper() == FILE_NAME and path.is_file()


def listed_files(path: Path) -> tuple[list[Path], int]:
    """Return the files that a DICOMDIR lists and that are there, and how many are not.

    Names are matched in any case, as file systems spell those of CDs differently; a name that
    leads out of the DICOMDIR's folder counts as not there.

    Raises
    ------
    UnreadableImageError
        It is no DICOMDIR, or lists nothing.
    """
    names = _referenced(path)
    if not names:
        raise UnreadableImageError(
            f"{path.name}: lists no files. Give the folder of the study instead."
        )
    folder = path.parent
    spelled = {
        file.relative_to(folder).as_posix().upper(): file
        for file in folder.rglob("*")
        if file.is_file()
    }
    found = {spelled[name] for name in names if name in spelled}
    return sorted(found), len({name for name in names if name not in spelled})


def _referenced(path: Path) -> list[str]:
    """Return the relative paths that the directory's records name, in capitals."""
    import warnings

    from pydicom import dcmread

    with Opener() as opener:
        source = opener.open(path)
        try:
            raw = source.read(0, LARGEST_BYTES)
        finally:
            source.close()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            records = dcmread(BytesIO(raw)).get("DirectoryRecordSequence", None) or []
            parts = [record.get("ReferencedFileID", None) for record in records]
            texts = [[part] if isinstance(part, str) else list(part) for part in parts if part]
    except pydicom_errors() as problem:
        raise UnreadableImageError(
            f"{path.name}: is not a DICOMDIR that can be read ({problem}). Give the folder of the "
            "study instead."
        ) from problem
    return ["/".join(str(part) for part in text).upper() for text in texts]
