"""How far a proposed space can be trusted: a score from 0 to 1, and the doubts in words.

Every part compares one thing with what is known of anatomy or expected of a sound label; it is 1
where nothing is odd and falls linearly to 0 where it cannot be right.  The score is the product of
the parts: one part at 0 refuses, several small doubts add up.  The limits are anatomy where a
source is named, else judgement, and were not fitted to any body.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.landmarks import contours
from ifi_mri.landmarks.bone_labels import edges
from ifi_mri.landmarks.bone_labels.field import box_around, shifted
from ifi_mri.landmarks.bone_labels.pieces import BonePiece, HipBones
from ifi_mri.landmarks.bone_labels.proximal_femur import ProximalFemur
from ifi_mri.landmarks.bone_labels.search import (
    COARSE_MM,
    SEARCH_MM,
    SearchedSlices,
    SliceGap,
    angles_from_tip_deg,
    front_limit_mm,
)
from ifi_mri.model import FloatArray

#: From this score on a proposal counts as sound.
SOUND: Final = 0.5

#: Below this nothing is proposed.
LEAST_SCORE: Final = 0.15

#: Where the score of coarse voxels would be 0, mm: beyond 3.5 mm no space from them is sound.
NO_SCORE_MM: Final = 4.5

#: Without a head the neck's direction is a guess: never sound.
HEADLESS: Final = 0.45

#: Where a searched slice was filled from its neighbours, the narrowest may be the one lost.
SLICES_FILLED: Final = 0.45

#: Published spaces run from 10.3 to 55 mm (doi:10.1093/jhps/hnv067, 250 hips) and down to 5 mm in
#: impingement; outside 3-50 mm the evidence document, section 9.1, warns.
PLAUSIBLE_MM: Final = (3.0, 50.0)

#: Slices this near to the upper end of the search are its end, mm: above it the neck comes near.
END_MM: Final = 3.0

#: A slice may be narrower than its neighbours by this part of their spacing: the trochanter's tip
#: is round.
DIP_PER_SPACING: Final = 0.6

# Both sides of a body, sound and impossible.  Head diameters differ by 0.4 mm on average, 3 mm at
# most, the levels of the lesser trochanters by 1.6 mm, 5.5 mm at most (100 paired femora,
# doi:10.1186/s12891-021-04131-w); here they are measured from labels, the tip from a plateau.
HEAD_DIFFERENCE_MM: Final = (3.0, 10.0)
LEVEL_DIFFERENCE_MM: Final = (12.0, 30.0)
BUMP_DIFFERENCE_MM: Final = (5.0, 12.0)
ISCHIA_DIFFERENCE_MM: Final = (7.0, 16.0)

#: Edges around the space, sound and impossible: hollows and lumps of the ischium, mm, and incline
#: of the femur's border (`edges` says what bones have).
HOLLOW_MM: Final = (1.2, 2.8)
LUMP_MM: Final = (1.5, 4.5)
INCLINE: Final = (2.0, 3.4)

#: What the shape of an edge alone speaks against is doubtful, not refused: holes of a label that do
#: not decide look the same.
DOUBTFUL_EDGE: Final = 0.25

#: The lesser trochanter's height in head diameters: 0.2 to 0.33 in four femora.
BUMP_DIAMETERS: Final = (0.38, 0.55)

#: Labels are opened by this radius, on this part of the slice around the ends, to see whether a
#: thin excess decides, mm.
EXCESS_MM: Final = 2.0
AROUND_END_MM: Final = 30.0


@dataclass(frozen=True, slots=True)
class QualityPart:
    """One part of the score; ``doubt`` is the sentence that explains a low one."""

    name: str
    score: float
    doubt: str


def ramp(value: float, sound: float, impossible: float) -> float:
    """Return 1 up to ``sound`` falling linearly to 0 at ``impossible``, in either direction."""
    return float(np.clip((impossible - value) / (impossible - sound), 0.0, 1.0))


def outside(value: float, sound: tuple[float, float], impossible: tuple[float, float]) -> float:
    """Return 1 within ``sound``, falling linearly to 0 at the bounds of ``impossible``."""
    return min(ramp(value, sound[0], impossible[0]), ramp(value, sound[1], impossible[1]))


def parts(
    bones: HipBones, femur: ProximalFemur, searched: SearchedSlices, narrowest: SliceGap
) -> tuple[QualityPart, ...]:
    """Return every part of the score of one side."""
    return (
        *_of_labels(bones, femur, searched.pixel_mm),
        *_of_femur(femur),
        *_of_view(femur, searched),
        *_of_gap(bones, femur, searched, narrowest),
    )


def _of_labels(bones: HipBones, femur: ProximalFemur, pixel_mm: float) -> list[QualityPart]:
    levels = {*bones.femur.filled_levels_mm, *bones.hip_bone.filled_levels_mm}
    n_filled = sum(abs(level - femur.tip_mm[2]) <= SEARCH_MM for level in levels)
    islands = max(bones.femur.island_fraction, bones.hip_bone.island_fraction)
    other = max(bones.femur.other_side_fraction, bones.hip_bone.other_side_fraction)
    return [
        QualityPart(
            "islands", ramp(islands, 0.02, 0.3),
            f"{100 * islands:.0f} % of a bone's voxels are stray islands",
        ),
        QualityPart(
            "side", ramp(other, 0.02, 0.5),
            f"{100 * other:.0f} % of a bone's voxels carry the other side's label",
        ),
        QualityPart(
            "empty slices", SLICES_FILLED if n_filled else 1.0,
            f"{n_filled} of the slices searched were empty in a label and were filled",
        ),
        QualityPart(
            "voxels", ramp(pixel_mm, COARSE_MM, NO_SCORE_MM),
            f"the voxels of the bone labels are {pixel_mm:.1f} mm wide in the slices",
        ),
    ]  # fmt: skip


def _of_femur(femur: ProximalFemur) -> list[QualityPart]:
    found = [
        QualityPart(
            "shaft", ramp(femur.shaft.residual_mm, 1.5, 5.0) * ramp(femur.shaft.length_mm, 12, 4),
            f"the shaft's axis was fitted to {femur.shaft.length_mm:.0f} mm of it, off by "
            f"{femur.shaft.residual_mm:.1f} mm",
        ),
        QualityPart(
            "trochanter", ramp(femur.bump_mm, 6.5, 3.0),
            f"the lesser trochanter stands out by only {femur.bump_mm:.1f} mm",
        ),
        QualityPart(
            "trochanter angle",
            # 38.4 degrees, SD 9.6, measured from outlines; the farthest point lies behind.
            outside(femur.tip_angle_deg, (20, 70), (0, 95)),
            f"the lesser trochanter lies {femur.tip_angle_deg:.0f} degrees behind the neck",
        ),
    ]  # fmt: skip
    if femur.head is None or femur.tip_level_diameters is None:
        found.append(
            QualityPart("head", HEADLESS, "the femoral head is out of view, or is no sphere")
        )
        return found
    head = femur.head
    return [
        *found,
        QualityPart(
            "head",
            ramp(head.residual_mm, 1.2, 2.5) * ramp(head.seen_fraction, 0.55, 0.3)
            * outside(head.radius_mm, (17, 28), (13, 33)),
            f"the femoral head's sphere has a radius of {head.radius_mm:.1f} mm, is off by "
            f"{head.residual_mm:.1f} mm and {100 * head.seen_fraction:.0f} % seen",
        ),
        QualityPart(
            "trochanter height", ramp(femur.bump_mm / (2 * head.radius_mm), *BUMP_DIAMETERS),
            f"the lesser trochanter stands out by as much as {femur.bump_mm:.1f} mm",
        ),
        QualityPart(
            "trochanter level",
            # 1.16 head diameters below the head's centre, SD 0.08; sound to 3 SD.
            outside(femur.tip_level_diameters, (0.90, 1.42), (0.70, 1.70)),
            f"the lesser trochanter lies {femur.tip_level_diameters:.2f} head diameters below the "
            "head's centre, 1.16 is usual",
        ),
    ]  # fmt: skip


def _of_view(femur: ProximalFemur, searched: SearchedSlices) -> list[QualityPart]:
    expected = max(1.0, 2 * SEARCH_MM / searched.slice_spacing_mm)
    seen = len(searched.gaps) / expected
    return [
        QualityPart(
            "view", ramp(femur.below_mm, 12, 4) * ramp(femur.above_mm, 14, 6),
            f"{femur.below_mm:.0f} mm of the femur are in view below the lesser trochanter's tip "
            f"and {femur.above_mm:.0f} mm above",
        ),
        QualityPart(
            "slices", ramp(seen, 0.5, 0.1),
            f"the ischium is seen on {len(searched.gaps)} of some {expected:.0f} slices",
        ),
    ]  # fmt: skip


def _of_gap(
    bones: HipBones, femur: ProximalFemur, searched: SearchedSlices, narrowest: SliceGap
) -> list[QualityPart]:
    excess_mm = _excess_mm(bones, narrowest)
    dip_mm = _dip_mm(searched.gaps, narrowest)
    usual_dip_mm = max(1.5, DIP_PER_SPACING * searched.slice_spacing_mm)
    falling_mm = _falling_mm(searched.gaps, narrowest)
    shape = edges.of_space(searched, narrowest)
    behind_mm = float(narrowest.ischium_mm[1]) - front_limit_mm(femur)
    off_deg = abs(float(angles_from_tip_deg(narrowest.trochanter_mm[None], femur)[0]))
    return [
        QualityPart(
            "width", outside(narrowest.distance_mm, PLAUSIBLE_MM, (0.5, 65)),
            f"a space of {narrowest.distance_mm:.1f} mm is unusual",
        ),
        QualityPart(
            "label edges", ramp(excess_mm, 1.5, 6.0),
            f"thin parts of the labels decide: without them the space is {excess_mm:.1f} mm wider",
        ),
        QualityPart(
            "neighbours", ramp(dip_mm, usual_dip_mm, usual_dip_mm + 5.0),
            f"the narrowest slice is {dip_mm:.1f} mm narrower than its neighbours suggest",
        ),
        QualityPart(
            "search's end", ramp(falling_mm, 1.5, 7.5),
            f"the space narrows by {falling_mm:.1f} mm towards the neck at the end of the search",
        ),
        QualityPart(
            "ischium's outline", max(DOUBTFUL_EDGE, ramp(shape.hollow_mm, *HOLLOW_MM)),
            f"the ischium's outline has a dent of {shape.hollow_mm:.1f} mm towards the femur",
        ),
        QualityPart(
            "ischium's border", max(DOUBTFUL_EDGE, ramp(shape.lump_mm, *LUMP_MM)),
            f"the ischium's border has a lump of {shape.lump_mm:.1f} mm",
        ),
        QualityPart(
            "femur's border", max(DOUBTFUL_EDGE, ramp(shape.incline, *INCLINE)),
            f"the femur's border moves by {shape.incline:.1f} mm per mm along the body",
        ),
        QualityPart(
            "ischium", ramp(behind_mm, 4.0, -1.0),
            f"the ischial end lies only {behind_mm:.1f} mm behind what is not ischium",
        ),
        QualityPart(
            "trochanter end", ramp(off_deg, 60, 105),
            f"the femoral end lies {off_deg:.0f} degrees around the shaft from the lesser "
            "trochanter's tip",
        ),
    ]  # fmt: skip


def _dip_mm(gaps: Sequence[SliceGap], narrowest: SliceGap) -> float:
    """Return how much a slice is narrower than the line through its neighbours: those on either
    side, or the next two of the first and last slice."""
    i = next(k for k, gap in enumerate(gaps) if gap is narrowest)
    if len(gaps) < 3:
        return 0.0
    first = min(max(i - 1, 0), len(gaps) - 3)
    near, far = (gap for gap in gaps[first : first + 3] if gap is not narrowest)
    slope = (far.distance_mm - near.distance_mm) / (far.from_tip_mm - near.from_tip_mm)
    expected = near.distance_mm + slope * (narrowest.from_tip_mm - near.from_tip_mm)
    return max(0.0, expected - narrowest.distance_mm)


def _falling_mm(gaps: Sequence[SliceGap], narrowest: SliceGap) -> float:
    """Return how much the space at the search's upper end undercuts the smallest well within it."""
    if narrowest.from_tip_mm < SEARCH_MM - END_MM:
        return 0.0
    within = [gap.distance_mm for gap in gaps if gap.from_tip_mm < SEARCH_MM - END_MM]
    return min(within) - narrowest.distance_mm if within else 0.0


