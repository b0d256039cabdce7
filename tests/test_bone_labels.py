"""The space from bone labels: right where it can be, refused where it cannot, never guessed.

Truths come from the solids that the bodies are made of (`bone_makers`).
"""

from dataclasses import replace
from functools import cache

import bone_makers as make
import numpy as np
import pytest
from bone_makers import Body, Hip
from scipy.spatial.transform import Rotation

from ifi_mri import geometry
from ifi_mri.landmarks.bone_labels import (
    NotProposed,
    ProposedSpace,
    pieces,
    propose,
    propose_both,
    proximal_femur,
    search,
)
from ifi_mri.landmarks.bone_labels.quality import SOUND
from ifi_mri.model import Grid
from ifi_mri.vocabulary import LandmarkName, Side

LEFT, RIGHT = Side
USUAL = Hip()
ONE = Body(left=USUAL, right=USUAL, sides=(LEFT,))
TWO = Body(left=replace(USUAL, gap_mm=18), right=replace(USUAL, gap_mm=23))

#: Voxels of most tests, and how near the truth their spaces are.
COARSE = (2.0, 2.0, 2.0)
NEAR_MM = 1.0


@cache
def labels_of(body, voxel_mm=COARSE, grid_turn_deg=(0, 0, 0)):
    labels, affine = make.labelled(body, voxel_mm, grid_turn_deg)
    labels.flags.writeable = False
    return labels, affine


@cache
def true_mm(body, side, heights=None):
    return make.true_space_mm(body, side, heights=heights)


def proposed(body, side=LEFT, voxel_mm=COARSE, grid_turn_deg=(0, 0, 0), anatomy=None):
    labels, affine = labels_of(body, voxel_mm, grid_turn_deg)
    return propose(make.label_map(labels, affine), side, anatomy)


def assert_right(space, truth_mm, within_mm=NEAR_MM):
    assert isinstance(space, ProposedSpace), getattr(space, "reason", "")
    assert space.width_mm == pytest.approx(truth_mm, abs=within_mm)
    assert space.score >= SOUND, space.doubts


def edited(body=ONE, **options):
    labels, affine = labels_of(body, **options)
    return np.array(labels), affine


def heights(labels, affine):
    return make.heights_mm(labels, affine)


# --- right --------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("voxel_mm", [(1.5, 1.5, 1.5), (3, 1, 1), (5, 0.8, 0.8)])
def test_the_space_is_found_at_any_voxel_size(voxel_mm):
    labels, affine = labels_of(ONE, voxel_mm)
    truth = true_mm(ONE, LEFT, tuple(heights(labels, affine)))

    assert_right(proposed(ONE, voxel_mm=voxel_mm), truth, 0.5)


@pytest.mark.parametrize(
    ("voxel_mm", "coarse", "sound"),
    [((2.5, 2.5, 2.5), False, True), ((3.0, 3.0, 3.0), True, True), ((3.0, 3.8, 3.8), True, False)],
)
def test_coarse_voxels_are_known_widen_the_sd_and_are_not_sound(voxel_mm, coarse, sound):
    space = proposed(ONE, voxel_mm=voxel_mm)

    assert space.coarse is coarse
    assert space.sound is sound
    assert {mark.pixel_mm for mark in space.landmarks()} == {voxel_mm[1] if coarse else None}
    assert any("voxels of the bone labels" in doubt for doubt in space.doubts) is coarse


@pytest.mark.parametrize("voxel_mm", [(2.0, 4.2, 1.0), (2.0, 1.0, 4.2)])
def test_voxels_that_are_too_coarse_in_the_slices_are_refused_with_the_way_out(voxel_mm):
    refused = proposed(ONE, voxel_mm=voxel_mm)

    assert isinstance(refused, NotProposed)
    assert "4.2 mm wide in the slices, at most 4.0 mm" in refused.reason
    assert "label images with finer voxels, or mark both ends" in refused.reason


def test_thick_slices_are_not_coarse():
    assert not proposed(ONE, voxel_mm=(5.0, 1.5, 1.5)).coarse


@pytest.mark.parametrize("gap_mm", [5, 12, 32, 45])
def test_narrow_and_wide_spaces_are_found(gap_mm):
    body = replace(ONE, left=replace(USUAL, gap_mm=gap_mm))

    assert_right(proposed(body), true_mm(body, LEFT))


@pytest.mark.parametrize("rotation_deg", [-20, 35])
def test_femora_turned_either_way_are_found(rotation_deg):
    body = replace(ONE, left=replace(USUAL, rotation_deg=rotation_deg))

    assert_right(proposed(body), true_mm(body, LEFT))


