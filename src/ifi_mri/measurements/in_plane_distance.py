"""The smallest distance between two structures in the plane of an axial slice.

Both spaces of the ischiofemoral passage are such distances: group the landmarks by slice, take the
smallest in-plane distance on each slice, headline the smallest over the slices.  The two ends must
lie on one slice: joining ends 6 mm apart across the slices adds 1.2 mm to a gap of 15 mm.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from ifi_mri import geometry
from ifi_mri.model import (
    Z_95,
    Grid,
    Hip,
    Landmark,
    Measurement,
    NotMeasured,
    Point,
    Series,
    SliceValue,
)
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Role, at_printed_precision

MAX_TILT_DEG: Final = geometry.MAX_AXIAL_TILT_DEG


class Unmeasurable(Exception):  # noqa: N818 - an absence, not an error
    """Says in a sentence why there is no number; becomes a NotMeasured."""


class Gap(NamedTuple):
    """The smallest distance on one slice."""

    value: SliceValue
    far: LandmarkName


def smallest_over_slices(
    hip: Hip,
    name: MeasurementName,
    near: LandmarkName,
    far: Sequence[LandmarkName],
    landmark_sd_mm: float,
) -> Measurement | NotMeasured:
    """Return the smallest in-plane distance from ``near`` to any of ``far`` over the slices, mm.

    Parameters
    ----------
    hip : Hip
    name : MeasurementName
    near : LandmarkName
        The structure at the ischial end.
    far : sequence of LandmarkName
        The structures at the femoral end; on each slice the nearest of them counts.
    landmark_sd_mm : float
        Standard deviation of a placed point, per axis, mm.

    Returns
    -------
    Measurement or NotMeasured
        The standard deviation is that of a distance between two independently placed points,
        sqrt(2) times the deviation of one along the line.  Where two slices tie, the one nearer
        the head wins.
    """
    try:
        series = axial_anatomy(hip)
        gaps = gaps_by_slice(hip, series, near, far)
    except Unmeasurable as reason:
        return NotMeasured(name, hip.side, str(reason))
    narrowest = min(gaps, key=lambda gap: (gap.value.value, -gap.value.slice_position_mm))
    sd_mm = math.sqrt(2) * landmark_sd_mm
    return Measurement(
        name=name,
        side=hip.side,
        value=narrowest.value.value,
        unit="mm",
        sd=sd_mm,
        interval_95=distance_interval_95(narrowest.value.value, sd_mm),
        method=(
            f"smallest in-plane distance from {near} to {narrowest.far} on one axial slice, "
            f"smallest of {len(gaps)} {'slice' if len(gaps) == 1 else 'slices'}"
        ),
        points_mm=narrowest.value.points_mm,
        sop_instance_uid=narrowest.value.sop_instance_uid,
        n_slices=len(gaps),
        per_slice=tuple(gap.value for gap in gaps),
        series_uid=series.series_uid,
        details=(
            ("near_landmark", str(near)),
            ("far_landmark", str(narrowest.far)),
            ("landmark_sd_mm", landmark_sd_mm),
            ("slice_position_mm", narrowest.value.slice_position_mm),
        ),
    )


def distance_interval_95(value_mm: float, sd_mm: float) -> tuple[float, float]:
    """Return the 95 % interval of a distance, mm, cut off at 0."""
    return max(0.0, value_mm - Z_95 * sd_mm), value_mm + Z_95 * sd_mm


def axial_anatomy(hip: Hip) -> Series:
    """Return the anatomy series of a hip, which must be axial within `MAX_TILT_DEG`."""
    series = hip.series.get(Role.ANATOMY)
    if series is None or series.grid is None:
        raise Unmeasurable(hip.reasons.get(Role.ANATOMY, "no anatomy series"))
    tilt_deg = geometry.tilt_from_axial_deg(series.grid.affine)
    if tilt_deg > MAX_TILT_DEG:
        raise Unmeasurable(
            f"the anatomy series {series.label} is {geometry.plane_name(series.grid.affine)}, "
            f"{tilt_deg:.0f} degrees from axial; at most {MAX_TILT_DEG:.0f} are allowed"
        )
    return series


def gaps_by_slice(
    hip: Hip, series: Series, near: LandmarkName, far: Sequence[LandmarkName]
) -> list[Gap]:
    """Return the smallest gap of every slice that shows both ends, from foot to head of the
    stack."""
    near_marks = hip.marked(near)
    far_marks = [mark for name in far for mark in hip.marked(name)]
    if not near_marks:
        raise Unmeasurable(f"no {near} landmark")
    if not far_marks:
        raise Unmeasurable(f"no {' or '.join(far)} landmark")
    near_on, far_on = by_slice(near_marks, series), by_slice(far_marks, series)
    both = sorted(near_on.keys() & far_on.keys())
    if not both:
        raise Unmeasurable(
            f"{near} is marked on {slices_in_words(near_on, series)}, {' or '.join(far)} on "
            f"{slices_in_words(far_on, series)}: both ends must lie on one slice"
        )
    return [_smallest_gap(series, index, near_on[index], far_on[index]) for index in both]


def by_slice(landmarks: Iterable[Landmark], series: Series) -> dict[int, list[Landmark]]:
    """Return landmarks grouped by the slice of a series that they lie on."""
    grouped: dict[int, list[Landmark]] = {}
    for landmark in landmarks:
        grouped.setdefault(slice_index(landmark, series), []).append(landmark)
    return grouped


def slice_index(landmark: Landmark, series: Series) -> int:
    """Return the slice that a landmark lies on: the nearest of those that the instance it names
    holds (several in a multi-frame file), of all where it names none."""
    coordinate = geometry.slice_coordinate(_grid(series).affine, landmark.points_mm).mean()
    named = [
        index
        for index, instance in enumerate(series.instances)
        if landmark.sop_instance_uid and instance.sop_instance_uid == landmark.sop_instance_uid
    ]
    return min(named or range(len(series.instances)), key=lambda index: abs(index - coordinate))


def slice_position_mm(series: Series, index: int) -> float:
    """Return the position of a slice along the stack's normal, towards the head, mm."""
    affine = _grid(series).affine
    return geometry.position_along_normal_mm(
        affine, geometry.voxel_to_patient(affine, (index, 0, 0))
    )


