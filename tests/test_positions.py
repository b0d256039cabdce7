"""One patient in several positions: the dynamic table, its files and its command."""

import csv
import io
import json
import zlib
from dataclasses import replace

import example_report
import html5lib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri.cli import main
from ifi_mri.cohort import positions, positions_files
from ifi_mri.cohort.positions import dynamic_table, rotation_deg
from ifi_mri.errors import ConfigError, ReportError
from ifi_mri.model import NotMeasured, Position
from ifi_mri.reports import json_file
from ifi_mri.vocabulary import Answer, HipRotation, MeasurementName, Side

IFS = MeasurementName.ISCHIOFEMORAL_SPACE
QFS = MeasurementName.QUADRATUS_FEMORIS_SPACE


def place(rotation, degrees=None, patient_position="HFS", bolster=Answer.NO):
    return Position(patient_position, HipRotation(rotation), degrees, bolster, "")


def report(rotation, degrees=None, shift_mm=0.0, **fields):
    """The example's report in another position, both spaces wider by shift_mm."""
    whole = example_report.report()
    measurements = tuple(
        replace(m, value=m.value + shift_mm) if m.name in (IFS, QFS) else m
        for m in whole.measurements
    )
    given = {
        "report_uid": f"2.25.{zlib.crc32(repr((rotation, degrees, shift_mm)).encode())}",
        "position": place(rotation, degrees),
        "measurements": measurements,
    }
    return replace(whole, **(given | fields))


NEUTRAL = report("neutral")
EXTERNAL = report("external", 30.0, -6.0)
INTERNAL = report("internal", 20.0, 5.0)


def row(table, rotation, side=Side.LEFT, name=IFS):
    (found,) = (
        r for r in table.rows
        if (r.position.hip_rotation, r.side, r.name) == (HipRotation(rotation), side, name)
    )  # fmt: skip
    return found


def test_rotation_is_signed_with_internal_positive():
    assert rotation_deg(place("internal", 20.0)) == 20.0
    assert rotation_deg(place("external", 30.0)) == -30.0
    assert rotation_deg(place("neutral")) == 0.0
    assert rotation_deg(place("external")) is None
    assert rotation_deg(place("not recorded")) is None


def test_every_position_is_compared_with_neutral_whatever_the_order_given():
    tables = [
        dynamic_table(given)
        for given in ([NEUTRAL, EXTERNAL, INTERNAL], [INTERNAL, EXTERNAL, NEUTRAL])
    ]

    for table in tables:
        assert table.reference is NEUTRAL
        turned = row(table, "external").change
        assert turned.value_mm == pytest.approx(-6.0)
        assert turned.sd_mm == pytest.approx(np.sqrt(2) * 1.06066)
        assert turned.interval_95_mm == pytest.approx((-6.0 - 2.94, -6.0 + 2.94), abs=0.01)
        assert turned.per_degree_mm == pytest.approx(0.2)
        assert turned.per_degree_sd_mm == pytest.approx(1.5 / 30, rel=1e-4)
        assert row(table, "internal").change.per_degree_mm == pytest.approx(0.25)
        assert row(table, "neutral").change is None
        assert row(table, "neutral").is_reference
    assert tables[0].rows == tables[1].rows


def test_rows_go_from_external_to_internal_for_each_side_and_space():
    further = report("external", 60.0, -9.0)
    table = dynamic_table([INTERNAL, NEUTRAL, EXTERNAL, further])

    degrees = [r.rotation_deg for r in table.rows if (r.side, r.name) == (Side.RIGHT, QFS)]
    assert degrees == [-60.0, -30.0, 0.0, 20.0]
    assert len(table.rows) == 4 * 2 * 2


def test_a_direction_without_degrees_has_a_change_but_no_slope():
    change = row(dynamic_table([NEUTRAL, report("external", None, -4.0)]), "external").change

    assert change.value_mm == pytest.approx(-4.0)
    assert change.per_degree_mm is None


def test_half_a_degree_has_no_slope():
    change = row(dynamic_table([NEUTRAL, report("external", 0.5, -4.0)]), "external").change

    assert change.per_degree_mm is None


def test_the_sd_of_a_change_is_that_of_simulated_readings():
    generator = np.random.default_rng(3)
    neutral, turned = (m.measured(IFS, Side.LEFT) for m in (NEUTRAL, EXTERNAL))
    stated = positions.change_between(turned, neutral, -30.0)
    simulated = generator.normal(turned.value, turned.sd, 20000) - generator.normal(
        neutral.value, neutral.sd, 20000
    )

    assert stated.sd_mm == pytest.approx(simulated.std(), rel=0.02)
    low, high = stated.interval_95_mm
    assert 0.94 < ((simulated > low) & (simulated < high)).mean() < 0.96


