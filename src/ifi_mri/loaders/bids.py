"""BIDS datasets as studies: one session of one subject is one study, its anatomy images the series.

The Brain Imaging Data Structure (https://bids-specification.readthedocs.io, version 1.10) names
files by entities, ``sub-01_ses-pre_acq-axialT1_T1w.nii.gz``, keeps images of anatomy in ``anat``,
and lets a JSON sidecar in a folder above hold for all files below it (inheritance principle).
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ifi_mri.errors import StudyError

ANATOMY_FOLDER: Final = "anat"

#: Entities of files that were made from others: resampled, segmented or otherwise derived.
DERIVED_ENTITIES: Final = frozenset({"desc", "space", "res", "den", "label", "hemi", "atlas"})

#: Folders of a dataset that hold no study of their own.
NOT_STUDIES: Final = frozenset({"derivatives", "sourcedata", "code", "stimuli", "phenotype"})

_ENTITY: Final = re.compile(r"([a-zA-Z]+)-([a-zA-Z0-9+.]+)$")

#: Most studies that an error lists.
_LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class BidsName:
    """What a BIDS file name says.

    Attributes
    ----------
    entities : dict
        ``{"sub": "01", "acq": "axialT1"}``
    suffix : str
        ``T1w``
    """

    entities: Mapping[str, str]
    suffix: str

    @property
    def description(self) -> str:
        """Words of the acquisition, for a series whose sidecar has no description."""
        told = (value for key, value in self.entities.items() if key not in ("sub", "ses", "run"))
        return " ".join((*told, self.suffix))

    @property
    def is_derived(self) -> bool:
        """Whether the name says that the file was made from others."""
        return bool(DERIVED_ENTITIES & self.entities.keys())

    def inherits(self, other: "BidsName") -> bool:
        """Return whether a sidecar of that name in a folder above holds for this file."""
        return self.suffix == other.suffix and other.entities.items() <= self.entities.items()


def parse_name(stem: str) -> BidsName | None:
    """Return what a file's name without its suffixes says; None where it is no BIDS name."""
    *parts, suffix = stem.split("_")
    entities = {}
    for part in parts:
        match = _ENTITY.match(part)
        if match is None:
            return None
        entities[match[1]] = match[2]
    if not suffix or "-" in suffix or (parts and "sub" not in entities):
        return None
    return BidsName(entities, suffix)


def is_image_name(stem: str) -> bool:
    """Return whether a stem is that of a BIDS image: entities beginning with the subject."""
    name = parse_name(stem)
    return name is not None and "sub" in name.entities


def find_studies(dataset: Path) -> list[Path]:
    """Return the folders of a dataset's studies: every subject's sessions, or the subject."""
    studies = []
    for subject in _folders(dataset, "sub-"):
        studies += _folders(subject, "ses-") or [subject]
    return studies


def _folders(folder: Path, start: str) -> list[Path]:
    """Return the folders in a folder whose names start so, sorted; none where it has no list."""
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in entries if one.name.startswith(start) and one.is_dir()]
    except OSError:
        return []
    return [folder / name for name in sorted(names)]


def study_folder(root: Path) -> Path:
    """Return the folder to read for a path: itself, or the only study of a dataset or subject.

    Raises
    ------
    StudyError
        The dataset or subject holds several studies.
    """
    if not root.is_dir():
        return root
    studies = find_studies(root)
    if root.name.startswith("sub-"):
        studies = _folders(root, "ses-")
    if len(studies) <= 1:
        return studies[0] if studies else root
    listed = ", ".join(study.relative_to(root).as_posix() for study in studies[:_LISTED])
    more = f" and {len(studies) - _LISTED} more" if len(studies) > _LISTED else ""
    raise StudyError(
        f"the study: the BIDS dataset holds {len(studies)} studies ({listed}{more}), expected "
        "one. Give the folder of one subject's session."
    )


def anatomy_only(volumes: Sequence[Path], root: Path) -> list[Path]:
    """Return the NIfTI files of a study that are its anatomy images: of a BIDS subject or session
    those under ``anat``, of any other folder all."""
    if not root.name.startswith(("sub-", "ses-")):
        return list(volumes)
    anatomy = [path for path in volumes if path.parent.name == ANATOMY_FOLDER]
    return anatomy or list(volumes)


def inherited_sidecars(image: Path) -> list[Path]:
    """Return the sidecars of a BIDS image from the dataset's top down to its own, so that later
    ones overrule earlier ones."""
    stem = image.name.removesuffix(".gz").removesuffix(".nii")
    name = parse_name(stem)
    if name is None or "sub" not in name.entities:
        return []
    folders = [image.parent]
    while not folders[-1].name.startswith("sub-"):
        if folders[-1].parent == folders[-1] or len(folders) > 3:
            return []
        folders.append(folders[-1].parent)
    folders.append(folders[-1].parent)
    found: list[Path] = []
    for folder in reversed(folders):
        level = []
        for path in sorted(folder.glob(f"*{name.suffix}.json")):
            other = parse_name(path.stem) if path.is_file() else None
            if other is not None and name.inherits(other):
                level.append((len(other.entities), path))
        found += [path for _, path in sorted(level)]
    return found
