"""Several readers' numbers and grades: which are compared, and what comes of it."""

import math

import numpy as np
import pytest

from ifi_mri.cohort.agreement import landmark_sd_mm, of_categories, of_measurements
from ifi_mri.cohort.readings import Reading, comparisons
from ifi_mri.vocabulary import Side

IFS = "ischiofemoral_space"


def reading(case: str, reader: str, value, read: int = 1, side: Side = Side.LEFT, name: str = IFS):
    return Reading(case, side, reader, read, name, value, "mm")


def two_readers(n: int = 12, sd: float = 1.0, seed: int = 0) -> list[Reading]:
    random = np.random.default_rng(seed)
    found = []
    for k in range(n):
        truth = random.normal(18, 5)
        found += [
            reading(f"c{k:02}", reader, truth + random.normal(0, sd)) for reader in ("R1", "R2")
        ]
    return found


def test_readers_are_compared_on_the_hips_that_all_of_them_read() -> None:
    rows = [*two_readers(4), reading("only-r1", "R1", 10.0), reading("lost", "R1", None)]
    (compared,) = comparisons([*rows, reading("lost", "R2", 11.0)], IFS)

    assert compared.kind == "between readers"
    assert compared.columns == ("R1", "R2")
    assert [case for case, _ in compared.hips] == ["c00", "c01", "c02", "c03"]
    assert compared.n_incomplete == 2


def test_sides_of_a_case_are_two_hips_and_are_not_mixed_up() -> None:
    rows = [
        reading("a", reader, value, side=side)
        for side, value in ((Side.LEFT, 10.0), (Side.RIGHT, 20.0))
        for reader in ("R1", "R2")
    ]
    (compared,) = comparisons(rows, IFS)

    assert dict(zip(compared.hips, compared.values, strict=True)) == {
        ("a", Side.LEFT): (10.0, 10.0),
        ("a", Side.RIGHT): (20.0, 20.0),
    }


def test_between_readers_the_first_read_of_each_counts() -> None:
    rows = [
        reading("a", "R1", 11.0, read=2),
        reading("a", "R1", 10.0, read=1),
        reading("a", "R2", 12.0, read=1),
    ]
    between, within = comparisons(rows, IFS)

    assert between.values == ((10.0, 12.0),)
    assert within.kind == "within reader R1"
    assert within.columns == ("read 1", "read 2")
    assert within.values == ((10.0, 11.0),)


def test_the_order_of_rows_does_not_matter() -> None:
    rows = two_readers(6)

    assert comparisons(rows, IFS) == comparisons(rows[::-1], IFS)


def test_one_reading_of_each_hip_is_nothing_to_compare() -> None:
    assert comparisons([reading("a", "R1", 1.0), reading("b", "R1", 2.0)], IFS) == []


def test_two_values_of_one_reader_and_read_are_refused() -> None:
    rows = [reading("a", "R1", 1.0), reading("a", "R1", 2.0), reading("a", "R1", 2.0, read=2)]
    with pytest.raises(ValueError, match="a, left: R1 has two values of ischiofemoral_space"):
        comparisons(rows, IFS)


def test_numbers_get_coefficients_and_limits_of_every_pair() -> None:
    rows = [*two_readers(12), *(reading(f"c{k:02}", "R3", 18.0 + k / 3) for k in range(12))]
    (found,) = of_measurements(rows)

    assert found.reliability is not None
    assert found.reliability.n_hips == 12
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        ("R1", "R2"), ("R1", "R3"), ("R2", "R3"),
    ]  # fmt: skip
    firsts = [row.value for row in rows if row.reader == "R1"]
    thirds = [row.value for row in rows if row.reader == "R3"]
    assert found.pairs[1].limits is not None
    assert found.pairs[1].limits.bias.value == pytest.approx(np.mean(firsts) - np.mean(thirds))


def test_too_few_hips_say_so() -> None:
    (found,) = of_measurements(two_readers(2))

    assert found.reliability is None
    assert found.reason == "2 hips have a value by each of R1, R2; at least 3 are needed"


def test_grades_are_weighted_and_categories_are_not() -> None:
    rows = [
        reading(f"c{k}", reader, grade, name="oedema")
        for k, grades in enumerate([(0, 0), (1, 2), (2, 2), (3, 3), (0, 1), (1, 1)])
        for reader, grade in zip(("R1", "R2"), grades, strict=True)
    ]
    (weighted,) = of_categories(rows, range(4), weighted=True)
    (plain,) = of_categories(rows, range(4), weighted=False)

    assert weighted.pairs[0].kappa.kappa.value > plain.pairs[0].kappa.kappa.value
    assert plain.pairs[0].kappa.observed_agreement == pytest.approx(4 / 6)


def test_the_landmark_sd_is_that_of_the_simulated_clicks() -> None:
    rows = two_readers(400, sd=math.sqrt(2) * 0.6, seed=3)

    assert landmark_sd_mm(of_measurements(rows)) == pytest.approx(0.6, rel=0.1)


def test_the_larger_error_counts_and_other_numbers_do_not() -> None:
    spaces = two_readers(200, sd=0.5, seed=4)
    within = [
        *(reading(f"c{k:03}", "R9", 18 + k % 7 + (k % 3 - 1) * 1.5, 1) for k in range(200)),
        *(reading(f"c{k:03}", "R9", 18.0 + k % 7, 2) for k in range(200)),
    ]
    areas = [
        reading(f"c{k}", reader, 300 + 40 * k * (reader == "R2"), name="hamstring_tendon_area_mm2")
        for k in range(9)
        for reader in ("R1", "R2")
    ]
    alone = landmark_sd_mm(of_measurements(spaces))

    assert landmark_sd_mm(of_measurements([*spaces, *areas])) == alone
    assert landmark_sd_mm(of_measurements([*spaces, *within])) > 1.2 * alone
    assert landmark_sd_mm(of_measurements(areas)) is None


def test_two_values_of_one_read_are_refused_also_between_readers() -> None:
    rows = [*two_readers(4), reading("c00", "R1", 99.0)]
    with pytest.raises(ValueError, match=r"c00, left: R1 has two values of .* for read 1"):
        comparisons(rows, IFS)


def test_reads_stand_in_the_order_of_their_numbers() -> None:
    rows = [reading("a", "R1", float(read), read=read) for read in (10, 2, 1)]
    (compared,) = comparisons(rows, IFS)

    assert compared.columns == ("read 1", "read 2", "read 10")
    assert compared.values == ((1.0, 2.0, 10.0),)


def test_grades_that_nobody_shares_have_a_reason() -> None:
    rows = [reading("a", "R1", 1), reading("b", "R2", 1)]
    (found,) = of_categories(rows, (0, 1, 2, 3), weighted=True)

    assert found.pairs == ()
    assert found.reason == "no hip has a value by each of R1, R2"
