"""Left against right."""

import math

import pytest

from ifi_mri.signal.estimates import normal_estimate
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.signal.sides import side_difference, side_to_side


def test_the_ratio_between_sides_carries_both_errors():
    found = side_to_side(normal_estimate(1.5, 0.03), normal_estimate(1.2, 0.06))

    assert found.value == pytest.approx(1.25)
    assert found.sd / found.value == pytest.approx(math.hypot(0.02, 0.05))
    # symmetric as a factor: the sides could as well be taken the other way round
    assert found.low * found.high == pytest.approx(found.value**2)


def test_the_difference_between_sides_has_a_sign_and_an_interval():
    left, right = normal_estimate(20.0, 1.0), normal_estimate(25.0, 2.0)
    found = side_difference(left, right)

    assert found.value == pytest.approx(-5 / 22.5)
    assert side_difference(right, left).value == pytest.approx(5 / 22.5)
    # d(value)/d(left) = right / mean^2, d(value)/d(right) = -left / mean^2
    assert found.sd == pytest.approx(math.hypot(25 * 1.0, 20 * 2.0) / 22.5**2)
    assert found.low < found.value < found.high


def test_nothing_has_no_ratio_and_no_difference():
    nothing = normal_estimate(0.0, 1.0)
    with pytest.raises(NotAssessable, match="no signal"):
        side_to_side(normal_estimate(1.0, 0.1), nothing)
    with pytest.raises(NotAssessable, match="neither"):
        side_difference(nothing, nothing)
