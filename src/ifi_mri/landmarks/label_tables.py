"""Label tables: which structure and side a number or a name in a label map means.

A table is a TOML file (``configs/label_tables/*.toml``), so that a new segmentation model needs no
code.  Whole bones may be in it beside the structures that readers mark: from bones the landmarks
are found (`bone_labels`).  Models number their labels anew from version to version, so a table says
of which version it is and which numbers that version writes: a map with others is of another one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, model_validator

from ifi_mri.config import Settings, configs_folder, read_settings
from ifi_mri.errors import ConfigError
from ifi_mri.vocabulary import LandmarkName, Side

#: Id of the table that is made of all presets' names, for files that name their labels themselves.
NAMES_ID: Final = "names"

_SEPARATORS: Final = re.compile(r"[-_\s,.]+")

#: Labels are whole numbers from 1; 0 is the background, and no format stores more than 32 bits.
LARGEST_LABEL: Final = 2**31 - 1


class Bone(StrEnum):
    """Whole bones, from which landmarks are found."""

    HIP_BONE = "hip_bone"
    FEMUR = "femur"


Structure: TypeAlias = Bone | LandmarkName


class Label(Settings):
    """What one number, or one segment's name, means.

    Attributes
    ----------
    value : int or None
        The number in a label map.
    names : tuple of str
        Names of the segment in formats that have names (DICOM SEG, Slicer's ``.seg.nrrd``), in
        any case, blanks, ``-`` and ``_`` being the same.
    structure : Bone or LandmarkName
    side : Side or None
        None where both sides share the label; bones are then parted at the body's midline.
    beside : LandmarkName or None
        Outlines are taken only on slices that show this structure, too: a reference muscle beside
        the muscle it is the reference for.
    also_contains : str
        What else the label holds, in words.
    """

    value: Annotated[int, Field(ge=1, le=LARGEST_LABEL)] | None = None
    names: tuple[str, ...] = ()
    structure: Structure
    side: Side | None = None
    beside: LandmarkName | None = None
    also_contains: str = ""

    @model_validator(mode="after")
    def _can_be_found(self) -> "Label":
        if self.value is None and not self.names:
            raise ValueError("a label needs a value or names")
        if self.side is None and not isinstance(self.structure, Bone):
            raise ValueError(f"{self.structure} needs a side, left or right")
        return self


Numbers = Annotated[str, Field(pattern=r"^\d{1,9}(-\d{1,9})?$")]
"""One number, or a range of them: ``"36"``, ``"1-50"``."""


class LabelTable(Settings):
    """What the labels of one segmentation model, or of one habit of drawing, mean.

    Attributes
    ----------
    id : str
        What ``--label-table`` calls it.
    title, version, citation, note : str
        Whose labels these are, of which version, and where that is written.
    status : str or None
        Of landmarks made from such labels: ``proposed`` where a model draws them.
    writes : tuple of str
        Every number that the model writes, as ranges; a map that holds another number is refused.
        Empty where anything may be in a map beside the labels.
    labels : tuple of Label
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: str
    version: str
    citation: str
    note: str = ""
    status: Literal["draft", "proposed", "final"] | None = None
    writes: tuple[Numbers, ...] = ()
    labels: Annotated[tuple[Label, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _nothing_means_two_things(self) -> "LabelTable":
        values = [label.value for label in self.labels if label.value is not None]
        names = [name for label in self.labels for name in map(plain, label.names)]
        for kind, entries in (("value", values), ("name", names)):
            twice = [entry for entry, n in Counter(entries).items() if n > 1]
            if twice:
                raise ValueError(f"the {kind} {twice[0]!r} stands twice")
        foreign = [value for value in values if not self.may_hold(value)]
        if foreign:
            raise ValueError(f"the label {foreign[0]} is not among the numbers of 'writes'")
        return self

    def may_hold(self, value: int) -> bool:
        """Return whether a map of this table may hold a number."""
        ends = [[int(end) for end in numbers.split("-")] for numbers in self.writes]
        return not ends or any(pair[0] <= value <= pair[-1] for pair in ends)

    @property
    def spoken(self) -> str:
        """The table and its version, for reports: ``musclemap, version 1.2``."""
        return f"{self.id}, version {self.version}"

    def of_value(self, value: int) -> Label | None:
        """Return what a number means, or None."""
        return next((label for label in self.labels if label.value == value), None)

    def of_name(self, name: str) -> Label | None:
        """Return what a segment's name means, or None."""
        wanted = plain(name)
        for label in self.labels:
            if wanted in map(plain, label.names):
                return label
        return None

    @property
    def values(self) -> tuple[int, ...]:
        """Every number the table knows, smallest first."""
        return tuple(sorted(label.value for label in self.labels if label.value is not None))


def plain(name: str) -> str:
    """Return a name in the form in which names are compared: lower case, single blanks."""
    return _SEPARATORS.sub(" ", name).strip().lower()


def best_of_names(names: Iterable[str]) -> LabelTable | None:
    """Return what names in a file mean, whichever preset knows them; None where none does.

    The status is that of the preset that knows the most of them.
    """
    found = list(names)

    def n_known(table: LabelTable) -> int:
        return sum(table.of_name(name) is not None for name in found)

    most = max(presets(), key=lambda table: (n_known(table), table.status is None))
    return _all_names().model_copy(update={"status": most.status}) if n_known(most) else None


@cache
def _all_names() -> LabelTable:
    """Return a table of the names of all presets, without numbers."""
    labels: dict[tuple[object, ...], Label] = {}
    for label in (label for table in presets() for label in table.labels):
        key = (label.structure, label.side, label.beside, label.also_contains)
        old = labels.get(key)
        names = {plain(name): name for name in (*(old.names if old else ()), *label.names)}
        labels[key] = label.model_copy(update={"value": None, "names": tuple(names.values())})
    return LabelTable(
        id=NAMES_ID,
        title="Labels that the file names itself",
        version="1",
        citation="The names of all label tables of this software",
        labels=tuple(label for label in labels.values() if label.names),
    )


@cache
def presets() -> tuple[LabelTable, ...]:
    """Return every shipped label table, by id."""
    files = sorted((configs_folder() / "label_tables").glob("*.toml"))
    return tuple(read_settings(file, LabelTable) for file in files)


def find(table: str | Path | LabelTable) -> LabelTable:
    """Return a label table by the id of a preset or from a TOML file.

    Raises
    ------
    ConfigError
        No preset has that id and no file that name, or the file is wrong.
    """
    if isinstance(table, LabelTable):
        return table
    for preset in presets():
        if preset.id == str(table):
            return preset
    if Path(table).suffix.lower() in (".toml", ".json"):
        return read_settings(Path(table), LabelTable)
    raise ConfigError(
        f"label table {str(table)!r} is not known. Choose one of {_listed(presets())}, or name a "
        "TOML file that holds one."
    )


def _listed(tables: Sequence[LabelTable]) -> str:
    return ", ".join(table.id for table in tables)
