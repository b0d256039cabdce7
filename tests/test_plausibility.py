"""Cautions about images and numbers."""

import dataclasses

import numpy as np
import pytest
from hips import series
from scipy.spatial.transform import Rotation

from ifi_mri import plausibility
from ifi_mri.config import find_profile
from ifi_mri.model import Caution, Finding, Grid, Measurement
from ifi_mri.vocabulary import FindingName, MeasurementName, Side, Status


def codes(cautions):
    return [caution.code for caution in cautions]


def tilted(degrees):
    affine = np.eye(4)
    turn = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
    affine[:3, :3] = turn @ np.array([[0, 0, 0.5], [0, 0.7, 0], [5, 0, 0]])
    return series(grid=Grid.from_affine(affine, (9, 300, 600)))


@pytest.mark.parametrize(("degrees", "expected"), [(9.9, []), (10.1, ["slices_tilted"])])
def test_a_tilt_beyond_ten_degrees_is_a_caution(degrees, expected):
    assert codes(plausibility.of_series(tilted(degrees))) == expected


@pytest.mark.parametrize(("n_columns", "side", "expected"), [
    (480, None, ["missing_laterality"]), (520, None, []), (480, Side.LEFT, [])
])  # fmt: skip
def test_a_picture_of_one_hip_whose_header_names_no_side_is_a_caution(n_columns, side, expected):
    affine = np.array([[0, 0, -0.5, 9.0], [0, 0.7, 0, 0], [5, 0, 0, 0], [0, 0, 0, 1]])
    one_hip = series(grid=Grid.from_affine(affine, (9, 300, n_columns)), laterality=side)

    assert codes(plausibility.of_series(one_hip)) == expected


def test_cautions_of_the_loader_are_passed_on():
    own = Caution("missing_echo_time", "no echo time")

    assert list(plausibility.of_series(dataclasses.replace(tilted(0), cautions=(own,)))) == [own]


def test_fat_and_water_shift_by_the_bandwidth():
    # 3.5 ppm of 127.73 MHz is 447 Hz: 1.79 pixels at 250 Hz a pixel, of 0.7 mm.
    three_tesla = dataclasses.replace(tilted(0), field_strength_t=3.0, pixel_bandwidth_hz=250.0)
    wide = dataclasses.replace(three_tesla, pixel_bandwidth_hz=1000.0)

    assert plausibility.fat_water_shift_mm(three_tesla) == pytest.approx(1.252, abs=0.001)
    assert codes(plausibility.of_series(three_tesla)) == ["fat_water_shift"]
    assert codes(plausibility.of_series(wide)) == []
    assert plausibility.fat_water_shift_mm(tilted(0)) is None


def spaces(ifs, qfs, side=Side.LEFT):
    return [
        Measurement(name, side, value, "mm", 1.0, (0, 99), "", (), None, 1)
        for name, value in (
            (MeasurementName.ISCHIOFEMORAL_SPACE, ifs),
            (MeasurementName.QUADRATUS_FEMORIS_SPACE, qfs),
        )
    ]


@pytest.mark.parametrize(
    ("ifs", "qfs", "expected"),
    [
        (20.0, 21.9, []),
        (20.0, 22.1, ["qfs_above_ifs"]),
        (2.9, 2.0, ["ifs_implausible"]),
        (50.1, 20.0, ["ifs_implausible"]),
        (3.0, 3.0, []),
    ],
)
def test_numbers_that_do_not_look_like_a_hip_are_cautioned(ifs, qfs, expected):
    found = list(plausibility.of_numbers(Side.LEFT, spaces(ifs, qfs)))

    assert codes(found) == expected
    assert all(caution.side is Side.LEFT for caution in found)
    assert codes(plausibility.of_numbers(Side.RIGHT, spaces(ifs, qfs))) == []


@pytest.mark.parametrize(
    ("angle", "expected"), [(132.6, []), (90.0, []), (89.9, ["ischial_angle_acute"])]
)
def test_an_acute_ischial_angle_is_cautioned(angle, expected):
    name = MeasurementName.ISCHIAL_ANGLE
    measured = Measurement(name, Side.RIGHT, angle, "deg", 2.0, (0, 180), "", (), None, 1)

    assert codes(plausibility.of_numbers(Side.RIGHT, [measured])) == expected


