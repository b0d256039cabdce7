"""Quadratus femoris of the left against the right: ratio of signals, differences of size."""

import math

import pytest
from hips import hip

from ifi_mri.config import Config
from ifi_mri.measurements import side_difference_of_muscle as muscle
from ifi_mri.model import Measurement, NotMeasured
from ifi_mri.vocabulary import MeasurementName, Side

RATIO, AREA, VOLUME = muscle.NAMES
OF = {name: pair.of for name, pair in muscle.PAIRS.items()}


def one(name, side, value, sd, details=()):
    unit = {OF[AREA]: "mm2", OF[VOLUME]: "ml"}.get(name, "1")
    interval = (value - 1.96 * sd, value + 1.96 * sd)
    return Measurement(name, side, value, unit, sd, interval, "", (), None, 3, details=details)


def compared(*results):
    found = muscle.measure_pair(hip(), hip(side=Side.RIGHT), results, Config())
    return {result.name: result for result in found}


def both(name, left, right, sd=0.0, details=None):
    details = details or {}
    return tuple(
        one(name, side, value, sd, details.get(side, ()))
        for side, value in ((Side.LEFT, left), (Side.RIGHT, right))
    )


def test_the_signal_ratio_of_the_left_stands_over_that_of_the_right():
    found = compared(*both(OF[RATIO], 1.5, 1.2, sd=0.03))[RATIO]

    assert found.value == pytest.approx(1.25)
    assert found.sd == pytest.approx(1.25 * math.hypot(0.03 / 1.5, 0.03 / 1.2))
    assert (found.side, found.unit, found.n_slices) == (None, "1", 6)
    assert (found.detail("left"), found.detail("right")) == (1.5, 1.2)


@pytest.mark.parametrize("name", [AREA, VOLUME])
def test_a_smaller_left_muscle_is_a_negative_share_of_the_mean_without_a_verdict(name):
    found = compared(*both(OF[name], 20.0, 25.0, sd=1.0))[name]

    assert found.value == pytest.approx(-5 / 22.5)
    assert found.interval_95[0] < found.value < found.interval_95[1] < 0
    assert not any("atroph" in str(value) for _, value in found.details)


def test_one_side_alone_is_no_difference_and_says_which_is_missing():
    found = compared(one(OF[AREA], Side.LEFT, 400.0, 10.0), NotMeasured(OF[AREA], Side.RIGHT, "x"))

    assert isinstance(found[AREA], NotMeasured)
    assert found[AREA].reason.endswith("was not measured on the right")
    assert found[RATIO].reason.endswith("was not measured on the left and the right")
    assert all(result.optional for result in found.values())


@pytest.mark.parametrize("side", list(Side))
def test_the_volume_of_a_part_of_the_muscle_is_not_compared(side):
    part, whole = (
        compared(*both(OF[VOLUME], 20.0, 25.0, 1.0, {side: (("partial", said),)}))[VOLUME]
        for said in ("yes", "no")
    )

    assert isinstance(part, NotMeasured)
    assert part.reason.endswith(f"of a part of the muscle on the {side}")
    assert isinstance(whole, Measurement)


def test_no_signal_on_one_side_has_no_ratio():
    found = compared(*both(OF[RATIO], 0.0, 1.2))[RATIO]

    assert isinstance(found, NotMeasured)
    assert not found.optional


def test_every_name_compares_what_it_says():
    assert OF == {
        MeasurementName.SIDE_RATIO_QUADRATUS_FEMORIS_SIGNAL: (
            MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO
        ),
        MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_AREA: (
            MeasurementName.QUADRATUS_FEMORIS_AREA_MM2
        ),
        MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_VOLUME: (
            MeasurementName.QUADRATUS_FEMORIS_VOLUME_ML
        ),
    }