def _excess_mm(bones: HipBones, narrowest: SliceGap) -> float:
    """Return how much wider the space becomes on its slice without thin parts of the labels, which
    are opened by `EXCESS_MM`."""
    wider = 0.0
    ends = narrowest.ischium_mm, narrowest.trochanter_mm
    for bone, own, other in ((bones.hip_bone, *ends), (bones.femur, *ends[::-1])):
        section, affine = _section(bone, own)
        kept = _grown_mm(_shrunk_mm(section, affine, EXCESS_MM), affine, EXCESS_MM)
        wider += _distance_mm(kept, affine, other) - _distance_mm(section, affine, other)
    return max(0.0, wider)


def _section(bone: BonePiece, end_mm: FloatArray) -> tuple[contours.BoolArray, FloatArray]:
    """Return the part of a bone's slice around an end, holes filled, and its affine; where the bone
    goes on beyond the part, so does its edge."""
    from scipy.ndimage import binary_fill_holes

    number = round(float(geometry.patient_to_voxel(bone.affine, end_mm)[0]))
    number = int(np.clip(number, 0, len(bone.voxels) - 1))
    filled = np.asarray(binary_fill_holes(bone.voxels[number]))
    around = np.full(3, AROUND_END_MM)
    box = box_around(bone.voxels.shape, bone.affine, end_mm - around, end_mm + around)
    affine = shifted(bone.affine, (slice(number, number + 1), *box[1:]))
    margin = int(EXCESS_MM / np.linalg.norm(affine[:3, 1:3], axis=0).min()) + 1
    affine[:3, 3] = geometry.voxel_to_patient(affine, (0, -margin, -margin))
    return np.pad(filled[box[1:]], margin, mode="edge"), affine


