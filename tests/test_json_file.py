"""``report.json``: the contract's keys, the published schema, and the way back to a report."""

import json
from contextlib import suppress
from dataclasses import fields, replace

import example_report
import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri.errors import ReportError
from ifi_mri.model import InputFile, Report, Series
from ifi_mri.reports import html_page, json_file
from ifi_mri.reports.json_keys import SCHEMA_VERSION
from ifi_mri.reports.json_nouns import SeriesKeys
from ifi_mri.vocabulary import Role

CASES = [
    example_report.report,
    example_report.without_right_side,
    example_report.without_fluid_series,
    example_report.with_secondary,
]

#: The keys that other programs read, as the project's contract lists them.
CONTRACT = {
    "": "schema_version report_uid created_at software config study reader read position "
    "measurements not_measured findings profiles cautions impression summary inputs",
    "software": "name version",
    "config": "profile digest",
    "study": "study_uid series",
    "study.series": "anatomy fluid_sensitive",
    "position": "hip_rotation patient_position",
    "measurements.0": "name side value unit sd interval_95 method points_mm sop_instance_uid "
    "n_slices per_slice",
    "not_measured.0": "name side reason",
    "findings.0": "name side status grade because profile cutoff at_or_below_cutoff probability",
    "profiles.0": "profile name side cutoff at_or_below_cutoff citation",
    "cautions.0": "code side text",
    "summary": "left right",
    "summary.left": "space muscle clinical sentences competing missing",
    "inputs.0": "path sha256 role",
}


def content_of(report: Report) -> bytes:
    return json_file.render(report, example_report.study(), example_report.open_volume)


def without_files(report: Report) -> Report:
    """Return a report as JSON holds it: series without their files."""
    return replace(
        report,
        series=tuple(
            replace(choice, series=choice.series and replace(choice.series, instances=()))
            for choice in report.series
        ),
    )


@pytest.mark.parametrize(("place", "names"), CONTRACT.items())
def test_the_keys_of_the_contract_are_there(place, names):
    found = json.loads(content_of(example_report.report()))
    for key in place.split(".") if place else ():
        found = found[int(key)] if key.isdigit() else found[key]
    assert set(names.split()) <= set(found)


def test_values_are_where_the_contract_says():
    report = example_report.report()
    found = json.loads(content_of(report))
    assert found["schema_version"] == SCHEMA_VERSION == "1.1"
    assert found["study"]["series"] == {
        "anatomy": example_report.ANATOMY_UID,
        "fluid_sensitive": example_report.FLUID_UID,
    }
    assert found["position"]["hip_rotation"] == "neutral"
    assert found["measurements"][0]["value"] == report.measurements[0].value
    assert found["measurements"][0]["points_mm"] == [
        list(point) for point in report.measurements[0].points_mm
    ]
    assert found["summary"]["left"]["space"] == "narrowed"
    assert found["summary"]["right"]["space"] == "not narrowed"


def test_what_belongs_to_both_sides_has_the_side_null():
    found = json.loads(content_of(example_report.with_secondary()))
    sides = {m["name"]: m["side"] for m in found["measurements"]}
    assert sides["intertuberous_distance"] is None
    assert sides["ischial_angle"] == "left"
    optional = {(m["name"], m["side"]): m["optional"] for m in found["not_measured"]}
    assert optional["side_difference_lesser_trochanter_direction", None]
    assert not optional["hamstring_tendon_area_mm2", "right"]


def test_a_report_from_before_optional_measurements_reads_back():
    content = json.loads(content_of(example_report.without_right_side()))
    for one in content["not_measured"]:
        del one["optional"]
    assert json_file.read(json.dumps(content).encode()) == without_files(
        example_report.without_right_side()
    )


def test_a_missing_fluid_series_is_null():
    found = json.loads(content_of(example_report.without_fluid_series()))
    assert found["study"]["series"]["fluid_sensitive"] is None
    assert found["technique"][1]["series"] is None


@pytest.mark.parametrize("report", CASES)
def test_the_published_schema_holds(report):
    schema = json_file.schema()
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    validator(schema).validate(json.loads(content_of(report())))