@pytest.mark.parametrize("turn_deg", [(12, 0, 0), (-10, 6, 15), (0, -12, 0)])
def test_tilted_and_turned_bodies_are_found(turn_deg):
    body = replace(ONE, turn_deg=turn_deg)

    assert_right(proposed(body), true_mm(body, LEFT))


def test_a_tilted_grid_is_cut_along_the_patients_axial_planes():
    space = proposed(ONE, grid_turn_deg=(14, -4, 20))

    assert_right(space, true_mm(ONE, LEFT))
    assert space.ischium_mm[2] == pytest.approx(space.trochanter_mm[2])


def test_both_sides_are_found_and_mirrored_with_the_body():
    here = propose_both(make.label_map(*labels_of(TWO)))
    there = propose_both(make.label_map(*labels_of(TWO.mirrored())))

    for side in Side:
        assert_right(here[side], true_mm(TWO, side))
        assert there[side.other].width_mm == pytest.approx(here[side].width_mm, abs=0.4)


def test_the_ends_are_on_the_bones_and_on_one_slice():
    space = proposed(ONE)

    for end, bone in ((space.ischium_mm, "ischium"), (space.trochanter_mm, "femur")):
        assert ONE.solid(np.array([end]), LEFT, bone)[0] == pytest.approx(0, abs=0.6)
    gap = np.subtract(space.ischium_mm, space.trochanter_mm)
    assert gap[2] == 0
    assert np.linalg.norm(gap) == pytest.approx(space.width_mm)


def test_the_tip_and_the_slices_searched_are_reported():
    space = proposed(ONE)

    assert space.trochanter_tip_mm == pytest.approx(ONE.tip_mm(LEFT), abs=2.5)
    low, high = space.searched_mm
    assert -12 <= low < -9
    assert 9 < high <= 12
    assert [one.slice_index for one in space.slices] == sorted(
        one.slice_index for one in space.slices
    )
    assert min(one.width_mm for one in space.slices) == space.width_mm


def test_the_slices_of_an_image_are_used_where_there_is_one():
    tip = ONE.tip_mm(LEFT)
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, ::-1] * (4.0, 0.5, 0.5)
    affine[:3, 3] = (0, -100, tip[2] - 41.3)
    picture = Grid.from_affine(affine, (20, 400, 400))

    space = proposed(ONE, anatomy=picture)

    planes = affine[2, 3] + 4.0 * np.arange(20)
    assert_right(space, true_mm(ONE, LEFT, tuple(planes)))
    assert planes[space.slice_index] == pytest.approx(space.ischium_mm[2])
    assert len(space.slices) == 6


def test_landmarks_hold_both_ends_of_every_slice():
    space = proposed(ONE)

    marks = space.landmarks()

    assert len(marks) == 2 * len(space.slices)
    assert {mark.side for mark in marks} == {LEFT}
    ischia = [m.points_mm[0] for m in marks if m.name is LandmarkName.ISCHIAL_TUBEROSITY]
    trochanters = [m.points_mm[0] for m in marks if m.name is LandmarkName.LESSER_TROCHANTER]
    widths = np.linalg.norm(np.subtract(ischia, trochanters), axis=1)
    assert widths.min() == pytest.approx(space.width_mm)


# --- what counts of the bones ---------------------------------------------------------------------


@cache
def femur_of_one():
    return proximal_femur.find(pieces.hips(make.label_map(*labels_of(ONE)))[LEFT].femur, LEFT)


def test_of_the_hip_bone_only_the_ischium_behind_the_heads_centre_and_off_the_joint_counts():
    femur = femur_of_one()
    head, radius = femur.head.centre_mm, femur.head.radius_mm
    from_head = np.array([(-20, 5, -60), (-20, -5, -60), (0, radius + 8, 0)])

    ischium, pubis, socket = search.is_ischial(head + from_head, femur)

    assert ischium
    assert not pubis
    assert not socket


def test_of_the_femur_neither_the_head_nor_the_far_side_counts():
    femur = femur_of_one()
    turn = np.radians(np.arange(0, 360, 5))[:, None]
    around = np.cos(turn) * femur.neck + np.sin(turn) * femur.behind
    ring = femur.tip_mm - 30 * np.cos(np.radians(femur.tip_angle_deg)) * femur.neck
    ring = ring - 30 * np.sin(np.radians(femur.tip_angle_deg)) * femur.behind + 20 * around
    of_head = femur.head.centre_mm + femur.head.radius_mm * around

    counted = search._facing([ring, of_head], femur)

    assert len(counted) > 0
    assert np.abs(search.angles_from_tip_deg(counted, femur)).max() <= 100
    from_head = np.linalg.norm(counted - femur.head.centre_mm, axis=1)
    assert from_head.min() > femur.head.radius_mm + 2


