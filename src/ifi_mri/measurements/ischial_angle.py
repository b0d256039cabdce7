"""Ischial angle (degrees): the long axis of the ischium against the horizontal, on an axial slice.

Counted from the horizontal towards the opposite side to the axis towards the back, so that it is
obtuse where the ischium's back end is its lateral one, as published values are: 132.6 SD 1.4
degrees with impingement (Ge 2019, axial T1, doi:10.13929/j.1003-3289.201804073), 131.5 SD 4.2
degrees in children (CT).  The values were read in the abstracts, the exact construction of the
lines was not read in the primary source: this one is ours.  An acute angle is given as it is, never
folded over.

The horizontal is the bi-ischial line where the tuberosities of both sides are marked, else the
patient's left-right axis (`horizontal`).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ifi_mri import geometry
from ifi_mri.config import Config
from ifi_mri.measurements.horizontal import Horizontal, backwards, horizontal, in_plane
from ifi_mri.measurements.in_plane_distance import (
    Unmeasurable,
    as_point,
    axial_anatomy,
    by_slice,
    slice_position_mm,
)
from ifi_mri.measurements.marked_lines import MarkedLine, angle_interval_95, fitted_line
from ifi_mri.measurements.narrowest_level import level_at_narrowest
from ifi_mri.model import Hip, Landmark, Measurement, NotMeasured, Outline, Series, SliceValue
from ifi_mri.vocabulary import LandmarkName, MeasurementName

NAMES = (MeasurementName.ISCHIAL_ANGLE,)

#: An axis belongs to one slice where its ends are less than this part of the spacing apart across
#: the slices.
ON_SLICE_FRACTION = 0.5


#: Length of the horizontal arm that is drawn, mm.
ARM_MM = 20.0


class Angle(NamedTuple):
    """The angle on one slice, its standard deviation, and the three points that draw it: the end of
    the horizontal arm, the front end of the axis (the vertex), its back end."""

    value_deg: float
    sd_deg: float
    points_mm: Outline


def measure_pair(
    left: Hip,
    right: Hip,
    results: Sequence[Measurement | NotMeasured],  # noqa: ARG001 - what the room hands to all
    config: Config,
) -> tuple[Measurement | NotMeasured, ...]:
    """Return the ischial angle of each hip, degrees; both hips lay the horizontal."""
    return tuple(_of_one_hip(hip, left, right, config) for hip in (left, right))


def _of_one_hip(hip: Hip, left: Hip, right: Hip, config: Config) -> Measurement | NotMeasured:
    name, marks = MeasurementName.ISCHIAL_ANGLE, hip.marked(LandmarkName.ISCHIAL_AXIS)
    if not marks:
        reason = f"no {LandmarkName.ISCHIAL_AXIS} landmark"
        return NotMeasured(name, hip.side, reason, optional=True)
    landmark_sd_mm = config.spaces.landmark_sd_mm
    try:
        series = axial_anatomy(hip)
        level_line = horizontal(left, right, series, landmark_sd_mm)
        angles = {
            index: _on_slice(hip, found, series, index, level_line, landmark_sd_mm)
            for index, found in sorted(by_slice(marks, series).items())
        }
        level = level_at_narrowest(hip, series, angles)
    except Unmeasurable as reason:
        return NotMeasured(name, hip.side, str(reason))
    shown = angles[level.slice_index]
    return Measurement(
        name=name,
        side=hip.side,
        value=shown.value_deg,
        unit="deg",
        sd=shown.sd_deg,
        interval_95=angle_interval_95(shown.value_deg, shown.sd_deg),
        method=(
            f"angle between the {level_line.name}, towards the other side, and the long axis of "
            f"the ischium, towards the back, in the plane of an axial slice, {level.words}"
        ),
        points_mm=shown.points_mm,
        sop_instance_uid=series.instances[level.slice_index].sop_instance_uid,
        n_slices=len(angles),
        per_slice=tuple(_slice_value(series, k, angle) for k, angle in angles.items()),
        series_uid=series.series_uid,
        details=(
            ("horizontal", level_line.name),
            ("definition", f"to the {level_line.name}; construction ours"),
            ("landmark_sd_mm", landmark_sd_mm),
        ),
    )


def _on_slice(
    hip: Hip,
    marks: list[Landmark],
    series: Series,
    index: int,
    level_line: Horizontal,
    landmark_sd_mm: float,
) -> Angle:
    line = _axis_on_slice(marks, series, index)
    assert series.grid is not None
    normal = geometry.slice_normal(series.grid.affine)
    inwards = -hip.side.sign * level_line.direction
    axis = in_plane(line.direction, normal)
    back = backwards(inwards, normal)
    angle_rad = math.atan2(float(axis @ back), float(axis @ inwards)) % math.pi
    sd_rad = math.hypot(line.direction_sd_rad(landmark_sd_mm), level_line.sd_rad)
    front, end = line.ends_mm
    points = tuple(as_point(place) for place in (front + ARM_MM * inwards, front, end))
    return Angle(math.degrees(angle_rad), math.degrees(sd_rad), points)


def _axis_on_slice(marks: list[Landmark], series: Series, index: int) -> MarkedLine:
    """Return the one axis of a slice."""
    assert series.grid is not None
    name, grid = LandmarkName.ISCHIAL_AXIS, series.grid
    where = f"on the slice at {slice_position_mm(series, index):.1f} mm"
    if len(marks) > 1:
        raise Unmeasurable(f"{name} is marked {len(marks)} times {where}; keep one")
    across = geometry.slice_coordinate(grid.affine, marks[0].points_mm)
    if np.ptp(across) > ON_SLICE_FRACTION:
        raise Unmeasurable(
            f"the ends of {name} lie {np.ptp(across) * grid.slice_spacing_mm:.1f} mm apart across "
            f"the slices; draw it on one axial slice"
        )
    flat = geometry.in_slice_plane(marks[0].points_mm, grid.affine)
    middle = np.mean(marks[0].points_mm, axis=0)
    lifted = flat + (middle - geometry.in_slice_plane(middle, grid.affine))
    return fitted_line(lifted, (0.0, 1.0, 0.0), str(name))


def _slice_value(series: Series, index: int, angle: Angle) -> SliceValue:
    instance = series.instances[index]
    return SliceValue(
        value=angle.value_deg,
        slice_position_mm=slice_position_mm(series, index),
        sop_instance_uid=instance.sop_instance_uid,
        points_mm=angle.points_mm,
        instance_number=instance.number,
    )
