"""The proposed space of one side, or the reason why there is none."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ifi_mri import geometry
from ifi_mri.landmarks.bone_labels import quality
from ifi_mri.landmarks.bone_labels.pieces import HipBones, Unproposable, hips
from ifi_mri.landmarks.bone_labels.proximal_femur import ProximalFemur, find
from ifi_mri.landmarks.bone_labels.quality import FoundSide, QualityPart
from ifi_mri.landmarks.bone_labels.search import COARSE_MM, search
from ifi_mri.landmarks.label_masks import LabelMap, axial_grid
from ifi_mri.model import FloatArray, Grid, Landmark, Point, Series
from ifi_mri.vocabulary import LandmarkName, Side

#: Slices tilted further than this from axial show another distance (design, decision 3).
MAX_TILT_DEG: Final = 30.0


@dataclass(frozen=True, slots=True)
class SliceWidth:
    """The smallest distance on one slice, and its ends in patient LPS mm.

    ``from_tip_mm`` is where the slice lies from the trochanter's tip, towards the head.
    """

    slice_index: int
    from_tip_mm: float
    width_mm: float
    ischium_mm: Point
    trochanter_mm: Point


@dataclass(frozen=True, slots=True)
class ProposedSpace:
    """The ischiofemoral space that bone labels suggest on one side.

    Attributes
    ----------
    width_mm : float
    ischium_mm, trochanter_mm : Point
        Its two ends, on one slice.
    slice_index : int
        That slice in the anatomy series, or in the grid that was searched.
    trochanter_tip_mm : Point
        Tip of the lesser trochanter.
    searched_mm : tuple of 2 floats
        The slices that were searched, from the tip towards the head: lowest and highest.
    n_searched : int
        How many they were.
    slices : tuple of SliceWidth
        Those of them that show both bones, from foot to head.
    score : float
        0 to 1; from `quality.SOUND` on nothing about the labels is odd.
    parts : tuple of QualityPart
        What the score is the product of.
    pixel_mm : float
        The larger side of the labels' voxels within the slices.
    """

    side: Side
    width_mm: float
    ischium_mm: Point
    trochanter_mm: Point
    slice_index: int
    trochanter_tip_mm: Point
    searched_mm: tuple[float, float]
    n_searched: int
    slices: tuple[SliceWidth, ...]
    score: float
    parts: tuple[QualityPart, ...]
    pixel_mm: float

    @property
    def coarse(self) -> bool:
        """Whether the labels' voxels are so wide that they cost a millimetre."""
        return self.pixel_mm > COARSE_MM

    @property
    def sound(self) -> bool:
        """Whether nothing about the labels is odd."""
        return self.score >= quality.SOUND

    @property
    def doubts(self) -> tuple[str, ...]:
        """What speaks against the proposal, in words, the gravest first."""
        low = sorted((part for part in self.parts if part.score < 1), key=lambda part: part.score)
        return tuple(part.doubt for part in low)

    def landmarks(self, anatomy: Series | None = None) -> tuple[Landmark, ...]:
        """Return the ends on every slice as landmarks; they name the slices of a series, and the
        voxels of coarse labels, which widen the uncertainty of their distance."""
        pixel_mm = self.pixel_mm if self.coarse else None
        return tuple(
            Landmark(
                name,
                self.side,
                (point,),
                sop_instance_uid=_uid(anatomy, one.slice_index),
                pixel_mm=pixel_mm,
            )
            for one in self.slices
            for name, point in (
                (LandmarkName.ISCHIAL_TUBEROSITY, one.ischium_mm),
                (LandmarkName.LESSER_TROCHANTER, one.trochanter_mm),
            )
        )


@dataclass(frozen=True, slots=True)
class NotProposed:
    """A side without a proposal, and why."""

    side: Side
    reason: str


def propose(
    label_map: LabelMap, side: Side, anatomy: Grid | None = None
) -> ProposedSpace | NotProposed:
    """Return the ischiofemoral space that bone labels suggest on one side.

    Parameters
    ----------
    label_map : LabelMap
        With hip bones and femora.
    side : Side
    anatomy : Grid or None
        The slices of the anatomy series; without them those of the map, or, where these are
        tilted by more than 10 degrees, the patient's axial planes.

    Returns
    -------
    ProposedSpace or NotProposed
        Where trochanter or tuberosity are out of view, or the labels are too odd to trust,
        NotProposed says so.
    """
    return propose_both(label_map, anatomy)[side]


