"""Several landmark sets made one: files of one reading, in whatever formats."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from ifi_mri import geometry
from ifi_mri.errors import LandmarkFormatError, LandmarkMismatchError
from ifi_mri.landmarks.text_files import named, shown
from ifi_mri.model import Landmark, LandmarkSet, Observation
from ifi_mri.vocabulary import LandmarkName, ObservationName, Side

#: What must agree between sets that state it, in words.
_IDENTITY: Final = {
    "case_id": "case",
    "reader": "reader",
    "read": "reading",
    "study_uid": "study UID",
    "series_uid": "series UID",
    "frame_of_reference_uid": "frame of reference UID",
}

#: Statuses from the least to the most settled.
_STATUSES: Final = ("draft", "proposed", "final")

_MOST_LISTED: Final = 10

#: Formats round positions; a reader's points are no nearer to an outline than this by chance, mm.
ON_OUTLINE_MM: Final = 0.002

#: Oedema is graded 0 to 3 (design, decision 8).
HIGHEST_GRADE: Final = 3


def choose(
    sets: Sequence[LandmarkSet],
    *,
    case_id: str | None = None,
    reader: str | None = None,
    read: int | None = None,
) -> LandmarkSet:
    """Return the sets that fit a case, reader and reading as one set.

    A set that does not say whose it is fits any; what was asked for is then entered.

    Raises
    ------
    LandmarkMismatchError
        No set fits, several that differ do, or those that fit contradict one another.
    """
    asked = {"case_id": case_id, "reader": reader, "read": read}
    asked = {key: value for key, value in asked.items() if value is not None}
    fitting = [
        one
        for one in sets
        if all(getattr(one, key) in (None, value) for key, value in asked.items())
    ]
    if not fitting:
        wanted = ", ".join(f"{_IDENTITY[key]} {value}" for key, value in asked.items())
        raise LandmarkMismatchError(
            f"{_files(sets)}: no landmarks of {wanted}; there are {_listed(sets)}. "
            "Ask for one of these."
        )
    if len({(one.case_id, one.reader, one.read) for one in fitting}) > 1:
        _refuse_several(fitting)
    return replace(merged(fitting), **asked)  # type: ignore[arg-type]


def merged(sets: Sequence[LandmarkSet]) -> LandmarkSet:
    """Return sets of one reading as one; landmarks that two of them state alike count once, and a
    point on an outline of its own structure not at all.

    Raises
    ------
    LandmarkMismatchError
        Case, reader, reading, study, series or frame of reference differ, or what the reader
        judged by eye on one side.
    LandmarkFormatError
        An oedema grade outside 0 to 3.
    """
    identity = {key: _agreed(sets, key) for key in _IDENTITY}
    statuses = [one.status for one in sets if one.status]
    times = {one.placed_at for one in sets if one.placed_at}
    return LandmarkSet(
        landmarks=_without_implied(_once(mark for one in sets for mark in one.landmarks)),
        observations=agreed_observations(sets),
        status=min(statuses, key=_STATUSES.index) if statuses else None,
        placed_at=times.pop() if len(times) == 1 else None,
        sources=tuple(dict.fromkeys(source for one in sets for source in one.sources)),
        image_marks=tuple(dict.fromkeys(mark for one in sets for mark in one.image_marks)),
        in_part=frozenset(structure for one in sets for structure in one.in_part),
        **identity,  # type: ignore[arg-type]
    )


def agreed_observations(sets: Sequence[LandmarkSet]) -> tuple[Observation, ...]:
    """Return what was judged by eye, each structure and side once.

    Raises
    ------
    LandmarkMismatchError
        Two values for one side: neither may win by its place in the file.
    LandmarkFormatError
        An oedema grade outside 0 to 3.
    """
    agreed: dict[tuple[ObservationName, Side], Observation] = {}
    for seen in (seen for one in sets for seen in one.observations):
        if seen.value not in range(HIGHEST_GRADE + 1):
            raise LandmarkFormatError(
                f"{_files(sets)}: the {seen.side} {seen.name} is {shown(seen.value)}, a whole "
                f"number from 0 to {HIGHEST_GRADE} was expected. Correct it."
            )
        first = agreed.setdefault((seen.name, seen.side), seen)
        if first.value != seen.value:
            raise LandmarkMismatchError(
                f"{_files(sets)}: the {seen.side} {seen.name} is stated as {first.value} and as "
                f"{seen.value}, one value was expected. Delete the wrong one."
            )
    return tuple(agreed.values())


def _agreed(sets: Sequence[LandmarkSet], key: str) -> Hashable:
    stated = {getattr(one, key): one for one in sets if getattr(one, key) is not None}
    if len(stated) > 1:
        (first, of_first), (second, of_second) = list(stated.items())[:2]
        raise LandmarkMismatchError(
            f"{_files([of_first])} and {_files([of_second])}: {_IDENTITY[key]} {first} and "
            f"{second}; landmarks of one reading were expected. Read them one by one."
        )
    return next(iter(stated), None)


def _once(landmarks: Iterable[Landmark]) -> tuple[Landmark, ...]:
    """Return landmarks without repeats, keeping the one that names its slice."""
    kept: dict[Hashable, Landmark] = {}
    for mark in landmarks:
        key = mark.name, mark.side, mark.points_mm, mark.closed, mark.pixel_mm
        if key not in kept or kept[key].sop_instance_uid is None:
            kept[key] = mark
    return tuple(kept.values())


def _without_implied(landmarks: tuple[Landmark, ...]) -> tuple[Landmark, ...]:
    """Return landmarks without points on an outline of the same structure.

    A report's line between two outlines has its ends on them.  Read back as points of their own
    they would say nothing new of the spaces, but pass for a cortex marked by points elsewhere.
    """
    outlines: dict[tuple[LandmarkName, Side], list[Landmark]] = {}
    for mark in landmarks:
        if len(mark.points_mm) > 1:
            outlines.setdefault((mark.name, mark.side), []).append(mark)
    return tuple(
        mark
        for mark in landmarks
        if len(mark.points_mm) != 1
        or not any(_lies_on(mark, outline) for outline in outlines.get((mark.name, mark.side), ()))
    )


def _lies_on(point: Landmark, outline: Landmark) -> bool:
    closest = geometry.closest_in_space(
        point.points_mm, outline.points_mm, second_closed=outline.closed
    )
    return closest.distance_mm <= ON_OUTLINE_MM


def _refuse_several(sets: Sequence[LandmarkSet]) -> None:
    """Refuse sets of several cases, readers or readings; those that do not say fit any."""
    for key in ("case_id", "reader", "read"):
        if len({getattr(one, key) for one in sets} - {None}) > 1:
            raise LandmarkMismatchError(
                f"{_files(sets)}: holds landmarks of several readings: {_listed(sets)}. "
                "Say which: case, reader and read."
            )


def _listed(sets: Sequence[LandmarkSet]) -> str:
    texts = list(dict.fromkeys(_whose(one) for one in sets))
    more = f" and {len(texts) - _MOST_LISTED} more" if len(texts) > _MOST_LISTED else ""
    return "; ".join(texts[:_MOST_LISTED]) + more


def _whose(one: LandmarkSet) -> str:
    said = [
        f"{_IDENTITY[key]} {value}"
        for key in ("case_id", "reader", "read")
        if (value := getattr(one, key)) is not None
    ]
    return ", ".join(said) or "no stated case or reader"


def _files(sets: Iterable[LandmarkSet]) -> str:
    sources = dict.fromkeys(source for one in sets for source in one.sources)
    names = [named(source) for source in sources]
    if len(names) > 3:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return ", ".join(names) or shown("landmarks")
