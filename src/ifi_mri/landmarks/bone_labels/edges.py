"""Is it the bone's own edge that the space ends on, or a lump or a dent of its label?

A lump of muscle in a label, or a piece of bone that it lacks, moves an end of the space by its own
height.  What tells it from bone is the shape around the end.  Towards the femur the ischium is
convex on every slice, and its border runs evenly from slice to slice; the femur's border rises to
the trochanter and falls again, no steeper than bone does.  In four hips, turned and cut into slices
of 1.5 to 5 mm, ischia were hollow by at most 0.7 mm and had lumps of at most 0.3 mm, and femoral
borders were inclined by at most 1.9 mm per mm; lumps and dents that moved an end by 3 mm and more
stood out from that in most of some two hundred trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ifi_mri.landmarks.bone_labels.search import SearchedSlices, SliceGap, SliceOutlines
from ifi_mri.model import FloatArray

#: Points of an outline within this of an end across the space belong to its border, mm.
BESIDE_MM: Final = 12.0

#: Lumps of the ischium's border shorter than this along the body are no bone's, mm.
LUMP_MM: Final = 18.0

#: The incline of a border is taken over at least this, mm: half a slice's rounding matters less.
INCLINE_OVER_MM: Final = 2.9

#: A hollow is looked for within this of an end on its slice, mm, ...
HOLLOW_AROUND_MM: Final = 15.0
#: ... on one piece of the outline, whose points lie closer than this, mm, ...
BROKEN_MM: Final = 1.0
#: ... between ridges at least so far apart, in steps of so much along the line between them, mm ...
RIDGES_APART_MM: Final = 4.0
HOLLOW_STEP_MM: Final = 1.5
#: ... that face the femur: within 60 degrees (cosine) of the space's direction.
FACING_COSINE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Edges:
    """How the bones' edges look around the space.

    Attributes
    ----------
    hollow_mm : float
        Depth of the deepest hollow of the ischium's outline towards the femur.
    lump_mm : float
        Height of the highest lump of the ischium's border from slice to slice.
    incline : float
        Steepest incline of the femur's border, mm towards the ischium per mm along the body.
    """

    hollow_mm: float
    lump_mm: float
    incline: float


def of_space(searched: SearchedSlices, narrowest: SliceGap) -> Edges:
    """Return how the edges look around the narrowest place of a space."""
    across = narrowest.trochanter_mm - narrowest.ischium_mm
    towards_femur = across / max(float(np.linalg.norm(across)), 1e-6)
    ischium = _border(searched.outlines, "ischium_mm", narrowest.ischium_mm, towards_femur)
    femur = _border(searched.outlines, "femur_mm", narrowest.trochanter_mm, -towards_femur)
    return Edges(
        hollow_mm=max((_hollow_mm(searched, gap) for gap in searched.gaps), default=0.0),
        lump_mm=_lump_mm(ischium),
        incline=_incline(femur),
    )


@dataclass(frozen=True, eq=False)
class _Border:
    """How far a bone reaches towards the other one, by level from the trochanter's tip, mm."""

    levels_mm: FloatArray
    reach_mm: FloatArray


def _border(
    outlines: Sequence[SliceOutlines], bone: str, end_mm: FloatArray, outwards: FloatArray
) -> _Border:
    """Return the border of a bone around an end of the space."""
    beside = np.array([-outwards[1], outwards[0], 0.0])
    levels, reaches = [], []
    for one in outlines:
        offsets = getattr(one, bone) - end_mm
        near = np.abs(offsets @ beside) < BESIDE_MM
        if near.any():
            levels.append(one.from_tip_mm)
            reaches.append(float((offsets[near] @ outwards).max()))
    return _Border(np.array(levels), np.array(reaches))


def _lump_mm(border: _Border) -> float:
    """Return what an opening of the border over `LUMP_MM` takes away."""
    from scipy.ndimage import grey_opening

    if len(border.levels_mm) < 3:
        return 0.0
    spacing_mm = float(np.median(np.diff(border.levels_mm)))
    size = 2 * max(1, round(LUMP_MM / spacing_mm / 2)) + 1
    framed = np.pad(border.reach_mm, size, mode="edge")
    opened = grey_opening(framed, (size,))[size:-size]
    return float((border.reach_mm - opened).max())


def _incline(border: _Border) -> float:
    """Return the steepest incline of the border."""
    levels, reach = border.levels_mm, border.reach_mm
    if len(levels) < 2:
        return 0.0
    steps = max(1, int(np.ceil(INCLINE_OVER_MM / float(np.median(np.diff(levels))))))
    if len(levels) <= steps:
        return 0.0
    return float(
        np.abs((reach[steps:] - reach[:-steps]) / (levels[steps:] - levels[:-steps])).max()
    )


def _hollow_mm(searched: SearchedSlices, gap: SliceGap) -> float:
    """Return the depth of the deepest hollow of the ischium's outline beside an end of one slice:
    how far the outline stays behind the hull of its part near that end, on the femur's side."""
    outline = next(one for one in searched.outlines if one.index == gap.index)
    points = _stretch_around(outline.ischium_mm, gap.ischium_mm)[:, :2]
    across = (gap.trochanter_mm - gap.ischium_mm)[:2]
    return max(
        (_depth_mm(points, *ridges) for ridges in _facing_ridges(points, across)), default=0.0
    )


def _stretch_around(points: FloatArray, end_mm: FloatArray) -> FloatArray:
    """Return the stretch of an outline that runs through an end, `HOLLOW_AROUND_MM` to both sides
    of it; other pieces of bone and the far side of this one are left out."""
    pieces = np.split(points, np.flatnonzero(_apart_mm(points[1:], points[:-1]) > BROKEN_MM) + 1)
    own = min(pieces, key=lambda piece: float(_apart_mm(piece, end_mm).min()))
    end = int(np.argmin(_apart_mm(own, end_mm)))
    if len(own) > 2 and _apart_mm(own[0], own[-1]) < BROKEN_MM:  # closed: start opposite of the end
        own, end = np.roll(own, len(own) // 2 - end, axis=0), len(own) // 2
    far = np.flatnonzero(_apart_mm(own, end_mm) >= HOLLOW_AROUND_MM)
    first = max(far[far < end], default=-1) + 1
    last = min(far[far > end], default=len(own))
    return own[first:last]


def _apart_mm(first: FloatArray, second: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.norm(first - second, axis=-1))


def _facing_ridges(
    points: FloatArray, across: FloatArray
) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """Return the edges of the hull of points that face a direction: both ridges, and the normal."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):  # fewer than three points, or all on one line
        return []
    towards = across / max(float(np.linalg.norm(across)), 1e-6)
    facing = hull.equations[:, :2] @ towards > FACING_COSINE
    return [
        (points[first], points[second], normal)
        for (first, second), normal in zip(
            hull.simplices[facing], hull.equations[facing, :2], strict=True
        )
    ]


def _depth_mm(
    points: FloatArray, first: FloatArray, second: FloatArray, normal: FloatArray
) -> float:
    """Return how deep an outline runs behind the line between two of its ridges, mm."""
    apart = float(np.linalg.norm(second - first))
    if apart < RIDGES_APART_MM:
        return 0.0
    along = (points - first) @ ((second - first) / apart)
    behind = (first - points) @ normal
    between = (along > HOLLOW_STEP_MM / 2) & (along < apart - HOLLOW_STEP_MM / 2)
    places = (along[between] / HOLLOW_STEP_MM).astype(int)
    depths = [float(behind[between][places == place].min()) for place in np.unique(places)]
    return max(depths, default=0.0)