def test_the_schema_refuses_what_is_not_a_report():
    validator = jsonschema.Draft202012Validator(json_file.schema())
    found = json.loads(content_of(example_report.report()))
    for key, value in (("schema_version", "2.0"), ("findings", None), ("extra", 1)):
        assert not validator.is_valid(found | {key: value})
    found["measurements"][0]["side"] = "both"
    assert not validator.is_valid(found)


def test_every_key_of_the_schema_says_what_it_means():
    schema = json_file.schema()
    for name, part in {"report": schema, **schema["$defs"]}.items():
        for key, content in part.get("properties", {}).items():
            meaning = schema["$defs"].get(content.get("$ref", "").removeprefix("#/$defs/"), {})
            assert "description" in content | meaning, f"{name}.{key} has no description"


def test_every_field_of_a_series_but_its_files_is_kept():
    assert set(SeriesKeys.model_fields) == {f.name for f in fields(Series)} - {"instances"}


@pytest.mark.parametrize("report", CASES)
def test_a_report_reads_back_equal(report):
    assert json_file.read(content_of(report())) == without_files(report())


@pytest.mark.parametrize("report", CASES)
def test_a_report_that_was_read_writes_the_same_bytes(report):
    content = content_of(report())
    assert content_of(json_file.read(content)) == content


def test_a_report_that_was_read_shows_the_same_pictures():
    report = example_report.report()
    page, again = (
        html_page.render(which, example_report.study(), example_report.open_volume)
        for which in (report, json_file.read(content_of(report)))
    )
    assert page == again


finite = st.floats(-1e9, 1e9)


@given(value=finite, sd=finite, point=st.tuples(finite, finite, finite))
def test_numbers_come_back_to_a_millionth(value, sd, point):
    report = example_report.report()
    measurement = replace(
        report.measurements[0], value=value, sd=sd, points_mm=(point,), per_slice=()
    )
    content = content_of(replace(report, measurements=(measurement,)))
    (read,) = json_file.read(content).measurements
    assert read == replace(
        measurement,
        value=round(value, 6),
        sd=round(sd, 6),
        points_mm=read.points_mm,
    )
    assert read.points_mm[0] == pytest.approx(point, rel=1e-15, abs=1e-6)
    assert b"-0.0," not in content


def test_numpy_numbers_are_written_as_numbers():
    report = example_report.report()
    measurement = replace(report.measurements[0], value=np.float64(12.5))
    grid = replace(example_report.ANATOMY_GRID, shape=(6, 150, 281))
    again = json_file.read(content_of(replace(report, measurements=(measurement,))))
    assert again.measurements[0].value == 12.5
    assert type(again.measurements[0].value) is float
    assert again.chosen(Role.ANATOMY).grid == grid


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("field", ["value", "sd"])
def test_a_number_that_is_not_finite_is_refused(bad, field):
    report = example_report.report()
    broken = replace(report.measurements[0], **{field: bad})
    with pytest.raises(ReportError, match=rf"case example-1 .*measurements.0.{field}"):
        content_of(replace(report, measurements=(broken,)))


def test_a_detail_named_twice_is_refused():
    report = example_report.report()
    broken = replace(report.measurements[0], details=(("threshold", 1.0), ("threshold", 2.0)))
    with pytest.raises(ReportError, match="a name is given twice"):
        content_of(replace(report, measurements=(broken,)))


def test_a_file_name_that_is_no_text_does_not_stop_the_report():
    report = replace(example_report.report(), inputs=(InputFile("M\udcfcll.json", "0", "x"),))
    assert json_file.read(content_of(report)).inputs[0].path == "M?ll.json"


def test_a_name_that_is_no_text_does_not_stop_the_report():
    report = replace(example_report.report(), provenance=(("M\udcfcll", "table"),))
    assert json_file.read(content_of(report)).provenance == (("M?ll", "table"),)


def test_an_outline_that_stands_with_many_numbers_is_whole_with_each():
    report = example_report.report()
    outline = tuple((k / 3, -k / 7, 1e-9) for k in range(40))
    measurements = tuple(
        replace(
            m,
            points_mm=outline,
            per_slice=tuple(replace(v, points_mm=outline) for v in m.per_slice),
        )
        for m in report.measurements
    )
    found = json.loads(content_of(replace(report, measurements=measurements)))
    expected = [[round(x, 6), round(y, 6), 0.0] for x, y, _ in outline]
    for measurement in found["measurements"]:
        assert measurement["points_mm"] == expected
        assert all(value["points_mm"] == expected for value in measurement["per_slice"])


