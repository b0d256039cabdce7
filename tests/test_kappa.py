"""Agreement on grades and categories against R's psych package and by hand."""

import json
from pathlib import Path

import pytest

from ifi_mri.cohort.kappa import kappa

BY_R = json.loads((Path(__file__).parent / "golden" / "agreement_by_r.json").read_text())


def readings_of(counts):
    first = [i for i, row in enumerate(counts) for j, n in enumerate(row) for _ in range(n)]
    second = [j for i, row in enumerate(counts) for j, n in enumerate(row) for _ in range(n)]
    return first, second


def test_kappa_equals_that_of_r() -> None:
    first, second = readings_of(BY_R["samples"]["grades"])
    found = kappa(first, second, range(4))

    assert found.kappa is not None
    assert [found.kappa.value, found.kappa.low, found.kappa.high] == pytest.approx(
        BY_R["r"]["kappa"], abs=1e-4
    )
    assert found.counts == tuple(tuple(row) for row in BY_R["samples"]["grades"])
    assert found.n_hips == 118


def test_weighted_kappa_equals_that_of_r() -> None:
    first, second = readings_of(BY_R["samples"]["grades"])
    found = kappa(first, second, range(4), weighted=True)

    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(BY_R["r"]["weighted_kappa"][0])
    assert 0.7 < found.kappa.low < found.kappa.value < found.kappa.high < 0.95


def test_kappas_equal_those_of_irr() -> None:
    first, second = readings_of(BY_R["samples"]["grades"])

    for key, weighted in (("kappa", False), ("weighted_kappa", True)):
        found = kappa(first, second, range(4), weighted=weighted).kappa
        assert found is not None
        assert found.value == pytest.approx(BY_R["irr"][key], rel=1e-9)


def test_a_grade_far_off_counts_more_than_one_beside_it() -> None:
    near = kappa([0, 1, 2, 3, 0, 1], [0, 1, 2, 3, 0, 2], range(4), weighted=True).kappa
    far = kappa([0, 1, 2, 3, 0, 0], [0, 1, 2, 3, 0, 3], range(4), weighted=True).kappa

    assert near is not None
    assert far is not None
    assert near.value > far.value


def test_categories_by_hand() -> None:
    found = kappa(
        ["present", "present", "absent", "absent"],
        ["present", "absent", "absent", "absent"],
        ["absent", "present"],
    )

    assert found.kappa is not None
    assert found.observed_agreement == 0.75
    assert found.kappa.value == pytest.approx((0.75 - 0.5) / (1 - 0.5))


def test_one_category_has_no_kappa() -> None:
    found = kappa([0, 0, 0], [0, 0, 0], range(4))

    assert found.observed_agreement == 1.0
    assert found.kappa is None


@pytest.mark.parametrize(("first", "second"), [([], []), ([0, 1], [0]), ([0, 7], [0, 1])])
def test_readings_that_cannot_be_compared_are_refused(first, second) -> None:
    with pytest.raises(ValueError, match=r"expected two readings|none of the categories"):
        kappa(first, second, range(4))
