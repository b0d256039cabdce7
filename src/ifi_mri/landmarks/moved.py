"""What moved between two versions of landmarks, and by whom: mm for each landmark.

A reader corrects a model's proposal, or a second reader the first: points of one structure and side
are paired with the nearest of the other version, outlines with the nearest on the same slice (the
plane through their middle, within half a millimetre along the body); what has no partner was added
or taken away.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.model import FloatArray, Landmark, LandmarkSet
from ifi_mri.vocabulary import LandmarkName, Side, printed

#: Outlines whose middles lie further apart along the body lie on different slices, mm.
SAME_SLICE_MM: Final = 0.5

#: What a file format rounds away; below it nothing moved, mm.
STILL_MM: Final = 0.0005


@dataclass(frozen=True, slots=True)
class Moved:
    """How far one landmark moved.

    Attributes
    ----------
    what : str
        ``moved``, ``same``, ``added`` or ``removed``.
    distance_mm : float or None
        Of a point: how far.  Of an outline: the mean distance of its vertices from the other
        outline.  None where it was added or removed.
    largest_mm : float or None
        Of an outline: the largest of those distances, either way; of a point the same as
        ``distance_mm``.
    by_mm : tuple of 3 floats or None
        The shift of its middle, patient LPS: to the left, to the back, to the head.
    before_mm, after_mm : tuple of 3 floats or None
        Its middle.
    """

    name: LandmarkName
    side: Side
    what: str
    distance_mm: float | None = None
    largest_mm: float | None = None
    by_mm: tuple[float, float, float] | None = None
    before_mm: tuple[float, float, float] | None = None
    after_mm: tuple[float, float, float] | None = None


def moved(before: LandmarkSet, after: LandmarkSet) -> tuple[Moved, ...]:
    """Return what moved, structure by structure; every landmark of both versions once."""
    found: list[Moved] = []
    for side, name in product(Side, LandmarkName):
        old = [mark for mark in before.on(side) if mark.name is name]
        new = [mark for mark in after.on(side) if mark.name is name]
        found += _of_structure(old, new)
    return tuple(found)


def as_text(changes: Sequence[Moved], before: str, after: str) -> str:
    """Return the table for a terminal; ``before`` and ``after`` say whose the versions are."""
    lines = [
        f"Moved from {before} to {after}; mm, patient LPS (+left, +back, +head).",
        f"{'side':6}{'structure':22}{'moved':>7}{'largest':>9}{'left':>8}{'back':>8}{'head':>8}",
    ]
    lines += [_line(change) for change in changes if change.what != "same"]
    still = sum(change.what == "same" for change in changes)
    lines.append(f"{still} of {len(changes)} landmarks are where they were.")
    return "\n".join(lines)


def as_rows(changes: Iterable[Moved], before: str, after: str) -> list[dict[str, object]]:
    """Return the table for JSON."""
    return [
        {
            "name": change.name,
            "side": change.side,
            "what": change.what,
            "distance_mm": _rounded(change.distance_mm),
            "largest_mm": _rounded(change.largest_mm),
            "by_mm": _rounded_point(change.by_mm),
            "before_mm": _rounded_point(change.before_mm),
            "after_mm": _rounded_point(change.after_mm),
            "reader_before": before,
            "reader_after": after,
        }
        for change in changes
    ]


def _of_structure(old: Sequence[Landmark], new: Sequence[Landmark]) -> Iterator[Moved]:
    """Yield the pairs from the nearest on, then what has no partner."""
    costs = sorted(
        (_apart_mm(a, b), i, j)
        for i, a in enumerate(old)
        for j, b in enumerate(new)
        if _may_be_the_same(a, b)
    )
    paired: dict[int, int] = {}
    for _, i, j in costs:
        if i not in paired and j not in paired.values():
            paired[i] = j
    for i, mark in enumerate(old):
        if i in paired:
            yield _pair(mark, new[paired[i]])
        else:
            yield Moved(mark.name, mark.side, "removed", before_mm=_middle(mark))
    for j, mark in enumerate(new):
        if j not in paired.values():
            yield Moved(mark.name, mark.side, "added", after_mm=_middle(mark))


def _may_be_the_same(a: Landmark, b: Landmark) -> bool:
    if (len(a.points_mm) == 1) != (len(b.points_mm) == 1) or a.closed != b.closed:
        return False
    on_one_slice = a.sop_instance_uid is not None and a.sop_instance_uid == b.sop_instance_uid
    along = abs(_middle(a)[2] - _middle(b)[2])
    return on_one_slice or len(a.points_mm) == 1 or along <= SAME_SLICE_MM


def _apart_mm(a: Landmark, b: Landmark) -> float:
    return float(np.linalg.norm(np.subtract(_middle(a), _middle(b))))


def _pair(old: Landmark, new: Landmark) -> Moved:
    shift = np.subtract(_middle(new), _middle(old))
    if len(old.points_mm) == 1:
        distance = largest = float(np.linalg.norm(shift))
    else:
        ways = _distances_mm(new, old), _distances_mm(old, new)
        distance, largest = float(ways[0].mean()), float(max(way.max() for way in ways))
    return Moved(
        name=old.name,
        side=old.side,
        what="moved" if largest > STILL_MM else "same",
        distance_mm=distance,
        largest_mm=largest,
        by_mm=(float(shift[0]), float(shift[1]), float(shift[2])),
        before_mm=_middle(old),
        after_mm=_middle(new),
    )


def _distances_mm(of: Landmark, to: Landmark) -> FloatArray:
    """Return the distance of every vertex of an outline from another one."""
    return np.array(
        [
            geometry.closest_in_space([point], to.points_mm, second_closed=to.closed).distance_mm
            for point in of.points_mm
        ]
    )


def _middle(mark: Landmark) -> tuple[float, float, float]:
    x, y, z = np.mean(mark.points_mm, axis=0)
    return float(x), float(y), float(z)


def _line(change: Moved) -> str:
    head = f"{change.side:6}{change.name.replace('_', ' '):22}"
    if change.by_mm is None:
        at = change.before_mm or change.after_mm or (0.0, 0.0, 0.0)
        return f"{head}{change.what:>7} at {', '.join(printed(x, 'mm') for x in at)}"
    assert change.distance_mm is not None
    assert change.largest_mm is not None
    numbers = [printed(x, "mm") for x in (change.distance_mm, change.largest_mm)]
    shifts = [f"{x:+.1f}" for x in change.by_mm]
    return f"{head}{numbers[0]:>7}{numbers[1]:>9}" + "".join(f"{x:>8}" for x in shifts)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3) + 0.0


def _rounded_point(point: tuple[float, float, float] | None) -> list[float] | None:
    return None if point is None else [round(x, 3) + 0.0 for x in point]
