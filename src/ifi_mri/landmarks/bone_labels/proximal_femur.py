"""Head, shaft and lesser trochanter of a femur, found in its label.

The head is the sphere that fits the surface around the largest ball inside the proximal femur; the
shaft is the line through the largest balls of the levels below; the neck points from the shaft to
the head.  Around the shaft's axis the femur is then nearly its own mirror image about the plane of
neck and shaft, but for the trochanters: the lesser one is where the bone reaches further from the
axis on the posterior side than at the mirrored place on the anterior side.  That tells it from the
neck, which outgrows it from above, and holds however the femur is turned.

The angle between neck and lesser trochanter is 38.4 degrees on average, SD 9.6, range 8 to 67
(Schroeder et al., J Hip Preserv Surg 2015;2:410, doi:10.1093/jhps/hnv067, 250 hips); along the
shaft the tip lies 1.16 head diameters below the head's centre, SD 0.08 (doi:10.1186/s12891-021-04131-w,
100 femora).
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
from ifi_mri.landmarks.bone_labels.pieces import BonePiece, Unproposable
from ifi_mri.model import FloatArray
from ifi_mri.vocabulary import Side

#: Height of the femur that is looked at: head, neck, trochanters and a stretch of shaft.
PROXIMAL_MM: Final = 200.0

# The head.  Diameters of 45-54 mm in men and 43-46 mm in women are published means
# (doi:10.1186/s12891-021-04131-w and others); 28 mm is a toddler's, 62 mm no one's.
HEAD_RADIUS_MM: Final = (14.0, 31.0)
HEAD_WITHIN_MM: Final = 75.0
HEAD_RAYS: Final = 500
SPHERE_ROUNDS: Final = 6

#: A ray ends on the sphere when it does within this of it.
ON_SPHERE_MM: Final = 1.5

#: Root mean square distance of a head's surface from its sphere, and the part of all directions
#: in which it has one: a worse fit is no head.
WORST_SPHERE_MM: Final = 2.0
LEAST_SPHERE: Final = 0.4

#: Levels of the shaft below the head's centre, in head diameters: below the lesser trochanter (its
#: lower end lies 1.16 + 4 x 0.08 diameters below the centre and a half height of 11 mm further).
SHAFT_LEVELS: Final = (1.7, 3.6)
#: ... and where the field of view ends sooner, as little of the shaft as still has a direction.
SHORTEST_SHAFT_MM: Final = 20.0

#: Largest balls of a level count as its centre down to this much below the largest, mm.
BALL_SLACK_MM: Final = 1.0

# The lesser trochanter's place: along the shaft in head diameters below the head's centre (1.16,
# five SD either way, and the tip is a plateau), around it in degrees behind the neck.
TIP_LEVELS: Final = (0.72, 1.65)
TIP_ANGLES_DEG: Final = (10.0, 85.0)

LEVEL_STEP_MM: Final = 1.5
ANGLE_STEP_DEG: Final = 5.0
RAY_REACH_MM: Final = 60.0

#: Smoothing of the map of radii, mm along the shaft and degrees around it: noise of the labels.
MAP_SMOOTHING: Final = (2.5, 6.0)

#: The trochanter's bump is where the asymmetry exceeds this part of its largest value, and its tip
#: the middle of what reaches within this of the farthest from the axis.
BUMP_FRACTION: Final = 0.7
TIP_PLATEAU_MM: Final = 1.0

#: Smallest bump that counts: a bare shaft is off its mirror image by 1-3 mm.
LEAST_BUMP_MM: Final = 4.0

#: The bump must fall to this part of its height within the field of view, below and above the tip.
FALLEN_FRACTION: Final = 0.6

#: A neck reaches further from the axis than the shaft by this, where there is no head to tell it.
NECK_REACH_MM: Final = 12.0

#: Head diameters per shaft radius, where there is no head: 3.2 to 3.6 in four femora.
HEAD_PER_SHAFT: Final = 3.4


@dataclass(frozen=True, eq=False)
class Head:
    """The sphere of the femoral head; ``residual_mm`` is the root mean square distance of the
    surface from it, ``seen_fraction`` the part of all directions in which the surface lies on
    it."""

    centre_mm: FloatArray
    radius_mm: float
    residual_mm: float
    seen_fraction: float


@dataclass(frozen=True, eq=False)
class Shaft:
    """The axis of the shaft, its direction towards the head, and the radius inside."""

    point_mm: FloatArray
    direction: FloatArray
    radius_mm: float
    residual_mm: float
    length_mm: float


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
    balls = _balls_mm(field)
    head = _head(field, balls)
    shaft = _shaft(field, balls, head)
    neck = _neck(field, shaft, head)
    if side.sign * neck[0] > 0:
        raise Unproposable(
            f"the head of the femur on the {side} points away from the midline: the file's "
            "orientation or the label table is wrong"
        )
    return _with_trochanter(field, side, head, shaft, neck)


def _balls_mm(field: DistanceField) -> npt.NDArray[np.float64]:
    """Return the radius of the largest ball inside the bone around every cube, mm."""
    from scipy.ndimage import distance_transform_edt

    framed = np.pad(field.inside, 1)
    balls = distance_transform_edt(framed)[1:-1, 1:-1, 1:-1]
    return np.asarray(balls * CUBE_MM, dtype=np.float64)


# --- the head -----------------------------------------------------------------------------------


def _head(field: DistanceField, balls: npt.NDArray[np.float64]) -> Head | None:
    """Return the sphere of the femoral head, or None where none fits."""
    near_top = field.z_mm > _top_mm(field) - HEAD_WITHIN_MM
    place = np.unravel_index(int(np.argmax(balls[near_top])), balls[near_top].shape)
    index = np.array(place, dtype=np.float64) + (int(np.flatnonzero(near_top)[0]), 0, 0)
    centre = (field.affine @ (*index, 1.0))[:3]
    radius = float(balls[near_top].max())
    directions = _even_directions(HEAD_RAYS)
    tolerance = 0.25 * radius
    residual = math.inf
    for _ in range(SPHERE_ROUNDS):
        exits = field.exits_mm(centre, directions, 2 * HEAD_RADIUS_MM[1])
        on_sphere = np.abs(exits - radius) < tolerance
        if on_sphere.sum() < LEAST_SPHERE / 2 * HEAD_RAYS:
            return None
        surface = centre + exits[on_sphere, None] * directions[on_sphere]
        centre, radius, residual = _fitted_sphere(surface)
        tolerance = max(ON_SPHERE_MM, 2 * residual)
    exits = field.exits_mm(centre, directions, 2 * HEAD_RADIUS_MM[1])
    seen = float((np.abs(exits - radius) < ON_SPHERE_MM).mean())
    plausible = HEAD_RADIUS_MM[0] <= radius <= HEAD_RADIUS_MM[1]
    if not plausible or residual > WORST_SPHERE_MM or seen < LEAST_SPHERE:
        return None
    return Head(centre, radius, residual, seen)


def _top_mm(field: DistanceField) -> float:
    return float(field.z_mm[field.inside.any(axis=(1, 2))].max())


def _even_directions(count: int) -> FloatArray:
    """Return unit vectors spread evenly over the sphere (Fibonacci lattice), shape (count, 3)."""
    n = np.arange(count) + 0.5
    polar, around = np.arccos(1 - 2 * n / count), np.pi * (1 + math.sqrt(5)) * n
    return np.column_stack(
        [np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)]
    )


def _fitted_sphere(points: FloatArray) -> tuple[FloatArray, float, float]:
    """Return centre, radius and root mean square residual of the sphere through points (linear
    least squares on ``|p|^2 = 2 c.p + r^2 - |c|^2``)."""
    origin = points.mean(axis=0)
    local = points - origin
    system = np.column_stack([2 * local, np.ones(len(local))])
    solution = np.linalg.lstsq(system, (local**2).sum(axis=1), rcond=None)[0]
    radius = math.sqrt(max(0.0, float(solution[3] + solution[:3] @ solution[:3])))
    off = np.linalg.norm(local - solution[:3], axis=1) - radius
    return origin + solution[:3], radius, float(np.sqrt(np.mean(off**2)))


# --- shaft and neck -----------------------------------------------------------------------------


def _shaft(field: DistanceField, balls: npt.NDArray[np.float64], head: Head | None) -> Shaft:
    """Return the axis of the shaft: a line through the largest balls of its levels."""
    if head is None:
        top, diameter = _top_mm(field), 46.0
        levels = (top - 4.0 * diameter, top - 0.6 * diameter)
    else:
        diameter = 2 * head.radius_mm
        low, high = (float(head.centre_mm[2]) - part * diameter for part in SHAFT_LEVELS[::-1])
        levels = (low, high)
    centres, radii = _level_centres(field, balls, *levels)
    if len(centres) * CUBE_MM < SHORTEST_SHAFT_MM and head is not None:
        # The field of view ends within or below the trochanter: its own levels must do, the
        # largest ball of a level leaves the trochanter out.
        start = float(head.centre_mm[2]) - 1.0 * diameter
        centres, radii = _level_centres(field, balls, levels[0], start)
    if len(centres) * CUBE_MM < SHORTEST_SHAFT_MM:
        raise Unproposable(
            f"{len(centres) * CUBE_MM:.0f} mm of the femoral shaft are in view below the neck, at "
            f"least {SHORTEST_SHAFT_MM:.0f} mm are needed to find the lesser trochanter"
        )
    middle = centres.mean(axis=0)
    direction = np.linalg.svd(centres - middle)[2][0]
    direction = direction * np.sign(direction[2])
    along = (centres - middle) @ direction
    off = centres - middle - along[:, None] * direction
    return Shaft(
        point_mm=middle,
        direction=direction,
        radius_mm=float(np.median(radii)),
        residual_mm=float(np.sqrt((off**2).sum(axis=1).mean())),
        length_mm=float(np.ptp(along)),
    )


def _level_centres(
    field: DistanceField, balls: npt.NDArray[np.float64], low_mm: float, high_mm: float
) -> tuple[FloatArray, FloatArray]:
    """Return the centre and radius of the largest ball on every level of a range."""
    in_range = (field.z_mm >= low_mm) & (field.z_mm <= high_mm) & field.inside.any(axis=(1, 2))
    centres, radii = [], []
    for k in np.flatnonzero(in_range):
        radius = float(balls[k].max())
        rows, columns = np.nonzero(balls[k] > radius - BALL_SLACK_MM)
        weights = balls[k][rows, columns] - (radius - BALL_SLACK_MM)
        index = (k, np.average(rows, weights=weights), np.average(columns, weights=weights), 1.0)
        centres.append((field.affine @ np.array(index))[:3])
        radii.append(radius)
    return np.array(centres).reshape(-1, 3), np.array(radii)


def _neck(field: DistanceField, shaft: Shaft, head: Head | None) -> FloatArray:
    """Return the direction from the shaft's axis towards the head, at a right angle to it; without
    a head, towards where the bone reaches furthest from the axis at its top."""
    if head is not None:
        return _across(head.centre_mm - shaft.point_mm, shaft.direction)
    medial = _across(np.array([1.0, 0.0, 0.0]), shaft.direction)
    other = np.cross(shaft.direction, medial)
    angles = np.radians(np.arange(0.0, 360.0, ANGLE_STEP_DEG))
    directions = np.cos(angles)[:, None] * medial + np.sin(angles)[:, None] * other
    top = (_top_mm(field) - shaft.point_mm[2]) / shaft.direction[2]
    levels = np.arange(top - 25.0, top - 5.0, LEVEL_STEP_MM)
    origins = shaft.point_mm + levels[:, None] * shaft.direction
    radii = field.exits_mm(origins[:, None], directions[None], RAY_REACH_MM)
    radii = np.where(np.isfinite(radii), radii, RAY_REACH_MM)
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


def _with_trochanter(
    field: DistanceField, side: Side, head: Head | None, shaft: Shaft, neck: FloatArray
) -> ProximalFemur:
    """Return the femur with its lesser trochanter."""
    from scipy.ndimage import gaussian_filter

    behind = side.sign * np.cross(neck, shaft.direction)
    diameter = 2 * head.radius_mm if head else HEAD_PER_SHAFT * shaft.radius_mm
    top = _above_mm(head.centre_mm if head else None, field, shaft)
    levels = np.arange(top - 2.4 * diameter, top, LEVEL_STEP_MM)
    angles = np.arange(-90.0, 90.0 + ANGLE_STEP_DEG, ANGLE_STEP_DEG)
    origins = shaft.point_mm + levels[:, None] * shaft.direction
    turned = np.radians(angles)
    directions = np.cos(turned)[:, None] * neck + np.sin(turned)[:, None] * behind
    radii = field.exits_mm(origins[:, None], directions[None], RAY_REACH_MM)
    in_view = radii.min(axis=1) > 0  # the axis lies inside the bone
    radii = np.where(np.isfinite(radii), radii, RAY_REACH_MM)
    smoothing = (MAP_SMOOTHING[0] / LEVEL_STEP_MM, MAP_SMOOTHING[1] / ANGLE_STEP_DEG)
    smooth = gaussian_filter(radii, smoothing, mode="nearest")
    asymmetry = np.where(in_view[:, None], smooth - smooth[:, ::-1], -np.inf)
    allowed = _allowed(levels, angles, in_view, top if head else None, diameter)
    if not allowed.any():
        raise Unproposable("the place of the lesser trochanter is out of view")
    bump = np.where(allowed, asymmetry, -np.inf)
    highest = float(bump.max())
    if highest < LEAST_BUMP_MM:
        raise Unproposable(
            f"no lesser trochanter was found: the femur stands out by {max(highest, 0):.1f} mm "
            f"behind its neck, at least {LEAST_BUMP_MM:.0f} mm are expected; it may be out of view"
        )
    level, angle = _tip(levels, angles, smooth, bump > BUMP_FRACTION * highest)
    below, above = _seen_around(levels, asymmetry, angles, level, highest)
    radius = float(np.interp(level, levels, smooth[:, int(np.argmin(np.abs(angles - angle)))]))
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


def _above_mm(centre: FloatArray | None, field: DistanceField, shaft: Shaft) -> float:
    """Return where along the shaft's axis the head's centre lies, or the top of the bone."""
    if centre is not None:
        return float((centre - shaft.point_mm) @ shaft.direction)
    return float((_top_mm(field) - shaft.point_mm[2]) / shaft.direction[2])


def _allowed(
    levels: FloatArray,
    angles: FloatArray,
    in_view: npt.NDArray[np.bool_],
    head_level: float | None,
    diameter: float,
) -> npt.NDArray[np.bool_]:
    """Return where on the map of radii a lesser trochanter may be."""
    at_angle = (angles >= TIP_ANGLES_DEG[0]) & (angles <= TIP_ANGLES_DEG[1])
    at_level = in_view
    if head_level is not None:
        down = (head_level - levels) / diameter
        at_level = in_view & (down >= TIP_LEVELS[0]) & (down <= TIP_LEVELS[1])
    return np.asarray(at_level[:, None] & at_angle)


def _tip(
    levels: FloatArray, angles: FloatArray, radii: FloatArray, bump: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """Return level and angle of the tip: the middle of what reaches furthest from the axis."""
    furthest = float(radii[bump].max())
    rows, columns = np.nonzero(bump & (radii > furthest - TIP_PLATEAU_MM))
    weights = radii[rows, columns] - (furthest - TIP_PLATEAU_MM)
    return (
        float(np.average(levels[rows], weights=weights)),
        float(np.average(angles[columns], weights=weights)),
    )


def _seen_around(
    levels: FloatArray, asymmetry: FloatArray, angles: FloatArray, level: float, highest: float
) -> tuple[float, float]:
    """Return how much of the femur is in view below and above the tip, mm.

    Raises
    ------
    Unproposable
        The view ends before the trochanter does, on either side.
    """
    at_angle = (angles >= TIP_ANGLES_DEG[0]) & (angles <= TIP_ANGLES_DEG[1])
    height = asymmetry[:, at_angle].max(axis=1)
    seen = np.isfinite(height)
    below, above = seen & (levels < level), seen & (levels > level)
    for part, word in ((below, "below"), (above, "above")):
        if not part.any() or height[part].min() > FALLEN_FRACTION * highest:
            raise Unproposable(
                f"the lesser trochanter is cut off: the field of view ends {word} its tip before "
                "it does"
            )
    return level - float(levels[below].min()), float(levels[above].max()) - level
