"""One hip's two bones, taken from whole-bone labels however well they are made.

Labels hold stray islands, both sides in one number, or a bone whose voxels carry the other side's
number in part.  So all voxels of a bone are pooled, parted into connected pieces and given to a
side by where they lie; what the labels say about the side is then compared, never used alone.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.landmarks import contours
from ifi_mri.landmarks.contours import BoolArray
from ifi_mri.landmarks.label_masks import LabelMap, Mask
from ifi_mri.landmarks.label_tables import Bone
from ifi_mri.model import FloatArray
from ifi_mri.vocabulary import Side

#: A piece smaller than this is no femur: 3 cm of a child's shaft hold as much.
SMALLEST_FEMUR_ML: Final = 5.0

#: Pieces of a bone that are smaller than this part of its largest are islands.
ISLAND_FRACTION: Final = 0.04

#: Empty slices within a bone are filled up to this length, mm: two thick slices.
LONGEST_GAP_MM: Final = 10.0

#: Two femora lie further apart than this from centre to centre, pieces of one femur do not.  In
#: adults the shafts are some 240 mm apart (both bodies this was built on), in small children half.
FEMORA_APART_MM: Final = 90.0

#: Height of the part of a femur that tells its side: whole femora may be abducted.
PROXIMAL_MM: Final = 100.0

#: The proximal part of one femur, head to greater trochanter, is some 95 mm wide; of two, 250 mm.
TWO_FEMORA_WIDE_MM: Final = 160.0

#: Where there is one femur, only the hip bone this near to it on the medial side is its own: the
#: far ischium lies beyond.
OWN_HIP_BONE_MM: Final = 130.0


class Unproposable(Exception):  # noqa: N818 - an absence, not an error
    """Says in a sentence why no space is proposed; becomes a NotProposed."""


@dataclass(frozen=True, eq=False)
class BonePiece:
    """A bone on one side of the body.

    Attributes
    ----------
    voxels : numpy.ndarray of bool, shape (slices, rows, columns)
    affine : numpy.ndarray of shape (4, 4)
        From ``(slice, row, column, 1)`` to patient LPS mm.
    volume_ml : float
    island_fraction : float
        Part of the bone's voxels on this side that was left out as islands.
    other_side_fraction : float
        Part of the bone's voxels that are labelled as the other side's.
    filled_levels_mm : tuple of float
        Where the label's slices were empty within a bone of either side, patient z.
    """

    voxels: BoolArray
    affine: FloatArray
    volume_ml: float
    island_fraction: float
    other_side_fraction: float
    filled_levels_mm: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class HipBones:
    """The femur and the hip bone of one side."""

    side: Side
    femur: BonePiece
    hip_bone: BonePiece


@dataclass(frozen=True, eq=False)
class _Pool:
    """All voxels of one bone, of both sides; ``sides`` is what their label says (0 nothing, 1
    left, 2 right)."""

    voxels: BoolArray
    sides: npt.NDArray[np.uint8]
    affine: FloatArray
    filled_levels_mm: tuple[float, ...]

    @property
    def voxel_ml(self) -> float:
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000


_SIDE_NUMBERS: Final = {None: 0, Side.LEFT: 1, Side.RIGHT: 2}


def hips(label_map: LabelMap) -> dict[Side, HipBones | str]:
    """Return the bones of both sides, or why a side has none."""
    pools = {bone: _pool(label_map.of(bone)) for bone in Bone}
    missing = [str(bone).replace("_", " ") for bone, pool in pools.items() if pool is None]
    if missing:
        reason = f"the label map holds no {' and no '.join(missing)}"
        return dict.fromkeys(Side, reason)
    femora, hip_bones = pools[Bone.FEMUR], pools[Bone.HIP_BONE]
    assert femora is not None
    assert hip_bones is not None
    try:
        by_side = _femora(femora, hip_bones)
    except Unproposable as reason:
        return dict.fromkeys(Side, str(reason))
    tops = {side: _top_centre_mm(voxels, femora) for side, voxels in by_side.items()}
    return {side: _hip(side, by_side, tops, femora, hip_bones) for side in Side}


def _pool(masks: Sequence[Mask]) -> _Pool | None:
    """Return the voxels of all masks on the box around them."""
    if not masks:
        return None
    low = np.min([mask.corner for mask in masks], axis=0)
    high = np.max([np.add(mask.corner, mask.occupancy.shape) for mask in masks], axis=0)
    voxels = np.zeros(high - low, dtype=np.bool_)
    sides = np.zeros(high - low, dtype=np.uint8)
    for mask in masks:
        start = np.subtract(mask.corner, low)
        box = tuple(
            slice(int(a), int(a) + n) for a, n in zip(start, mask.occupancy.shape, strict=True)
        )
        inside = _without_gaps(mask.occupancy >= 0.5, mask.affine)
        voxels[box] |= inside
        sides[box][inside] = _SIDE_NUMBERS[mask.label.side]
    affine = np.array(masks[0].affine)
    offset = np.subtract(low, masks[0].corner)
    affine[:3, 3] = geometry.voxel_to_patient(masks[0].affine, offset)
    return _Pool(voxels, sides, affine, _filled_levels_mm(masks))


def _without_gaps(voxels: BoolArray, affine: FloatArray) -> BoolArray:
    """Return a bone whose empty slices are filled from those beside them: up to `LONGEST_GAP_MM`
    of slices that a model or a file lost.  Edges move evenly from one to the other
    (shape-based interpolation, see `contours`)."""
    shown = np.flatnonzero(voxels.any(axis=(1, 2)))
    spacing_mm = float(np.linalg.norm(affine[:3, 0]))
    filled = voxels
    for below, above in itertools.pairwise(shown):
        if above - below > 1 and (above - below - 1) * spacing_mm <= LONGEST_GAP_MM:
            filled = filled.copy() if filled is voxels else filled
            ends = contours.edge_distance_mm(voxels[[below, above]], affine)
            for k in range(below + 1, above):
                part = (k - below) / (above - below)
                filled[k] = (1 - part) * ends[0] + part * ends[1] > 0
    return filled


def _filled_levels_mm(masks: Sequence[Mask]) -> tuple[float, ...]:
    """Return where slices of masks were empty and were filled, patient z in mm."""
    levels: list[float] = []
    for mask in masks:
        inside = mask.occupancy >= 0.5
        shown = np.flatnonzero(inside.any(axis=(1, 2)))
        missing = sorted(set(range(int(shown.min()), int(shown.max()))) - set(shown.tolist()))
        middle = (np.array(inside.shape) - 1) / 2
        indices = [(k, *middle[1:]) for k in missing]
        levels += [float(geometry.voxel_to_patient(mask.affine, index)[2]) for index in indices]
    return tuple(levels)


# --- sides --------------------------------------------------------------------------------------


def _femora(femora: _Pool, hip_bones: _Pool) -> dict[Side, BoolArray]:
    """Return the voxels of the femur on each side that has one."""
    from scipy.ndimage import label

    numbered, n_pieces = label(femora.voxels)
    volumes_ml = np.bincount(numbered.ravel(), minlength=n_pieces + 1) * femora.voxel_ml
    volumes_ml[0] = 0
    large = np.flatnonzero(volumes_ml >= SMALLEST_FEMUR_ML)
    if len(large) == 0:
        raise Unproposable(
            f"the largest piece labelled femur has {volumes_ml.max():.1f} ml, at least "
            f"{SMALLEST_FEMUR_ML:.0f} ml are expected"
        )
    voxels = np.isin(numbered, large)
    indices = np.argwhere(voxels)
    x_mm, z_mm = geometry.voxel_to_patient(femora.affine, indices)[:, [0, 2]].T
    pieces = numbered[tuple(indices.T)]
    centres = [float(x_mm[pieces == piece].mean()) for piece in large]
    at_top = x_mm[z_mm > z_mm.max() - PROXIMAL_MM]
    if max(centres) - min(centres) >= FEMORA_APART_MM:
        middle = (max(centres) + min(centres)) / 2
        is_left = np.isin(pieces, large[np.array(centres) > middle])
    elif np.ptp(at_top) >= TWO_FEMORA_WIDE_MM:  # joined by stray voxels
        is_left = x_mm > (at_top.max() + at_top.min()) / 2
    else:
        hip_x_mm = float(_centre_mm(hip_bones)[0])
        is_left = np.full(len(x_mm), hip_x_mm < centres[0])
    return {
        side: _only(indices[is_left == (side is Side.LEFT)], voxels.shape)
        for side in Side
        if (is_left == (side is Side.LEFT)).any()
    }


def _hip(
    side: Side,
    by_side: dict[Side, BoolArray],
    tops: dict[Side, FloatArray],
    femora: _Pool,
    hip_bones: _Pool,
) -> HipBones | str:
    """Return the bones of one side, or why they cannot be told."""
    if side not in by_side:
        return f"the label map holds no {side} femur"
    femur = _piece(by_side[side], femora, side)
    hip_voxels = _own_hip_bone(side, tops, hip_bones)
    if not hip_voxels.any():
        return f"the label map holds no {side} hip bone"
    hip_bone = _piece(hip_voxels, hip_bones, side)
    for name, piece in (("femur", femur), ("hip bone", hip_bone)):
        if piece.other_side_fraction > 0.5:
            return (
                f"the {name} on the patient's {side} is labelled {side.other}: the file's "
                "orientation or the label table is wrong"
            )
    return HipBones(side, femur, hip_bone)


def _own_hip_bone(side: Side, tops: dict[Side, FloatArray], hip_bones: _Pool) -> BoolArray:
    """Return the hip-bone voxels on the side of a femur: nearer to it than to the other one, or,
    where there is no other, not too far to the medial side of it."""
    indices = np.argwhere(hip_bones.voxels)
    positions = geometry.voxel_to_patient(hip_bones.affine, indices)
    own, other = tops[side], tops.get(side.other)
    if other is not None:
        across = (other - own) * (1, 1, 0)
        mine = (positions - (own + other) / 2) @ across < 0
    else:
        mine = side.sign * (own[0] - positions[:, 0]) < OWN_HIP_BONE_MM
    return _only(indices[mine], hip_bones.voxels.shape)


def _top_centre_mm(voxels: BoolArray, pool: _Pool) -> FloatArray:
    """Return the centre of the proximal part of a femur, from every second voxel."""
    indices = 2 * np.argwhere(voxels[::2, ::2, ::2])
    positions = geometry.voxel_to_patient(pool.affine, indices)
    top = positions[positions[:, 2] > positions[:, 2].max() - PROXIMAL_MM]
    return np.asarray(top.mean(axis=0))


def _centre_mm(pool: _Pool) -> FloatArray:
    return geometry.voxel_to_patient(pool.affine, np.argwhere(pool.voxels).mean(axis=0))


def _only(indices: npt.NDArray[np.intp], shape: tuple[int, ...]) -> BoolArray:
    voxels = np.zeros(shape, dtype=np.bool_)
    voxels[tuple(indices.T)] = True
    return voxels


def _piece(voxels: BoolArray, pool: _Pool, side: Side) -> BonePiece:
    """Return a bone without its islands, on the box around it."""
    from scipy.ndimage import find_objects, label

    around = find_objects(voxels.astype(np.uint8))[0]
    numbered, n_pieces = label(voxels[around])
    counts = np.bincount(numbered.ravel(), minlength=n_pieces + 1)
    counts[0] = 0
    kept = np.isin(numbered, np.flatnonzero(counts >= ISLAND_FRACTION * counts.max()))
    numbers = pool.sides[around][kept]
    labelled = numbers[numbers > 0]
    affine = np.array(pool.affine)
    affine[:3, 3] = geometry.voxel_to_patient(pool.affine, [one.start for one in around])
    return BonePiece(
        voxels=kept,
        affine=affine,
        volume_ml=float(kept.sum()) * pool.voxel_ml,
        island_fraction=1 - float(kept.sum()) / float(counts.sum()),
        other_side_fraction=(
            float((labelled == _SIDE_NUMBERS[side.other]).mean()) if len(labelled) else 0.0
        ),
        filled_levels_mm=pool.filled_levels_mm,
    )
