"""The lesser trochanter of a femur, found in its label.

Around the shaft's axis a femur is nearly its own mirror image about the plane of neck and shaft,
but for the trochanters: the lesser one is where the bone reaches further from the axis on the
posterior side than at the mirrored place on the anterior side.  That tells it from the neck, which
outgrows it from above, and holds however the femur is turned.

The angle between neck and lesser trochanter is 38.4 degrees on average, SD 9.6, range 8 to 67
(Schröder et al., J Hip Preserv Surg 2015;2:410, doi:10.1093/jhps/hnv067, 250 hips); along the
shaft the tip lies 1.16 head diameters below the head's centre, SD 0.08 (100 femora,
doi:10.1186/s12891-021-04131-w).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri.landmarks.bone_labels.field import (
    CUBE_MM,
    DistanceField,
    extent_mm,
    of_bone,
)
from ifi_mri.landmarks.bone_labels.head_and_shaft import Head, Shaft, head_and_shaft
from ifi_mri.landmarks.bone_labels.pieces import BonePiece, Unproposable
from ifi_mri.model import FloatArray
from ifi_mri.vocabulary import Side

#: Height of the femur that is looked at: head, neck, trochanters and a stretch of shaft.
PROXIMAL_MM: Final = 200.0

# The lesser trochanter's place: along the shaft in head diameters below the head's centre (1.16,
# five SD either way, and the tip is a plateau), around it in degrees behind the neck.
TIP_LEVELS: Final = (0.72, 1.65)
TIP_ANGLES_DEG: Final = (10.0, 85.0)

LEVEL_STEP_MM: Final = 1.5
ANGLE_STEP_DEG: Final = 5.0

#: Height of the map of radii below the head's centre, in head diameters.
MAP_DIAMETERS: Final = 2.4

#: Smoothing of the map of radii, mm along the shaft and degrees around it: noise of the labels.
MAP_SMOOTHING: Final = (2.5, 6.0)

#: The trochanter's bump is where the asymmetry exceeds this part of its largest value, and its tip
#: the middle of what reaches within this of the farthest from the axis.
BUMP_FRACTION: Final = 0.7
TIP_PLATEAU_MM: Final = 1.0

#: A level is in view where the bone reaches at least this part of the shaft's radius all around.
IN_VIEW: Final = 0.5

#: Smallest bump that counts: a bare shaft is off its mirror image by 1-3 mm.
LEAST_BUMP_MM: Final = 4.0

#: The bump must fall to this part of its height within the field of view, below and above the tip.
FALLEN_FRACTION: Final = 0.6

#: A neck reaches further from the axis than the shaft by this, where there is no head to tell it.
NECK_REACH_MM: Final = 12.0

#: Head diameters per shaft radius, where there is no head: 3.2 to 3.6 in four femora.
HEAD_PER_SHAFT: Final = 3.4


@dataclass(frozen=True, eq=False)
class ProximalFemur:
    """What is needed of a femur to find the ischiofemoral space.

    Attributes
    ----------
    head : Head or None
        None where it is out of view.
    neck, behind : numpy.ndarray of shape (3,)
        Unit vectors at a right angle to the shaft: towards the neck, and posterior of it.
    tip_mm : numpy.ndarray of shape (3,)
        Tip of the lesser trochanter, patient LPS.
    tip_angle_deg : float
        From the neck backwards around the shaft.
    bump_mm : float
        How much further the trochanter reaches than the mirrored place.
    tip_level_diameters : float or None
        Along the shaft from the head's centre to the tip, in head diameters; None without a head.
    below_mm, above_mm : float
        Femur in view along the shaft below and above the tip.
    """

    side: Side
    head: Head | None
    shaft: Shaft
    neck: FloatArray
    behind: FloatArray
    tip_mm: FloatArray
    tip_angle_deg: float
    bump_mm: float
    tip_level_diameters: float | None
    below_mm: float
    above_mm: float


def find(femur: BonePiece, side: Side) -> ProximalFemur:
    """Return head, shaft and lesser trochanter of a femur.

    Raises
    ------
    Unproposable
        The lesser trochanter, or what is needed to find it, is not in view; or the bone is not
        the one its side says.
    """
    low, high = extent_mm(femur.voxels, femur.affine)
    low[2] = max(low[2], high[2] - PROXIMAL_MM)
    field = of_bone(femur.voxels, femur.affine, low - 2 * CUBE_MM, high + 2 * CUBE_MM)
    head, shaft = head_and_shaft(field, side)
    neck = _neck(field, shaft, head, side)
    if side.sign * neck[0] > 0:
        raise Unproposable(
            f"the head of the femur on the {side} points away from the midline: the file's "
            "orientation or the label table is wrong"
        )
    return _with_trochanter(field, side, head, shaft, neck)


# --- the neck ---------------------------------------------------------------------------------


def _neck(field: DistanceField, shaft: Shaft, head: Head | None, side: Side) -> FloatArray:
    """Return the direction from the shaft's axis towards the head, at a right angle to it; without
    a head, towards where the bone reaches furthest to the midline at its top."""
    if head is not None:
        return _across(head.centre_mm - shaft.point_mm, shaft.direction)
    medial = _across(np.array([1.0, 0.0, 0.0]), shaft.direction)
    other = np.cross(shaft.direction, medial)
    angles = np.radians(np.arange(0.0, 360.0, ANGLE_STEP_DEG))
    directions = np.cos(angles)[:, None] * medial + np.sin(angles)[:, None] * other
    directions = directions[side.sign * directions[:, 0] < 0]
    top = (field.top_mm - shaft.point_mm[2]) / shaft.direction[2]
    levels = np.arange(top - 25.0, top - 5.0, LEVEL_STEP_MM)
    origins = shaft.point_mm + levels[:, None] * shaft.direction
    radii = field.exits_mm(origins[:, None], directions[None])
    reach = float(radii.max())
    if reach < shaft.radius_mm + NECK_REACH_MM:
        raise Unproposable(
            "neither the head nor the neck of the femur is in view, so the lesser trochanter "
            "cannot be told from other prominences"
        )
    furthest = radii.max(axis=0) > reach - 3.0
    return _across(directions[furthest].mean(axis=0), shaft.direction)


def _across(vector: FloatArray, direction: FloatArray) -> FloatArray:
    """Return the part of a vector at a right angle to a direction, of length 1."""
    part = vector - (vector @ direction) * direction
    return np.asarray(part / np.linalg.norm(part))


# --- the lesser trochanter ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _RadiusMap:
    """How far the bone reaches from the shaft's axis, by level along it and angle around it.

    ``levels`` are mm along the axis towards the head, ``angles`` degrees from the neck backwards;
    ``radii`` are smoothed; ``asymmetry`` is how much further the bone reaches than at the mirrored
    angle, minus infinity where the level is not in view.
    """

    levels: FloatArray
    angles: FloatArray
    radii: FloatArray
    asymmetry: FloatArray


def _with_trochanter(
    field: DistanceField, side: Side, head: Head | None, shaft: Shaft, neck: FloatArray
) -> ProximalFemur:
    """Return the femur with its lesser trochanter."""
    behind = side.sign * np.cross(neck, shaft.direction)
    diameter = 2 * head.radius_mm if head else HEAD_PER_SHAFT * shaft.radius_mm
    top = _top_level(field, shaft, head)
    around = _radius_map(field, shaft, neck, behind, (top - MAP_DIAMETERS * diameter, top))
    allowed = _allowed(around, shaft, None if head is None else (top, diameter))
    bump = np.where(allowed, around.asymmetry, -np.inf)
    highest = float(bump.max())
    if highest < LEAST_BUMP_MM:
        raise Unproposable(
            f"no lesser trochanter was found: the femur stands out by {max(highest, 0):.1f} mm "
            f"behind its neck, at least {LEAST_BUMP_MM:.0f} mm are expected; it may be out of view"
        )
    level, angle, radius = _tip(around, bump > BUMP_FRACTION * highest)
    below, above = _seen_around(around, level, highest)
    out = math.cos(math.radians(angle)) * neck + math.sin(math.radians(angle)) * behind
    return ProximalFemur(
        side=side,
        head=head,
        shaft=shaft,
        neck=neck,
        behind=behind,
        tip_mm=shaft.point_mm + level * shaft.direction + radius * out,
        tip_angle_deg=angle,
        bump_mm=highest,
        tip_level_diameters=(top - level) / diameter if head else None,
        below_mm=below,
        above_mm=above,
    )


def _top_level(field: DistanceField, shaft: Shaft, head: Head | None) -> float:
    """Return where along the shaft's axis the head's centre lies, or the top of the bone."""
    if head is not None:
        return float((head.centre_mm - shaft.point_mm) @ shaft.direction)
    return float((field.top_mm - shaft.point_mm[2]) / shaft.direction[2])


def _radius_map(
    field: DistanceField,
    shaft: Shaft,
    neck: FloatArray,
    behind: FloatArray,
    bounds: tuple[float, float],
) -> _RadiusMap:
    """Return the map of radii on the neck's side of the shaft, between two levels."""
    from scipy.ndimage import gaussian_filter

    levels = np.arange(*bounds, LEVEL_STEP_MM)
    angles = np.arange(-90.0, 90.0 + ANGLE_STEP_DEG, ANGLE_STEP_DEG)
    turned = np.radians(angles)
    directions = np.cos(turned)[:, None] * neck + np.sin(turned)[:, None] * behind
    origins = shaft.point_mm + levels[:, None] * shaft.direction
    radii = field.exits_mm(origins[:, None], directions[None])
    in_view = radii.min(axis=1) > IN_VIEW * shaft.radius_mm
    smoothing = (MAP_SMOOTHING[0] / LEVEL_STEP_MM, MAP_SMOOTHING[1] / ANGLE_STEP_DEG)
    smooth = gaussian_filter(radii, smoothing, mode="nearest")
    asymmetry = np.where(in_view[:, None], smooth - smooth[:, ::-1], -np.inf)
    return _RadiusMap(levels, angles, smooth, asymmetry)


