"""The rule of grade and status, at its edges."""

import numpy as np
import pytest
from pydantic import ValidationError

from ifi_mri.signal.estimates import normal_estimate
from ifi_mri.signal.grade import grade_of, judge, status_of
from ifi_mri.signal.settings import FatSettings, OedemaSettings
from ifi_mri.vocabulary import Status

SETTINGS = OedemaSettings()


@pytest.mark.parametrize(
    ("extent", "grade"),
    [(0.0, 0), (0.0244, 0), (0.025, 1), (0.0994, 1), (0.10, 2), (0.50, 2), (0.501, 3), (1.0, 3)],
)
def test_the_grade_follows_the_extent(extent, grade):
    assert grade_of(extent, SETTINGS) == grade


@pytest.mark.parametrize(
    ("grade", "ratio", "status"),
    [
        (0, 4.0, Status.ABSENT),
        (1, 1.49, Status.INDETERMINATE),
        (1, 1.5, Status.PRESENT),
        (2, 1.1, Status.PRESENT),
        (3, 1.1, Status.PRESENT),
    ],
)
def test_grade_1_needs_a_bright_region_to_be_present(grade, ratio, status):
    assert status_of(grade, ratio, SETTINGS) is status


def test_the_uncertainty_of_the_grade_is_in_view():
    near_the_edge = judge(normal_estimate(0.10, 0.02, at_least=0), 2.0, SETTINGS)
    clear = judge(normal_estimate(0.30, 0.02), 2.0, SETTINGS)

    assert near_the_edge.grade_range == (1, 2)
    assert near_the_edge.probability == pytest.approx(0.5, abs=1e-6)
    assert clear.grade_range == (2, 2)
    assert clear.probability == pytest.approx(1.0)


def test_without_a_region_grade_1_is_equivocal():
    assert judge(normal_estimate(0.05, 0.01), 1.0, SETTINGS).status is Status.INDETERMINATE


@pytest.mark.parametrize(("reader", "agrees"), [(None, None), (2, True), (1, False)])
def test_the_readers_grade_is_compared_and_never_taken_over(reader, agrees):
    found = judge(normal_estimate(0.30, 0.02), 2.0, SETTINGS, reader)

    assert (found.grade, found.agrees_with_reader) == (2, agrees)


def test_fractions_that_do_not_rise_are_refused():
    with pytest.raises(ValidationError, match="must rise"):
        OedemaSettings(grade_fractions=(0.1, 0.025, 0.5))
    with pytest.raises(ValidationError, match="must rise"):
        FatSettings(goutallier_fractions=(0.05, 0.05, 0.45, 0.55))
    with pytest.raises(ValidationError):
        OedemaSettings(threshold_sd=np.inf)
