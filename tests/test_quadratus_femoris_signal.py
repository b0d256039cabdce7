"""Quadratus femoris signal against reference muscle, from voxels whose content is known."""

import numpy as np
import pytest
from hips import SHAPE, at, box, hip, mark

from ifi_mri.config import Config
from ifi_mri.measurements import ischiofemoral_space
from ifi_mri.measurements import quadratus_femoris_signal as signal
from ifi_mri.measurements.narrowest_level import narrowest_line_mm
from ifi_mri.model import NotMeasured
from ifi_mri.signal.details import field_of
from ifi_mri.vocabulary import Role

CONFIG = Config()
RATIO, FRACTION, LARGEST, VOLUME, HEIGHT, PERIMUSCULAR = signal.NAMES

#: Boxes in mm from the first voxel: 40 x 16 mm of muscle, as much reference.  Their edges lie
#: midway between pixel centres (0.8 x 0.4 mm), so that the counts below are exact.
MUSCLE = (40.4, 40.2, 40.0, 16.0)
REFERENCE = (40.4, 80.2, 40.0, 16.0)
INNER_PIXELS = 48 * 38  # 50 x 40 less one pixel all round


def picture(seed=0, level=100.0, noise=5.0):
    """Return slices of even muscle with normal noise."""
    return np.random.default_rng(seed).normal(level, noise, SHAPE)


def pixels(left_mm, top_mm, width_mm, height_mm):
    """Return the rows and columns whose centres lie in a box."""
    rows = slice(int(np.ceil(top_mm / 0.4)), int(np.ceil((top_mm + height_mm) / 0.4)))
    columns = slice(int(np.ceil(left_mm / 0.8)), int(np.ceil((left_mm + width_mm) / 0.8)))
    return rows, columns


def measured(voxels, *slices, config=CONFIG, extra=()):
    marks = [box("quadratus_femoris", k, *MUSCLE) for k in slices or (2,)]
    marks += [box("reference_muscle", k, *REFERENCE) for k in slices or (2,)]
    results = signal.measure(hip(*marks, *extra, fluid=voxels), config)
    return {result.name: result for result in results}


def test_normal_muscle_has_a_ratio_of_one_and_hardly_a_voxel_above():
    found = measured(picture())

    assert found[RATIO].value == pytest.approx(1.0, abs=0.01)
    assert found[FRACTION].value < 0.006
    assert found[RATIO].interval_95[0] < 1.0 < found[RATIO].interval_95[1]


def test_the_line_of_the_space_is_the_one_that_is_measured():
    marks = [
        mark(name, *(at(k, right + shift, 20.0) for shift in (0.0, 3.0)))
        for k, gap_mm in ((1, 15.0), (2, 12.0), (3, 14.0))
        for name, right in (("ischial_tuberosity", 20.0), ("lesser_trochanter", 23.0 + gap_mm))
    ]
    (space,) = ischiofemoral_space.measure(hip(*marks), CONFIG)

    assert space.value == pytest.approx(12.0)
    assert narrowest_line_mm(hip(*marks)) == space.points_mm
    assert narrowest_line_mm(hip(*marks[:1])) is None


def test_the_regions_lose_one_pixel_all_round():
    found = measured(picture())

    assert found[RATIO].detail("n_pixels") == INNER_PIXELS
    assert found[RATIO].detail("n_reference_pixels") == INNER_PIXELS


def bright(voxels, k, top, left, height, width, level=250.0):
    """Make a part of the muscle on a slice bright, in pixels from its corner."""
    rows, columns = pixels(*MUSCLE)
    voxels[
        k,
        rows.start + top : rows.start + top + height,
        columns.start + left : columns.start + left + width,
    ] = level


