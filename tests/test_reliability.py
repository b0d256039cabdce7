"""Intraclass correlations, standard errors and limits of agreement against published examples, R's
psych package and simulated readers."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri.cohort.reliability import (
    icc_2_1,
    limits_of_agreement,
    mean_squares,
    reliability,
    standard_error_of_measurement,
)

BY_R = json.loads((Path(__file__).parent / "golden" / "agreement_by_r.json").read_text())

#: Six persons judged by four raters: Shrout and Fleiss 1979, table 2.
SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]

#: Peak flow in l/min by two meters: Bland and Altman 1986, first readings of the table.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_the_example_of_shrout_and_fleiss_to_its_printed_digits() -> None:
    squares = mean_squares(SHROUT_FLEISS)
    found = reliability(SHROUT_FLEISS)

    assert squares.hips == pytest.approx(11.24, abs=0.005)
    assert squares.readings == pytest.approx(32.49, abs=0.005)
    assert squares.error == pytest.approx(1.02, abs=0.005)
    assert round(found.icc_2_1.value, 2) == 0.29
    assert round(found.icc_3_1.value, 2) == 0.71
    assert round(found.icc_a_k.value, 2) == 0.62
    assert (round(found.icc_2_1.low, 2), round(found.icc_2_1.high, 2)) == (0.02, 0.76)
    assert (round(found.icc_3_1.low, 2), round(found.icc_3_1.high, 2)) == (0.34, 0.95)


@pytest.mark.parametrize("name", ["icc_2_1", "icc_3_1", "icc_a_k"])
def test_coefficients_and_intervals_equal_those_of_r(name: str) -> None:
    found = getattr(reliability(BY_R["samples"]["readings_mm"]), name)

    assert [found.value, found.low, found.high] == pytest.approx(BY_R["r"]["reliability"][name])


@pytest.mark.parametrize(("name", "off"), [("icc_2_1", 1e-9), ("icc_3_1", 1e-9), ("icc_a_k", 5e-6)])
def test_coefficients_equal_those_of_irr(name: str, off: float) -> None:
    found = getattr(reliability(BY_R["samples"]["readings_mm"]), name)
    value, low, high = BY_R["irr"][name]

    assert found.value == pytest.approx(value, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((low, high), abs=off)


def test_the_example_of_bland_and_altman_to_its_printed_digits() -> None:
    found = limits_of_agreement(WRIGHT, MINI)

    assert found.n_hips == 17
    assert round(found.bias.value, 1) == -2.1
    assert round(found.sd, 1) == 38.8
    assert (round(found.bias.low, 1), round(found.bias.high, 1)) == (-22.0, 17.8)
    # printed as -79.7 and 75.5 from the rounded bias and SD, with 2 SD for 1.96 SD
    assert round(found.bias.value, 1) - 2 * round(found.sd, 1) == pytest.approx(-79.7)
    assert round(found.bias.value, 1) + 2 * round(found.sd, 1) == pytest.approx(75.5)
    assert found.lower.value == pytest.approx(found.bias.value - 1.96 * found.sd, abs=0.01)
    assert found.upper.value == pytest.approx(found.bias.value + 1.96 * found.sd, abs=0.01)
    assert found.lower.high - found.lower.low == pytest.approx(-45.1 + 114.3, abs=0.5)


def test_a_reader_who_reads_more_lowers_agreement_but_not_consistency() -> None:
    readings = np.asarray(BY_R["samples"]["readings_mm"])
    shifted = readings + np.asarray([0, 5, 0])

    assert reliability(shifted).icc_3_1.value == pytest.approx(reliability(readings).icc_3_1.value)
    assert reliability(shifted).icc_2_1.value < reliability(readings).icc_2_1.value - 0.05
    assert reliability(shifted).sem.value > 2 * reliability(readings).sem.value


def test_the_standard_error_is_that_of_the_simulated_reader() -> None:
    random = np.random.default_rng(1)
    covered, found = 0, []
    for _ in range(300):
        hips = random.normal(18, 5, 30)[:, None]
        sem = standard_error_of_measurement(mean_squares(hips + random.normal(0, 1.1, (30, 2))))
        covered += sem.low <= 1.1 <= sem.high
        found.append(sem.value)

    assert np.mean(found) == pytest.approx(1.1, abs=0.03)
    assert 0.92 <= covered / 300 <= 0.98


def test_the_interval_of_agreement_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    truth = 25 / (25 + 1.5)  # variance of hips over that of hips, readers and what remains
    covered = 0
    for _ in range(300):
        readers = random.normal(0, np.sqrt(0.5), 4)
        noise = random.normal(0, 1, (25, 4))
        found = icc_2_1(mean_squares(random.normal(18, 5, 25)[:, None] + readers + noise))
        covered += found.low <= truth <= found.high

    assert 0.91 <= covered / 300 <= 0.99


def test_the_smallest_detectable_change_is_seldom_exceeded_without_one() -> None:
    random = np.random.default_rng(3)
    hips = random.normal(18, 5, 4000)
    first, second = hips + random.normal(0, 0.8, 4000), hips + random.normal(0, 0.8, 4000)
    change = reliability(np.stack([first, second], axis=1)).smallest_detectable_change

    assert change.value == pytest.approx(1.96 * np.sqrt(2) * 0.8, rel=0.05)
    assert np.mean(np.abs(first - second) > change.value) == pytest.approx(0.05, abs=0.012)


def test_a_difference_that_grows_with_size_has_a_slope() -> None:
    random = np.random.default_rng(4)
    truth = random.uniform(8, 30, 60)
    first, second = truth * 1.1 + random.normal(0, 0.5, 60), truth + random.normal(0, 0.5, 60)

    grows = limits_of_agreement(first, second)
    level = limits_of_agreement(truth + random.normal(0, 0.5, 60), second)

    assert 0 < grows.slope.low < 2 * 0.1 / 2.1 < grows.slope.high
    assert grows.slope_p < 0.001
    assert level.slope.low < 0 < level.slope.high


def test_the_sign_of_the_bias_is_first_less_second() -> None:
    assert limits_of_agreement([11.0, 12.5, 14.0], [10.0, 11.0, 13.5]).bias.value == pytest.approx(
        1
    )


@given(st.floats(-50, 50), st.floats(0.1, 20), st.permutations([0, 1, 2]))
def test_units_offsets_and_the_order_of_readers_change_no_coefficient(shift, scale, order) -> None:
    readings = np.asarray(BY_R["samples"]["readings_mm"])
    one, other = reliability(readings), reliability((readings * scale + shift)[:, order])

    assert other.icc_2_1.value == pytest.approx(one.icc_2_1.value)
    assert other.icc_3_1.low == pytest.approx(one.icc_3_1.low)
    assert other.sem.value == pytest.approx(one.sem.value * scale)


def test_readings_that_never_differ_agree_wholly() -> None:
    found = reliability(np.repeat([[10.0], [12.0], [15.0]], 2, axis=1))

    assert (found.icc_2_1.low, found.icc_3_1.value, found.sem.value) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    "readings",
    [[[1, 2], [3, 4]], [[1], [2], [3]], [[1, 2], [np.nan, 4], [5, 6]], [[2, 2], [2, 2], [2, 2]]],
    ids=["two hips", "one reading", "a missing reading", "no spread"],
)
def test_what_has_no_agreement_is_refused(readings) -> None:
    with pytest.raises(ValueError, match=r"expected|missing|same mean"):
        reliability(readings)


def test_a_negative_coefficient_lies_within_its_interval() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        found = reliability(15 + random.normal(size=(4, 2)))

        assert found.icc_2_1.low <= found.icc_2_1.value <= found.icc_2_1.high <= 1.0


@pytest.mark.parametrize("offsets_mm", [(0.0, 0.0, 0.0), (0.0, 0.1, 0.2)])
def test_rounding_of_means_is_no_disagreement(offsets_mm) -> None:
    hips = np.array([12.345, 7.1, 19.033, 15.7, 21.003])
    readings = hips[:, None] + np.array(offsets_mm)
    found = reliability(readings)
    limits = limits_of_agreement(readings[:, 0], readings[:, 1])

    assert found.icc_3_1.low == 1.0
    assert found.icc_2_1.low <= found.icc_2_1.value <= found.icc_2_1.high <= 1.0
    assert limits.sd == 0.0
    assert not limits.slope_p < 0.05


@given(st.integers(0, 10_000), st.integers(3, 9), st.integers(2, 4), st.sampled_from([0.0, 0.2]))
def test_an_interval_holds_its_value_also_where_readers_do_not_agree(seed, n, k, spread) -> None:
    random = np.random.default_rng(seed)
    readings = 15 + spread * random.normal(size=(n, 1)) + random.normal(size=(n, k))
    found = reliability(readings - readings.mean(axis=0))

    for one in (found.icc_2_1, found.icc_3_1, found.icc_a_k, found.sem):
        assert one.low <= one.value <= one.high
    assert found.icc_a_k.high <= 1.0