@pytest.mark.parametrize(
    ("n_slices", "n_between", "partial", "says"),
    [
        (9, 0, "no", None),
        (1, 0, "yes", "outlined on 1 slice: its volume"),
        (6, 2, "yes", "outlined on 6 slices, with 2 left out between them: its volume"),
    ],
)
def test_the_volume_of_a_part_of_the_muscle_is_cautioned(n_slices, n_between, partial, says):
    measured = Measurement(
        MeasurementName.QUADRATUS_FEMORIS_VOLUME_ML,
        Side.LEFT,
        12.0,
        "ml",
        1.0,
        (10, 14),
        "",
        (),
        None,
        n_slices,
        details=(("partial", partial), ("n_slices_left_out_between", n_between)),
    )
    found = list(plausibility.of_muscle_volume(measured))

    assert codes(found) == (["quadratus_femoris_volume_partial"] if says else [])
    assert all(says in caution.text and caution.side is Side.LEFT for caution in found)
    other = dataclasses.replace(measured, name=MeasurementName.QUADRATUS_FEMORIS_AREA_MM2)
    assert list(plausibility.of_muscle_volume(other)) == []


def test_an_unknown_age_under_an_adult_profile_is_a_caution():
    adult = find_profile("singer2015")

    assert codes(plausibility.of_person(None, adult)) == ["age_unknown"]
    assert codes(plausibility.of_person(40.0, adult)) == []


def test_cut_offs_from_a_secondary_source_are_cautioned():
    assert codes(plausibility.of_person(40.0, find_profile("tosun2012_secondary"))) == [
        "profile_not_verified"
    ]


@pytest.mark.parametrize(
    ("status", "grade", "reader", "differ"),
    [
        (Status.ABSENT, 0, 0, False),
        (Status.ABSENT, 0, 1, True),
        (Status.PRESENT, 2, 1, False),
        (Status.PRESENT, 3, 1, True),
        (Status.PRESENT, 2, 0, True),
        (Status.PRESENT, 2, None, False),
    ],
)
def test_disagreement_with_the_reader_is_printed(status, grade, reader, differ):
    finding = Finding(
        FindingName.QUADRATUS_FEMORIS_OEDEMA,
        Side.RIGHT,
        status,
        "",
        grade=grade,
        reader_grade=reader,
    )

    assert codes(plausibility.of_oedema(finding)) == (["oedema_grades_differ"] if differ else [])


# --- the signal of quadratus femoris ------------------------------------------------------------


def of_signal(**details):
    known = {
        "fat_over_muscle": 2.5,
        "fat_suppression_lost": "no",
        "shift_x_mm": -3.0,
        "shift_y_mm": 1.0,
        "shift_z_mm": 0.0,
        "shift_significant": "yes",
        "shift_beyond_search": "no",
        "shift_applied": "no",
    } | details
    ratio = Measurement(
        MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO, Side.LEFT, 1.0, "1", 0.1, (0.8, 1.2), "",
        (), None, 1, details=tuple((k, v) for k, v in known.items() if v is not None),
    )  # fmt: skip
    return list(plausibility.of_numbers(Side.LEFT, [ratio]))


def test_a_patient_who_moved_between_the_series_is_a_caution_in_the_patients_directions():
    (caution,) = of_signal()

    assert caution.code == "series_shifted"
    assert "3.0 mm further to the patient's right and 1.0 mm further to the back" in caution.text
    assert "were not moved" in caution.text
    (other_way,) = of_signal(shift_x_mm=3.0, shift_y_mm=-1.0, shift_applied="yes")
    assert "patient's left and 1.0 mm further to the front" in other_way.text
    assert "were moved by that much" in other_way.text


@pytest.mark.parametrize(
    "details",
    [
        {"shift_significant": "no"},
        {"shift_x_mm": 0.7, "shift_y_mm": 0.7},  # 0.99 mm
        {"shift_significant": None},
    ],
)
def test_a_shift_within_its_error_or_a_pixel_is_no_caution(details):
    assert of_signal(**details) == []


def test_series_that_do_not_match_at_all_are_a_caution():
    found = of_signal(shift_significant="no", shift_beyond_search="yes")

    assert codes(found) == ["series_shift_not_found"]


def test_lost_fat_suppression_is_a_caution_with_its_effect():
    found = of_signal(shift_significant="no", fat_suppression_lost="yes")

    assert codes(found) == ["fat_suppression_lost"]
    assert "2.5 times as bright" in found[0].text
    assert "by 15 %" in found[0].text  # a tenth of fat: 0.9 + 0.1 x 2.5 = 1.15
