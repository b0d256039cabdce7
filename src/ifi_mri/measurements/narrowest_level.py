"""Which of several marked slices counts: the one where the ischiofemoral space is smallest.

Areas and angles of the literature are read "at the level of the ischiofemoral space".  Where
nothing was marked on the narrowest slice itself the nearest marked one is taken, and the method
says so.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from ifi_mri import geometry
from ifi_mri.measurements.in_plane_distance import (
    Unmeasurable,
    as_point,
    axial_anatomy,
    gaps_by_slice,
    slice_position_mm,
)
from ifi_mri.model import (
    FloatArray,
    Hip,
    Landmark,
    Outline,
    Point,
    RefinedGap,
    Series,
    SliceValue,
)
from ifi_mri.vocabulary import LandmarkName, Role, Side

#: The structures between which the space is smallest.
BONES: Final = (LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER)


class Level(NamedTuple):
    """A slice, where it lies in words, and how far above the narrowest one (mm; None: unknown)."""

    slice_index: int
    words: str
    above_narrowest_mm: float | None


def level_at_narrowest(hip: Hip, series: Series, marked: Collection[int]) -> Level:
    """Return the marked slice at, or nearest to, the level where the ischiofemoral space is
    smallest.

    Raises
    ------
    Unmeasurable
        Several slices are marked, and the space was not measured.
    """
    assert series.grid is not None
    place_mm = narrowest_place_mm(hip)
    if place_mm is None:
        if len(marked) > 1:
            raise Unmeasurable(
                f"{len(marked)} slices are marked, and without the ischiofemoral space it is not "
                f"known on which of them it is smallest"
            )
        (only,) = marked
        return Level(only, "on the only marked slice; its level in the space is not known", None)
    narrowest = geometry.slice_coordinate(series.grid.affine, place_mm)
    index = min(marked, key=lambda k: (abs(k - narrowest), -slice_position_mm(series, k)))
    if index == int(np.rint(narrowest)):
        return Level(index, "on the slice where the ischiofemoral space is smallest", 0.0)
    above_mm = slice_position_mm(series, index) - geometry.position_along_normal_mm(
        series.grid.affine, place_mm
    )
    towards = "head" if above_mm > 0 else "feet"
    words = (
        f"on the marked slice nearest to where the ischiofemoral space is smallest, "
        f"{abs(above_mm):.1f} mm from it towards the {towards}"
    )
    return Level(index, words, above_mm)


def narrowest_place_mm(hip: Hip) -> Point | None:
    """Return the middle of the smallest ischiofemoral space, on the plane of its slice; None where
    the space cannot be measured."""
    found = _narrowest(hip)
    if found is None:
        return None
    narrowest, affine = found
    middle = np.mean(narrowest.points_mm, axis=0)
    normal = geometry.slice_normal(affine)
    above_mm = narrowest.slice_position_mm - geometry.position_along_normal_mm(affine, middle)
    towards_head = geometry.position_along_normal_mm(affine, normal) * normal
    return as_point(middle + above_mm * towards_head)


def narrowest_line_mm(hip: Hip) -> Outline | None:
    """Return both ends of the smallest ischiofemoral space, the ischial one first; None where the
    space cannot be measured."""
    found = _narrowest(hip)
    return found[0].points_mm if found else None


def _narrowest(hip: Hip) -> tuple[SliceValue, FloatArray] | None:
    """Return the smallest ischiofemoral space with the affine of its series."""
    try:
        series = axial_anatomy(hip)
    except Unmeasurable:
        return None
    bones = tuple(mark for mark in hip.landmarks if mark.name in BONES)
    narrowest = _narrowest_of(hip.side, bones, series, hip.refined)
    assert series.grid is not None
    return None if narrowest is None else (narrowest, series.grid.affine)


@lru_cache(maxsize=4)  # several measurements of one hip ask for it
def _narrowest_of(
    side: Side, bones: tuple[Landmark, ...], series: Series, refined: tuple[RefinedGap, ...]
) -> SliceValue | None:
    ischium, trochanter = BONES
    hip = Hip(side, bones, {Role.ANATOMY: series}, {}, refined=refined)
    try:
        gaps = gaps_by_slice(hip, series, ischium, (trochanter,))
    except Unmeasurable:
        return None
    return min((gap.value for gap in gaps), key=lambda one: (one.value, -one.slice_position_mm))
