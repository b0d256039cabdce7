"""Neck-shaft angle (degrees): the femoral neck's axis, towards the head, against the shaft's,
towards the knee; the caput-collum-diaphyseal or inclination angle.

Read on coronal T2 with impingement at a median of 132.7 degrees (Ge 2019,
doi:10.13929/j.1003-3289.201804073); sources disagree on whether it is larger or smaller there, and
a systematic review finds no consistent relation.  It is not the "femoral neck angle" of 34.6 SD
11.5 degrees, an angle of another plane (Skeletal Radiol 2022;51:625-635,
doi:10.1007/s00256-021-03872-y).

Both axes are lines fitted to what was marked, on a coronal slice or across slices, and the angle is
that between the lines in space.  On one coronal slice that is the angle seen there; axes marked in
three dimensions give the true angle, which a picture of a turned femur shows wider.
"""

import math

import numpy as np

from ifi_mri.config import Config
from ifi_mri.measurements.in_plane_distance import Unmeasurable, as_point
from ifi_mri.measurements.marked_lines import MarkedLine, angle_interval_95, fitted_line
from ifi_mri.model import Hip, Landmark, Measurement, NotMeasured
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Side

NAMES = (MeasurementName.NECK_SHAFT_ANGLE,)

NECK, SHAFT = LandmarkName.FEMORAL_NECK_AXIS, LandmarkName.FEMORAL_SHAFT_AXIS

#: Lines this near to parallel, degrees, lie in no plane of their own.
PARALLEL_DEG = 1.0


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return the neck-shaft angle of one hip, degrees."""
    name = MeasurementName.NECK_SHAFT_ANGLE
    unmarked = [landmark for landmark in (NECK, SHAFT) if not hip.marked(landmark)]
    if unmarked:
        reason = f"no {' and no '.join(unmarked)} landmark"
        return (NotMeasured(name, hip.side, reason, optional=NECK in unmarked),)
    try:
        neck, shaft = neck_axis(hip), shaft_axis(hip)
    except Unmeasurable as reason:
        return (NotMeasured(name, hip.side, str(reason)),)
    landmark_sd_mm = config.spaces.landmark_sd_mm
    angle_deg = angle_between_deg(neck, shaft)
    sd_deg = math.degrees(
        math.hypot(neck.direction_sd_rad(landmark_sd_mm), shaft.direction_sd_rad(landmark_sd_mm))
    )
    tilt_deg = tilt_from_coronal_deg(neck, shaft)
    plane = "parallel axes" if tilt_deg is None else f"{tilt_deg:.0f} degrees from coronal"
    marks = (*hip.marked(NECK), *hip.marked(SHAFT))
    named = {mark.sop_instance_uid for mark in marks}
    details: tuple[tuple[str, float | int | str], ...] = (
        ("definition", "caput-collum-diaphyseal angle, not the femoral neck angle"),
        ("landmark_sd_mm", landmark_sd_mm),
        ("n_neck_points", len(neck.along_mm)),
        ("n_shaft_points", len(shaft.along_mm)),
    )
    if tilt_deg is not None:
        details += (("plane_tilt_from_coronal_deg", tilt_deg),)
    return (
        Measurement(
            name=name,
            side=hip.side,
            value=angle_deg,
            unit="deg",
            sd=sd_deg,
            interval_95=angle_interval_95(angle_deg, sd_deg),
            method=(
                "neck-shaft (caput-collum-diaphyseal) angle, in space, between the lines fitted to "
                "femoral_neck_axis, towards the head, and femoral_shaft_axis, towards the knee; "
                f"plane of both: {plane}"
            ),
            points_mm=tuple(as_point(end) for line in (neck, shaft) for end in line.ends_mm),
            sop_instance_uid=named.pop() if len(named) == 1 else None,
            n_slices=len({_place(mark) for mark in marks}),
            details=details,
        ),
    )


def neck_axis(hip: Hip) -> MarkedLine:
    """Return the line of the femoral neck, towards the head: medially and up."""
    return fitted_line(_points(hip, NECK), (-hip.side.sign, 0.0, 1.0), str(NECK))


def shaft_axis(hip: Hip) -> MarkedLine:
    """Return the line of the femoral shaft, towards the knee."""
    return fitted_line(_points(hip, SHAFT), (0.0, 0.0, -1.0), str(SHAFT))


def angle_between_deg(first: MarkedLine, second: MarkedLine) -> float:
    """Return the angle between the directions of two lines, 0 to 180 degrees."""
    across = np.linalg.norm(np.cross(first.direction, second.direction))
    return math.degrees(math.atan2(float(across), float(first.direction @ second.direction)))


def tilt_from_coronal_deg(first: MarkedLine, second: MarkedLine) -> float | None:
    """Return the angle between the plane of two lines and the patient's coronal plane, 0 to 90
    degrees; None where the lines are parallel."""
    normal = np.cross(first.direction, second.direction)
    length = float(np.linalg.norm(normal))
    if length < math.sin(math.radians(PARALLEL_DEG)):
        return None
    return math.degrees(math.acos(min(1.0, abs(float(normal[1])) / length)))


def _points(hip: Hip, name: LandmarkName) -> list[tuple[float, float, float]]:
    return [point for mark in hip.marked(name) for point in mark.points_mm]


def _place(mark: Landmark) -> str | tuple[str, Side]:
    """Return what tells the slices of landmarks apart: those that name none count as one."""
    return mark.sop_instance_uid or ("unnamed", mark.side)
