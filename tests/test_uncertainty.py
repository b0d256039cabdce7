"""Formulas of uncertainty against simulation, and intervals that hold as often as they say."""

import math

import numpy as np
import pytest
from hips import at, hip, mark
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri import uncertainty
from ifi_mri.config import Config
from ifi_mri.findings import narrowing
from ifi_mri.measurements import ischiofemoral_space
from ifi_mri.measurements.distance_uncertainty import Budget, of_smallest
from ifi_mri.model import SliceValue, UncertaintySource
from ifi_mri.vocabulary import decimals_supported, printed_to

#: Noise of a click per axis, mm: a careful reader, the default, a careless one.
NOISE_MM = (0.4, 0.75, 1.5)


def test_noise_beside_a_line_lengthens_it_as_simulation_says():
    rng = np.random.default_rng(1)
    along, across = rng.normal(0, 1.2, 400_000), rng.normal(0, 0.8, 400_000)
    measured = np.hypot(6.0 + along, across)

    moments = uncertainty.scattered_distance(6.0, 1.2, 0.8)

    assert moments.mean == pytest.approx(measured.mean(), abs=0.006)
    assert moments.sd == pytest.approx(measured.std(), abs=0.006)


def test_a_distance_between_equally_scattered_places_has_the_mean_of_rice():
    from scipy.stats import rice

    moments = uncertainty.scattered_distance(5.0, 1.0, 1.0)

    assert moments.mean == pytest.approx(rice.mean(5.0), abs=1e-6)
    assert moments.sd == pytest.approx(rice.std(5.0), abs=1e-6)


@given(st.floats(4, 40), st.floats(0.1, 1.2), st.floats(0.1, 1.2))
def test_the_true_distance_is_the_one_whose_measurements_have_the_measured_mean(
    true, along, across
):
    measured = uncertainty.scattered_distance(true, along, across).mean

    assert uncertainty.true_distance(measured, along, across).mean == pytest.approx(true, abs=0.005)


def test_an_estimate_less_its_bias_scatters_a_little_more_than_what_was_measured():
    rng = np.random.default_rng(2)
    measured = np.hypot(7.0 + rng.normal(0, 1.5, 3000), rng.normal(0, 1.5, 3000))
    estimates = [uncertainty.true_distance(m, 1.5, 1.5) for m in measured]

    scatter = np.std([one.mean for one in estimates])

    assert scatter > measured.std()
    assert np.median([one.sd for one in estimates]) == pytest.approx(scatter, rel=0.05)


def test_a_distance_that_scatters_only_along_itself_is_not_corrected():
    assert uncertainty.true_distance(3.0, 1.0, 0.0) == uncertainty.Moments(3.0, 1.0)


def test_the_smallest_of_values_is_distributed_as_simulation_says():
    rng = np.random.default_rng(3)
    values, sds = [12.0, 12.5, 14.0, 12.2], [1.0, 0.5, 2.0, 0.1]
    smallest = rng.normal(values, sds, (400_000, 4)).min(axis=1)

    moments = uncertainty.smallest_of(values, sds)

    assert moments.mean == pytest.approx(smallest.mean(), abs=0.005)
    assert moments.sd == pytest.approx(smallest.std(), abs=0.005)


def test_the_smaller_of_two_alike_is_too_small_by_sd_over_root_pi():
    """Clark CE, Oper Res 1961;9:145: the mean of the smaller of two equal normal values."""
    assert uncertainty.smallest_error([10, 10], [1, 1]).mean == pytest.approx(
        -1 / math.sqrt(math.pi), abs=1e-3
    )


def test_one_slice_or_slices_far_apart_make_nothing_too_small():
    assert uncertainty.smallest_error([10], [1]) == uncertainty.Moments(0, 1)
    assert uncertainty.smallest_error([10, 30], [1, 1]).mean == pytest.approx(0, abs=1e-6)


def test_the_smaller_of_two_alike_scatters_less_than_each():
    """Clark 1961: the variance of the smaller of two equal normal values is 1 - 1 / pi."""
    assert uncertainty.smallest_error([10, 10], [1, 1]).sd == pytest.approx(
        math.sqrt(1 - 1 / math.pi), abs=3e-3
    )


def test_tilt_counts_along_the_line_alone():
    assert uncertainty.tilt_sd_mm(15.0, 0.0) == 0
    by_20_deg = 15 * (1 - math.cos(math.radians(20))) / math.sqrt(3)
    assert uncertainty.tilt_sd_mm(15.0, math.sin(math.radians(20))) == pytest.approx(by_20_deg)


