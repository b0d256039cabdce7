"""Muscle and fat as the anatomy series shows them, asked place by place."""

import numpy as np
import pytest
from signal_makers import T1, TURN, Scan, make

from ifi_mri import geometry
from ifi_mri.signal.regions import CutOut, cut_out
from ifi_mri.signal.settings import RegionSettings
from ifi_mri.signal.tissues import FAT_FROM, MUSCLE_RANGE, Places, Tissues, tissues

#: An oblique grid: slices 5, rows 0.9 and columns 0.7 mm apart.
AFFINE = np.eye(4)
AFFINE[:3, :3] = TURN @ np.array([[0, 0, -0.7], [0, 0.9, 0], [5, 0, 0]])
AFFINE[:3, 3] = (12.0, -30.0, 4.0)


def places_of(shown):
    """Return the places of voxels that are of a tissue, given as such."""
    half = np.full(len(shown), 0.5)
    return Places(CutOut(shown.astype(np.float32), AFFINE, (0, 0, 0)), half, half + 1)


@pytest.fixture(scope="module")
def anatomy():
    return make(Scan(snr=None, shading=0.0), contrast=T1)


def test_a_tissue_is_told_by_its_signal_over_that_of_the_muscle_of_its_slice(anatomy):
    voxels = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    volume = type(anatomy.volume)(voxels, AFFINE, None, "1", ())
    image = cut_out(volume, geometry.voxel_to_patient(AFFINE, [(0, 0, 0), (1, 2, 3)]), 0.0)
    shown = Tissues(image, np.array([4.0, 10.0]))
    over = voxels / np.array([4.0, 10.0])[:, None, None]

    index = np.stack(np.indices(voxels.shape), axis=-1).reshape(-1, 3).astype(np.float64)
    for places, expected in (
        (shown.muscle, (over >= MUSCLE_RANGE[0]) & (over < MUSCLE_RANGE[1])),
        (shown.fat, over >= FAT_FROM),
    ):
        found = places.throughout(AFFINE, index, (0, 0))
        assert 0 < found.sum() < len(found)
        assert found.tolist() == expected.ravel().tolist()


def test_the_reference_sets_the_level_of_every_slice(anatomy):
    shown = tissues(anatomy.volume, anatomy.reference, 75.0, RegionSettings())
    middle = np.array([np.mean(mark.points_mm, axis=0) for mark in anatomy.reference])
    index = geometry.patient_to_voxel(AFFINE, middle)

    assert len(shown.levels) == len(shown.image.voxels)
    assert shown.muscle.throughout(AFFINE, index, (0, 0)).all()
    assert not shown.fat.throughout(AFFINE, index, (0, 0)).any()


def test_beyond_the_picture_there_is_no_tissue():
    places = places_of(np.ones((2, 3, 4)))
    inside = [(0, 0, 0), (1, 2, 3), (-0.4, -0.4, -0.4), (1.4, 2.4, 3.4)]
    outside = [(-0.6, 0, 0), (1.6, 0, 0), (0, -0.6, 0), (0, 2.6, 0), (0, 0, -0.6), (0, 0, 90)]

    found = places.throughout(AFFINE, np.array([*inside, *outside], dtype=float), (0, 0))
    assert found.tolist() == [True] * len(inside) + [False] * len(outside)


def test_a_patch_is_of_one_tissue_only_where_all_its_corners_are():
    shown = np.zeros((3, 12, 12), dtype=bool)
    shown[:, 2:9, 2:9] = True
    places = places_of(shown)
    centres = np.array([(0, 5.0, 5.0), (1, 5.0, 7.7), (2, 7.7, 5.0), (0, 2.3, 2.3), (0, 20, 20)])

    assert places.throughout(AFFINE, centres, (0, 0)).tolist() == [True, True, True, True, False]
    one_way = places.throughout(AFFINE, centres, (1.0, 0.7))
    assert one_way.tolist() == [True, True, False, False, False]
    other_way = places.throughout(AFFINE, centres, (0.7, 1.0))
    assert other_way.tolist() == [True, False, True, False, False]


def test_places_of_a_series_are_found_from_any_other():
    """Another slice spacing, pixel and direction: each corner is where it is in the patient."""
    other = np.eye(4)
    other[:3, :3] = TURN @ np.array([[0.1, -0.9, 0.2], [1.2, 0.1, 0.3], [0.2, 0.1, -3.1]]).T
    other[:3, 3] = geometry.voxel_to_patient(AFFINE, (2.2, 9.0, 11.0))
    shown = np.random.default_rng(0).random((6, 30, 40)) < 0.8
    centres = np.random.default_rng(1).uniform(-12, 12, size=(400, 3))
    half = (0.6, 0.4)

    expected = np.ones(len(centres), dtype=bool)
    for corner in ((0, 0, 0), (0, -0.6, -0.4), (0, -0.6, 0.4), (0, 0.6, -0.4), (0, 0.6, 0.4)):
        points = geometry.voxel_to_patient(other, centres + np.array(corner))
        index = np.rint(geometry.patient_to_voxel(AFFINE, points)).astype(int)
        inside = ((index >= 0) & (index < shown.shape)).all(axis=1)
        expected &= inside
        expected[inside] &= shown[tuple(index[inside].T)]
    assert 20 < expected.sum() < 300
    found = places_of(shown).throughout(other, centres, half)
    assert found.tolist() == expected.tolist()
