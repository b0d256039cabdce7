"""``impression.txt``: ready to paste into a radiology system."""

from dataclasses import replace

import example_report
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri.model import Caution
from ifi_mri.reports import text_impression
from ifi_mri.vocabulary import Side


def text_of(report) -> str:
    return text_impression.render(
        report, example_report.study(), example_report.open_volume
    ).decode()


def flowing(text: str) -> str:
    return " ".join(text.split())


def test_the_impression_comes_first_and_in_the_words_of_the_report():
    report = example_report.report()
    text = text_of(report)
    for number, sentence in enumerate(report.impression, start=1):
        assert f"{number}. {sentence}" in flowing(text)
    headings = [line for line in text.splitlines() if line.isupper()]
    assert headings[1:5] == ["IMPRESSION", "RIGHT HIP", "LEFT HIP", "TECHNIQUE"]


def test_each_side_gives_value_interval_status_and_cutoff():
    right, left = flowing(text_of(example_report.report())).split("RIGHT HIP")[1].split("LEFT HIP")
    assert (
        "Ischiofemoral space (IFS): 14.3 mm (95 % interval 12.2 to 16.4 mm; 2 slices): "
        "indeterminate (cut-off 15.0 mm, singer2015)." in left
    )
    assert "Quadratus femoris (QF) signal: oedema signal, grade 2, reader's grade 1." in left
    assert "To consider: lumbar radiculopathy (positive straight leg raise)." in left
    assert "25.1 mm" in right
    assert "not narrowed" in right
    assert "no oedema signal, grade 0" in right


def test_what_was_not_measured_is_said_with_its_reason():
    text = flowing(text_of(example_report.without_right_side()))
    right = text.split("RIGHT HIP")[1].split("LEFT HIP")[0]
    assert "Not measured: no ischial tuberosity landmark (Ischiofemoral space (IFS)," in right
    assert "mm (95 %" not in right


def test_secondary_measurements_say_their_definition_and_unmarked_ones_take_one_line():
    text = flowing(text_of(example_report.with_secondary()))
    right, left = text.split("RIGHT HIP")[1].split("LEFT HIP")
    assert (
        "Neck-shaft angle: 131 deg (95 % interval 106 to 157 deg), caput-collum-diaphyseal "
        "angle, not the femoral neck angle." in left
    )
    assert "Not marked: Ischial angle, Neck-shaft angle." in right
    assert "crosses itself; draw it again (Hamstring tendon area)." in right
    assert "no ischial axis" not in text


def test_both_sides_have_their_own_section_where_there_is_anything():
    text = flowing(text_of(example_report.with_secondary()))
    both = text.split("BOTH SIDES")[1].split("TECHNIQUE")[0]
    assert "Intertuberous distance: 98.2 mm" in both
    assert "between inner borders" in both
    assert "IFS, left minus right: -10.8 mm" in both
    assert "trochanter" not in both
    assert "BOTH SIDES" not in text_of(example_report.report())


def test_cautions_limits_technique_and_intended_use_are_there():
    text = flowing(text_of(example_report.report()))
    assert "- Left: Measured grade 2 and the reader's grade 1 differ." in text
    assert "Fluid-sensitive series: series 5 (AX T2 FS), 1.5 T, pixels 1.75 x 1.75 mm" in text
    assert "they are not a diagnosis" in text
    assert "Fluid-sensitive series: none." in flowing(
        text_of(example_report.without_fluid_series())
    )


def test_mathematical_signs_become_ascii():
    report = replace(
        example_report.report(),
        impression=(
            "\u2264 15 \u00b1 2 mm, 2 \u00d7 3, 10\u00b0\u201320\u00b0, "
            "\u2018a\u2019 \u2026 \u00b5m\u00b2",
        ),
    )
    assert "1. <= 15 +/- 2 mm, 2 x 3, 10 deg-20 deg, 'a' ... um2" in text_of(report)


@pytest.mark.parametrize(
    "report",
    [
        example_report.report(),
        example_report.without_right_side(),
        example_report.without_fluid_series(),
    ],
)
def test_the_text_of_an_example_is_ascii_in_80_columns(report):
    text = text_of(report)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80


@given(st.text(), st.text())
def test_no_words_make_a_line_longer_than_80_columns_or_carry_control_characters(caution, reader):
    report = replace(
        example_report.without_right_side(),
        cautions=(Caution("x", caution, Side.LEFT),),
        reader=reader,
    )
    lines = text_of(report).split("\n")
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() or not line.isascii() for line in lines)