def test_a_pixel_is_a_rectangle_as_wide_as_itself():
    rng = np.random.default_rng(4)

    assert uncertainty.pixel_sd_mm(0.7) == pytest.approx(
        rng.uniform(-0.35, 0.35, 100_000).std(), rel=0.01
    )


def test_of_few_slices_less_of_the_bias_is_taken_out_as_less_is_known_of_their_spread():
    """The smallest of 2 and of 3 equal normal values is too small by 0.5642 and 0.8463 SD."""
    for n, too_small in ((2, 0.5642), (3, 0.8463)):
        values = [
            SliceValue(value=10.0, slice_position_mm=k, sop_instance_uid=None, points_mm=())
            for k in range(n)
        ]
        found = of_smallest(values, [Budget((UncertaintySource("reader", 1.0, 0.0),))] * n)
        expected = -uncertainty.BIAS_TAKEN * (n - 1) / n * too_small
        assert found.bias_mm == pytest.approx(expected, abs=2e-3)


def test_of_two_slices_alike_the_uncertainty_is_that_of_the_one_that_is_drawn():
    def on(position_mm):
        return SliceValue(
            value=10.0, slice_position_mm=position_mm, sop_instance_uid=None, points_mm=()
        )

    budgets = [Budget((UncertaintySource("reader", sd, 0.0),)) for sd in (0.5, 2.0)]
    towards_head = of_smallest([on(0.0), on(5.0)], budgets)
    towards_feet = of_smallest([on(5.0), on(0.0)], budgets)

    assert towards_head.sd_mm > 1.0 > towards_feet.sd_mm


# --- of a measured space ------------------------------------------------------------------------


def reading(true_mm, sd_mm, rng, config, slope_mm=3.0):
    """Return the space of one simulated reading: clicks scattered around a V along the slices."""
    marks = []
    for index, width in enumerate(np.abs(np.arange(-1, 2)) * slope_mm + true_mm):
        places = np.array([[60.0, 40.0], [60.0 + width * 0.8, 40.0 + width * 0.6]])
        places += rng.normal(0, sd_mm, (2, 2))
        marks.append(mark("ischial_tuberosity", at(index, *places[0])))
        marks.append(mark("lesser_trochanter", at(index, *places[1])))
    return ischiofemoral_space.measure(hip(*marks), config)[0]


def readings(sd_mm, n, rng):
    """Yield true widths of 6 to 25 mm with a simulated reading of each."""
    config = Config.model_validate({"spaces": {"landmark_sd_mm": sd_mm}})
    for _ in range(n):
        true_mm, slope_mm = rng.uniform(6, 25), rng.uniform(0.5, 4.0)
        yield true_mm, reading(true_mm, sd_mm, rng, config, slope_mm)


@pytest.mark.long
@pytest.mark.parametrize("sd_mm", NOISE_MM)
def test_95_of_100_intervals_hold_the_true_width(sd_mm):
    rng = np.random.default_rng(5)
    held = [
        space.interval_95[0] <= true_mm <= space.interval_95[1]
        for true_mm, space in readings(sd_mm, 2000, rng)
    ]

    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.long
@pytest.mark.parametrize("sd_mm", NOISE_MM)
def test_the_probability_of_a_width_at_or_below_a_cutoff_is_as_often_right_as_it_says(sd_mm):
    rng = np.random.default_rng(6)
    said, true = [], []
    for true_mm, space in readings(sd_mm, 2000, rng):
        cutoff = true_mm + rng.uniform(-3, 3) * sd_mm
        said.append(narrowing.probability_at_or_below(space.value, space.sd, cutoff, space.bias))
        true.append(true_mm <= cutoff)
    said, true = np.array(said), np.array(true)

    for low in np.arange(0, 1, 0.2):
        within = (said >= low) & (said <= low + 0.2)
        tolerance = 3 * math.sqrt(0.25 / within.sum()) + 0.02
        assert true[within].mean() == pytest.approx(said[within].mean(), abs=tolerance)


def test_intervals_of_a_few_readings_hold_the_true_width():
    rng = np.random.default_rng(7)
    held = [s.interval_95[0] <= t <= s.interval_95[1] for t, s in readings(0.75, 150, rng)]

    assert 0.88 <= np.mean(held) <= 0.995


