"""Refinement: the ends of the spaces moved from a reader's points to the edges in the picture.

Two readers who mark the same space rarely click on the same pixels, and the smallest distance lies
between two edges, not between two clicks.  `refine` looks for the outer edges of cortex and tendon
around marked points at sub-pixel precision (`edge_model`, fitted by `edge_fit`), in the plane of
the slice, along the line and beside it (`snap`).  Nothing is replaced: what comes back stands
beside what was marked, and an end whose edge is not clear stays there, with its reason.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.model import MarkedGap, Point, RefinedEnd, RefinedGap, Volume
from ifi_mri.refinement.edge_model import FloatArray, Tissue
from ifi_mri.refinement.profiles import SlicePatch, patch_around
from ifi_mri.refinement.snap import SnappedEnd, snap_gap
from ifi_mri.refinement.telling import cautions
from ifi_mri.vocabulary import LandmarkName

__all__ = ["cautions", "refine"]

#: What the edge at a landmark bounds.
TISSUES: Final = {
    LandmarkName.ISCHIAL_TUBEROSITY: Tissue.BONE,
    LandmarkName.LESSER_TROCHANTER: Tissue.BONE,
    LandmarkName.HAMSTRING_ORIGIN: Tissue.TENDON,
    LandmarkName.ILIOPSOAS_TENDON: Tissue.TENDON,
}

#: How much of the slice around the line is looked at, mm: the reach, the depth to the marrow, and
#: enough quiet tissue to know the noise from.
PATCH_MM: Final = 14.0

#: Clicks closer than this have no direction between them, mm.
LEAST_GAP_MM: Final = 1.0


def refine(gaps: Sequence[MarkedGap], volume: Volume, reach_mm: float) -> tuple[RefinedGap, ...]:
    """Return every gap with its ends moved to the edges that the picture shows around them.

    Parameters
    ----------
    gaps : sequence of MarkedGap
        Between landmarks of `TISSUES`.
    volume : Volume
        Slices of an axial series without fat suppression: marrow and fat are bright, cortex and
        tendon dark.
    reach_mm : float
        How far from its point an edge may lie, mm.
    """
    reasons = [_why_not(gap, volume) for gap in gaps]
    usable = [gap for gap, reason in zip(gaps, reasons, strict=True) if not reason]
    patches = _patches(usable, volume, reach_mm)
    known: dict[tuple[int, LandmarkName, Point], SnappedEnd] = {}
    return tuple(
        _as_marked(gap, reason)
        if reason
        else _refined(gap, _slice_index(gap, volume), patches, reach_mm, known)
        for gap, reason in zip(gaps, reasons, strict=True)
    )


def _patches(gaps: Sequence[MarkedGap], volume: Volume, reach_mm: float) -> dict[int, SlicePatch]:
    """Return for every slice the part around the gaps on it."""
    points: dict[int, list[Point]] = {}
    for gap in gaps:
        points.setdefault(_slice_index(gap, volume), []).extend(gap.points_mm)
    return {
        index: patch_around(volume.voxels[index], volume.affine, index, ends, PATCH_MM + reach_mm)
        for index, ends in points.items()
    }


def _refined(
    gap: MarkedGap,
    index: int,
    patches: dict[int, SlicePatch],
    reach_mm: float,
    known: dict[tuple[int, LandmarkName, Point], SnappedEnd],
) -> RefinedGap:
    """Return a refined gap; ``known`` are the ends of other gaps by slice, landmark and click, for
    several gaps begin at one click."""
    patch, (first, second) = patches[index], gap.points_mm
    names = gap.near.name, gap.far.name
    keys = [(index, name, point) for name, point in zip(names, gap.points_mm, strict=True)]
    near, far = snap_gap(
        patch,
        patch.places(gap.points_mm),
        [TISSUES[name] for name in names],
        reach_mm,
        [known.get(key) for key in keys],
    )
    known.update(zip(keys, (near, far), strict=True))
    return RefinedGap(
        gap, (_end(patch, near, gap.near.name, first), _end(patch, far, gap.far.name, second))
    )


def _why_not(gap: MarkedGap, volume: Volume) -> str:
    """Return why a gap cannot be refined at all; empty where it can."""
    index = _slice_index(gap, volume)
    if not 0 <= index < len(volume.voxels):
        return "the slice was not loaded"
    if not np.isfinite(volume.voxels[index]).all():
        return "the slice holds values that are no numbers"
    ends = geometry.in_slice_plane(gap.points_mm, volume.affine)
    if np.linalg.norm(ends[1] - ends[0]) < LEAST_GAP_MM:
        return f"the points lie less than {LEAST_GAP_MM:g} mm apart"
    places = geometry.patient_to_voxel(volume.affine, ends)[:, 1:]
    if (places < 0).any() or (places > np.array(volume.voxels.shape[1:]) - 1).any():
        return "a point lies beyond the image"
    return ""


def _as_marked(gap: MarkedGap, reason: str) -> RefinedGap:
    first, second = (
        RefinedEnd(mark.name, point, point, reason=reason)
        for mark, point in zip((gap.near, gap.far), gap.points_mm, strict=True)
    )
    return RefinedGap(gap, (first, second))


def _slice_index(gap: MarkedGap, volume: Volume) -> int:
    return int(np.rint(geometry.slice_coordinate(volume.affine, gap.slice_mm)))


def _end(patch: SlicePatch, end: SnappedEnd, name: LandmarkName, marked: Point) -> RefinedEnd:
    if end.reason:
        return RefinedEnd(name, marked, marked, reason=end.reason)
    return RefinedEnd(
        landmark=name,
        reader_mm=marked,
        point_mm=_point(patch.patient_mm(end.place)),
        edge_mm=tuple(_point(position) for position in patch.patient_mm(end.curve)),
        sd_mm=end.sd_mm,
    )


def _point(position: FloatArray) -> Point:
    x, y, z = (float(value) for value in position)
    return x, y, z
