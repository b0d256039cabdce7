"""The search: the smallest distance between femur and ischium on axial slices.

The ischiofemoral space is the shortest distance from the lateral cortex of the ischial tuberosity
to the medial cortex of the lesser trochanter on an axial image (Torriani et al., AJR 2009;193:186,
doi:10.2214/AJR.08.2090).  From whole bones it is the smallest in-plane distance between them on
the slices within 12 mm of the trochanter's tip - the trochanter is 21 to 23 mm tall - once what is
not meant is left out: of the hip bone what lies before the head's centre (pubis, pubic rami) or
around the joint (acetabulum), of the femur the head and what faces away from the trochanter
(greater trochanter).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.landmarks import contours
from ifi_mri.landmarks.bone_labels.field import box_around, shifted
from ifi_mri.landmarks.bone_labels.pieces import BonePiece, HipBones, Unproposable
from ifi_mri.landmarks.bone_labels.proximal_femur import ProximalFemur
from ifi_mri.model import FloatArray, Grid

#: Slices are searched up to this far from the trochanter's tip: it is 20.9 mm tall on average in
#: controls and 22.9 mm in impingement, https://scholarmate.com/S/Hm47Ye.
SEARCH_MM: Final = 12.0

#: Of the hip bone, what lies within this of the femoral head's sphere is its socket.
SOCKET_MM: Final = 12.0

#: Of the femur, what lies within this of the head's sphere is the head.
HEAD_RIM_MM: Final = 3.0

#: Of the femur, what lies further than this around the shaft from the trochanter's tip faces away
#: from the ischium: the greater trochanter is half a turn away.
FACING_DEG: Final = 100.0

#: Voxels of the labels within the slices, mm.  Four real hips, with spaces of 7 to 36 mm, cut into
#: voxels of 1.5 to 4.8 mm at random offsets: up to 2.5 mm no space was off by 1 mm (60 spaces, 0.8
#: at most), at 3 to 4 mm 5 of 71 were, by 1.4 at most, at 4.8 mm 3 of 14, by 1.7.
COARSE_MM: Final = 2.5
TOO_COARSE_MM: Final = 4.0

#: Outlines are walked in steps of this length, mm: at 5 mm distance the nearest of such points are
#: further apart than the outlines by 0.001 mm.
STEP_MM: Final = 0.2

#: The bones are cut on slices up to this far from the tip, mm: their shape beyond the searched ones
#: tells lumps of the labels from bone.
CUT_MM: Final = 24.0

#: Hip bone and femur are cut this far around the tip in the slices, mm.
AROUND_MM: Final = 90.0


#: Whole bones end in corners - the edge of the tuberosity, the ridge of the trochanter - which the
#: smoothing of drawn structures rounds off: on two real bodies, turned and cut into voxels of 1.5
#: and of 4 x 0.8 x 0.8 mm, spaces came out too wide by 0.23 mm with it.  Half as much takes that
#: away, and leaves enough of the staircase to draw spaces of the bodies' own labels in by 0.2 mm;
#: this lies between.
OF_BONES: Final = contours.Smoothing(pixels=1.5, largest_mm=1.3, least_pixels=0.85)


@dataclass(frozen=True, eq=False)
class SliceGap:
    """The smallest distance on one slice, and its two ends in patient LPS mm.

    Attributes
    ----------
    index : int
        The slice in the grid that was searched.
    from_tip_mm : float
        Where the slice lies, from the trochanter's tip towards the head.
    most_lateral_mm : numpy.ndarray of shape (3,)
        The most lateral point of the ischium.
    """

    index: int
    from_tip_mm: float
    distance_mm: float
    ischium_mm: FloatArray
    trochanter_mm: FloatArray
    most_lateral_mm: FloatArray


@dataclass(frozen=True, eq=False)
class SliceOutlines:
    """Points along the outlines of both bones on one slice, as far as they count, shape (n, 3)."""

    index: int
    from_tip_mm: float
    ischium_mm: FloatArray
    femur_mm: FloatArray


@dataclass(frozen=True, eq=False)
class SearchedSlices:
    """What the search saw.

    Attributes
    ----------
    outlines : tuple of SliceOutlines
        The bones on the slices within `CUT_MM` of the tip, from foot to head.
    gaps : tuple of SliceGap
        From foot to head; slices that do not show both bones have none.
    n_slices : int
        Slices of the grid within reach of the tip.
    from_tip_mm : tuple of 2 floats
        The lowest and the highest of them, from the tip towards the head.
    slice_spacing_mm : float
    pixel_mm : float
        The larger side of the labels' voxels within the slices.
    """

    outlines: tuple[SliceOutlines, ...]
    gaps: tuple[SliceGap, ...]
    n_slices: int
    from_tip_mm: tuple[float, float]
    slice_spacing_mm: float
    pixel_mm: float


def search(bones: HipBones, femur: ProximalFemur, grid: Grid) -> SearchedSlices:
    """Return the smallest distance on every slice near the trochanter's tip.

    Parameters
    ----------
    bones : HipBones
    femur : ProximalFemur
    grid : Grid
        Its slices are the axial planes.

    Raises
    ------
    Unproposable
        The labels are too coarse, no slice lies near enough, or none shows both bones.
    """
    pixel_mm = max(
        geometry.pixel_within_mm(bone.affine, grid.affine) for bone in (bones.hip_bone, bones.femur)
    )
    if pixel_mm > TOO_COARSE_MM:
        raise Unproposable(
            f"the voxels of the bone labels are {pixel_mm:.1f} mm wide in the slices, at most "
            f"{TOO_COARSE_MM:.1f} mm are trusted: label images with finer voxels, or mark both ends"
        )
    planes, numbers = slices_near(grid, femur.tip_mm, SEARCH_MM)
    along = _along_mm(planes, femur.tip_mm)
    outlines = _outlines(bones, femur, grid)
    gaps = [_gap(one, femur) for one in outlines if one.index in numbers and _shows_both(one)]
    if not gaps:
        raise Unproposable(
            f"no ischium lies on the {len(numbers)} slices within {SEARCH_MM:.0f} mm of the lesser "
            "trochanter's tip: the ischial tuberosity is out of view or not labelled"
        )
    return SearchedSlices(
        outlines=outlines,
        gaps=tuple(gaps),
        n_slices=len(numbers),
        from_tip_mm=(float(along.min()), float(along.max())),
        slice_spacing_mm=planes.slice_spacing_mm,
        pixel_mm=pixel_mm,
    )


def _outlines(bones: HipBones, femur: ProximalFemur, grid: Grid) -> tuple[SliceOutlines, ...]:
    """Return what counts of both bones on the slices around the tip, from foot to head."""
    planes, numbers = slices_near(grid, femur.tip_mm, CUT_MM)
    along = _along_mm(planes, femur.tip_mm)
    ischium = _lines(bones.hip_bone, planes, femur.tip_mm)
    trochanter = _lines(bones.femur, planes, femur.tip_mm)
    found = [
        SliceOutlines(
            number, float(along[k]), _ischial(ischium[k], femur), _facing(trochanter[k], femur)
        )
        for k, number in enumerate(numbers)
    ]
    return tuple(sorted(found, key=lambda one: one.from_tip_mm))


def _shows_both(outlines: SliceOutlines) -> bool:
    return len(outlines.ischium_mm) > 0 and len(outlines.femur_mm) > 0


def _gap(outlines: SliceOutlines, femur: ProximalFemur) -> SliceGap:
    """Return the smallest distance on one slice."""
    distance_mm, start, end = _closest(outlines.ischium_mm, outlines.femur_mm)
    lateral = outlines.ischium_mm[int(np.argmax(femur.side.sign * outlines.ischium_mm[:, 0]))]
    return SliceGap(outlines.index, outlines.from_tip_mm, distance_mm, start, end, lateral)


def slices_near(grid: Grid, point_mm: FloatArray, reach_mm: float) -> tuple[Grid, list[int]]:
    """Return the slices of a grid within reach of a point, as a grid and by their indices.

    Raises
    ------
    Unproposable
        There is none.
    """
    coordinate = float(geometry.slice_coordinate(grid.affine, point_mm))
    reach = reach_mm / grid.slice_spacing_mm
    first = max(0, int(np.ceil(coordinate - reach - 1e-6)))
    last = min(grid.shape[0] - 1, int(np.floor(coordinate + reach + 1e-6)))
    if last < first:
        raise Unproposable(
            f"no slice lies within {reach_mm:.0f} mm of the lesser trochanter's tip, at "
            f"z = {point_mm[2]:.0f} mm"
        )
    affine = np.array(grid.affine)
    affine[:3, 3] += first * affine[:3, 0]
    near = Grid.from_affine(affine, (last - first + 1, *grid.shape[1:]))
    return near, list(range(first, last + 1))


def _along_mm(planes: Grid, tip_mm: FloatArray) -> FloatArray:
    """Return where planes lie from the tip, mm towards the head."""
    normal = geometry.slice_normal(planes.affine)
    towards_head = normal if normal[2] >= 0 else -normal
    firsts = planes.affine[:3, 3] + np.arange(planes.shape[0])[:, None] * planes.affine[:3, 0]
    return np.asarray((firsts - tip_mm) @ towards_head)


def _lines(bone: BonePiece, planes: Grid, tip_mm: FloatArray) -> list[contours.Lines]:
    """Return the outlines of a bone near the tip on every plane."""
    thickness = CUT_MM + planes.slice_spacing_mm + 2 * _coarsest_mm(bone)
    reach = np.array([AROUND_MM, AROUND_MM, thickness])
    tilted = np.abs(geometry.slice_normal(planes.affine)[:2]).max() * AROUND_MM
    reach[2] += tilted
    box = box_around(bone.voxels.shape, bone.affine, tip_mm - reach, tip_mm + reach)
    part = bone.voxels[box]
    if part.size == 0 or not part.any():
        return [[] for _ in range(planes.shape[0])]
    return contours.sections(part, shifted(bone.affine, box), planes, OF_BONES)


def _coarsest_mm(bone: BonePiece) -> float:
    return float(np.linalg.norm(bone.affine[:3, :3], axis=0).max())


# --- what counts --------------------------------------------------------------------------------


def _ischial(lines: contours.Lines, femur: ProximalFemur) -> FloatArray:
    """Return points along the outlines of a hip bone that belong to the ischium below the joint."""
    points = _walked(lines)
    return points[is_ischial(points, femur)]


def is_ischial(points: FloatArray, femur: ProximalFemur) -> contours.BoolArray:
    """Return which points of a hip bone belong to the ischium below the joint."""
    behind = points[:, 1] > front_limit_mm(femur)
    if femur.head is not None:
        off = np.linalg.norm(points - femur.head.centre_mm, axis=1)
        behind &= off > femur.head.radius_mm + SOCKET_MM
    return np.asarray(behind)


def front_limit_mm(femur: ProximalFemur) -> float:
    """Return the y coordinate behind which a hip bone's section is ischium: the head's centre, or,
    where the head is out of view, the front of the shaft at the trochanter's level."""
    if femur.head is not None:
        return float(femur.head.centre_mm[1])
    shaft = femur.shaft
    level = (femur.tip_mm - shaft.point_mm) @ shaft.direction
    return float((shaft.point_mm + level * shaft.direction)[1] - shaft.radius_mm)