# --- labels of poor quality ---------------------------------------------------------------------


def test_stray_islands_change_nothing():
    labels, affine = edited()
    rng = np.random.default_rng(0)
    for _ in range(60):
        k, j, i = (rng.integers(2, n - 4) for n in labels.shape)
        island = labels[k : k + 3, j : j + 3, i : i + 3]
        island[island == 0] = rng.choice([make.HIP_BONE[LEFT], make.FEMUR[LEFT]])

    space = propose(make.label_map(labels, affine), LEFT)

    assert_right(space, proposed(ONE).width_mm, 0.1)


def test_holes_in_labels_change_nothing():
    labels, affine = edited()
    inner = np.zeros_like(labels, dtype=bool)
    inner[2:-2, 2:-2, 2:-2] = True
    for axis in range(3):
        for shift in (-2, 2):
            inner &= np.roll(labels, shift, axis) == labels
    labels[inner & (labels > 0)] = 0  # hollow bones

    space = propose(make.label_map(labels, affine), LEFT)

    assert_right(space, proposed(ONE).width_mm, 0.1)


def test_one_number_for_both_sides_is_parted():
    labels, affine = edited(TWO)
    expected = propose_both(make.label_map(labels, affine))
    for side in Side:
        labels[labels == make.HIP_BONE[side]] = make.BOTH_HIP_BONES
        labels[labels == make.FEMUR[side]] = make.BOTH_FEMORA

    found = propose_both(make.label_map(labels, affine))

    for side in Side:
        assert found[side].width_mm == pytest.approx(expected[side].width_mm, abs=0.05)


def test_femora_joined_by_stray_voxels_are_parted():
    labels, affine = edited(TWO)
    expected = propose_both(make.label_map(labels, affine))
    femora = np.isin(labels, list(make.FEMUR.values()))
    k = int(np.argmin(np.abs(heights(labels, affine) - TWO.tip_mm(LEFT)[2] + 50)))
    rows, columns = np.nonzero(femora[k])
    labels[k, int(rows.mean()), columns.min() : columns.max()] = make.BOTH_FEMORA
    labels[femora] = make.BOTH_FEMORA

    found = propose_both(make.label_map(labels, affine))

    for side in Side:
        assert found[side].width_mm == pytest.approx(expected[side].width_mm, abs=0.1)


def test_a_part_labelled_as_the_other_side_lowers_the_score_only():
    labels, affine = edited()
    low = heights(labels, affine) < ONE.tip_mm(LEFT)[2] - 2
    part = labels[low]
    part[part == make.HIP_BONE[LEFT]] = make.HIP_BONE[RIGHT]
    labels[low] = part

    space = propose(make.label_map(labels, affine), LEFT)

    assert space.width_mm == pytest.approx(proposed(ONE).width_mm, abs=0.1)
    assert space.score < proposed(ONE).score
    assert any("other side" in doubt for doubt in space.doubts)


def test_a_lump_of_muscle_in_the_label_is_not_taken_for_a_narrow_space():
    labels, affine = edited()
    space = proposed(ONE)
    middle = 0.8 * np.array(space.ischium_mm) + 0.2 * np.array(space.trochanter_mm)
    indices = np.moveaxis(np.indices(labels.shape), 0, -1)
    near = np.linalg.norm(geometry.voxel_to_patient(affine, indices) - middle, axis=-1) < 8
    labels[near & (labels == 0)] = make.HIP_BONE[LEFT]

    found = propose(make.label_map(labels, affine), LEFT)

    assert isinstance(found, NotProposed) or found.score < SOUND


def near_mm(labels, affine, point):
    """Return the distance of every voxel from a point."""
    indices = np.moveaxis(np.indices(labels.shape), 0, -1)
    return np.linalg.norm(geometry.voxel_to_patient(affine, indices) - point, axis=-1)


@pytest.mark.parametrize("radius_mm", [9, 12])
def test_a_piece_missing_from_the_ischium_is_not_taken_for_a_wide_space(radius_mm):
    labels, affine = edited()
    space = proposed(ONE)
    hole = near_mm(labels, affine, space.ischium_mm) < radius_mm
    labels[hole & (labels == make.HIP_BONE[LEFT])] = 0

    found = propose(make.label_map(labels, affine), LEFT)

    assert isinstance(found, NotProposed) or found.score < SOUND
    assert "dent" in (getattr(found, "reason", "") or found.doubts[0])