def test_raised_regions_count_by_share_connection_volume_and_height():
    voxels = picture(noise=2.0)
    for k in (2, 3):
        bright(voxels, k, 5, 5, 12, 24)
    bright(voxels, 2, 25, 8, 8, 12)
    found = measured(voxels, 2, 3)
    one, small, whole = 12 * 24, 8 * 12, 50 * 40

    assert found[FRACTION].value == pytest.approx((2 * one + small) / (2 * whole), rel=0.04)
    assert found[LARGEST].value == pytest.approx(2 * one / (2 * whole), rel=0.04)
    whole_ml = 2 * whole * 0.4 * 0.8 * 5 / 1000
    assert found[VOLUME].value == pytest.approx(found[FRACTION].value * whole_ml)
    assert (found[VOLUME].unit, found[HEIGHT].unit) == ("ml", "mm")
    assert found[HEIGHT].value == pytest.approx(10.0)
    assert found[FRACTION].detail("raised_ratio") == pytest.approx(2.5, rel=0.01)
    by_slice = [one.value for one in found[FRACTION].per_slice]
    assert by_slice == pytest.approx([(one + small) / whole, one / whole], rel=0.05)


def test_a_lone_bright_voxel_is_no_region():
    voxels = picture(noise=2.0)
    bright(voxels, 2, 20, 20, 1, 1, 150.0)
    found = measured(voxels)

    assert (found[LARGEST].value, found[HEIGHT].value) == (0.0, 0.0)
    # what cannot be seen is not known to be absent
    assert found[LARGEST].interval_95 == (0.0, found[FRACTION].interval_95[1])
    assert found[HEIGHT].interval_95 == pytest.approx((0.0, 5.0))
    assert found[FRACTION].value < 0.002


def test_signal_that_goes_on_beyond_the_outline_is_perimuscular():
    voxels = picture(noise=2.0)
    bright(voxels, 2, 2, 5, 10, 24)
    inside = measured(voxels.copy())[PERIMUSCULAR]
    bright(voxels, 2, -18, 5, 30, 24)
    beyond = measured(voxels)[PERIMUSCULAR]

    assert (inside.value, inside.detail("spread_beyond_muscle")) == (0.0, "no")
    assert beyond.detail("spread_beyond_muscle") == "yes"
    # 24 of the rim's columns (19.2 mm) on one side of a rim of about 130 mm
    assert beyond.value == pytest.approx(19.2 / 130, rel=0.25)


def test_gain_that_differs_from_slice_to_slice_does_not_matter():
    voxels = picture()
    voxels[3] *= 1.7
    found = measured(voxels, 2, 3)

    assert found[RATIO].value == pytest.approx(1.0, abs=0.01)
    assert found[FRACTION].value < 0.006


def test_a_doubled_signal_is_a_ratio_of_two():
    voxels = picture()
    rows, columns = pixels(*MUSCLE)
    voxels[2, rows, columns] *= 2
    found = measured(voxels)

    assert found[RATIO].value == pytest.approx(2.0, rel=0.01)
    assert found[FRACTION].value == pytest.approx(1.0, abs=0.02)
    assert found[RATIO].per_slice[0].value == pytest.approx(2.0, rel=0.01)


def test_what_the_picture_of_the_report_needs_stands_with_each_slice():
    found = measured(picture())
    one = found[FRACTION].per_slice[0]

    reference = picture()[(2, *pixels(*REFERENCE))][1:-1, 1:-1].astype(np.float32)
    field = field_of(found[FRACTION].details)
    assert one.detail("reference_level") == pytest.approx(np.median(reference), rel=0.01)
    assert found[FRACTION].detail("reference_spread") == pytest.approx(0.05, rel=0.05)
    assert found[FRACTION].detail("threshold_ratio") == pytest.approx(1.15, abs=0.01)
    assert field is None or len(field.coefficients) in (2, 5)
    assert one.sop_instance_uid == "1.2.2.2"
    assert one.points_mm == box("quadratus_femoris", 2, *MUSCLE).points_mm


def test_the_slice_with_the_most_oedema_is_the_one_shown():
    voxels = picture()
    bright(voxels, 4, 2, 2, 20, 40, 300.0)
    found = measured(voxels, 2, 4)

    assert found[FRACTION].sop_instance_uid == "1.2.2.4"


def test_a_reference_on_another_slice_is_no_reference():
    marks = (box("quadratus_femoris", 2, *MUSCLE), box("reference_muscle", 3, *REFERENCE))
    results = signal.measure(hip(*marks, fluid=picture()), CONFIG)

    assert all(isinstance(result, NotMeasured) for result in results)
    assert "no common slice" in results[0].reason
    assert [result.name for result in results] == list(signal.NAMES)


