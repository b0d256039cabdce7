"""Head and shaft of a femur, found in its label.

The head is the sphere that fits the surface around a large ball inside the proximal femur; the
shaft is the line through the largest balls of the levels below.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.landmarks.bone_labels.field import CUBE_MM, DistanceField
from ifi_mri.landmarks.bone_labels.pieces import Unproposable
from ifi_mri.model import FloatArray
from ifi_mri.vocabulary import Side

# The head.  Diameters of 45-54 mm in men and 43-46 mm in women are published means
# (doi:10.1186/s12891-021-04131-w and others); 28 mm is a toddler's, 62 mm no one's.
HEAD_RADIUS_MM: Final = (14.0, 31.0)
HEAD_WITHIN_MM: Final = 75.0
HEAD_RAYS: Final = 500
SPHERE_ROUNDS: Final = 5

#: The head's centre lies beside the shaft's axis by at least this part of its radius: offsets of
#: 26 mm on average, SD 5.9, are the smallest published (evidence document, section 1.3).
LEAST_OFFSET: Final = 0.7

#: ... and, unless most of it is seen, it is larger than the shaft inside: 1.5 to 1.8 times in four
#: femora, of which 0.67 to 0.77 were seen; of balls in the trochanteric region half.
LEAST_HEAD: Final = 1.35
CLEAR_SPHERE: Final = 0.6

# Scouts for it: every so many mm, wherever a ball of this radius fits.
SCOUT_RAYS: Final = 120
SCOUT_STEP_MM: Final = 6.0
SMALLEST_SCOUT_MM: Final = 8.0

#: Part of the first radius within which a ray's end may be the head's surface.
FIRST_TOLERANCE: Final = 0.25

#: A ray ends on the sphere when it does within this of it.
ON_SPHERE_MM: Final = 1.5

#: Root mean square distance of a head's surface from its sphere, and the part of all directions
#: in which it has one: a worse fit is no head.
WORST_SPHERE_MM: Final = 2.0
LEAST_SPHERE: Final = 0.4

#: Levels of the shaft below the head's centre, in head diameters: below the lesser trochanter (its
#: lower end lies 1.16 + 4 x 0.08 diameters below the centre and a half height of 11 mm further).
SHAFT_LEVELS: Final = (1.7, 3.6)
#: ... and where the view ends sooner, from here on, and at least so much.
TROCHANTER_TOP: Final = 0.8
SHORTEST_SHAFT_MM: Final = 20.0

#: Without a head the lower part of what is in view counts as shaft.
HEADLESS_SHAFT: Final = 0.5

#: Levels whose largest ball is smaller than this part of the usual one are cut by the view's end;
#: centres further off the line than this are no shaft's.
CUT_LEVEL: Final = 0.85
OFF_LINE_MM: Final = 2.0
LINE_ROUNDS: Final = 3

#: Largest balls of a level count as its centre down to this much below the largest, mm.
BALL_SLACK_MM: Final = 1.0


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
    """The axis of the shaft, its direction towards the head, and the radius inside.

    ``from_trochanter`` says that too little of the shaft is in view and the levels of the
    trochanter had to do.
    """

    point_mm: FloatArray
    direction: FloatArray
    radius_mm: float
    residual_mm: float
    length_mm: float
    from_trochanter: bool


def head_and_shaft(field: DistanceField, side: Side) -> tuple[Head | None, Shaft]:
    """Return the head, if one is in view, and the shaft below it.

    Where the label lacks a part of the head, other balls of the bone may be rounder; those on the
    ``side`` of the body where no head is are then left out.

    Raises
    ------
    Unproposable
        Too little of the shaft is in view.
    """
    balls = _balls_mm(field)
    head = _head(field, balls, side)
    if head is not None and head.seen_fraction >= CLEAR_SPHERE:
        return head, _shaft(field, balls, head)
    if head is not None and (shaft := _shaft_of_doubtful(field, balls, head)) is not None:
        return head, shaft
    return None, _shaft(field, balls, None)


def _shaft_of_doubtful(
    field: DistanceField, balls: npt.NDArray[np.float64], head: Head
) -> Shaft | None:
    """Return the shaft below a sphere that may be a head in part, or None where it is none: where
    the head is cut off, a ball of the trochanteric region may pass for one."""
    try:
        shaft = _shaft(field, balls, head)
    except Unproposable:
        return None
    beside = _offset_mm(head, shaft) >= LEAST_OFFSET * head.radius_mm
    larger = head.radius_mm >= LEAST_HEAD * shaft.radius_mm or shaft.from_trochanter
    return shaft if beside and larger else None


def _balls_mm(field: DistanceField) -> npt.NDArray[np.float64]:
    """Return the radius of the largest ball inside the bone around every cube, mm."""
    from scipy.ndimage import distance_transform_edt

    framed = np.pad(field.inside, 1)
    balls = distance_transform_edt(framed)[1:-1, 1:-1, 1:-1]
    return np.asarray(balls * CUBE_MM, dtype=np.float64)


# --- the head -----------------------------------------------------------------------------------


def _head(field: DistanceField, balls: npt.NDArray[np.float64], side: Side) -> Head | None:
    """Return the sphere of the femoral head, or None where none fits.

    The largest balls of the levels near the top are where spheres are fitted from, on few rays;
    the one with most surface on it is then fitted on many.
    """
    directions = _even_directions(SCOUT_RAYS)
    scouts = [_sphere(field, start, directions) for start in _ball_centres_mm(field, balls)]
    spheres = [sphere for sphere in scouts if sphere is not None]
    if not spheres:
        return None
    best = max(spheres, key=lambda sphere: sphere.seen_fraction)
    if best.seen_fraction < CLEAR_SPHERE:
        middle_mm = _lowest_centre_mm(field, balls)[0]
        medial = [one for one in spheres if side.sign * (one.centre_mm[0] - middle_mm) < 0]
        best = max(medial, key=lambda sphere: sphere.seen_fraction, default=best)
    head = _sphere(field, best.centre_mm, _even_directions(HEAD_RAYS))
    if head is None or head.residual_mm > WORST_SPHERE_MM or head.seen_fraction < LEAST_SPHERE:
        return None
    return head


def _lowest_centre_mm(field: DistanceField, balls: npt.NDArray[np.float64]) -> FloatArray:
    """Return the centre of the largest ball in the lower half of the bone: the shaft's."""
    lower = np.where((field.z_mm < (field.top_mm + field.bottom_mm) / 2)[:, None, None], balls, 0.0)
    index = np.unravel_index(int(np.argmax(lower)), lower.shape)
    return geometry.voxel_to_patient(field.affine, index)


