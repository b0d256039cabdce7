"""Ends of a space in marrow or fat: told on phantoms and on a real study, with no false alarm."""

import dataclasses
from functools import cache

import numpy as np
import pytest

import ifi_mri
from ifi_mri import geometry, tissue_at_ends
from ifi_mri.errors import UnreadableImageError
from ifi_mri.model import Measurement, Point, SliceValue, Volume
from ifi_mri.phantom import HipSpec, make_phantom
from ifi_mri.vocabulary import MeasurementName, Role, Side

IFS = MeasurementName.ISCHIOFEMORAL_SPACE

#: How far a misplaced end is moved into its bone, mm: beyond the cortex of either.
INTO_BONE_MM = 7.0


@cache
def phantom(pixel_mm=0.8, snr=20.0, shading=0.3, pose=(0.0, 0.0, 0.0)):
    return make_phantom(
        HipSpec(ifs_mm=14, qfs_mm=8),
        HipSpec(),
        pixel_mm=(pixel_mm, pixel_mm * 1.25),
        snr=snr,
        shading=shading,
        pose_deg=pose,
        slice_spacing_mm=6.0,
        seed=3,
    )


def spaces_of(made, shifted_mm=(0.0, 0.0)):
    """The true ends of every slice of both sides, each moved away from the other by so much."""
    for side in Side:
        for one in made.truth[side]["per_slice"]:
            ends = np.array(one["ifs_ends_mm"])
            away = (ends[0] - ends[1]) / np.linalg.norm(ends[0] - ends[1])
            moved = ends + np.array(shifted_mm)[:, None] * np.array([away, -away])
            yield space(side, one["position_mm"], moved)


def space(side, position_mm, ends, name=IFS):
    points: tuple[Point, ...] = tuple(map(tuple, np.asarray(ends, dtype=float)))
    value = SliceValue(20.0, position_mm, None, points)
    return Measurement(name, side, 20.0, "mm", 1.0, (18, 22), "", points, None, 1, (value,))


SCANS = [
    (0.4, 12.0, 0.0, (0, 0, 0)),
    (0.8, 20.0, 0.4, (12, -9, 7)),
    (1.2, 30.0, 0.3, (0, 15, -20)),
]


@pytest.mark.parametrize("scan", SCANS)
def test_true_ends_are_never_told_to_lie_in_marrow_or_fat(scan):
    made = phantom(*scan)
    volume = made.volume(Role.ANATOMY)
    generator = np.random.default_rng(0)
    basis = geometry.plane_basis(volume.affine)

    assert list(tissue_at_ends.cautions(list(spaces_of(made)), volume)) == []
    alarms, n_ends = 0, 0
    for one in spaces_of(made):
        for _ in range(10):
            clicks = np.array(one.points_mm) + generator.normal(0, 0.75, (2, 2)) @ basis
            placed = space(one.side, one.per_slice[0].slice_position_mm, clicks).per_slice[0]
            alarms += sum(
                tissue_at_ends.lies_in_marrow_or_fat(placed, end, volume) for end in (0, 1)
            )
            n_ends += 2
    assert alarms <= 0.02 * n_ends


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("end", [0, 1])
def test_an_end_inside_its_bone_is_told(scan, end):
    made = phantom(*scan)
    shifted = [INTO_BONE_MM * (end == 0), INTO_BONE_MM * (end == 1)]

    for one in spaces_of(made, shifted):
        (caution,) = tissue_at_ends.cautions([one], made.volume(Role.ANATOMY))
        assert caution.code == "landmark_in_marrow_or_fat"
        assert caution.side is one.side
        assert f"The {tissue_at_ends.ENDS[end]} end of the ischiofemoral space" in caution.text
        assert f"{one.per_slice[0].slice_position_mm:.1f} mm" in caution.text


def other_way_up(volume):
    """Return the same slices, stacked towards the other end of the patient."""
    affine = volume.affine.copy()
    affine[:3, 3] += (len(volume.voxels) - 1) * affine[:3, 0]
    affine[:3, 0] *= -1
    return dataclasses.replace(volume, voxels=volume.voxels[::-1].copy(), affine=affine)


@pytest.mark.parametrize("scan", SCANS)
def test_slices_stacked_towards_head_or_feet_tell_the_same(scan):
    made = phantom(*scan)
    volume = made.volume(Role.ANATOMY)

    for one in spaces_of(made, (INTO_BONE_MM, 0)):
        told = list(tissue_at_ends.cautions([one], volume))
        assert len(told) == 1
        assert list(tissue_at_ends.cautions([one], other_way_up(volume))) == told


def test_an_end_in_subcutaneous_fat_is_told():
    made = phantom()
    volume = made.volume(Role.ANATOMY)
    picture = volume.voxels[0]
    row, column = picture.shape[0] // 2, picture.shape[1] // 2
    column_of_fat = np.argmax(picture[row] > 0.6 * picture.max()) + 4  # a little under the skin
    at = geometry.voxel_to_patient(volume.affine, [[0, row, column_of_fat], [0, row, column]])
    level = geometry.position_along_normal_mm(volume.affine, at[0])

    assert tissue_at_ends.lies_in_marrow_or_fat(
        space(Side.RIGHT, level, at).per_slice[0], 0, volume
    )


def test_several_slices_make_one_caution_that_names_them():
    made = phantom()
    left = [one for one in spaces_of(made, (INTO_BONE_MM, 0)) if one.side is Side.LEFT]
    together = dataclasses.replace(
        left[0], per_slice=tuple(value for one in left for value in one.per_slice)
    )

    (caution,) = tissue_at_ends.cautions([together], made.volume(Role.ANATOMY))

    assert "on the slices at" in caution.text
    assert caution.text.count(",") == len(left) - 1


