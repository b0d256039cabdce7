"""The reports room: formats, the folder they are written into, what a failed case leaves."""

import base64
import hashlib
import io
import json
import os
import re
import stat
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import example_report
import html5lib
import pytest
from PIL import Image

from ifi_mri import reports
from ifi_mri.errors import GeometryError, ReportError
from ifi_mri.reports import words
from ifi_mri.vocabulary import FindingName, LandmarkName, MeasurementName, Role

GOLDEN = Path(__file__).parent / "golden"
FORMATS = ("json", "html", "text", "csv")

REPORTS = {
    "both_sides": example_report.report,
    "one_side": example_report.without_right_side,
    "no_fluid_series": example_report.without_fluid_series,
    "secondary": example_report.with_secondary,
}


def written(folder, report=None, formats=FORMATS):
    return reports.write(
        report or example_report.report(),
        example_report.study(),
        folder,
        formats,
        example_report.open_volume,
    )


def rendered(name, report=None) -> bytes:
    return reports.render(
        name,
        report or example_report.report(),
        example_report.study(),
        example_report.open_volume,
    )


def without_codec(page: str) -> str:
    """Return a page with every PNG named by its pixels: compressors differ between machines."""

    def pixels(match: re.Match[str]) -> str:
        picture = Image.open(io.BytesIO(base64.b64decode(match[1])))
        digest = hashlib.sha256(picture.tobytes()).hexdigest()[:16]
        return f"{picture.width}x{picture.height} pixels {digest}"

    return re.sub(r"data:image/png;base64,([A-Za-z0-9+/=]+)", pixels, page)


# --- formats ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", reports.MODULES)
def test_every_format_offers_its_name_its_file_and_render(name):
    module = import_module(f"ifi_mri.reports.{name}")
    assert isinstance(module.NAME, str)
    assert isinstance(module.FILE_NAME, str)
    assert callable(module.render)


def test_the_formats_write_the_files_of_the_contract(tmp_path):
    names = [path.name for path in written(tmp_path)]
    assert names == ["report.json", "report.html", "impression.txt", "measurements.csv"]


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(
        ReportError, match=r"'docx' is not known. Choose from: json, html, text, csv"
    ):
        written(tmp_path, formats=("json", "docx"))
    assert list(tmp_path.iterdir()) == []


def test_a_format_asked_for_twice_is_written_once(tmp_path):
    assert [path.name for path in written(tmp_path, formats=("csv", "csv"))] == ["measurements.csv"]


@pytest.mark.parametrize("case", REPORTS)
@pytest.mark.parametrize("name", FORMATS)
def test_golden(case, name, update_golden):
    """What each format makes of a hand-built report; a change is reviewed as a diff."""
    file_name = {"json": "json", "html": "html", "text": "txt", "csv": "csv"}[name]
    golden = GOLDEN / f"{case}.{file_name}"
    made = without_codec(rendered(name, REPORTS[case]()).decode())
    if update_golden:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(made, encoding="utf-8", newline="")
    assert made == golden.read_bytes().decode(), "run pytest --update-golden and review the diff"


@pytest.mark.parametrize("case", REPORTS)
def test_a_report_renders_to_the_same_bytes_again(case):
    for name in FORMATS:
        assert rendered(name, REPORTS[case]()) == rendered(name, REPORTS[case]())


@pytest.mark.parametrize("case", REPORTS)
@pytest.mark.parametrize("name", FORMATS)
def test_the_patient_appears_in_no_format(case, name):
    content = rendered(name, REPORTS[case]()).decode().lower()
    for secret in ("secretname", "jane", "pid-4711", "1971"):
        assert secret not in content


@pytest.mark.parametrize("name", FORMATS)
def test_the_case_and_the_software_appear_in_every_format(name):
    content = rendered(name).decode()
    assert "example-1" in content
    assert "0.0.0" in content
    assert "2.25.123456789012345678901234567890123456" in content