def _allowed(
    around: _RadiusMap, shaft: Shaft, head: tuple[float, float] | None
) -> npt.NDArray[np.bool_]:
    """Return where on the map a lesser trochanter may be: below the head, of which level and
    diameter are given, or, without a head, below where the neck begins."""
    if head is not None:
        level, diameter = head
        down = (level - around.levels) / diameter
        at_level = (down >= TIP_LEVELS[0]) & (down <= TIP_LEVELS[1])
    else:
        towards_neck = np.abs(around.angles) <= TIP_ANGLES_DEG[0]
        reach = around.radii[:, towards_neck].max(axis=1)
        at_level = reach < shaft.radius_mm + NECK_REACH_MM
    return np.asarray(at_level[:, None] & _behind_neck(around))


def _behind_neck(around: _RadiusMap) -> npt.NDArray[np.bool_]:
    """Return the angles at which a lesser trochanter may be."""
    return np.asarray((around.angles >= TIP_ANGLES_DEG[0]) & (around.angles <= TIP_ANGLES_DEG[1]))


def _tip(around: _RadiusMap, bump: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return level, angle and radius of the tip: the middle of what reaches furthest from the
    axis."""
    furthest = float(around.radii[bump].max())
    rows, columns = np.nonzero(bump & (around.radii > furthest - TIP_PLATEAU_MM))
    radii = around.radii[rows, columns]
    weights = radii - (furthest - TIP_PLATEAU_MM)
    level, angle, radius = (
        float(np.average(values, weights=weights))
        for values in (around.levels[rows], around.angles[columns], radii)
    )
    return level, angle, radius


def _seen_around(around: _RadiusMap, level: float, highest: float) -> tuple[float, float]:
    """Return how much of the femur is in view below and above the tip, mm.

    Raises
    ------
    Unproposable
        The view ends before the trochanter does, on either side.
    """
    height = around.asymmetry[:, _behind_neck(around)].max(axis=1)
    seen = np.isfinite(height)
    below, above = seen & (around.levels < level), seen & (around.levels > level)
    for part, word in ((below, "below"), (above, "above")):
        if not part.any() or height[part].min() > FALLEN_FRACTION * highest:
            raise Unproposable(
                f"the lesser trochanter is cut off: the field of view ends {word} its tip before "
                "it does"
            )
    return level - float(around.levels[below].min()), float(around.levels[above].max()) - level
