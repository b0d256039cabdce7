"""How readers name structures in viewers and tables: the label grammar.

A label is a structure and a side, in any case, with ``-``, ``_`` or blanks between: ``IT-L``,
``l it``, ``Left_ischial_tuberosity``.  The side stands before or after.  Numbers at the end count
points or copies (``IFS-L-1``, ``IFS-L_2``) and say nothing about the structure.  `IFS`, `QFS` and
`QFS-LT` name the two ends of a line at once.
"""

import re
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from ifi_mri.vocabulary import LandmarkName, Side

SHORT_LABELS: Final = {
    LandmarkName.ISCHIAL_TUBEROSITY: "IT",
    LandmarkName.LESSER_TROCHANTER: "LT",
    LandmarkName.HAMSTRING_ORIGIN: "HAM",
    LandmarkName.ILIOPSOAS_TENDON: "IPS",
    LandmarkName.QUADRATUS_FEMORIS: "QF",
    LandmarkName.REFERENCE_MUSCLE: "REF",
    LandmarkName.SUBCUTANEOUS_FAT: "FAT",
}


class Pair(StrEnum):
    """A line whose two ends are two structures."""

    IFS = "IFS"
    QFS = "QFS"
    QFS_LT = "QFS-LT"

    @property
    def ends(self) -> tuple[LandmarkName, LandmarkName]:
        """The structure at the ischial end and the one at the femoral end."""
        return _PAIR_ENDS[self]


_PAIR_ENDS: Final = {
    Pair.IFS: (LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER),
    Pair.QFS: (LandmarkName.HAMSTRING_ORIGIN, LandmarkName.ILIOPSOAS_TENDON),
    Pair.QFS_LT: (LandmarkName.HAMSTRING_ORIGIN, LandmarkName.LESSER_TROCHANTER),
}

Structure: TypeAlias = LandmarkName | Pair

_SIDES: Final = {"l": Side.LEFT, "left": Side.LEFT, "r": Side.RIGHT, "right": Side.RIGHT}

_STRUCTURES: Final[dict[str, Structure]] = {
    **{name.value: name for name in LandmarkName},
    **{label.lower(): name for name, label in SHORT_LABELS.items()},
    **{pair.value.lower().replace("-", "_"): pair for pair in Pair},
}

#: Longer texts are no labels; the bound keeps hostile files from costing time.
_LONGEST_LABEL: Final = 200

_SEPARATORS: Final = re.compile(r"[-_\s]+")
_NUMBER: Final = re.compile(r"[0-9]+")
_LAST_NUMBER: Final = re.compile(r"[-_\s]+[0-9]+$")
_SUFFIXES: Final = re.compile(r"(\.mrk|\.mkp)?\.[^.]*$", re.IGNORECASE)


class Label(NamedTuple):
    """What a label says; ``side`` is None where it does not say."""

    structure: Structure
    side: Side | None

    def __str__(self) -> str:
        """The label as we write it, for messages."""
        short = self.structure
        if isinstance(short, LandmarkName):
            return label_of(short, self.side)
        return f"{short}-{self.side.letter}" if self.side else str(short)


def label_of(name: LandmarkName, side: Side | None) -> str:
    """Return the label that we write: ``IT-L``, ``ischial_axis-R``."""
    short = SHORT_LABELS.get(name, name.value)
    return f"{short}-{side.letter}" if side else short


@lru_cache(maxsize=1024)
def parse(text: str) -> Label | None:
    """Return what a label says, or None where it names no known structure."""
    return None if len(text) > _LONGEST_LABEL else _label(_words_without_numbers(text))


def parse_side(text: str) -> Side | None:
    """Return the side that a word means, or None."""
    return _SIDES.get(text.strip().lower())


def parse_file_name(path: Path) -> Label | None:
    """Return the label at the end of a file's name, as in ``sub-01_IFS-L.mrk.json``.

    None where there is none, or where a word before it could be another side
    (``sub_R_IFS-L``): a side is not guessed.
    """
    words = _words_without_numbers(_SUFFIXES.sub("", path.name))
    for start in range(len(words)):
        label = _label(words[start:])
        if label:
            others = {_SIDES.get(word) for word in words[:start]} - {None, label.side}
            return None if others else label
    return None


def stem(text: str) -> str:
    """Return a label without its last number: ``IFS-L-1`` is point 1 of ``IFS-L``."""
    return _LAST_NUMBER.sub("", text[:_LONGEST_LABEL].strip())


def known_labels() -> str:
    """Return the sentence that tells what labels there are."""
    pairs = "; ".join(
        f"{pair} for {' with '.join(SHORT_LABELS[end] for end in pair.ends)}" for pair in Pair
    )
    names = ", ".join(
        f"{SHORT_LABELS[name]} ({name})" if name in SHORT_LABELS else name.value
        for name in LandmarkName
    )
    return (
        f"Known are {names}, and lines {pairs}; each with the patient's side, for example IT-L "
        "or IFS-R."
    )


def _words_without_numbers(text: str) -> list[str]:
    words = [word for word in _SEPARATORS.split(text.lower()) if word]
    while words and _NUMBER.fullmatch(words[-1]):
        words.pop()
    return words


def _label(words: list[str]) -> Label | None:
    """Return what the words say: the side is the last or the first, the rest the structure."""
    side = None
    if len(words) > 1 and words[-1] in _SIDES:
        side, words = _SIDES[words[-1]], words[:-1]
    elif len(words) > 1 and words[0] in _SIDES:
        side, words = _SIDES[words[0]], words[1:]
    structure = _STRUCTURES.get("_".join(words))
    return Label(structure, side) if structure else None