def test_without_a_fluid_sensitive_series_its_reason_is_given():
    marks = (box("quadratus_femoris", 2, *MUSCLE), box("reference_muscle", 2, *REFERENCE))
    reasons = {Role.FLUID_SENSITIVE: "no axial fat-suppressed series found"}
    results = signal.measure(hip(*marks, reasons=reasons), CONFIG)

    assert {result.reason for result in results} == {"no axial fat-suppressed series found"}


@pytest.mark.parametrize("missing", ["quadratus_femoris", "reference_muscle"])
def test_a_missing_outline_is_named(missing):
    other = {"quadratus_femoris", "reference_muscle"} - {missing}
    results = signal.measure(hip(box(*other, 2, *MUSCLE), fluid=picture()), CONFIG)

    assert {result.reason for result in results} == {f"no {missing} outline"}


def test_a_region_too_small_for_its_spread_is_not_measured():
    marks = (box("quadratus_femoris", 2, *MUSCLE), box("reference_muscle", 2, 40.4, 80.2, 4.8, 2.4))
    results = signal.measure(hip(*marks, fluid=picture()), CONFIG)

    assert "the reference_muscle region holds 16 pixels" in results[0].reason


def test_an_outline_that_leaves_the_picture_is_not_measured():
    marks = (
        box("quadratus_femoris", 2, 190.0, 40.2, 40, 16),
        box("reference_muscle", 2, *REFERENCE),
    )
    results = signal.measure(hip(*marks, fluid=picture()), CONFIG)

    assert results[0].reason == "the quadratus_femoris outline leaves the fluid-sensitive picture"


def test_no_signal_and_no_numbers_are_no_measurement():
    for content, words in ((0.0, "holds no signal"), (np.nan, "no finite numbers")):
        results = measured(np.full(SHAPE, content))
        assert words in results[RATIO].reason


def test_a_reference_that_overlaps_the_muscle_is_no_reference():
    marks = (box("quadratus_femoris", 2, *MUSCLE), box("reference_muscle", 2, 40.4, 50.2, 40, 16))
    results = signal.measure(hip(*marks, fluid=picture()), CONFIG)

    assert {"overlap" in result.reason for result in results} == {True}


def test_a_reference_without_any_spread_is_no_image():
    assert "one value throughout" in measured(np.full(SHAPE, 80.0))[RATIO].reason


def test_an_outline_that_crosses_itself_is_not_measured():
    corners = [at(2, x, y) for x, y in ((40.4, 40.2), (80.4, 56.2), (80.4, 40.2), (40.4, 56.2))]
    bow = mark("quadratus_femoris", *corners, closed=True)
    results = signal.measure(
        hip(bow, box("reference_muscle", 2, *REFERENCE), fluid=picture()), CONFIG
    )

    assert "crosses itself" in results[0].reason


@pytest.mark.parametrize(("share", "measurable"), [(0.45, False), (0.55, True)])
def test_a_region_too_dark_for_muscle_says_nothing_about_oedema(share, measurable):
    voxels = picture(noise=2.0)
    rows, columns = pixels(*MUSCLE)
    voxels[2, rows, columns] *= share
    found = measured(voxels)

    assert all(isinstance(one, NotMeasured) is not measurable for one in found.values())
    if not measurable:
        assert "0.45 times as bright as the reference_muscle" in found[FRACTION].reason


@pytest.mark.parametrize(("level", "measurable"), [(19.0, False), (21.0, True)])
def test_a_picture_of_few_grey_levels_is_not_measured(level, measurable):
    """Steps of 1 are 5 % of a level of 20."""
    found = measured(np.rint(picture(level=level, noise=1.0)))[RATIO]

    assert isinstance(found, NotMeasured) is not measurable
    assert measurable or "in steps of 5 % of the reference_muscle signal" in found.reason


def test_noise_without_signal_is_not_measured():
    noise = np.random.default_rng(0).rayleigh(100.0, SHAPE)

    assert "1.8 times its noise" in measured(noise)[RATIO].reason
