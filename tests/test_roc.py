"""ROC curve, area, Youden's cut-off and predictive values against R's pROC, by hand, and for
patients with two hips."""

import json
from pathlib import Path

import numpy as np
import pytest

from ifi_mri.cohort.roc import (
    Hips,
    area,
    at_cutoff,
    best_cutoff,
    curve,
    drawn_patients,
    intervals_at,
    youden,
)

BY_R = json.loads((Path(__file__).parent / "golden" / "agreement_by_r.json").read_text())
SAMPLES = BY_R["samples"]


def sample() -> Hips:
    return Hips.of(SAMPLES["distance_mm"], SAMPLES["affected"], range(len(SAMPLES["affected"])))


def test_area_and_interval_equal_those_of_r() -> None:
    found = area(sample())

    assert [found.value, found.low, found.high] == pytest.approx(BY_R["r"]["area"])


def test_youdens_cutoff_reaches_what_r_reaches() -> None:
    _, sensitivity, specificity = youden(sample())

    assert [sensitivity, specificity] == pytest.approx(BY_R["r"]["youden"])


def test_a_small_example_by_hand() -> None:
    hips = Hips.of([10, 12, 15, 14, 15, 20, 22], [1, 1, 1, 0, 0, 0, 0], "abcdefg")

    # pairs: 10 and 12 are narrower than all four; 15 than two, level with one
    assert area(hips).value == pytest.approx((4 + 4 + 2.5) / 12)
    assert youden(hips) == (12.0, pytest.approx(2 / 3), 1.0)
    cutoffs, sensitivity, specificity = curve(hips)
    assert cutoffs.tolist() == [-np.inf, 10, 12, 14, 15, 20, 22]
    assert sensitivity == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3, 1, 1, 1])
    assert specificity == pytest.approx([1, 1, 1, 0.75, 0.5, 0.25, 0])


def test_a_hip_at_the_cutoff_is_positive() -> None:
    hips = Hips.of([15.0, 15.1, 15.04], [1, 0, 1], "abc")
    found = at_cutoff(hips, 15.0, 0.5)

    assert (found.sensitivity, found.specificity) == (1.0, 1.0)


def test_predictive_values_follow_the_stated_prevalence() -> None:
    hips = Hips.of([10] * 8 + [20] * 2 + [10] * 1 + [20] * 9, [1] * 10 + [0] * 10, range(20))
    rare, even = at_cutoff(hips, 15, 0.05), at_cutoff(hips, 15, 0.5)

    assert (even.sensitivity, even.specificity) == (0.8, 0.9)
    assert even.positive_predictive_value == pytest.approx(0.8 / 0.9)
    assert rare.positive_predictive_value == pytest.approx(0.04 / (0.04 + 0.095))
    assert rare.negative_predictive_value == pytest.approx(0.855 / (0.855 + 0.01))


def test_a_cutoff_that_no_hip_reaches_has_no_positive_predictive_value() -> None:
    hips = Hips.of([10, 20], [1, 0], "ab")

    assert at_cutoff(hips, 5, 0.5).positive_predictive_value is None
    assert at_cutoff(hips, 25, 0.5).negative_predictive_value is None


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -0.2, float("nan")])
def test_a_prevalence_that_is_no_share_is_refused(prevalence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        at_cutoff(sample(), 15, prevalence)


def test_two_equal_hips_of_a_patient_are_one_piece_of_evidence() -> None:
    once = sample()
    n = len(once.affected)
    twice = Hips.of(
        [*SAMPLES["distance_mm"]] * 2, [*SAMPLES["affected"]] * 2, [*range(n), *range(n)]
    )
    apart = Hips.of([*SAMPLES["distance_mm"]] * 2, [*SAMPLES["affected"]] * 2, range(2 * n))

    assert area(twice).value == pytest.approx(area(once).value)
    assert width(area(twice)) == pytest.approx(width(area(once)), rel=0.02)
    assert width(area(apart)) < 0.75 * width(area(once))


def test_the_bootstrap_draws_patients_not_hips() -> None:
    n = len(SAMPLES["affected"])
    twice = Hips.of(
        [*SAMPLES["distance_mm"]] * 2, [*SAMPLES["affected"]] * 2, [*range(n), *range(n)]
    )
    apart = Hips.of([*SAMPLES["distance_mm"]] * 2, [*SAMPLES["affected"]] * 2, range(2 * n))
    together, single = (
        intervals_at(hips, 15.0, drawn_patients(hips, 600))[0] for hips in (twice, apart)
    )

    assert together.value == single.value
    assert width(single) < 0.85 * width(together)


def width(interval) -> float:
    return interval.high - interval.low


def test_the_interval_of_the_area_holds_the_truth_with_both_hips_of_a_patient() -> None:
    random = np.random.default_rng(8)
    truth = 0.7602499389065233  # Phi(1 / sqrt 2): groups one SD apart
    covered = 0
    for _ in range(300):
        person = np.repeat(random.normal(0, np.sqrt(0.6), 60), 2)
        affected = np.repeat(np.arange(60) < 25, 2)
        distance = 18 + 4 * (person + random.normal(0, np.sqrt(0.4), 120) - affected)
        found = area(Hips.of(distance, affected, np.repeat(np.arange(60), 2)))
        covered += found.low <= truth <= found.high

    assert 0.91 <= covered / 300 <= 0.98


def test_the_best_cutoff_has_an_interval_that_repeats() -> None:
    first, second = (best_cutoff(sample(), drawn_patients(sample(), 300)) for _ in range(2))

    assert first == second
    assert first.cutoff_mm.low <= first.cutoff_mm.value <= first.cutoff_mm.high
    assert first.n_draws == 300


@pytest.mark.parametrize(
    ("distances", "affected"),
    [([1, 2], [1, 1]), ([1, 2], [0, 0]), ([1, np.nan], [1, 0]), ([1, 2, 3], [1, 0])],
)
def test_groups_that_cannot_be_told_apart_are_refused(distances, affected) -> None:
    with pytest.raises(ValueError, match=r"expected hips|missing|differ in number"):
        Hips.of(distances, affected, range(len(affected)))


def test_a_share_of_all_is_not_called_certain() -> None:
    hips = Hips.of([10] * 9 + [20] * 9, [1] * 9 + [0] * 9, range(18))
    sensitivity, specificity = intervals_at(hips, 15.0, drawn_patients(hips, 50))

    # Wilson: n / (n + z^2) for all of n
    assert sensitivity.low == specificity.low == pytest.approx(9 / (9 + 1.959964**2), abs=1e-6)
    assert (sensitivity.value, sensitivity.high) == (1.0, 1.0)
    assert best_cutoff(hips, drawn_patients(hips, 50)).sensitivity.low == pytest.approx(
        sensitivity.low
    )
