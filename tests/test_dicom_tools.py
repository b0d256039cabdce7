"""What we write in DICOM, judged by others' programs: validators, readers, OHIF's own code."""

import io
import json
from pathlib import Path

import dicom_tools
import highdicom as hd
import numpy as np
import pytest
import sr_makers

import ifi_mri
from ifi_mri import landmarks as landmark_files
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.reports import dicom_seg, dicom_sr
from ifi_mri.vocabulary import MeasurementName, Side

pytestmark = pytest.mark.tools

SPACES = {
    "IFS": MeasurementName.ISCHIOFEMORAL_SPACE,
    "QFS": MeasurementName.QUADRATUS_FEMORIS_SPACE,
}

#: What is marked: everything, one space of one side, only the muscle, nothing that gives a length.
MARKED = {
    "two sides": sr_makers.both_sides(),
    "one space": sr_makers.marked(*sr_makers.points(Side.LEFT)[:2]),
    "to trochanter": sr_makers.marked(*sr_makers.points(Side.RIGHT, to_trochanter=True)),
    "muscle alone": sr_makers.marked(*sr_makers.outlines(Side.LEFT)),
    "no length": sr_makers.marked(sr_makers.points(Side.LEFT)[0]),
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Every case on single frames, and everything on a multi-frame file."""
    made = {}
    for name, landmarks in MARKED.items():
        made[name] = sr_makers.case(tmp_path_factory.mktemp("classic"), landmarks)
    made["multi-frame"] = sr_makers.case(tmp_path_factory.mktemp("enhanced"), multi_frame=True)
    for name, multi_frame in (("square", False), ("square multi-frame", True)):
        marks = [mark for side in Side for mark in sr_makers.points(side, scene=sr_makers.SQUARE)]
        made[name] = sr_makers.case(
            tmp_path_factory.mktemp("square"),
            sr_makers.marked(*marks),
            multi_frame=multi_frame,
            scene=sr_makers.SQUARE,
        )
    return made


def written(cases, name, tmp_path, profile="ohif") -> Path:
    case = cases[name]
    path = tmp_path / "report_sr.dcm"
    path.write_bytes(dicom_sr.render(case.report, case.study, None, profile=profile))
    return path


every_case = pytest.mark.parametrize("name", [*MARKED, "multi-frame", "square"])
every_profile = pytest.mark.parametrize("profile", dicom_sr.PROFILES)


@every_case
@every_profile
def test_dciodvfy_finds_no_error(cases, name, profile, tmp_path):
    assert dicom_tools.dciodvfy_errors(written(cases, name, tmp_path, profile)) == []


@every_case
@every_profile
def test_dsrdump_reads_the_whole_tree(cases, name, profile, tmp_path):
    done = dicom_tools.dsrdump(written(cases, name, tmp_path, profile))
    assert done.returncode == 0
    assert not [line for line in done.stderr.splitlines() if line.startswith(("E:", "F:"))]
    for sentence in cases[name].report.impression:
        assert sentence.split(":")[0][:20] in done.stdout


@every_profile
@pytest.mark.parametrize("name", ["two sides", "one space", "multi-frame"])
def test_tid1500reader_reads_values_sides_and_identifiers(cases, name, profile, tmp_path):
    path = written(cases, name, tmp_path, profile)
    read = dicom_tools.tid1500(path, tmp_path / "out.json")
    report = cases[name].report
    found = {}
    for group in read["Measurements"]:
        label = group["TrackingIdentifier"].rsplit(":", 1)[-1]
        space, side = label.split("-")[0], {"L": Side.LEFT, "R": Side.RIGHT}[label[-1]]
        assert group["Laterality"]["CodeMeaning"].lower() == side
        values = [item["value"] for item in group["measurementItems"]] or [None]
        found[SPACES[space], side] = values[0]
    for (measurement, side), value in found.items():
        expected = report.measured(measurement, side)
        if expected is not None:
            assert float(value) == pytest.approx(expected.value, abs=1e-6)
    measured = {(m.name, m.side) for m in report.measurements if m.name in SPACES.values()}
    assert measured <= set(found)


@every_case
@every_profile
def test_srread_reads_every_group(cases, name, profile, tmp_path):
    content = hd.sr.srread(io.BytesIO(written(cases, name, tmp_path, profile).read_bytes()))
    assert content.content[0].name.value == "126000"
    for group in content.content.get_image_measurement_groups():
        assert group.tracking_uid.startswith("2.25.")


@pytest.mark.long  # ten seconds each: its rules are a large stylesheet
@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("two sides", "ohif"),
        ("multi-frame", "ohif"),
        ("no length", "ohif"),
        ("one space", "strict"),
    ],
)
def test_pixelmeds_validator_finds_no_error(cases, name, profile, tmp_path):
    lines = dicom_tools.pixelmed(written(cases, name, tmp_path, profile))
    assert "Found Root Template TID_1500 (MeasurementReport)" in "\n".join(lines)
    assert [line for line in lines if "Error" in line or "Exception" in line] == []


@pytest.mark.parametrize("name", ["two sides", "multi-frame"])
def test_dciodvfy_finds_no_error_in_the_segmentation(cases, name, tmp_path):
    case = cases[name]
    path = tmp_path / "segmentation_qf.dcm"
    path.write_bytes(dicom_seg.render(case.report, case.study, None))
    assert dicom_tools.dciodvfy_errors(path) == []


# --- OHIF ---------------------------------------------------------------------------------------


def hydrated(path: Path, case) -> dict:
    tools = json.loads(dicom_tools.node("hydrate.mjs", path, *case.images))
    return {tool["label"].split(" ")[0] + "-" + tool["label"].split(" ")[1]: tool for tool in tools}


@pytest.mark.parametrize(
    "name", ["two sides", "multi-frame", "to trochanter", "square", "square multi-frame"]
)
def test_ohif_makes_a_length_tool_of_every_space(cases, name, tmp_path):
    case = cases[name]
    found = hydrated(written(cases, name, tmp_path), case)
    measured = [m for m in case.report.measurements if m.name in SPACES.values() and m.side]
    assert len(found) == len(measured)
    for measurement in measured:
        (label,) = [
            key for key in found
            if key.split("-")[0] == {v: k for k, v in SPACES.items()}[measurement.name]
            and key.endswith(measurement.side)
        ]  # fmt: skip
        tool = found[label]
        assert tool["tool"] == "Length"
        np.testing.assert_allclose(tool["points"], measurement.points_mm, atol=0.01)
        if "square" in name:  # a line in space is measured anew when it is drawn
            assert tool["length"] == pytest.approx(measurement.value, abs=1e-6)
        assert tool["finding"] in SPACES


@pytest.mark.parametrize("name", ["square", "square multi-frame"])
def test_lines_and_points_that_ohif_writes_read_back_where_they_were_drawn(cases, name, tmp_path):
    case = cases[name]
    anatomy = case.study.series[0]
    drawings, expected = [], {}
    for side in Side:
        k = sr_makers.ENDS[side][0]
        instance = anatomy.instances[k]
        marks = sr_makers.points(side, scene=sr_makers.SQUARE)
        places = [mark.points_mm[0] for mark in marks]
        on = {"image": instance.sop_instance_uid, "frame": (instance.frame or 0) + 1}
        length = float(np.linalg.norm(np.subtract(*places[:2])))
        drawings.append(
            {
                "tool": "Length",
                "label": f"IFS-{side.letter}",
                "points": places[:2],
                "length": length,
            }
            | on
        )
        for label, place in zip(("HAM", "IPS"), places[2:], strict=True):
            drawings.append(
                {"tool": "Probe", "label": f"{label} {side}", "points": [place], "length": None}
                | on
            )
        expected |= {(mark.name, side): mark.points_mm[0] for mark in marks}
    (tmp_path / "drawings.json").write_text(json.dumps(drawings))
    path = tmp_path / "ohif.dcm"
    dicom_tools.node("annotate.mjs", tmp_path / "drawings.json", path, *case.images)

    found = landmark_files.on_images(landmark_files.read(path), case.study)

    assert len(found.landmarks) == len(expected) == 8
    for mark in found.landmarks:
        np.testing.assert_allclose(mark.points_mm[0], expected[mark.name, mark.side], atol=0.01)
    again = ifi_mri.analyse(case.study, landmark_files.read(path))
    for side in Side:
        for space in SPACES.values():
            assert again.measured(space, side).value == pytest.approx(
                case.report.measured(space, side).value, abs=0.01
            )


def drawn_anew(tools, case, tmp_path) -> Path:
    """What OHIF writes of the tools that it made of a report."""
    slices = case.study.series[0].instances
    drawings = []
    for tool in tools:
        side = next(side for side in Side if side in tool["label"])
        drawings.append(
            {
                "tool": tool["tool"],
                "label": tool["label"],
                "points": tool["points"],
                "length": float(np.linalg.norm(np.subtract(*tool["points"]))),
                "image": slices[sr_makers.ENDS[side][0]].sop_instance_uid,
            }
        )
    (tmp_path / "drawings.json").write_text(json.dumps(drawings))
    path = tmp_path / "ohif.dcm"
    dicom_tools.node("annotate.mjs", tmp_path / "drawings.json", path, *case.images)
    return path


def test_a_report_that_ohif_read_and_wrote_again_is_still_ours(cases, tmp_path):
    case = cases["square"]
    report = written(cases, "square", tmp_path)
    tools = json.loads(dicom_tools.node("hydrate.mjs", report, *case.images))
    path = drawn_anew(tools, case, tmp_path)
    found = landmark_files.on_images(landmark_files.read(path), case.study)
    expected = {
        (mark.name, mark.side): mark.points_mm[0]
        for side in Side
        for mark in sr_makers.points(side, scene=sr_makers.SQUARE)
    }
    assert {(mark.name, mark.side) for mark in found.landmarks} == set(expected)
    for mark in found.landmarks:
        np.testing.assert_allclose(mark.points_mm[0], expected[mark.name, mark.side], atol=0.01)


def test_what_ohif_misplaces_on_pixels_that_are_not_square_is_refused_with_the_cause(
    cases, tmp_path
):
    case = cases["two sides"]
    report = written(cases, "two sides", tmp_path)
    tools = json.loads(dicom_tools.node("hydrate.mjs", report, *case.images))
    path = drawn_anew([tool for tool in tools if "left" in tool["label"]], case, tmp_path)
    with pytest.raises(LandmarkMismatchError, match=r"not square .* took one for the other"):
        landmark_files.on_images(landmark_files.read(path), case.study)