def _facing(lines: contours.Lines, femur: ProximalFemur) -> FloatArray:
    """Return points along the outlines of a femur on the trochanter's side of the shaft, without
    the head."""
    points = _walked(lines)
    facing = np.abs(angles_from_tip_deg(points, femur)) <= FACING_DEG
    if femur.head is not None:
        off = np.linalg.norm(points - femur.head.centre_mm, axis=1)
        facing &= off > femur.head.radius_mm + HEAD_RIM_MM
    return points[facing]


def angles_from_tip_deg(points: FloatArray, femur: ProximalFemur) -> FloatArray:
    """Return angles around the shaft's axis from the trochanter's tip, degrees, -180 to 180."""
    offsets = points - femur.shaft.point_mm
    angles = np.degrees(np.arctan2(offsets @ femur.behind, offsets @ femur.neck))
    return np.asarray((angles - femur.tip_angle_deg + 180) % 360 - 180)


def _walked(lines: contours.Lines) -> FloatArray:
    """Return points along closed outlines, `STEP_MM` apart, shape (n, 3)."""
    walked = [np.zeros((0, 3))]
    for line in lines:
        closed = np.vstack([line, line[:1]])
        lengths = np.linalg.norm(np.diff(closed, axis=0), axis=1)
        at = np.concatenate([[0.0], np.cumsum(lengths)])
        steps = np.arange(0.0, at[-1], STEP_MM)
        walked.append(np.column_stack([np.interp(steps, at, closed[:, i]) for i in range(3)]))
    return np.vstack(walked)


def _closest(first: FloatArray, second: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    from scipy.spatial import cKDTree

    distances, nearest = map(np.asarray, cKDTree(first).query(second))
    i = int(np.argmin(distances))
    return float(distances[i]), first[nearest[i]], second[i]