def test_the_sources_of_a_space_add_up_to_its_sd_and_bias():
    space = reading(9.0, 0.75, np.random.default_rng(8), Config(), slope_mm=1.0)

    assert [source.name for source in space.sources] == [
        "reader placement",
        "clicks beside the line",
        "slice tilt",
        "smallest of the slices",
    ]
    assert math.hypot(*(source.sd for source in space.sources)) == pytest.approx(space.sd)
    assert sum(source.bias for source in space.sources) == pytest.approx(space.bias)
    middle = sum(space.interval_95) / 2
    assert middle == pytest.approx(space.value - space.bias)
    assert space.bias < 0  # the smallest of three outweighs clicks beside the line


def test_slices_alike_make_a_space_surer_and_a_narrowest_that_stands_out_does_not():
    def sd_mm(*widths):
        marks = [
            one
            for k, width in enumerate(widths)
            for one in (
                mark("ischial_tuberosity", at(k, 60, 30), at(k, 60, 50)),
                mark("lesser_trochanter", at(k, 60 + width, 30), at(k, 60 + width, 50)),
            )
        ]
        return ischiofemoral_space.measure(hip(*marks), Config())[0].sd

    alone = sd_mm(12)
    assert sd_mm(12, 30) == pytest.approx(alone, rel=1e-3)
    weight = uncertainty.SMALLEST_WEIGHT
    shrunk = math.sqrt(1 - weight + weight * (1 - 1 / math.pi))
    assert sd_mm(12, 12) == pytest.approx(alone * shrunk, rel=1e-3)


def test_clicks_make_a_space_too_long_and_outlines_do_not():
    clicks = [mark("ischial_tuberosity", at(1, 60, 40)), mark("lesser_trochanter", at(1, 66, 40))]
    outlines = [
        mark("ischial_tuberosity", at(1, 60, 30), at(1, 60, 50)),
        mark("lesser_trochanter", at(1, 66, 30), at(1, 66, 50)),
    ]

    by_clicks, by_outlines = (
        ischiofemoral_space.measure(hip(*marks), Config())[0] for marks in (clicks, outlines)
    )

    assert by_clicks.bias == pytest.approx(2 * 0.75**2 / (2 * 6), rel=0.1)
    assert by_outlines.bias == 0
    assert by_outlines.sd < by_clicks.sd


def test_an_outline_from_a_label_map_is_as_coarse_as_its_pixels():
    import dataclasses

    outlines = [
        mark("ischial_tuberosity", at(1, 60, 30), at(1, 60, 50)),
        mark("lesser_trochanter", at(1, 75, 30), at(1, 75, 50)),
    ]
    from_labels = [dataclasses.replace(one, pixel_mm=1.5) for one in outlines]

    drawn, labelled = (
        ischiofemoral_space.measure(hip(*marks), Config())[0] for marks in (outlines, from_labels)
    )

    assert labelled.sd**2 - drawn.sd**2 == pytest.approx(2 * 1.5**2 / 12, rel=1e-6)
    assert "pixels of the label map" in [source.name for source in labelled.sources]


def test_a_cohorts_own_agreement_study_replaces_the_assumed_placement():
    """`ifi-mri agreement --write-config` writes this setting."""
    config = Config.model_validate({"spaces": {"landmark_sd_mm": 0.3}})
    marks = [mark("ischial_tuberosity", at(1, 60, 40)), mark("lesser_trochanter", at(1, 80, 40))]

    space = ischiofemoral_space.measure(hip(*marks), config)[0]

    assert space.sources[0].name == "reader placement"
    assert space.sources[0].sd == pytest.approx(0.3 * math.sqrt(2))


# --- digits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "sd", "text"),
    [
        (12.34, "mm", 1.06, "12.3"),  # two digits of the SD reach to 0.1 mm
        (12.34, "mm", 12.0, "12.3"),  # what is compared at 0.1 mm is printed at 0.1 mm
        (131.4, "deg", 2.4, "131.4"),
        (131.4, "deg", 13.0, "131"),
        (351.2, "mm2", 19.0, "351"),
        (3512.0, "mm2", 190.0, "3510"),
        (1.832, "ml", 0.04, "1.83"),
        (18.32, "ml", 1.4, "18.3"),
        (1.07, "1", 0.0, "1.07"),
    ],
)
def test_values_print_with_the_digits_that_their_sd_supports(value, unit, sd, text):
    assert printed_to(value, decimals_supported(unit, sd)) == text