def _smallest_gap(
    series: Series, index: int, near: Sequence[Landmark], far: Sequence[Landmark]
) -> Gap:
    candidates = [(_apart(a, b, series, index), b.name) for a in near for b in far]
    closest, far_name = min(candidates, key=lambda candidate: candidate[0].distance_mm)
    instance = series.instances[index]
    value = SliceValue(
        value=closest.distance_mm,
        slice_position_mm=slice_position_mm(series, index),
        sop_instance_uid=instance.sop_instance_uid,
        points_mm=(as_point(closest.start), as_point(closest.end)),
        instance_number=instance.number,
    )
    return Gap(value, far_name)


def _apart(a: Landmark, b: Landmark, series: Series, index: int) -> geometry.Closest:
    """Return the shortest line between two structures.  Bones and tendons do not overlap: outlines
    that touch, cross or enclose one another were drawn or named wrongly, and a distance of 0 would
    be a false alarm."""
    affine = _grid(series).affine
    closest = geometry.closest_in_plane(
        a.points_mm, b.points_mm, affine, first_closed=a.closed, second_closed=b.closed
    )
    enclosed = (a.closed and geometry.encloses(a.points_mm, b.points_mm[0], affine)) or (
        b.closed and geometry.encloses(b.points_mm, a.points_mm[0], affine)
    )
    if enclosed or at_printed_precision(closest.distance_mm, "mm") == 0:
        raise Unmeasurable(
            f"{a.name} and {b.name} touch or overlap on the slice at "
            f"{slice_position_mm(series, index):.1f} mm; correct the landmarks"
        )
    return closest


def slices_in_words(marked: Iterable[int], series: Series) -> str:
    """Return where slices lie: ``the slices at 68.8 mm, 73.9 mm``."""
    places = [f"{slice_position_mm(series, index):.1f} mm" for index in sorted(marked)]
    return f"the {'slice' if len(places) == 1 else 'slices'} at {', '.join(places)}"


def _grid(series: Series) -> Grid:
    assert series.grid is not None, "axial_anatomy() let a series without a grid through"
    return series.grid


def as_point(position: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Point:
    """Return an array of shape (3,) as a point."""
    x, y, z = (float(value) for value in position)
    return x, y, z