@pytest.mark.parametrize("from_tip_mm", [57, 20])
def test_a_slice_lost_elsewhere_changes_nothing(from_tip_mm):
    labels, affine = edited()
    lost = np.argmin(np.abs(heights(labels, affine) - ONE.tip_mm(LEFT)[2] - from_tip_mm))
    labels[lost : lost + 3] = 0

    assert_right(propose(make.label_map(labels, affine), LEFT), proposed(ONE).width_mm, 0.1)


def test_a_slice_lost_near_the_trochanter_is_filled_and_the_space_doubtful():
    labels, affine = edited()
    labels[np.argmin(np.abs(heights(labels, affine) - proposed(ONE).ischium_mm[2]))] = 0

    found = propose(make.label_map(labels, affine), LEFT)

    assert found.width_mm == pytest.approx(proposed(ONE).width_mm, abs=0.5)
    assert found.score < SOUND
    assert "empty" in found.doubts[0]


def test_a_cap_of_the_head_labelled_as_hip_bone_changes_nothing():
    labels, affine = edited()
    head = ONE.head_mm(LEFT)
    cap = (near_mm(labels, affine, head) < 30) & (
        np.broadcast_to((heights(labels, affine) > head[2] + 10)[:, None, None], labels.shape)
    )
    labels[cap & (labels == make.FEMUR[LEFT])] = make.HIP_BONE[LEFT]

    found = propose(make.label_map(labels, affine), LEFT)

    assert found.width_mm == pytest.approx(proposed(ONE).width_mm, abs=0.3)


@pytest.mark.parametrize(
    ("order", "flips"), [((2, 0, 1), ()), ((1, 2, 0), (0,)), ((0, 2, 1), (1, 2))]
)
def test_the_order_in_which_voxels_are_stored_does_not_matter(order, flips):
    labels, affine = labels_of(ONE)
    for axis in flips:
        step = affine[:, axis] * (labels.shape[axis] - 1)
        affine = np.array(affine)
        affine[:, 3] += step
        affine[:, axis] *= -1
        labels = np.flip(labels, axis)
    stored = labels.transpose(order), affine[:, [*order, 3]]

    found = propose(make.label_map(*stored), LEFT)

    assert found.width_mm == pytest.approx(proposed(ONE).width_mm, abs=0.1)
    assert found.trochanter_tip_mm == pytest.approx(proposed(ONE).trochanter_tip_mm, abs=1.0)


def test_islands_of_bone_labels_alone_are_no_femur():
    labels, affine = edited()
    labels[labels == make.FEMUR[LEFT]] = 0
    labels[10:13, 10:13, 10:13] = make.FEMUR[LEFT]

    reason = propose(make.label_map(labels, affine), LEFT).reason

    assert "largest piece labelled femur" in reason


# --- refused ------------------------------------------------------------------------------------


def cut(labels, affine, keep):
    """Return the slices whose height from the tip is kept."""
    kept = np.flatnonzero(keep(heights(labels, affine) - ONE.tip_mm(LEFT)[2]))
    moved = np.array(affine)
    moved[:3, 3] += kept[0] * affine[:3, 0]
    return labels[kept], moved


@pytest.mark.parametrize("end_mm", [-6, -3, 0, 4, 9])
def test_a_trochanter_cut_off_from_below_is_refused(end_mm):
    reason = propose(make.label_map(*cut(*labels_of(ONE), lambda z: z > end_mm)), LEFT).reason

    assert "view" in reason


@pytest.mark.parametrize("end_mm", [-6, 0, 4, 9])
def test_a_trochanter_cut_off_from_above_is_refused(end_mm):
    found = propose(make.label_map(*cut(*labels_of(ONE), lambda z: z < end_mm)), LEFT)

    assert isinstance(found, NotProposed)
    assert "view" in found.reason or "no left hip bone" in found.reason


def test_labels_that_end_are_cut_off_even_where_the_voxels_go_on():
    labels, affine = edited()
    labels[heights(labels, affine) < ONE.tip_mm(LEFT)[2] - 3] = 0

    assert isinstance(propose(make.label_map(labels, affine), LEFT), NotProposed)


def test_a_short_shaft_is_enough():
    space = propose(make.label_map(*cut(*labels_of(ONE), lambda z: z > -22)), LEFT)

    assert space.width_mm == pytest.approx(proposed(ONE).width_mm, abs=0.2)


