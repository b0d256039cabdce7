"""Older report files stay readable; newer ones are refused with the reason."""

import json
from dataclasses import replace
from pathlib import Path

import example_report
import pytest

from ifi_mri.errors import ReportError
from ifi_mri.reports import json_file, json_versions
from ifi_mri.vocabulary import MeasurementName, Side

GOLDEN = Path(__file__).parent / "golden"

#: Written by the first released keys, kept as it was.
FIRST = (GOLDEN / "report_of_schema_1_0.json").read_bytes()


def test_a_report_of_the_first_version_is_read_with_its_numbers():
    report = json_file.read(FIRST)

    assert b'"schema_version": "1.0"' in FIRST
    assert report.schema_version == json_versions.SCHEMA_VERSION
    old = json.loads(FIRST)
    assert [m.value for m in report.measurements] == [m["value"] for m in old["measurements"]]
    assert [f.status for f in report.findings] == [f["status"] for f in old["findings"]]
    space = report.measured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT)
    assert space.reader_value is None
    assert space.refined_ends == ()
    assert report.language == "en"


def test_an_old_report_written_again_is_of_the_present_version_and_fits_its_schema():
    import jsonschema

    report = json_file.read(FIRST)
    again = json_file.render(report, example_report.study(), example_report.open_volume)
    content = json.loads(again)
    jsonschema.Draft202012Validator(json_file.schema()).validate(content)
    assert content["schema_version"] == json_versions.SCHEMA_VERSION
    assert json_file.read(again) == report


def test_no_key_of_the_first_version_was_removed_or_renamed():
    """The promise of 1.x: what a program read from 1.0 it reads from every later 1.x."""
    present = json.loads((GOLDEN / "both_sides.json").read_bytes())

    def missing(old, new, path=""):
        if isinstance(old, dict):
            named_freely = path.endswith((".details", "provenance"))
            for key in old if not named_freely else ():
                if key not in new:
                    yield f"{path}.{key}"
                else:
                    yield from missing(old[key], new[key], f"{path}.{key}")
        elif isinstance(old, list) and old and isinstance(new, list) and new:
            yield from missing(old[0], new[0], path)

    assert list(missing(json.loads(FIRST), present)) == []


def test_steps_are_taken_one_after_the_other():
    def renamed(content):
        content["spoken"] = content.pop("impression")

    def doubled(content):
        content["n"] = 2 * content["n"]

    steps = {
        "1.0": json_versions.Step("1.1", renamed),
        "1.1": json_versions.Step("2.0", doubled),
    }
    old = {"schema_version": "1.0", "impression": ["a"], "n": 2}

    assert json_versions.migrated(old, steps, "2.0") == {
        "schema_version": "2.0", "spoken": ["a"], "n": 4,
    }  # fmt: skip
    assert old["impression"] == ["a"]
    middle = {"schema_version": "1.1", "n": 3}
    assert json_versions.migrated(middle, steps, "2.0")["n"] == 6


def test_versions_are_compared_as_numbers():
    old = {"schema_version": "1.9"}
    steps = {"1.9": json_versions.Step("1.10", json_versions._nothing_to_change)}
    assert json_versions.migrated(old, steps, "1.10") == {"schema_version": "1.10"}


def test_the_steps_lead_from_the_first_version_to_the_present_one():
    assert json_versions.migrated({"schema_version": "1.0"}) == {
        "schema_version": json_versions.SCHEMA_VERSION
    }


@pytest.mark.parametrize("version", ["1.2", "1.10", "2.0"])
def test_a_newer_version_is_refused_with_the_reason(version):
    content = json.loads(FIRST) | {"schema_version": version}
    with pytest.raises(ReportError, match=rf"schema_version is {version}, .* reads up to 1.1"):
        json_file.read(json.dumps(content).encode())


@pytest.mark.parametrize("version", ["", "1", "one", "1.0.0", None, 1.0, "1." + "9" * 5000])
def test_a_version_that_is_none_is_refused_by_the_keys(version):
    content = json.loads(FIRST) | {"schema_version": version}
    with pytest.raises(ReportError, match="schema_version"):
        json_file.read(json.dumps(content).encode())


def test_a_report_of_the_present_version_is_read_as_it_is():
    report = replace(example_report.report(), language="de")
    content = json_file.render(report, example_report.study(), example_report.open_volume)
    assert json_file.read(content).language == "de"
