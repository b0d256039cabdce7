"""Side difference of the lesser trochanters' direction (degrees): how much further to the back the
left one points than the right one, each seen from the middle of its femoral shaft in the axial
plane.

What the images show of a side-to-side difference of femoral rotation where the shaft's axis is
marked: turning a femur inwards carries its trochanter to the back.  It is a stand-in, not the
rotation: femora differ in where the trochanter sits (the angle between neck and trochanter is 38 SD
10 degrees, range 8 to 67, in 250 hips; J Hip Preserv Surg 2015;2:410, doi:10.1093/jhps/hnv067), so
that a difference may be one of rotation, of shape, or of both.  The construction is ours.

The middle of the shaft on a slice is where the line fitted to `femoral_shaft_axis` crosses it; the
trochanter's tip is the marked point farthest from it over the slices; directions count from the
horizontal (`horizontal`) towards the other side.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ifi_mri import geometry
from ifi_mri.config import Config
from ifi_mri.measurements.horizontal import Horizontal, backwards, horizontal
from ifi_mri.measurements.in_plane_distance import (
    Unmeasurable,
    as_point,
    axial_anatomy,
    by_slice,
)
from ifi_mri.measurements.marked_lines import MarkedLine
from ifi_mri.measurements.neck_shaft_angle import shaft_axis
from ifi_mri.model import Z_95, FloatArray, Hip, Measurement, NotMeasured, Outline, Series
from ifi_mri.vocabulary import LandmarkName, MeasurementName

NAMES = (MeasurementName.SIDE_DIFFERENCE_LESSER_TROCHANTER_DIRECTION,)

NEEDED = (LandmarkName.FEMORAL_SHAFT_AXIS, LandmarkName.LESSER_TROCHANTER)

#: A shaft that runs flatter than this to the slices is crossed by them too obliquely, degrees.
FLATTEST_SHAFT_DEG = 30.0

#: Tips nearer to the shaft's middle than this are not a trochanter's: the shaft alone is thicker.
NEAREST_TIP_MM = 10.0


class Direction(NamedTuple):
    """Where one trochanter points, from the horizontal towards the back, and how sure that is."""

    angle_rad: float
    sd_rad: float
    points_mm: Outline


def measure_pair(
    left: Hip,
    right: Hip,
    results: Sequence[Measurement | NotMeasured],  # noqa: ARG001 - what the room hands to all
    config: Config,
) -> tuple[Measurement | NotMeasured, ...]:
    """Return by how much the left trochanter points further to the back than the right, degrees."""
    name = MeasurementName.SIDE_DIFFERENCE_LESSER_TROCHANTER_DIRECTION
    unmarked = [
        f"no {landmark} landmark on the {hip.side}"
        for hip in (left, right)
        for landmark in NEEDED
        if not hip.marked(landmark)
    ]
    if unmarked:
        return (NotMeasured(name, None, "; ".join(unmarked), optional=True),)
    sd_mm = config.spaces.landmark_sd_mm
    try:
        series = axial_anatomy(left)
        level_line = horizontal(left, right, series, sd_mm)
        sides = [_direction(hip, series, level_line, sd_mm) for hip in (left, right)]
    except Unmeasurable as reason:
        return (NotMeasured(name, None, str(reason)),)
    value = math.degrees(math.remainder(sides[0].angle_rad - sides[1].angle_rad, 2 * math.pi))
    # A turned horizontal moves one direction up and the other down: it counts twice.
    sd = math.degrees(math.hypot(sides[0].sd_rad, sides[1].sd_rad, 2 * level_line.sd_rad))
    return (
        Measurement(
            name=name,
            side=None,
            value=value,
            unit="deg",
            sd=sd,
            interval_95=(value - Z_95 * sd, value + Z_95 * sd),
            method=(
                "direction of the lesser trochanter seen from the middle of the femoral shaft, in "
                f"the plane of the axial slices, from the {level_line.name} towards the back, left "
                "minus right; a difference of femoral rotation, of shape, or of both"
            ),
            points_mm=tuple(point for one in sides for point in one.points_mm),
            sop_instance_uid=None,
            n_slices=sum(
                len(by_slice(hip.marked(LandmarkName.LESSER_TROCHANTER), series))
                for hip in (left, right)
            ),
            series_uid=series.series_uid,
            details=(
                ("definition", "towards the back; a difference of rotation, of shape, or of both"),
                ("left_deg", math.degrees(sides[0].angle_rad)),
                ("right_deg", math.degrees(sides[1].angle_rad)),
                ("horizontal", level_line.name),
                ("landmark_sd_mm", sd_mm),
            ),
        ),
    )


def _direction(hip: Hip, series: Series, level_line: Horizontal, sd_mm: float) -> Direction:
    assert series.grid is not None
    normal = geometry.slice_normal(series.grid.affine)
    shaft = shaft_axis(hip)
    steepness = float(shaft.direction @ normal)
    if abs(steepness) < math.sin(math.radians(FLATTEST_SHAFT_DEG)):
        raise Unmeasurable(
            f"the {hip.side} femoral_shaft_axis runs along the axial slices, not across them"
        )
    tip, middle, along_mm = _tip(hip, shaft, normal)
    outwards = tip - middle
    radius_mm = float(np.linalg.norm(outwards))
    if radius_mm < NEAREST_TIP_MM:
        raise Unmeasurable(
            f"the {hip.side} lesser_trochanter lies {radius_mm:.1f} mm from the femoral shaft's "
            f"axis, at least {NEAREST_TIP_MM:g} mm were expected; check both landmarks"
        )
    inwards = -hip.side.sign * level_line.direction
    back = backwards(inwards, normal)
    across_mm = math.hypot(sd_mm, shaft.place_sd_mm(along_mm, sd_mm))
    return Direction(
        math.atan2(float(outwards @ back), float(outwards @ inwards)),
        across_mm / radius_mm,
        (as_point(middle), as_point(tip)),
    )


def _tip(hip: Hip, shaft: MarkedLine, normal: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Return the trochanter's point farthest from the shaft, the shaft's middle on the plane
    through it, and how far along the axis that lies from the axis' own middle, mm."""
    found = []
    for mark in hip.marked(LandmarkName.LESSER_TROCHANTER):
        for point in np.asarray(mark.points_mm, dtype=np.float64):
            along_mm = float((point - shaft.middle_mm) @ normal / (shaft.direction @ normal))
            middle = shaft.middle_mm + along_mm * shaft.direction
            found.append((float(np.linalg.norm(point - middle)), point, middle, along_mm))
    _, tip, middle, along_mm = max(found, key=lambda one: one[0])
    return tip, middle, along_mm
