"""``measurements.csv``: one row for each measurement, safe to open in a spreadsheet."""

import csv
import io
from dataclasses import replace

import example_report
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri.model import NotMeasured
from ifi_mri.reports import csv_table
from ifi_mri.vocabulary import MeasurementName, Side


def rows_of(report) -> list[dict[str, str]]:
    content = csv_table.render(report, example_report.study(), example_report.open_volume)
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_there_is_one_row_for_each_measurement_taken_or_not():
    report = example_report.without_right_side()
    rows = rows_of(report)
    assert len(rows) == len(report.measurements) + len(report.not_measured)
    assert {(row["side"], row["status"]) for row in rows} == {
        ("left", "measured"),
        ("right", "not measured"),
    }


def test_a_measured_row_holds_the_number_and_where_it_was_taken():
    report = example_report.report()
    measurement = report.measured(MeasurementName.QUADRATUS_FEMORIS_SPACE, Side.LEFT)
    (row,) = (
        row
        for row in rows_of(report)
        if (row["side"], row["measurement"]) == ("left", "quadratus_femoris_space")
    )
    assert float(row["value"]) == measurement.value
    assert (float(row["interval_low"]), float(row["interval_high"])) == measurement.interval_95
    assert float(row["sd"]) == measurement.sd
    assert row["unit"] == "mm"
    assert row["n_slices"] == "2"
    assert row["sop_instance_uid"] == measurement.sop_instance_uid
    assert row["series_uid"] == example_report.ANATOMY_UID
    assert (row["case_id"], row["reader"], row["read"]) == ("example-1", "R1", "2")
    assert (row["profile"], row["cutoff"]) == ("singer2015", "10.0")
    assert (row["finding_status"], row["at_or_below_cutoff"]) == ("present", "true")
    assert row["probability"] == "0.994849"
    assert row["reason"] == ""


def test_what_belongs_to_both_sides_has_the_side_both_and_no_finding():
    rows = {
        (row["side"], row["measurement"]): row for row in rows_of(example_report.with_secondary())
    }
    assert rows["both", "intertuberous_distance"]["value"] == "98.2"
    difference = rows["both", "side_difference_ischiofemoral_space"]
    assert (difference["value"], difference["finding"], difference["cutoff"]) == ("-10.8", "", "")
    unmarked = rows["both", "side_difference_lesser_trochanter_direction"]
    assert unmarked["status"] == "not measured"


def test_signal_rows_carry_the_finding_that_rests_on_them():
    rows = {(row["side"], row["measurement"]): row for row in rows_of(example_report.report())}
    row = rows["left", "quadratus_femoris_oedema_fraction"]
    assert (row["finding"], row["finding_status"]) == ("quadratus_femoris_oedema", "present")
    assert rows["right", "quadratus_femoris_oedema_volume_ml"]["finding"] == ""


def test_a_row_that_was_not_measured_says_why_and_holds_no_number():
    row = rows_of(example_report.without_right_side())[-1]
    assert row["status"] == "not measured"
    assert row["reason"] == "no ischial_tuberosity landmark"
    for column in ("value", "sd", "interval_low", "interval_high", "n_slices", "unit"):
        assert row[column] == ""


def test_lines_end_as_rfc_4180_wants():
    content = csv_table.render(
        example_report.report(), example_report.study(), example_report.open_volume
    )
    assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
    assert content.endswith(b"\r\n")


def test_commas_quotes_and_line_breaks_stay_in_their_cell():
    report = replace(example_report.report(), reader='A, "B"\r\nC')
    assert rows_of(report)[0]["reader"] == 'A, "B"\r\nC'


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "  =1", "\r=1", "\n=1"])
def test_text_that_a_spreadsheet_would_run_is_led_by_an_apostrophe(text):
    report = replace(example_report.report(), reader=text)
    assert rows_of(report)[0]["reader"] == f"'{text}"


def test_negative_numbers_stay_numbers():
    report = example_report.report()
    negative = replace(report.measurements[0], value=-3.25)
    assert rows_of(replace(report, measurements=(negative,)))[0]["value"] == "-3.25"


@given(st.text())
def test_no_cell_of_text_starts_like_a_formula(text):
    reason = NotMeasured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT, text)
    report = replace(example_report.without_right_side(), not_measured=(reason,), reader=text)
    for row in rows_of(report):
        assert not row["reason"].lstrip().startswith(("=", "+", "-", "@"))
        assert not row["reader"].lstrip().startswith(("=", "+", "-", "@"))


def test_the_columns_are_stable():
    assert csv_table.COLUMNS[:11] == (
        "case_id", "reader", "read", "side", "measurement", "status", "value", "unit", "sd",
        "interval_low", "interval_high",
    )  # fmt: skip
    assert list(rows_of(example_report.report())[0]) == list(csv_table.COLUMNS)