def _grown_mm(section: contours.BoolArray, affine: FloatArray, by_mm: float) -> contours.BoolArray:
    from scipy.ndimage import distance_transform_edt

    pixel_mm = np.linalg.norm(affine[:3, 1:3], axis=0)
    if not section.any():
        return section
    return np.asarray(distance_transform_edt(~section, sampling=pixel_mm) <= by_mm)


def _shrunk_mm(section: contours.BoolArray, affine: FloatArray, by_mm: float) -> contours.BoolArray:
    from scipy.ndimage import distance_transform_edt

    pixel_mm = np.linalg.norm(affine[:3, 1:3], axis=0)
    if section.all():
        return section
    return np.asarray(distance_transform_edt(section, sampling=pixel_mm) > by_mm)


def _distance_mm(section: contours.BoolArray, affine: FloatArray, point_mm: FloatArray) -> float:
    """Return the distance in mm from a point to the nearest pixel of a section."""
    rows, columns = np.nonzero(section)
    if len(rows) == 0:
        return AROUND_END_MM
    indices = np.column_stack([np.zeros(len(rows)), rows, columns])
    offsets = geometry.voxel_to_patient(affine, indices) - point_mm
    return float(np.linalg.norm(offsets, axis=1).min())


# --- both sides ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class FoundSide:
    """What was found on one side."""

    bones: HipBones
    femur: ProximalFemur
    searched: SearchedSlices
    narrowest: SliceGap