def test_without_the_head_the_space_is_doubtful_but_there():
    space = propose(make.label_map(*cut(*labels_of(ONE), lambda z: z < 40)), LEFT)

    assert space.width_mm == pytest.approx(proposed(ONE).width_mm, abs=1.0)
    assert space.score < SOUND
    assert any("head" in doubt for doubt in space.doubts)


def test_a_tuberosity_out_of_view_is_refused():
    labels, affine = edited()
    low = heights(labels, affine) < ONE.tip_mm(LEFT)[2] + 13
    part = labels[low]
    part[part == make.HIP_BONE[LEFT]] = 0
    labels[low] = part

    reason = propose(make.label_map(labels, affine), LEFT).reason

    assert "ischial tuberosity is out of view" in reason


def test_a_tuberosity_mostly_out_of_view_is_doubtful():
    labels, affine = edited()
    low = heights(labels, affine) < ONE.tip_mm(LEFT)[2] + 7
    part = labels[low]
    part[part == make.HIP_BONE[LEFT]] = 0
    labels[low] = part

    found = propose(make.label_map(labels, affine), LEFT)

    assert isinstance(found, NotProposed) or found.score < SOUND


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [([make.FEMUR[LEFT]], "femur"), ([make.HIP_BONE[LEFT]], "hip bone")],
)
def test_a_missing_bone_is_told(numbers, missing):
    labels, affine = edited()
    labels[np.isin(labels, numbers)] = 0

    reason = propose(make.label_map(labels, affine), LEFT).reason

    assert f"holds no {missing}" in reason


def test_the_side_without_bones_is_told():
    assert proposed(ONE, RIGHT).reason == "the label map holds no right femur"


def test_swapped_labels_are_refused():
    labels, affine = edited()
    swapped = np.array(labels)
    swapped[labels == make.HIP_BONE[LEFT]] = make.HIP_BONE[RIGHT]
    swapped[labels == make.FEMUR[LEFT]] = make.FEMUR[RIGHT]

    found = propose_both(make.label_map(swapped, affine))

    assert "labelled right" in found[LEFT].reason
    assert isinstance(found[RIGHT], NotProposed)


def test_a_femur_whose_head_points_outwards_is_refused():
    femur = pieces.hips(make.label_map(*labels_of(ONE)))[LEFT].femur

    with pytest.raises(pieces.Unproposable, match="points away from the midline"):
        proximal_femur.find(femur, RIGHT)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_file_is_refused(axis):
    """A mirror image of a left hip is a right hip, with left labels."""
    labels, affine = labels_of(ONE)
    mirror = np.eye(4)
    mirror[axis, axis] = -1

    found = propose_both(make.label_map(labels, mirror @ affine))

    assert all(isinstance(one, NotProposed) for one in found.values())


def test_an_image_that_is_not_axial_is_refused():
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([(0, 4, 0), (0, 0, -1), (1, 0, 0)])

    reason = proposed(ONE, anatomy=Grid.from_affine(affine, (30, 200, 200))).reason

    assert "coronal" in reason


def test_an_image_that_does_not_reach_the_trochanter_is_refused():
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, ::-1] * (4.0, 1, 1)
    affine[2, 3] = ONE.tip_mm(LEFT)[2] + 30

    reason = proposed(ONE, anatomy=Grid.from_affine(affine, (20, 200, 200))).reason

    assert "no slice lies within 12 mm" in reason


def test_any_voxels_at_all_give_an_answer_or_a_reason():
    """Labels without anatomy: noise, a block, a rod, single slices."""
    rng = np.random.default_rng(1)
    block = np.zeros((60, 60, 60), dtype=np.int16)
    block[5:55, 5:30, 5:55], block[5:55, 30:55, 5:55] = 1, 3
    rod = np.zeros((120, 40, 60), dtype=np.int16)
    rod[:, 10:30, 5:25], rod[:, 10:30, 30:50] = 1, 3
    plate = np.zeros((1, 200, 200), dtype=np.int16)
    plate[0, 20:90, 20:90], plate[0, 100:190, 100:190] = 1, 3
    noise = rng.integers(0, 5, (40, 40, 40)).astype(np.int16)
    for labels in (block, rod, plate, noise):
        for turn in ((0, 0, 0), (20, 30, 40)):
            affine = np.eye(4)
            matrix = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
            affine[:3, :3] = matrix[:, ::-1] * 1.5
            for found in propose_both(make.label_map(labels, affine)).values():
                assert isinstance(found, NotProposed), found
