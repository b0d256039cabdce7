"""What the report says beside the numbers of the signal: every word follows from a detail."""

from dataclasses import replace

import example_report
import pytest

from ifi_mri.reports.signal_table import signal_rows
from ifi_mri.vocabulary import FindingName, MeasurementName, Side

LEFT, RIGHT = Side.LEFT, Side.RIGHT
RATIO = MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO
FRACTION = MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION


def rows(side=LEFT, of=RATIO, without=(), **changed):
    """Return the rows of the example with details of one measurement changed or left out."""
    report = example_report.report()
    kept = tuple(
        replace(
            m,
            details=tuple((dict(m.details) | changed | dict.fromkeys(without, None)).items()),
        )
        if m.name is of
        else m
        for m in report.measurements
    )
    kept = tuple(
        replace(m, details=tuple((k, v) for k, v in m.details if v is not None)) for m in kept
    )
    return {row.title: row.text for row in signal_rows(replace(report, measurements=kept), side)}


def test_the_grade_is_said_with_its_reach_its_chance_and_that_it_is_not_validated():
    assert rows()["Measured grade"] == (
        "2 of 3, by thresholds that are not validated; 1 to 2 within the 95 % interval; 88 % that "
        "it is right"
    )
    assert rows(of=FRACTION, grade_probability=0.9999)["Measured grade"].endswith(
        "99 % that it is right"
    )
    assert rows()["Reader's grade"] == "1 of 3, another grade"
    assert "Reader's grade" not in rows(RIGHT)


def test_a_raised_region_has_a_ratio_and_a_place_and_normal_muscle_has_none():
    assert rows()["Raised region over reference"] == "2.41 (2.30 to 2.52)"
    assert rows()["Centre of the raised signal"] == (
        "belly at the narrowest place; 3.2 (2.1 to 4.3) mm from the line of the ischiofemoral "
        "space, 1.2 mm below it"
    )
    assert (
        "1.2 mm above it"
        in rows(of=FRACTION, level_above_space_mm=1.2)["Centre of the raised signal"]
    )
    throughout = rows(of=FRACTION, zone="throughout the muscle")
    assert throughout["Place of the raised signal"] == "throughout the muscle"
    assert "Centre of the raised signal" not in throughout
    assert not {title for title in rows(RIGHT) if "raised" in title.lower()}


def test_the_effect_of_shading_is_told_whether_or_not_it_was_taken_out():
    assert rows()["Coil shading"] == (
        "field of order 1, -3.0 % at the muscle against the reference (SD 1.0 %), taken out; the "
        "ratio without that is 1.90"
    )
    assert rows(shading_applied="no")["Coil shading"].endswith(
        "not worth its error and left; counted to the interval"
    )
    assert rows(shading_order=0, shading_applied="no")["Coil shading"] == "no field fitted"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "1.4 mm right, 0.2 mm to the back (SD 0.3 mm); outlines not moved"),
        (
            {"shift_x_mm": 1.4, "shift_y_mm": -0.2, "shift_applied": "yes"},
            "1.4 mm left, 0.2 mm to the front (SD 0.3 mm); outlines moved",
        ),
        (
            {"shift_significant": "no"},
            "1.4 mm right, 0.2 mm to the back (SD 0.3 mm), not told from none; outlines not moved",
        ),
        (
            {"shift_x_mm": -0.04, "shift_y_mm": 0.04},
            "0.0 mm left or right, 0.0 mm to the back or front (SD 0.3 mm); outlines not moved",
        ),
        (
            {"shift_x_mm": 0.0, "shift_y_mm": -0.06},
            "0.0 mm left or right, 0.1 mm to the front (SD 0.3 mm); outlines not moved",
        ),
        ({"shift_beyond_search": "yes"}, "none found within 6 mm"),
    ],
)
def test_the_shift_is_told_in_the_patients_directions(changed, said):
    assert rows(**changed)["Shift from anatomy to this series"] == said


def test_noise_and_fat_suppression_are_told():
    assert rows()["Noise"].endswith("noise floor too low to matter")
    assert rows(noise_floor_subtracted="yes", snr=4.2)["Noise"] == (
        "signal of the reference 4 times the noise; noise floor taken off"
    )
    assert rows()["Fat near the muscle"].endswith(": suppressed")
    assert rows(fat_suppression_lost="yes")["Fat near the muscle"].endswith("incomplete or lost")


def test_what_was_not_settled_has_no_row():
    assert "Shift from anatomy to this series" not in rows(without=("shift_x_mm",))
    assert "Fat near the muscle" not in rows(without=("fat_over_muscle",))
    assert "Noise" not in rows(without=("snr",))
    bare = replace(example_report.report(), measurements=())
    assert signal_rows(bare, LEFT) == ()


def test_one_pixel_is_no_pixels():
    assert rows()["Voxels read"].endswith("1 pixel left out at every edge")
    assert rows(erosion_pixels=2)["Voxels read"].endswith("2 pixels left out at every edge")


def test_the_finding_decides_what_is_said_of_the_reader():
    report = example_report.report()
    agreeing = tuple(
        replace(f, agrees_with_reader=True) if f.name is FindingName.QUADRATUS_FEMORIS_OEDEMA else f
        for f in report.findings
    )
    found = {row.title: row.text for row in signal_rows(replace(report, findings=agreeing), LEFT)}

    assert found["Reader's grade"] == "1 of 3, the same grade"