def test_without_a_neutral_report_no_change_is_given_and_that_is_said():
    table = dynamic_table([EXTERNAL, INTERNAL])

    assert table.reference is None
    assert all(r.change is None for r in table.rows)
    assert any("no change is given" in note for note in table.notes)


def test_the_first_of_two_neutral_reports_is_compared_with():
    prone = report("neutral", None, 3.15, position=place("neutral", patient_position="HFP"))
    table = dynamic_table([NEUTRAL, prone])

    changes = [r.change for r in table.rows if (r.side, r.name) == (Side.LEFT, IFS)]
    assert [c and round(c.value_mm, 6) for c in changes] == [None, 3.15]
    assert changes[1].per_degree_mm is None  # both lie at 0 degrees
    assert any("supine, prone" in note for note in table.notes)


def test_a_space_that_was_not_measured_in_one_position_says_why():
    without = replace(
        EXTERNAL,
        measurements=tuple(
            m for m in EXTERNAL.measurements if (m.name, m.side) != (IFS, Side.LEFT)
        ),
        not_measured=(NotMeasured(IFS, Side.LEFT, "no lesser_trochanter landmark"),),
    )
    found = row(dynamic_table([NEUTRAL, without]), "external")

    assert (found.value_mm, found.change) == (None, None)
    assert found.reason == "no lesser_trochanter landmark"


def test_a_side_that_no_report_measured_has_no_rows():
    one_side = example_report.without_right_side()
    table = dynamic_table([
        replace(one_side, position=place("neutral")),
        replace(one_side, position=place("external"), report_uid="2.25.7"),
    ])  # fmt: skip

    assert {r.side for r in table.rows} == {Side.LEFT}


@pytest.mark.parametrize(
    ("reports", "says"),
    [
        ([], "0 reports; expected two or more"),
        ([NEUTRAL], "1 report; expected two or more"),
        ([NEUTRAL, EXTERNAL, NEUTRAL], "given 2 times"),
        ([NEUTRAL, replace(EXTERNAL, patient_sex="M")], "different sexes"),
        ([NEUTRAL, replace(EXTERNAL, patient_age_years=31.0)], "births lie 23 years apart"),
        ([NEUTRAL, replace(EXTERNAL, study_date="2029-02-01")], "births lie 3 years apart"),
    ],
)
def test_reports_that_are_not_of_one_patient_or_given_twice_are_refused(reports, says):
    with pytest.raises(ConfigError, match=says):
        dynamic_table(reports)


def test_a_patient_who_grew_older_between_two_scans_is_one_patient():
    later = replace(EXTERNAL, study_date="2029-02-01", patient_age_years=57.0)

    assert dynamic_table([NEUTRAL, later]).rows


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"reader": "R2"}, "readers differ"),
        ({"config_digest": "d" * 64}, "Settings or software"),
        ({"position": place("external", 30.0, bolster=Answer.YES)}, "knee bolster"),
        ({"position": place("not recorded")}, "not recorded for example-1"),
    ],
)
def test_what_differs_beside_the_rotation_is_said(changed, says):
    same = " ".join(dynamic_table([NEUTRAL, EXTERNAL]).notes)
    notes = " ".join(dynamic_table([NEUTRAL, replace(EXTERNAL, **changed)]).notes)

    assert says not in same
    assert says in notes


def test_published_slopes_stand_beside_with_their_disagreement():
    notes = " ".join(dynamic_table([NEUTRAL, EXTERNAL]).notes)

    for part in ("disagree", "0.04 mm per degree", "0.23", "0.38", "PMID 38593926"):
        assert part in notes


# --- files --------------------------------------------------------------------------------------

TABLE = dynamic_table([EXTERNAL, NEUTRAL, INTERNAL])


def test_the_json_holds_every_row():
    content = json.loads(positions_files.as_json(TABLE))

    assert content["reference_report_uid"] == NEUTRAL.report_uid
    assert len(content["rows"]) == len(TABLE.rows)
    found = content["rows"][0]
    assert (found["side"], found["measurement"]) == ("left", "ischiofemoral_space")
    assert (found["rotation_deg"], found["mm_per_degree"]) == (-30.0, 0.2)
    assert set(found) == set(positions_files.COLUMNS)