def propose_both(
    label_map: LabelMap, anatomy: Grid | None = None
) -> Mapping[Side, ProposedSpace | NotProposed]:
    """Return what `propose` says of both sides; each is compared with the other."""
    grid = axial_grid(label_map) if anatomy is None else anatomy
    tilt_deg = geometry.tilt_from_axial_deg(grid.affine)
    if tilt_deg > MAX_TILT_DEG:
        reason = (
            f"the slices are {geometry.plane_name(grid.affine)}, {tilt_deg:.0f} degrees from "
            f"axial; at most {MAX_TILT_DEG:.0f} are allowed"
        )
        return {side: NotProposed(side, reason) for side in Side}
    found = {side: _side(hip, side, grid) for side, hip in _hips(label_map).items()}
    both = [one for one in found.values() if isinstance(one, FoundSide)]
    compared = quality.of_both(*both) if len(both) == 2 else ()
    return {
        side: one if isinstance(one, NotProposed) else _judged(one, compared)
        for side, one in found.items()
    }


@lru_cache(maxsize=1)
def _hips(label_map: LabelMap) -> Mapping[Side, tuple[HipBones, ProximalFemur] | str]:
    """Return the bones of both sides, the femora with their trochanters, or why there are none.

    They do not depend on the slices: a map that is read, and then cut on the slices of the series
    it belongs to, is looked through once.
    """
    return {side: _hip(bones, side) for side, bones in hips(label_map).items()}


def _hip(bones: HipBones | str, side: Side) -> tuple[HipBones, ProximalFemur] | str:
    if isinstance(bones, str):
        return bones
    try:
        return bones, find(bones.femur, side)
    except Unproposable as reason:
        return str(reason)


def _side(
    hip: tuple[HipBones, ProximalFemur] | str, side: Side, grid: Grid
) -> FoundSide | NotProposed:
    if isinstance(hip, str):
        return NotProposed(side, hip)
    bones, femur = hip
    try:
        searched = search(bones, femur, grid)
    except Unproposable as reason:
        return NotProposed(side, str(reason))
    narrowest = min(searched.gaps, key=lambda gap: (gap.distance_mm, -gap.from_tip_mm))
    return FoundSide(bones, femur, searched, narrowest)


def _judged(one: FoundSide, compared: tuple[QualityPart, ...]) -> ProposedSpace | NotProposed:
    parts = (*quality.parts(one.bones, one.femur, one.searched, one.narrowest), *compared)
    score = math.prod(part.score for part in parts)
    space = _space(one, parts, score)
    if score < quality.LEAST_SCORE:
        return NotProposed(
            one.bones.side,
            f"a space of {space.width_mm:.1f} mm was found but is not trusted (score "
            f"{score:.2f}): {'; '.join(space.doubts[:3])}",
        )
    return space


def _space(one: FoundSide, parts: tuple[QualityPart, ...], score: float) -> ProposedSpace:
    slices = tuple(
        SliceWidth(
            gap.index, gap.from_tip_mm, gap.distance_mm, _point(gap.ischium_mm),
            _point(gap.trochanter_mm),
        )
        for gap in one.searched.gaps
    )  # fmt: skip
    return ProposedSpace(
        side=one.bones.side,
        width_mm=one.narrowest.distance_mm,
        ischium_mm=_point(one.narrowest.ischium_mm),
        trochanter_mm=_point(one.narrowest.trochanter_mm),
        slice_index=one.narrowest.index,
        trochanter_tip_mm=_point(one.femur.tip_mm),
        searched_mm=one.searched.from_tip_mm,
        n_searched=one.searched.n_slices,
        slices=slices,
        score=score,
        parts=parts,
        pixel_mm=one.searched.pixel_mm,
    )


def _point(position: FloatArray) -> Point:
    x, y, z = (float(value) for value in position)
    return x, y, z


def _uid(anatomy: Series | None, index: int) -> str | None:
    if anatomy is None:
        return None
    return anatomy.instances[index].sop_instance_uid
