"""Quadratus femoris signal against reference muscle, from voxels whose content is known."""

import numpy as np
import pytest
from hips import SHAPE, at, box, hip, mark

from ifi_mri.config import Config
from ifi_mri.measurements import quadratus_femoris_signal as signal
from ifi_mri.measurements.quadratus_femoris_signal import wilson_interval_95
from ifi_mri.model import NotMeasured
from ifi_mri.vocabulary import Role

CONFIG = Config()
RATIO, FRACTION, LARGEST, VOLUME = signal.NAMES

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


def test_the_regions_lose_one_pixel_all_round():
    found = measured(picture())

    assert found[RATIO].detail("n_pixels") == INNER_PIXELS
    assert found[RATIO].detail("n_reference_pixels") == INNER_PIXELS


def test_bright_voxels_count_by_number_connection_and_volume():
    voxels = picture(noise=2.0)
    rows, columns = pixels(*MUSCLE)
    large = (slice(rows.start + 5, rows.start + 15), slice(columns.start + 5, columns.start + 25))
    small = (slice(rows.start + 25, rows.start + 30), slice(columns.start + 5, columns.start + 15))
    voxels[(2, *large)] = 250.0
    voxels[(2, *small)] = 250.0
    found = measured(voxels, config=Config.model_validate({"signal": {"threshold_sd": 6}}))

    assert found[FRACTION].value == pytest.approx(250 / INNER_PIXELS)
    assert found[LARGEST].value == pytest.approx(200 / INNER_PIXELS)
    whole_ml = 50 * 40 * 0.4 * 0.8 * 5 / 1000
    assert found[VOLUME].value == pytest.approx(250 / INNER_PIXELS * whole_ml)
    assert found[VOLUME].unit == "ml"


def test_voxels_connect_across_neighbouring_slices():
    voxels = picture(noise=2.0)
    rows, columns = pixels(*MUSCLE)
    for k in (2, 3):
        voxels[k, rows.start + 5 : rows.start + 15, columns.start + 5 : columns.start + 15] = 250.0
    found = measured(voxels, 2, 3, config=Config.model_validate({"signal": {"threshold_sd": 6}}))

    assert found[LARGEST].value == pytest.approx(200 / (2 * INNER_PIXELS))
    assert found[RATIO].n_slices == 2


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
    assert found[FRACTION].value == 1.0


def test_what_the_picture_of_the_report_needs_stands_with_each_slice():
    found = measured(picture())
    one = found[FRACTION].per_slice[0]

    reference = picture()[(2, *pixels(*REFERENCE))][1:-1, 1:-1].astype(np.float32)
    assert one.detail("reference_mean") == pytest.approx(reference.mean(), rel=1e-6)
    assert one.detail("threshold") == pytest.approx(
        reference.mean() + 3 * reference.std(ddof=1), rel=1e-5
    )
    assert one.sop_instance_uid == "1.2.2.2"
    assert one.points_mm == box("quadratus_femoris", 2, *MUSCLE).points_mm


def test_the_slice_with_the_most_oedema_is_the_one_shown():
    voxels = picture()
    rows, columns = pixels(*MUSCLE)
    voxels[4, rows, columns] += 200
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


def test_the_proportion_interval_is_wilsons():
    # Wilson's interval for 15 of 148, as printed by Newcombe, Stat Med 1998;17:857, table I.
    assert wilson_interval_95(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval_95(0, 20)[0] == 0.0


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
