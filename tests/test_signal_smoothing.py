"""Smoothing in the plane, against scipy's."""

import numpy as np
import pytest
from scipy import ndimage

from ifi_mri.signal.smoothing import smoothed


@pytest.mark.parametrize("mode", ["constant", "nearest"])
@pytest.mark.parametrize("sd_pixels", [(0.9, 2.3), (0.67, 0.67), (0.0, 1.5), (6.0, 0.0)])
@pytest.mark.parametrize("shape", [(2, 3, 20, 31), (1, 5), (4, 7, 1)])
def test_smoothing_is_that_of_scipy_along_the_last_two_axes(shape, sd_pixels, mode):
    values = np.random.default_rng(0).normal(size=shape)
    sd = (*[0.0] * (len(shape) - 2), *sd_pixels)
    expected = ndimage.gaussian_filter(values, sd, truncate=3.0, mode=mode)

    found = smoothed(values, sd_pixels, truncate=3.0, mode=mode)
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_a_single_pixel_spreads_as_far_as_it_is_told_to():
    values = np.zeros((21, 21))
    values[10, 10] = 1.0
    found = smoothed(values, (1.0, 2.0), truncate=2.0, mode="constant")

    rows, columns = np.nonzero(found)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 12, 6, 14)
    assert found.sum() == pytest.approx(1.0)
    assert found[10, 10] == found.max()