# --- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MeasurementName)
def test_every_measurement_has_a_title(name):
    assert name in words.TITLES, f"add {name} to TITLES in src/ifi_mri/language/report_messages.py"


def test_every_finding_landmark_end_and_role_has_a_title():
    assert set(words.FINDING_TITLES) == set(FindingName)
    assert set(words.ROLE_TITLES) == set(Role)
    assert {
        LandmarkName.ISCHIAL_TUBEROSITY,
        LandmarkName.LESSER_TROCHANTER,
        LandmarkName.HAMSTRING_ORIGIN,
        LandmarkName.ILIOPSOAS_TENDON,
    } <= set(words.LANDMARK_TAGS)


@pytest.mark.parametrize("name", ["html", "text"])
def test_no_report_claims_more_than_compatibility(name):
    text = rendered(name).decode().lower()
    for claim in ("confirm", "diagnostic of", "excludes", "consistent with", "proves"):
        assert claim not in text
    assert "compatible with" in text
    assert "not a diagnosis" in " ".join(text.split())


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.0, "less than 1 %"), (0.0099, "less than 1 %"), (0.01, "1 %"), (0.5, "50 %"),
     (0.99, "99 %"), (0.9901, "more than 99 %"), (1.0, "more than 99 %")],
)  # fmt: skip
def test_a_probability_is_never_printed_as_certain(probability, text):
    assert words.chance(probability) == text


def test_fractions_are_printed_in_per_cent_and_lengths_to_a_tenth():
    fraction = MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION
    assert words.with_unit(fraction, 0.0251, "1") == "2.5 %"
    assert words.with_unit(MeasurementName.ISCHIOFEMORAL_SPACE, 14.96, "mm") == "15.0 mm"
    assert words.with_unit(MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO, 1.064, "1") == "1.06"


# --- the folder ---------------------------------------------------------------------------------


def test_files_are_readable_by_their_owner_alone(tmp_path):
    for path in written(tmp_path / "new" / "folder"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_earlier_report_moves_to_previous_under_its_own_time(tmp_path):
    (first,) = written(tmp_path, formats=("csv",))
    before = first.read_bytes()
    os.utime(first, (1_770_000_000, 1_770_000_000))  # 2026-02-02 02:40:00 UTC
    written(tmp_path, example_report.without_right_side(), formats=("csv",))
    kept = tmp_path / "previous" / "20260202T024000Z" / "measurements.csv"
    assert kept.read_bytes() == before
    assert kept.stat().st_mtime == 1_770_000_000
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert first.read_bytes() != before


def test_what_is_in_previous_is_never_overwritten(tmp_path):
    contents = []
    for number in range(3):
        report = replace(example_report.report(), case_id=f"case-{number}")
        (path,) = written(tmp_path, report, formats=("csv",))
        contents.append(path.read_bytes())
        os.utime(path, (1_770_000_000, 1_770_000_000))
    written(tmp_path, formats=("csv",))
    kept = [
        (tmp_path / "previous" / folder / "measurements.csv").read_bytes()
        for folder in ("20260202T024000Z", "20260202T024000Z-2", "20260202T024000Z-3")
    ]
    assert kept == contents


def test_the_same_bytes_are_left_alone(tmp_path):
    paths = written(tmp_path)
    for path in paths:
        os.utime(path, (1_770_000_000, 1_770_000_000))
    written(tmp_path)
    assert not (tmp_path / "previous").exists()
    assert {path.stat().st_mtime for path in paths} == {1_770_000_000}


def test_nothing_is_written_where_one_format_fails(tmp_path):
    report = example_report.report()
    broken = replace(report.measurements[0], value=float("nan"))
    with pytest.raises(ReportError):
        written(tmp_path / "out", replace(report, measurements=(broken,)), ("text", "json"))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_a_file_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("mine")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(ReportError, match=r"taken.*cannot be written here"):
            written(folder, formats=("csv",))
        with pytest.raises(ReportError, match=r"taken.*cannot be written here"):
            reports.write_error(folder, GeometryError("a slice is missing."))
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_folder_in_the_way_of_a_file_is_refused(tmp_path):
    (tmp_path / "measurements.csv").mkdir()
    with pytest.raises(ReportError, match="cannot be written here"):
        written(tmp_path, formats=("csv",))


def test_a_full_disk_leaves_the_earlier_report(tmp_path, monkeypatch):
    (path,) = written(tmp_path, formats=("csv",))
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ifi_mri.reports.output_folder.write_atomically", full)
    with pytest.raises(ReportError, match="No space left on device"):
        written(tmp_path, example_report.without_right_side(), formats=("csv",))
    assert path.read_bytes() == before


# --- a case that failed -------------------------------------------------------------------------

AT = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)


