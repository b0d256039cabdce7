"""Noise of magnitude images, made with known noise."""

import numpy as np
import pytest
from scipy import ndimage

from ifi_mri.signal import noise


def magnitude(level, sigma, shape, seed=0):
    rng = np.random.default_rng(seed)
    return np.hypot(level + sigma * rng.standard_normal(shape), sigma * rng.standard_normal(shape))


@pytest.mark.parametrize("snr", [1.5, 2, 3, 5, 10])
def test_the_floor_comes_off_a_median(snr):
    values = magnitude(100.0, 100 / snr, 400_000)

    assert noise.without_floor(np.median(values), 100 / snr) == pytest.approx(
        100, rel=0.02 if snr < 2 else 0.01
    )
    assert np.median(values) > 100


@pytest.mark.parametrize("level", [0.0, 5.0, 40.0])
def test_the_floor_comes_off_a_root_mean_square_whatever_the_level(level):
    values = magnitude(level, 10.0, 400_000)

    assert noise.rms_without_floor(values, 10.0) == pytest.approx(level, abs=1.0)


def test_a_level_below_the_noise_is_none():
    assert noise.without_floor(3.0, 5.0) == 0.0
    assert noise.rms_without_floor([1.0, 2.0], 5.0) == 0.0


def test_noise_in_muscle_is_blind_to_shading_and_to_correlation():
    rows, columns = np.mgrid[:90, :90]
    clean = 100 * (1 + 0.004 * columns + 0.003 * rows)
    white = np.random.default_rng(3).standard_normal((5, 90, 90))
    correlated = ndimage.gaussian_filter(white, (0, 0.7, 0.7))
    voxels = clean + 6 * correlated / correlated.std()
    mask = np.ones(voxels.shape, bool)

    assert noise.noise_in_muscle(voxels, mask, (0.9, 1.1)) == pytest.approx(6, rel=0.05)
    assert voxels.std() > 12


def test_smoothing_inside_a_mask_sees_nothing_beyond_it():
    values = np.full((1, 30, 30), 5.0)
    mask = np.zeros((1, 30, 30), bool)
    mask[0, 8:20, 10:24] = True
    values[~mask] = 1000.0
    smooth = noise.smoothed_inside(values, mask, 2.0, (1.0, 0.8))

    assert smooth[mask] == pytest.approx(5.0)
    assert (smooth[~mask] == 0).all()


def test_smoothing_inside_a_mask_sees_nothing_else_and_leaves_nothing_outside():
    rng = np.random.default_rng(5)
    mask, values = rng.random((2, 20, 25)) < 0.5, rng.normal(size=(2, 20, 25))
    mask[1, :, :4] = False
    hidden = np.where(mask, values, np.nan)
    found = noise.smoothed_inside(hidden, mask, 1.5, (1.0, 0.8))

    assert (found[~mask] == 0).all()
    weight, total = (
        ndimage.gaussian_filter(
            part, (0, 1.5, 1.5 / 0.8), truncate=3.0, mode="constant", radius=(0, 5, 6)
        )
        for part in (mask.astype(float), np.where(mask, values, 0.0))
    )
    assert found[mask] == pytest.approx((total / np.where(mask, weight, 1))[mask])