def test_the_csv_is_the_same_table():
    rows = list(csv.DictReader(io.StringIO(positions_files.as_csv(TABLE).decode(), newline="")))

    assert tuple(rows[0]) == positions_files.COLUMNS
    assert float(rows[0]["change_mm"]) == pytest.approx(-6.0)
    reference = next(r for r in rows if r["is_reference"] == "true")
    assert (reference["change_mm"], reference["mm_per_degree"]) == ("", "")


@given(st.text())
def test_no_cell_of_text_starts_like_a_formula(text):
    table = dynamic_table([NEUTRAL, replace(EXTERNAL, case_id=text)])
    content = positions_files.as_csv(table).decode()
    for one in csv.DictReader(io.StringIO(content, newline="")):
        assert not one["case_id"].lstrip().startswith(("=", "+", "-", "@"))


def test_the_page_is_valid_html_and_shows_change_and_slope():
    page = positions_files.as_page(TABLE).decode()
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    text = " ".join("".join(tree.itertext()).split())

    assert "external 30°, HFS" in text
    assert "-6.0 mm, SD 1.5 (-8.9 to -3.1)" in text
    assert "+0.20, SD 0.05" in text
    assert "<script" not in page


def test_hostile_words_stay_words_on_the_page():
    table = dynamic_table([NEUTRAL, replace(EXTERNAL, case_id="<script>alert(1)</script>")])
    page = positions_files.as_page(table).decode()

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_different_cases_are_named_beside_their_position():
    assert "example-1" not in positions_files.as_text(TABLE)
    table = dynamic_table([NEUTRAL, replace(EXTERNAL, case_id="turned")])
    assert "external 30°, HFS, turned" in positions_files.as_text(table)


def test_a_table_without_any_space_is_still_a_table():
    nothing = [replace(r, measurements=()) for r in (NEUTRAL, EXTERNAL)]
    table = dynamic_table(nothing)

    assert "Neither space was measured" in positions_files.as_text(table)
    html5lib.HTMLParser(strict=True).parse(positions_files.as_page(table).decode())
    assert json.loads(positions_files.as_json(table))["rows"] == []


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    paths = []
    for name, one in (("er", EXTERNAL), ("neutral", NEUTRAL)):
        folder = tmp_path / name
        folder.mkdir()
        content = json_file.render(one, example_report.study(), example_report.open_volume)
        (folder / "report.json").write_bytes(content)
        paths.append(folder)
    return paths


def test_the_command_prints_the_table_and_takes_files_and_folders(files, capsys):
    assert main(["positions", str(files[0]), str(files[1] / "report.json")]) == 0

    printed = capsys.readouterr().out
    assert "Left Ischiofemoral space (IFS)" in printed
    assert "-6.0 mm, SD 1.5" in printed
    assert "- That the reports are of one patient" in printed


def test_the_command_writes_files_and_never_loses_older_ones(files, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["positions", *map(str, files), "--out", str(out), "--quiet"]
    assert main(command) == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "positions.csv", "positions.html", "positions.json",
    ]  # fmt: skip
    (out / "positions.csv").write_text("mine")
    assert main(command) == 0

    assert capsys.readouterr().out == ""
    assert [p.read_text() for p in (out / "previous").rglob("positions.csv")] == ["mine"]


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"{}", 1, "'schema_version' is missing"),
        (b"\xff\xd8", 1, "Invalid JSON"),
        (None, 2, "there is no such file"),
    ],
)
def test_what_is_no_report_is_refused_in_one_sentence(
    files, tmp_path, capsys, content, status, says
):
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_bytes(content)

    assert main(["positions", str(files[0]), str(bad)]) == status
    said = capsys.readouterr().err
    assert str(bad) in said
    assert says in said
    assert said.count("\n") == 1


def test_a_folder_without_a_report_and_one_report_are_wrong_usage(files, tmp_path, capsys):
    (tmp_path / "empty").mkdir()

    assert main(["positions", str(files[0]), str(tmp_path / "empty")]) == 2
    assert "Name the report.json of a case" in capsys.readouterr().err
    assert main(["positions", str(files[0])]) == 2
    assert "expected two or more" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_written(
    files, tmp_path, capsys
):
    taken = tmp_path / "taken"
    taken.write_text("a file")

    assert main(["positions", *map(str, files), "--out", str(taken)]) == 2
    assert taken.read_text() == "a file"


def test_a_report_that_is_not_one_raises_our_own_error(tmp_path):
    bad = tmp_path / "report.json"
    bad.write_text("[]")

    with pytest.raises(ReportError, match=r"report\.json"):
        positions_files.read_reports([bad])