def of_both(first: FoundSide, second: FoundSide) -> tuple[QualityPart, ...]:
    """Return what comparing both sides of a body says; nothing where a head is out of view."""
    if first.femur.head is None or second.femur.head is None:
        return ()
    heads_mm = 2 * abs(first.femur.head.radius_mm - second.femur.head.radius_mm)
    levels_mm = abs(_level_mm(first.femur) - _level_mm(second.femur))
    bumps_mm = abs(first.femur.bump_mm - second.femur.bump_mm)
    ischia_mm = _ischia_apart_mm(first, second)
    return (
        QualityPart(
            "both heads", ramp(heads_mm, *HEAD_DIFFERENCE_MM),
            f"the femoral heads' diameters differ by {heads_mm:.1f} mm",
        ),
        QualityPart(
            "both trochanters",
            ramp(levels_mm, *LEVEL_DIFFERENCE_MM) * ramp(bumps_mm, *BUMP_DIFFERENCE_MM),
            f"the lesser trochanters differ between the sides by {levels_mm:.1f} mm in level and "
            f"{bumps_mm:.1f} mm in height",
        ),
        QualityPart(
            "both ischia", ramp(ischia_mm, *ISCHIA_DIFFERENCE_MM),
            f"the lateral borders of the ischia differ by {ischia_mm:.1f} mm between the sides",
        ),
    )  # fmt: skip


def _level_mm(femur: ProximalFemur) -> float:
    """Return how far the lesser trochanter's tip lies below the head's centre along the shaft."""
    assert femur.head is not None
    return float((femur.head.centre_mm - femur.tip_mm) @ femur.shaft.direction)


def _ischia_apart_mm(first: FoundSide, second: FoundSide) -> float:
    """Return how much further one ischium reaches sideways than the other, mm: the median over
    the levels below the heads that were searched on both sides, in the frame of both heads."""
    assert first.femur.head is not None
    assert second.femur.head is not None
    centres = [side.femur.head.centre_mm for side in (first, second) if side.femur.head]
    across = (centres[1] - centres[0]) / np.linalg.norm(centres[1] - centres[0])
    up = np.array([0.0, 0.0, 1.0]) - across[2] * across
    up /= np.linalg.norm(up)
    reaches = []
    for side, centre, outwards in ((first, centres[0], -across), (second, centres[1], across)):
        points = np.array([gap.most_lateral_mm for gap in side.searched.gaps])
        order = np.argsort(points @ up)
        reaches.append(((points[order] - centre) @ up, (points[order] - centre) @ outwards))
    (levels_1, reach_1), (levels_2, reach_2) = reaches
    common = (levels_1 >= levels_2.min()) & (levels_1 <= levels_2.max())
    if not common.any():
        return 0.0
    other = np.interp(levels_1[common], levels_2, reach_2)
    return float(abs(np.median(reach_1[common] - other)))