@pytest.mark.parametrize(
    "point", [("1", 0.0, 0.0), (0.0, None, 0.0), (0.0, 0.0), (0.0, float("inf"), 0.0)]
)
def test_a_point_of_a_wrong_kind_is_refused_with_its_place(point):
    report = example_report.report()
    broken = replace(report.measurements[1], points_mm=((0.0, 0.0, 0.0), point))
    with pytest.raises(ReportError, match=r"measurements\.1\.points_mm\.1\.\d: "):
        content_of(replace(report, measurements=(report.measurements[0], broken)))


@pytest.mark.parametrize(
    "outline",
    [frozenset({(0.0, 0.0, 0.0)}), (frozenset({0.0, 1.0, 2.0}),), [(0.0, 0.0, 0.0)], "abc", None],
)
def test_points_that_have_no_order_are_refused(outline):
    report = example_report.report()
    broken = replace(report.measurements[0], points_mm=outline)
    with pytest.raises(ReportError, match=r"measurements\.0\.points_mm"):
        content_of(replace(report, measurements=(broken,)))


def changed(path: str, value: object) -> bytes:
    content = json.loads(content_of(example_report.report()))
    *parents, last = path.split(".")
    place = content
    for key in parents:
        place = place[int(key)] if key.isdigit() else place[key]
    place[last] = value
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "Invalid JSON"),
        (b"\xff\xfe{}", "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON"),
        (b"[]", "found"),
        (b"{}", "'schema_version' is missing"),
        (changed("schema_version", "2.0"), "schema_version"),
        (changed("surprise", 1), "'surprise' is not a known key"),
        (changed("measurements.0.value", "12"), "measurements.0.value"),
        (changed("measurements.0.value", None), "measurements.0.value"),
        (changed("measurements.0.value", float("nan")), "measurements.0.value"),
        (changed("measurements.0.points_mm", [[1, 2]]), "measurements.0.points_mm"),
        (changed("measurements.0.side", "both"), "measurements.0.side"),
        (changed("findings.0.status", "maybe"), "findings.0.status"),
        (changed("study.series", {"anatomy": None, "fluid_sensitive": None}), "different series"),
    ],
)
def test_a_broken_file_is_refused_in_one_sentence(content, says):
    with pytest.raises(ReportError, match=says) as refused:
        json_file.read(content)
    assert str(refused.value).startswith("report.json: ")
    assert "\n" not in str(refused.value)


@given(st.data())
def test_no_foreign_error_leaves_the_reader(data):
    content = bytearray(content_of(example_report.without_fluid_series()))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ReportError):
        json_file.read(bytes(content))


def test_every_key_and_every_slice_of_a_number_has_a_line():
    lines = content_of(example_report.report()).decode().splitlines()
    assert lines[1] == f' "schema_version": "{SCHEMA_VERSION}",'
    assert ' "software": {' in lines
    assert '  "name": "ifi_mri",' in lines
    slices = [line for line in lines if line.startswith('    {"value":')]
    report = example_report.report()
    assert len(slices) == sum(len(m.per_slice) for m in report.measurements)
    assert json.loads(slices[0].rstrip(","))["points_mm"]


@pytest.mark.parametrize("text", ['a, "b": [', "],[", "},\n{", "\u2028\x7f\x00\\", "\ud800"])
def test_no_text_breaks_the_layout(text):
    report = replace(example_report.report(), inputs=(InputFile(text, "0", "x"),))
    assert json.loads(content_of(report))["inputs"][0]["path"] == text.replace("\ud800", "?")


@pytest.mark.parametrize("far", [1e300, -1.7e308, 2e9 + 1 / 3, 1e-9, -1e-9])
def test_a_point_however_far_is_written(far):
    report = example_report.report()
    measurement = replace(report.measurements[0], points_mm=((far, 0.0, 0.0),))
    again = json_file.read(content_of(replace(report, measurements=(measurement,))))
    assert again.measurements[0].points_mm[0][0] == pytest.approx(far, rel=1e-15, abs=1e-6)


def test_points_stand_on_one_line():
    assert b'"points_mm": [[76.0,' in content_of(example_report.report())