def test_a_failed_case_leaves_its_error_for_programs_and_people(tmp_path):
    error = GeometryError("series 3: 8.0 mm between slices 12 and 13, 4.0 mm elsewhere.")
    paths = reports.write_error(tmp_path, error, case_id="c1", stage="loading", at=AT)
    assert [path.name for path in paths] == ["error.json", "error.html"]
    content = json.loads(paths[0].read_bytes())
    assert content["error"] == "GeometryError"
    assert content["message"] == str(error)
    assert content["case_id"] == "c1"
    assert content["stage"] == "loading"
    assert content["created_at"] == "2026-02-01T09:30:00Z"
    assert content["software"]["name"] == "ifi_mri"
    page = paths[1].read_text()
    html5lib.HTMLParser(strict=True).parse(page)
    assert "8.0 mm between slices 12 and 13" in page
    assert "ifi-mri inspect" in page


def test_the_words_of_a_foreign_error_are_not_repeated(tmp_path):
    reports.write_error(tmp_path, KeyError("DOE^JOHN"), at=AT)
    for path in tmp_path.iterdir():
        assert "DOE" not in path.read_text()
        assert "KeyError" in path.read_text()


def test_hostile_words_of_an_error_stay_words(tmp_path):
    reports.write_error(tmp_path, GeometryError("<script>alert(1)</script> \x1b"), at=AT)
    page = (tmp_path / "error.html").read_text()
    html5lib.HTMLParser(strict=True).parse(page)
    assert "<script" not in page


def test_an_earlier_report_beside_an_error_is_named_as_such(tmp_path):
    written(tmp_path, formats=("json", "html"))
    reports.write_error(tmp_path, GeometryError("no."), at=AT)
    assert (tmp_path / "report.json").exists()
    page = (tmp_path / "error.html").read_text()
    assert "report.json, report.html beside this page come from an earlier run" in page


def test_a_report_sets_the_error_of_an_earlier_attempt_aside(tmp_path):
    reports.write_error(tmp_path, GeometryError("no."), at=AT)
    written(tmp_path)
    assert not (tmp_path / "error.json").exists()
    assert not (tmp_path / "error.html").exists()
    assert len(list((tmp_path / "previous").rglob("error.*"))) == 2


def test_a_second_error_keeps_the_first(tmp_path):
    reports.write_error(tmp_path, GeometryError("first."), at=AT)
    reports.write_error(tmp_path, GeometryError("second."), at=AT)
    (kept,) = (tmp_path / "previous").rglob("error.json")
    assert json.loads(kept.read_bytes())["message"] == "first."
    assert json.loads((tmp_path / "error.json").read_bytes())["message"] == "second."


def test_nothing_is_told_of_what_caused_an_error(tmp_path):
    error = GeometryError("a slice is missing.")
    error.__cause__ = OSError(2, "No such file", "/scans/DOE^JOHN/1.dcm")
    error.add_note("DOE^JOHN")
    reports.write_error(tmp_path, error, at=AT)
    for path in tmp_path.iterdir():
        assert "DOE" not in path.read_text()
