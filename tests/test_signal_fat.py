"""Fat fractions and fat suppression, where the fat is known."""

from dataclasses import replace

import numpy as np
import pytest
from signal_makers import FLUID, T1, Scan, make

from ifi_mri.signal.fat import (
    fat_fraction_dixon,
    fat_fraction_t1,
    goutallier_grade,
    without_ends,
)
from ifi_mri.signal.quadratus import muscle_signal
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.signal.settings import FatSettings, MuscleSignalSettings

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


def test_values_that_are_no_numbers_have_no_fat_fraction():
    made = make(Scan(seed=3), contrast=T1)
    voxels = np.array(made.volume.voxels)
    voxels[4, ::7, ::5] = np.inf
    broken = replace(made.volume, voxels=voxels)

    with pytest.raises(NotAssessable, match="no finite numbers"):
        fat_fraction_t1(broken, made.quadratus, made.reference, made.fat, SETTINGS)


@pytest.mark.parametrize(("which", "value"), [("water", 0.0), ("fat", 0.0), ("fat", 7.0)])
def test_an_empty_dixon_image_is_no_image(which, value):
    images = {
        "water": make(Scan(seed=3), contrast=WATER),
        "fat": make(Scan(seed=4), contrast=FAT),
    }
    quadratus = images["water"].quadratus
    volumes = {name: made.volume for name, made in images.items()}
    volumes[which] = replace(volumes[which], voxels=np.full_like(volumes[which].voxels, value))

    with pytest.raises(NotAssessable, match=f"Dixon {which} image has one value throughout"):
        fat_fraction_dixon(volumes["water"], volumes["fat"], quadratus, SETTINGS)


def test_next_to_no_fat_is_never_less_than_none():
    water = make(Scan(seed=3), contrast=WATER)
    rng = np.random.default_rng(0)
    noise = replace(
        water.volume, voxels=rng.normal(-0.2, 1, water.volume.voxels.shape).astype(np.float32)
    )
    found = fat_fraction_dixon(water.volume, noise, water.quadratus, SETTINGS)

    assert found.fraction.low == found.fraction.value == 0.0
