"""Fat fractions and fat suppression, where the fat is known; area and volume."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hips import AFFINE, box
from signal_makers import FLUID, T1, Scan, make

from ifi_mri.signal.bulk import bulk, side_difference
from ifi_mri.signal.estimates import normal_estimate
from ifi_mri.signal.fat import (
    fat_fraction_dixon,
    fat_fraction_t1,
    goutallier_grade,
    without_ends,
)
from ifi_mri.signal.quadratus import muscle_signal
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.signal.settings import BulkSettings, FatSettings, MuscleSignalSettings

SETTINGS = MuscleSignalSettings()
WATER = {**FLUID, "fat": 0.0, "marrow": 0.05, "skin": 0.3}
FAT = {
    "muscle": 0.0,
    "fat": 1.0,
    "marrow": 0.9,
    "cortex": 0.05,
    "nerve": 0.2,
    "vein": 0.0,
    "skin": 0,
}


def on_t1(made):
    return fat_fraction_t1(made.volume, made.quadratus, made.reference, made.fat, SETTINGS)


@pytest.mark.parametrize("fraction", [0.0, 0.05, 0.3, 0.6])
@pytest.mark.parametrize("shading", [0.0, 0.5])
def test_fat_on_t1_is_found_through_shading(fraction, shading):
    made = make(
        Scan(snr=20, shading=shading, fat_fraction=fraction, texture=0.02, seed=3), contrast=T1
    )
    found = on_t1(made)

    assert found.fraction.value == pytest.approx(fraction, abs=0.03)
    assert found.fraction.low - 0.01 <= fraction <= found.fraction.high + 0.01
    assert found.fat_over_muscle == pytest.approx(3.2, rel=0.05)
    assert found.method == "T1"


@pytest.mark.parametrize("fraction", [0.0, 0.02, 0.1, 0.5, 0.95])
def test_fat_on_dixon_images_is_computed_from_next_to_none_to_nearly_all(fraction):
    scan = Scan(snr=25, shading=0.4, fat_fraction=fraction, seed=6)
    water, fat = make(scan, contrast=WATER), make(replace(scan, seed=7), contrast=FAT)
    found = fat_fraction_dixon(water.volume, fat.volume, water.quadratus, SETTINGS)

    assert found.fraction.value == pytest.approx(fraction, abs=0.01)
    assert found.fraction.low - 0.005 <= fraction <= found.fraction.high + 0.005
    assert found.method == "Dixon"


def test_dixon_images_with_a_sign_have_no_floor_to_take_off():
    scan = Scan(snr=None, fat_fraction=0.2, correlation_px=0.0)
    water, fat = make(scan, contrast=WATER), make(scan, contrast=FAT)
    noise = np.random.default_rng(1).normal(0, 20, fat.volume.voxels.shape)
    signed = replace(fat.volume, voxels=(fat.volume.voxels + noise).astype(np.float32))
    found = fat_fraction_dixon(water.volume, signed, water.quadratus, SETTINGS)

    assert found.fraction.value == pytest.approx(0.2, abs=0.01)


def test_dixon_images_on_two_grids_are_refused():
    water = make(Scan(), contrast=WATER)
    other = make(Scan(pixel_mm=(1.2, 1.3)), contrast=FAT)

    with pytest.raises(NotAssessable, match="one grid"):
        fat_fraction_dixon(water.volume, other.volume, water.quadratus, SETTINGS)
    with pytest.raises(NotAssessable, match="no quadratus_femoris"):
        fat_fraction_dixon(water.volume, water.volume, (), SETTINGS)


@pytest.mark.parametrize("voxels", [0.0, np.nan])
def test_empty_dixon_images_are_refused(voxels):
    water = make(Scan(), contrast=WATER)
    empty = replace(water.volume, voxels=np.full_like(water.volume.voxels, voxels))

    with pytest.raises(NotAssessable):
        fat_fraction_dixon(empty, empty, water.quadratus, SETTINGS)


def test_without_contrast_between_fat_and_muscle_there_is_no_calibration():
    made = make(Scan(fat_signal=1.2), contrast=T1)

    with pytest.raises(NotAssessable, match=r"1\.2. times as bright"):
        on_t1(made)


def test_without_a_fat_outline_there_is_no_calibration():
    made = make(Scan(), contrast=T1)

    with pytest.raises(NotAssessable, match="no subcutaneous_fat outline"):
        on_t1(replace(made, fat=()))


def test_the_slices_at_the_ends_of_many_are_left_out():
    assert without_ends((1, 2, 3, 4)) == (1, 2, 3, 4)
    assert without_ends((1, 2, 3, 4, 5)) == (2, 3, 4)


@pytest.mark.parametrize(
    ("fraction", "grade"),
    [(0.0, 0), (0.0494, 0), (0.05, 1), (0.15, 2), (0.4494, 2), (0.45, 3), (0.5494, 3), (0.55, 4)],
)
def test_the_goutallier_like_grade_follows_the_fraction(fraction, grade):
    assert goutallier_grade(fraction, FatSettings()) == grade


@pytest.mark.parametrize(("fat_signal", "is_lost"), [(0.3, False), (1.0, False), (3.0, True)])
def test_lost_fat_suppression_is_seen_where_the_anatomy_shows_fat(fat_signal, is_lost):
    made = make(Scan(fat_signal=fat_signal, shading=0.3))
    anatomy = make(Scan(pixel_mm=(0.9, 0.9), seed=4), contrast=T1)
    found = muscle_signal(made.volume, made.quadratus, made.reference, anatomy=anatomy.volume)

    assert found.suppression.is_lost is is_lost
    assert found.suppression.fat_over_muscle.value == pytest.approx(fat_signal, rel=0.15)


def test_lost_fat_suppression_is_seen_in_an_outline_of_fat_alone():
    made = make(Scan(fat_signal=3.0))
    found = muscle_signal(made.volume, made.quadratus, made.reference, fat=made.fat)

    assert found.suppression.is_lost
    assert muscle_signal(made.volume, made.quadratus, made.reference).suppression is None


# --- area and volume ----------------------------------------------------------------------------


def boxes(*slices, width=40.0):
    return tuple(box("quadratus_femoris", k, 40, 40, width, 16) for k in slices)


def test_area_and_volume_are_those_of_the_outlines():
    found = bulk((*boxes(1, 2), *boxes(3, width=20.0)), AFFINE, BulkSettings())

    assert found.area_mm2.value == pytest.approx(640.0)
    assert found.volume_ml.value == pytest.approx((640 + 640 + 320) * 5 / 1000)
    assert [area for _, area in found.areas_mm2] == pytest.approx([640, 640, 320])
    # outlines err by 0.75 mm over 10 mm of their 112 mm
    assert found.area_mm2.sd == pytest.approx(0.75 * math.sqrt(112 * 10))
    assert found.n_interpolated == 0


def test_slices_left_out_are_interpolated_and_counted():
    found = bulk(boxes(1, 4), AFFINE, BulkSettings())

    assert found.volume_ml.value == pytest.approx(640 * 4 * 5 / 1000)
    assert found.n_interpolated == 2


def test_the_ends_of_the_stack_leave_the_volume_open():
    one = bulk(boxes(2), AFFINE, BulkSettings(outline_sd_mm=1e-6))

    assert one.volume_ml.sd == pytest.approx(0.640 * 5 / math.sqrt(12) * math.sqrt(2), rel=1e-3)


def test_an_open_outline_has_no_area():
    with pytest.raises(NotAssessable, match="closed"):
        bulk([replace(boxes(2)[0], closed=False)], AFFINE, BulkSettings())
    with pytest.raises(NotAssessable, match="no outline"):
        bulk([], AFFINE, BulkSettings())


def test_the_difference_between_sides_has_a_sign_and_an_interval():
    found = side_difference(normal_estimate(20.0, 1.0), normal_estimate(25.0, 1.0))

    assert found.value == pytest.approx(5 / 22.5)
    assert found.low < found.value < found.high
    assert side_difference(
        normal_estimate(25.0, 1.0), normal_estimate(20.0, 1.0)
    ).value == pytest.approx(-found.value)
    with pytest.raises(NotAssessable):
        side_difference(normal_estimate(0.0, 1.0), normal_estimate(0.0, 1.0))
