"""Robust numbers and their intervals, where the answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from ifi_mri.signal import estimates
from ifi_mri.signal.estimates import (
    Estimate,
    grouped_median,
    median,
    normal_estimate,
    quantile,
    robust_spread,
    shrunk_to_line,
    spatial_correlation,
    total,
    wilson_interval_95,
    without_chance,
)


def test_the_median_of_whole_numbers_is_free_of_their_rounding():
    levels = np.random.default_rng(0).normal(70.3, 5, 200_000)

    assert grouped_median(np.rint(levels)) == pytest.approx(70.3, abs=0.05)
    assert np.median(np.rint(levels)) == 70.0


def test_the_median_of_values_without_ties_is_the_ordinary_one():
    assert grouped_median([3.0, 1.0, 2.5, 7.0]) == 2.75
    assert grouped_median([4.0, 4.0, 4.0]) == 4.0


@pytest.mark.parametrize("share", [0.0, 0.05, 0.15])
def test_the_spread_is_that_of_the_bulk_whatever_the_vessels(share):
    rng = np.random.default_rng(1)
    values = rng.normal(100, 8, 20_000)
    values[: int(share * len(values))] += 300

    assert robust_spread(values) == pytest.approx(8, rel=0.12)


def test_the_spread_of_one_value_is_nothing():
    assert robust_spread(np.full(50, 3.0)) == 0.0


@pytest.mark.parametrize("blur_px", [0.6, 1.0, 1.5])
def test_blurred_noise_is_worth_as_few_voxels_as_theory_says(blur_px):
    # The autocorrelation of white noise blurred by a Gaussian sums up to 4 pi s^2 pixels.
    noise = np.random.default_rng(2).standard_normal((6, 120, 140))
    noise = ndimage.gaussian_filter(noise, (0, blur_px, blur_px))
    found = spatial_correlation(noise, np.ones(noise.shape, bool), (1.0, 1.0), 6.0)

    assert found.voxels_per_independent == pytest.approx(4 * math.pi * blur_px**2, rel=0.15)
    assert found.effective_number(noise.size) == pytest.approx(
        noise.size / found.voxels_per_independent
    )


def test_white_noise_is_worth_all_its_voxels_in_any_mask():
    noise = np.random.default_rng(3).standard_normal((4, 80, 80))
    mask = np.zeros(noise.shape, bool)
    mask[:, 10:50, 20:60] = np.random.default_rng(4).random((4, 40, 40)) > 0.3
    found = spatial_correlation(noise, mask, (1.0, 1.0), 5.0)

    assert found.voxels_per_independent == pytest.approx(1.0, abs=0.35)


def test_noise_correlated_along_rows_alone_is_seen_as_such():
    noise = np.random.default_rng(5).standard_normal((4, 90, 90))
    along = ndimage.gaussian_filter1d(noise, 1.5, axis=2)
    mask = np.ones(noise.shape, bool)

    found = spatial_correlation(along, mask, (1.0, 1.0), 6.0)
    assert found.voxels_per_independent == pytest.approx(2 * math.sqrt(math.pi) * 1.5, rel=0.15)


def test_the_interval_of_a_mean_of_correlated_voxels_holds_what_it_promises():
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(200):
        noise = ndimage.gaussian_filter(rng.standard_normal((3, 40, 40)), (0, 1, 1))
        found = spatial_correlation(noise, np.ones(noise.shape, bool), (1.0, 1.0), 6.0)
        sd = noise.std() / math.sqrt(found.effective_number(noise.size))
        hits += abs(noise.mean()) < 1.96 * sd
    assert 176 <= hits <= 199


def test_the_proportion_interval_is_wilsons():
    # 15 of 148, as printed by Newcombe, Stat Med 1998;17:857, table I.
    assert wilson_interval_95(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


TRUE_LEVELS = {
    "even": np.zeros(9),
    "rising": np.linspace(-8, 8, 9),
    "bent": -0.5 * np.linspace(-3, 3, 9) ** 2,
    "interleaved": 1.5 * (-1.0) ** np.arange(9),
    "one apart": 6.0 * (np.arange(9) == 4),
}


@pytest.mark.parametrize("kind", TRUE_LEVELS)
def test_values_drawn_towards_their_line_err_less_whatever_the_truth(kind):
    true, places = TRUE_LEVELS[kind], np.arange(9.0) * 1.5 + 40
    seen = true + np.random.default_rng(9).standard_normal((4000, 9))
    found = np.array([shrunk_to_line(places, values, np.ones(9)) for values in seen])
    error = float(((found - true) ** 2).mean())

    assert error < 1.0  # of the values themselves it is 1
    if kind in ("even", "rising"):  # two ninths of the line's own, up to as much of the estimator
        assert 2 / 9 < error < 4 / 9


def test_a_value_that_is_surer_leads_the_line_and_values_without_error_stay():
    values, variances = np.array([0.0, 0, 0, 0, 0, 0, 3]), np.array([1.0, 1, 1, 1, 1, 1, 1e-6])
    led = shrunk_to_line(np.arange(7.0), values, variances)

    assert led[-1] == pytest.approx(3, abs=1e-3)
    assert led[-2] > 0.5
    assert np.array_equal(shrunk_to_line(np.arange(7.0), values, 0 * variances), values)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_too_few_values_to_tell_chance_stay_as_they_are(n):
    values = np.random.default_rng(n).standard_normal(n)

    assert np.array_equal(shrunk_to_line(np.arange(float(n)), values, np.ones(n)), values)


@given(
    arrays(np.float64, st.integers(5, 12), elements=st.floats(-3, 3)),
    st.floats(-50, 50),
    st.floats(-5, 5),
)
def test_a_line_added_to_values_is_added_to_what_is_found(values, offset, slope):
    places = np.arange(float(len(values))) ** 1.2
    variances = np.linspace(0.5, 2, len(values))
    line = offset + slope * places
    once = shrunk_to_line(places, values, variances)
    again = shrunk_to_line(places, values + line, variances)

    assert again == pytest.approx(once + line, abs=1e-6)


@given(true=st.floats(0, 1), chance=st.floats(0, 0.2))
def test_what_chance_adds_is_taken_off_again(true, chance):
    seen = true + (1 - true) * chance

    assert without_chance(seen, chance) == pytest.approx(true, abs=1e-9)


def test_less_than_chance_is_nothing():
    assert without_chance(0.001, 0.01) == 0.0


def test_a_sum_keeps_each_parts_own_skew():
    skewed = Estimate(0.0, 0.0, 0.0, 0.03)
    even = normal_estimate(0.4, 0.02)
    both = total(skewed, even)

    assert both.value == 0.4
    assert both.low == pytest.approx(even.low)
    assert both.high == pytest.approx(0.4 + math.hypot(0.03, even.high - 0.4))
    assert total(even, even, even, at_most=1.0).value == 1.0


def test_an_estimate_in_another_unit_keeps_its_proportions():
    assert normal_estimate(2.0, 0.5, at_least=0).times(10).low == pytest.approx(10.2, abs=0.01)


@given(
    arrays(
        st.sampled_from([np.float32, np.float64]),
        st.integers(1, 60),
        elements=st.floats(-1e6, 1e6, width=32) | st.sampled_from([np.nan, np.inf]),
    )
)
def test_the_median_is_that_of_numpy(values):
    with np.errstate(invalid="ignore"):
        expected = float(np.median(values.astype(np.float64)))

    assert median(values) == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert math.isnan(median(values[:0]))


@given(st.integers(-3, 3), st.integers(0, 2**32 - 1), st.booleans())
def test_the_median_of_many_is_that_of_numpy(off, seed, unknown):
    values = np.random.default_rng(seed).normal(size=estimates.FEW + off)
    values[seed % len(values)] = np.nan if unknown else np.inf

    assert median(values) == pytest.approx(float(np.median(values)), rel=1e-15, nan_ok=True)


@given(st.integers(1, 50), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_the_quantile_is_that_of_numpy(n, seed, share):
    values = np.random.default_rng(seed).normal(size=n)

    assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), abs=1e-12)
    values[seed % n] = np.nan
    assert math.isnan(quantile(values, share))


def test_what_lies_outside_the_mask_is_no_part_of_the_correlation():
    rng = np.random.default_rng(0)
    residual = ndimage.gaussian_filter(rng.normal(size=(2, 30, 40)), (0, 1, 1))
    mask = rng.random((2, 30, 40)) < 0.7
    hidden = np.where(mask, residual, rng.choice([np.nan, np.inf, 1e9], size=mask.shape))

    found = spatial_correlation(hidden, mask, (1.0, 1.2), 6.0)
    assert found.voxels_per_independent > 5
    assert found == spatial_correlation(residual, mask, (1.0, 1.2), 6.0)


@given(
    arrays(np.float64, st.integers(1, 40), elements=st.integers(-9, 9).map(float)),
    st.integers(-20, 20).map(lambda halves: halves / 2),
)
def test_the_median_distance_of_ordered_values_is_that_of_any(values, point):
    found = estimates._middle_distance(np.sort(values), point)

    assert found == np.median(np.abs(values - point))


def test_what_lies_beyond_the_cut_does_not_count_to_the_spread():
    bulk = np.random.default_rng(0).normal(5.0, 2.0, size=400)
    far = np.array([1e3, -1e3, 1e9])
    deviation = np.append(bulk, far) - np.median(np.append(bulk, far))
    u = deviation / (9 * np.median(np.abs(deviation)))
    inside = np.abs(u) < 1
    above = len(u) * (deviation**2 * (1 - u**2) ** 4)[inside].sum()
    below = ((1 - u**2) * (1 - 5 * u**2))[inside].sum()

    assert inside.sum() == 400
    assert robust_spread(np.append(bulk, far)) == pytest.approx(math.sqrt(above) / abs(below))
    assert robust_spread(np.append(bulk, np.inf)) == pytest.approx(2.0, rel=0.1)
