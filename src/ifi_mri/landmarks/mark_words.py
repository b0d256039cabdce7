"""How sentences about landmarks name them."""

from collections.abc import Iterator, Sequence
from typing import Final

from ifi_mri.landmarks.text_files import named
from ifi_mri.model import Landmark, LandmarkSet
from ifi_mri.vocabulary import Side

_NAMES_LISTED: Final = 4


def by_side(marks: Sequence[Landmark]) -> Iterator[tuple[Side, list[Landmark]]]:
    """Yield each side that has landmarks, with them."""
    for side in Side:
        on_side = [mark for mark in marks if mark.side is side]
        if on_side:
            yield side, on_side


def listed(marks: Sequence[Landmark]) -> str:
    """Return ``Left hamstring_origin and lesser_trochanter lie``, each name once."""
    names = list(dict.fromkeys(str(mark.name) for mark in marks))
    shown = names[:_NAMES_LISTED]
    more = len(names) - len(shown)
    text = ", ".join(shown) + (f" and {more} more" if more else "")
    return f"{marks[0].side.value.capitalize()} {text} {'lie' if len(names) > 1 else 'lies'}"


def words_of(mark: Landmark) -> str:
    return f"{mark.side} {mark.name}"


def files_of(landmarks: LandmarkSet) -> str:
    if not landmarks.sources:
        return "the landmarks"
    more = len(landmarks.sources) - 1
    return f"{named(landmarks.sources[0])}{f' and {more} more' if more else ''}"
