"""Muscle and fat as the anatomy series shows them, asked place by place."""

import numpy as np
import pytest
from signal_makers import T1, TURN, Scan, make

from ifi_mri import geometry
from ifi_mri.signal.regions import cut_out
from ifi_mri.signal.settings import RegionSettings
from ifi_mri.signal.tissues import FAT_FROM, Tissues, throughout, tissues

#: An oblique grid: slices 5, rows 0.9 and columns 0.7 mm apart.
AFFINE = np.eye(4)
AFFINE[:3, :3] = TURN @ np.array([[0, 0, -0.7], [0, 0.9, 0], [5, 0, 0]])
AFFINE[:3, 3] = (12.0, -30.0, 4.0)


@pytest.fixture(scope="module")
def anatomy():
    return make(Scan(snr=None, shading=0.0), contrast=T1)


def test_signal_is_over_that_of_the_muscle_of_its_slice_and_unknown_outside(anatomy):
    voxels = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    volume = type(anatomy.volume)(voxels, AFFINE, None, "1", ())
    image = cut_out(volume, geometry.voxel_to_patient(AFFINE, [(0, 0, 0), (1, 2, 3)]), 0.0)
    shown = Tissues(image, np.array([1.0, 10.0]))
    index = [(0, 1, 2), (1, 2, 3), (1.2, 0.4, 3.4), (0, -0.6, 0), (2, 0, 0), (0, 0, 3.6)]

    over = shown.over_muscle(geometry.voxel_to_patient(AFFINE, index))
    assert over == pytest.approx([6.0, 2.3, 1.5, np.nan, np.nan, np.nan], nan_ok=True)
    assert shown.is_fat(geometry.voxel_to_patient(AFFINE, index)).tolist() == [
        value >= FAT_FROM for value in over
    ]


def test_the_reference_sets_the_level_of_every_slice(anatomy):
    shown = tissues(anatomy.volume, anatomy.reference, 75.0, RegionSettings())
    middle = np.array([np.mean(mark.points_mm, axis=0) for mark in anatomy.reference])

    assert len(shown.levels) == len(shown.image.voxels)
    assert shown.over_muscle(middle) == pytest.approx(np.ones(len(middle)), abs=0.05)
    assert shown.is_muscle(middle).all()
    assert not shown.is_fat(middle).any()


def test_a_patch_is_of_one_tissue_only_where_all_its_corners_are():
    centres = np.array([(0, 5.0, 5.0), (1, 5.0, 8.1), (2, 8.1, 5.0), (0, 2.0, 2.5), (0, 20, 20)])
    asked = []

    def within_nine(points_mm):
        asked.append(len(points_mm))
        index = geometry.patient_to_voxel(AFFINE, points_mm)[:, 1:]
        return (index < 9).all(axis=1) & (index > 1).all(axis=1)

    found = throughout(within_nine, AFFINE, centres, (1.0, 0.8))
    assert found.tolist() == [True, True, False, False, False]
    assert asked[:2] == [5, 4], "corners only where the centre is that tissue"
    other_way = throughout(within_nine, AFFINE, centres, (0.8, 1.0))
    assert other_way.tolist() == [True, False, True, True, False]
