"""Label maps in NIfTI, MetaImage (``.mhd``, ``.mha``) and NRRD files.

NIfTI says RAS and is turned to LPS; MetaImage is LPS by ITK's convention; NRRD says which.  What a
file does not say - an orientation, a space - is not guessed: a map without it is refused.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks import metaimage, nifti_labels, nrrd_file
from ifi_mri.landmarks.label_volumes import LabelVolume
from ifi_mri.landmarks.text_files import named

SUFFIXES: Final = (*nifti_labels.SUFFIXES, *metaimage.SUFFIXES, *nrrd_file.SUFFIXES)


def is_label_file(path: Path) -> bool:
    """Return whether a file's name ends as a label map's does."""
    return path.name.lower().endswith(SUFFIXES)


def read(source: Path) -> LabelVolume:
    """Return the voxels of a label map.

    Raises
    ------
    LandmarkError, LandmarkFormatError
        The file cannot be read, is broken, of no known format, too large, holds fractions, or
        does not say where its voxels lie.
    """
    readers: dict[tuple[str, ...], Callable[[Path], LabelVolume]] = {
        form.SUFFIXES: form.read for form in (nifti_labels, metaimage, nrrd_file)
    }
    for suffixes, reader in readers.items():
        if source.name.lower().endswith(suffixes):
            return reader(source)
    raise LandmarkFormatError(
        f"{named(source)}: is no label map that is known; {', '.join(SUFFIXES)} or DICOM SEG were "
        "expected. Convert it."
    )