def test_other_measurements_and_slices_that_are_not_loaded_are_passed_over():
    made = phantom()
    volume = made.volume(Role.ANATOMY)
    (first, *_) = spaces_of(made, (INTO_BONE_MM, 0))
    other = dataclasses.replace(first, name=MeasurementName.ISCHIOFEMORAL_DISTANCE_3D)
    beyond = space(first.side, 500.0, first.points_mm)

    assert list(tissue_at_ends.cautions([other, beyond], volume)) == []


def flat(voxels):
    affine = np.array([[0, 0, 1.0, 0], [0, 1.0, 0, 0], [5.0, 0, 0, 0], [0, 0, 0, 1]])
    return Volume(np.asarray(voxels, dtype=np.float32)[None], affine, None, "1", ())


def test_an_end_lies_where_it_is_seen_along_the_normal_also_where_the_stack_leans():
    made = drawn(600.0)
    leaning = made.affine.copy()
    leaning[:3, 0] = (25.0, 0.0, 5.0)
    ends = space(Side.LEFT, 0.0, [(40, 50, 2.4), (70, 50, 2.4)]).per_slice[0]

    for volume in (made, dataclasses.replace(made, affine=leaning)):
        assert tissue_at_ends.lies_in_marrow_or_fat(ends, 0, volume)
        assert not tissue_at_ends.lies_in_marrow_or_fat(ends, 1, volume)


@pytest.mark.parametrize("levels", [[700] * 40 + [200] * 60, [700] * 50 + [200] * 30 + [100] * 20])
def test_tissue_as_bright_as_it_gets_counts_when_levels_are_told_apart(levels):
    assert tissue_at_ends.tissue_levels(np.array(levels, dtype=np.float32)) == (200, 700)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((80, 80)),
        np.full((80, 80), 300.0),
        np.full((80, 80), np.nan),
        np.random.default_rng(1).normal(300, 20, (80, 80)),  # one tissue: no contrast to go by
        np.full((2, 2), 5.0),
    ],
)
def test_a_picture_that_does_not_tell_raises_no_alarm(picture):
    for ends in ([(40, 40, 0), (50, 40, 0)], [(-300, 40, 0), (40, 900, 0)]):
        value = space(Side.LEFT, 0.0, ends).per_slice[0]
        assert not tissue_at_ends.lies_in_marrow_or_fat(value, 0, flat(picture))
        assert not tissue_at_ends.lies_in_marrow_or_fat(value, 1, flat(picture))


def drawn(end_tissue, line=None):
    """Muscle at 200 with fat at 700 in one corner; around the end a disc of tissue, crossed beside
    the end by a line one pixel wide."""
    picture = np.full((90, 90), 200.0)
    picture[:30, :60] = 700.0
    row, column = np.indices(picture.shape)
    away = np.hypot(row - 50, column - 40)
    picture[away <= 8] = end_tissue
    if line is not None:
        picture[(row == 51) & (away <= 8)] = line
    return flat(picture)


@pytest.mark.parametrize(
    ("volume", "told"),
    [
        (drawn(600.0), True),
        (drawn(245.0), True),
        (drawn(230.0), False),  # as grey as muscle, or red marrow
        (drawn(600.0, line=100.0), False),  # cortex in reach
        (drawn(280.0, line=155.0), True),
        (drawn(280.0, line=145.0), False),
        (drawn(700.0, line=360.0), True),
        (drawn(700.0, line=340.0), False),  # no darker than muscle, and yet a notch
    ],
)
def test_what_counts_as_an_edge(volume, told):
    value = space(Side.LEFT, 0.0, [(40, 50, 0), (70, 50, 0)]).per_slice[0]

    assert tissue_at_ends.lies_in_marrow_or_fat(value, 0, volume) is told


# --- from files to report -----------------------------------------------------------------------


def shifted(landmarks, name, by_mm):
    moved = [
        dataclasses.replace(mark, points_mm=tuple(tuple(np.add(p, by_mm)) for p in mark.points_mm))
        if mark.name == name
        else mark
        for mark in landmarks.landmarks
    ]
    return dataclasses.replace(landmarks, landmarks=tuple(moved))


def codes(report):
    return [c.code for c in report.cautions if c.code == "landmark_in_marrow_or_fat"]


def test_the_real_studys_ends_raise_no_alarm_and_shifted_ones_do(shared):
    folder = shared / "real_mri" / "sts_001"
    study = ifi_mri.load_study(folder)
    marks = ifi_mri.read_landmarks(folder / "landmarks" / "native.json")

    assert codes(ifi_mri.analyse(study, marks)) == []
    for name, by_mm in (
        ("ischial_tuberosity", (-6.5, 4.5, 0)),
        ("lesser_trochanter", (6.0, -5.0, 0)),
    ):
        assert codes(ifi_mri.analyse(study, shifted(marks, name, by_mm)))


def test_slices_that_cannot_be_opened_stop_no_case(shared):
    folder = shared / "real_mri" / "sts_001"
    study = ifi_mri.load_study(folder)
    marks = ifi_mri.read_landmarks(folder / "landmarks" / "native.json")

    def damaged(series, near=None):
        if len(near or ()) > 1 and "T1" in series.label:
            raise UnreadableImageError("a slice is damaged")
        return ifi_mri.load_volume(series, near)

    report = ifi_mri.analyse(study, marks, open_volume=damaged)

    (caution,) = (c for c in report.cautions if c.code == "ends_not_looked_at")
    assert caution.side is Side.LEFT
    assert report.measured(IFS, Side.LEFT).value == pytest.approx(25.47, abs=0.01)