def _ball_centres_mm(field: DistanceField, balls: npt.NDArray[np.float64]) -> list[FloatArray]:
    """Return the centres of the largest ball in every piece of the levels near the top."""
    from scipy.ndimage import label

    levels = np.flatnonzero(field.z_mm > field.top_mm - HEAD_WITHIN_MM)
    centres = []
    for k in levels[:: max(1, round(SCOUT_STEP_MM / CUBE_MM))]:
        pieces, n_pieces = label(balls[k] > SMALLEST_SCOUT_MM)
        for number in range(1, n_pieces + 1):
            inside = np.where(pieces == number, balls[k], 0.0)
            row, column = np.unravel_index(int(np.argmax(inside)), inside.shape)
            centres.append((field.affine @ np.array([k, row, column, 1.0]))[:3])
    return centres


def _sphere(field: DistanceField, start: FloatArray, directions: FloatArray) -> Head | None:
    """Return the sphere fitted to the surface around a start, or None where it runs away.

    The first radius is the median of the rays' lengths: more than half of them end on the head,
    the others in the neck.
    """
    centre = start
    exits = field.exits_mm(centre, directions)
    radius = float(np.median(exits))
    tolerance = FIRST_TOLERANCE * radius
    residual = math.inf
    for _ in range(SPHERE_ROUNDS):
        on_sphere = np.abs(exits - radius) < tolerance
        if on_sphere.mean() < LEAST_SPHERE / 2:
            return None
        surface = centre + exits[on_sphere, None] * directions[on_sphere]
        centre, radius, residual = _fitted_sphere(surface)
        tolerance = max(ON_SPHERE_MM, 2 * residual)
        exits = field.exits_mm(centre, directions)
    if not HEAD_RADIUS_MM[0] <= radius <= HEAD_RADIUS_MM[1]:
        return None
    seen = float((np.abs(exits - radius) < ON_SPHERE_MM).mean())
    return Head(centre, radius, residual, seen)


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


# --- the shaft ------------------------------------------------------------------------------------


def _shaft(field: DistanceField, balls: npt.NDArray[np.float64], head: Head | None) -> Shaft:
    """Return the axis of the shaft: a line through the largest balls of its levels."""
    bottom = field.bottom_mm
    short = False
    if head is None:
        low, start = bottom, bottom + HEADLESS_SHAFT * (field.top_mm - bottom)
    else:
        start, low = (float(head.centre_mm[2]) - part * 2 * head.radius_mm for part in SHAFT_LEVELS)
        short = start - bottom < SHORTEST_SHAFT_MM
        if short:
            # The view ends within or just below the trochanter: its own levels must do, the
            # largest ball of a level leaves it out.
            start = float(head.centre_mm[2]) - TROCHANTER_TOP * 2 * head.radius_mm
    centres, radii = _level_centres(field, balls, low, start)
    if len(centres) * CUBE_MM < SHORTEST_SHAFT_MM:
        raise Unproposable(
            f"{len(centres) * CUBE_MM:.0f} mm of the femoral shaft are in view below the neck, at "
            f"least {SHORTEST_SHAFT_MM:.0f} mm are needed to find the lesser trochanter"
        )
    return _line_through(centres, radii, short)


def _line_through(centres: FloatArray, radii: FloatArray, from_trochanter: bool) -> Shaft:
    """Return the line through the centres of levels, without levels that are cut obliquely by the
    end of the view or otherwise far off the others' line."""
    kept = radii > CUT_LEVEL * np.median(radii)
    for _ in range(LINE_ROUNDS):
        middle = centres[kept].mean(axis=0)
        direction = np.linalg.svd(centres[kept] - middle)[2][0]
        direction = direction * np.sign(direction[2])
        along = (centres - middle) @ direction
        off = np.linalg.norm(centres - middle - along[:, None] * direction, axis=1)
        kept = kept & (off < max(OFF_LINE_MM, 3 * float(np.median(off[kept]))))
    return Shaft(
        point_mm=middle,
        direction=direction,
        radius_mm=float(np.median(radii[kept])),
        residual_mm=float(np.sqrt((off[kept] ** 2).mean())),
        length_mm=float(np.ptp(along[kept])),
        from_trochanter=from_trochanter,
    )


def _offset_mm(head: Head, shaft: Shaft) -> float:
    """Return how far the head's centre lies from the shaft's axis, mm."""
    return float(np.linalg.norm(np.cross(head.centre_mm - shaft.point_mm, shaft.direction)))


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
