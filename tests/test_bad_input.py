"""Broken and hostile input at the front door: one sentence that helps, the right exit status,
nothing lost."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from ifi_mri import landmarks as landmark_files
from ifi_mri.cli import main
from ifi_mri.phantom import HipSpec, make_phantom, write_phantom

AXIAL_T1 = "*t1*"


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A small two-sided study with its landmarks as points; never changed by a test."""
    folder = tmp_path_factory.mktemp("study")
    phantom = make_phantom(
        HipSpec(ifs_mm=12, qfs_mm=7), HipSpec(), pixel_mm=(1.6, 1.6), snr=30, n_slices=9
    )
    write_phantom(phantom, folder, ("dicom",))
    landmark_files.write(phantom.landmarks("points"), folder / "landmarks.json")
    landmark_files.write(phantom.landmarks("points", uids=False), folder / "anywhere.json")
    return folder


@pytest.fixture
def case(study, tmp_path):
    """A copy of the study that a test may break."""
    shutil.copytree(study, tmp_path / "case")
    return tmp_path / "case"


@pytest.fixture
def run(tmp_path, capsys):
    """Run a case that must fail; return what was printed and the exit status."""

    def run_case(images, marks, *options, out=None):
        out = out or tmp_path / "out"
        status = main(["run", str(images), "--landmarks", str(marks), "--out", str(out), *options])
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "Traceback" not in printed.err
        assert printed.err.startswith("ifi-mri: ")
        assert printed.err.count("\n") == 1, printed.err
        return printed.err, status

    return run_case


def series_files(case, words):
    """Return the files of the series whose description holds the words, by position."""
    found = []
    for path in sorted(case.glob("dicom/**/*")):
        if path.is_file():
            dataset = pydicom.dcmread(path)
            if words.lower() in dataset.SeriesDescription.lower():
                found.append((float(dataset.ImagePositionPatient[2]), path))
    assert found
    return [path for _, path in sorted(found)]


def edit(path, **tags):
    dataset = pydicom.dcmread(path)
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)


def rewrite(path, change):
    """Change a JSON landmark file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def slicer_line(path, label, *points, system="LPS"):
    """Write a Slicer line by hand."""
    control = [
        {"id": str(i), "label": f"{label}-{i}", "position": list(p), "positionStatus": "defined"}
        for i, p in enumerate(points)
    ]
    schema = (
        "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/"
        "Resources/Schema/markups-schema-v1.0.3.json#"
    )
    markup = {"type": "Line", "coordinateSystem": system, "controlPoints": control}
    path.write_text(json.dumps({"@schema": schema, "markups": [markup]}))
    return path


# --- images -------------------------------------------------------------------------------------


def test_files_that_are_no_images(tmp_path, study, run):
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "notes.txt").write_text("no image")
    (folder / "half.dcm").write_bytes(b"\0" * 128 + b"DIC")

    message, status = run(folder, study / "landmarks.json")

    assert status == 1
    assert "the study" in message
    assert "words" not in message
    assert re.search(r"\b2 files\b", message)


def test_an_empty_folder(tmp_path, study, run):
    (tmp_path / "empty").mkdir()

    message, status = run(tmp_path / "empty", study / "landmarks.json")

    assert (status, "the study: looked at 0 files" in message) == (1, True)


def test_a_study_that_is_not_there_is_wrong_usage(tmp_path, study, run):
    message, status = run(tmp_path / "nowhere", study / "landmarks.json")

    assert (status, "nowhere" in message) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_truncated_slice_that_is_needed(case, run):
    for path in series_files(case, "t1"):
        path.write_bytes(path.read_bytes()[:-5000])

    message, status = run(case / "dicom", case / "landmarks.json")

    assert status == 1
    assert "truncated" in message or "bytes" in message


def test_a_slice_missing_inside_the_stack_names_the_gap(case, run):
    series_files(case, "t1")[4].unlink()

    message, status = run(case / "dicom", case / "landmarks.json", "--anatomy", "ax t1 tse")

    assert status == 1
    assert "10.0 mm" in message
    assert "5.0 mm" in message


def test_slices_that_are_not_parallel_state_the_angle(case, run):
    turn = np.radians(4.0)
    edit(
        series_files(case, "t1")[4],
        ImageOrientationPatient=[1, 0, 0, 0, float(np.cos(turn)), float(np.sin(turn))],
    )

    message, status = run(case / "dicom", case / "landmarks.json", "--anatomy", "ax t1 tse")

    assert status == 1
    assert "4.0 deg" in message or "parallel" in message


def test_two_slices_at_one_position(case, run):
    paths = series_files(case, "t1")
    position = pydicom.dcmread(paths[4]).ImagePositionPatient
    edit(paths[5], ImagePositionPatient=position)

    message, status = run(case / "dicom", case / "landmarks.json", "--anatomy", "ax t1 tse")

    assert status == 1
    assert "position" in message


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"Modality": "CT"}, "CT"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}, "mosaic"),
    ],
)
def test_images_that_are_not_for_measuring_say_what_they_are(case, run, tags, words):
    for path in series_files(case, "t1"):
        edit(path, **tags)

    message, status = run(case / "dicom", case / "landmarks.json", "--anatomy", "ax t1 tse")

    assert status == 1
    assert words.lower() in message.lower()


def test_a_study_without_anatomy_says_what_to_look_at(case, run):
    for path in series_files(case, "t1"):
        path.unlink()

    message, status = run(case / "dicom", case / "anywhere.json")

    assert status == 1
    assert "ifi-mri inspect" in message


def test_no_fluid_sensitive_series_is_an_absence_not_an_error(case, tmp_path):
    for path in series_files(case, "stir"):
        path.unlink()
    out = tmp_path / "out"
    command = ["run", str(case / "dicom"), "--landmarks", str(case / "landmarks.json")]
    status = main([*command, "--quiet", "--out", str(out)])
    report = json.loads((out / "report.json").read_text())

    assert status == 0
    assert report["study"]["series"]["fluid_sensitive"] is None
    reasons = {one["name"]: one["reason"] for one in report["not_measured"]}
    assert "fat-suppressed" in reasons["quadratus_femoris_signal_ratio"]
    assert "no_fluid_sensitive_series" in {c["code"] for c in report["cautions"]}
    assert {f["status"] for f in report["findings"] if "oedema" in f["name"]} == {"not_assessable"}


# --- landmarks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["study_uid", "frame_of_reference_uid"])
def test_landmarks_of_another_study(case, run, key):
    marks = rewrite(case / "landmarks.json", lambda c: c.update({key: "1.2.3.4"}))

    message, status = run(case / "dicom", marks)

    assert status == 1
    assert "1.2.3.4" in message


def test_a_landmark_outside_the_volume_says_how_far(case, run):
    def move(content):
        for mark in content["landmarks"]:
            mark["points_mm"] = [[x, y, z + 300] for x, y, z in mark["points_mm"]]

    message, status = run(case / "dicom", rewrite(case / "anywhere.json", move))

    assert status == 1
    assert re.search(r"\d+(\.\d)? mm", message)


def test_ras_points_read_as_lps_get_the_hint(case, run):
    def mirror(content):
        for mark in content["landmarks"]:
            mark["points_mm"] = [[-x, -y - 60, z] for x, y, z in mark["points_mm"]]

    message, status = run(case / "dicom", rewrite(case / "anywhere.json", mirror))

    assert status == 1
    assert "RAS" in message or "side" in message.lower()


def test_ends_on_different_slices_are_not_measured(case, tmp_path):
    marks = json.loads((case / "anywhere.json").read_text())["landmarks"]
    left = {m["name"]: m["points_mm"][0] for m in marks if m["side"] == "left"}
    trochanter = left["lesser_trochanter"]
    line = slicer_line(
        tmp_path / "IFS-L.mrk.json",
        "IFS-L",
        left["ischial_tuberosity"],
        (trochanter[0], trochanter[1], trochanter[2] - 5),
    )
    status = main(
        ["run", str(case / "dicom"), "--landmarks", str(line), "--out", str(tmp_path / "o")]
    )
    report = json.loads((tmp_path / "o" / "report.json").read_text())

    reason = next(
        one["reason"]
        for one in report["not_measured"]
        if one["name"] == "ischiofemoral_space" and one["side"] == "left"
    )
    assert status == 0
    assert "both ends must lie on one slice" in reason


def test_swapped_sides(case, run):
    def swap(content):
        for mark in content["landmarks"]:
            mark["side"] = {"left": "right", "right": "left"}[mark["side"]]

    message, status = run(case / "dicom", rewrite(case / "landmarks.json", swap))

    assert status == 1
    assert "left" in message
    assert "right" in message


def test_one_hip_marked_on_the_wrong_side_is_caught_by_the_body_midline(case, run):
    def only_left_called_right(content):
        kept = [m for m in content["landmarks"] if m["side"] == "left"]
        kept = [m for m in kept if m["name"] == "ischial_tuberosity"]
        content["landmarks"] = [{**m, "side": "right"} for m in kept]

    message, status = run(case / "dicom", rewrite(case / "anywhere.json", only_left_called_right))

    assert status == 1
    assert "midline" in message


def test_an_unknown_label_lists_the_known_ones(case, tmp_path, run):
    line = slicer_line(tmp_path / "FOO-L.mrk.json", "FOO-L", (3, 0, 9), (1, 1, 1))

    message, status = run(case / "dicom", line)

    assert status == 1
    assert "FOO" in message
    assert "IFS" in message


@pytest.mark.parametrize("token", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_not_finite(case, run, token):
    path = case / "landmarks.json"
    text = re.sub(r'("points_mm": \[\s*\[\s*)[-\d.]+', rf"\g<1>{token}", path.read_text(), count=1)
    assert token in text
    path.write_text(text)

    message, status = run(case / "dicom", path)

    assert status == 1
    assert "landmarks.json" in message


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff\xfe\x00{", b"null"])
def test_a_malformed_landmark_file(case, run, content):
    (case / "landmarks.json").write_bytes(content)

    message, status = run(case / "dicom", case / "landmarks.json")

    assert status == 1
    assert "landmarks.json" in message


# --- settings and output ------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--config", "--clinical"])
@pytest.mark.parametrize("content", ["= 3", "unknown_key = 1", "age_years = 'x'"])
def test_a_malformed_settings_file_starts_nothing(case, run, tmp_path, option, content):
    path = tmp_path / "bad.toml"
    path.write_text(content)

    message, status = run(case / "dicom", case / "landmarks.json", option, str(path))

    assert status == 2
    assert "bad.toml" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [("--profile", "nobody2000"), ("--formats", "docx"), ("--case-id", "a b")]
)
def test_wrong_values_on_the_command_line_start_nothing(case, run, tmp_path, options):
    message, status = run(case / "dicom", case / "landmarks.json", *options)

    assert status == 2
    assert options[1] in message
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file(case, run, tmp_path):
    occupied = tmp_path / "occupied"
    occupied.write_text("mine")

    message, status = run(case / "dicom", case / "landmarks.json", out=occupied)

    assert (status, "occupied" in message) == (2, True)
    assert occupied.read_text() == "mine"


def test_a_failed_case_leaves_its_error_and_loses_nothing(case, tmp_path, run):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("report.json", "report.html", "error.json", "notes.txt"):
        (out / name).write_text(f"earlier {name}")
    (case / "landmarks.json").write_text("{")

    message, _ = run(case / "dicom", case / "landmarks.json", out=out)

    error = json.loads((out / "error.json").read_text())
    kept = {
        path.read_text() for path in out.rglob("*") if path.is_file() and path.name != "error.html"
    }
    assert error["message"] in message
    assert (out / "error.html").is_file()
    for name in ("report.json", "report.html", "error.json", "notes.txt"):
        assert f"earlier {name}" in kept


def test_a_second_run_keeps_the_first_report(case, tmp_path):
    out = tmp_path / "out"
    command = ["run", str(case / "dicom"), "--landmarks", str(case / "landmarks.json"), "--quiet"]
    command += ["--out", str(out)]
    assert main([*command, "--case-id", "first"]) == 0
    first = (out / "report.json").read_bytes()
    assert main([*command, "--case-id", "second"]) == 0

    assert first != (out / "report.json").read_bytes()
    assert first in {path.read_bytes() for path in (out / "previous").rglob("report.json")}


def test_inputs_are_not_changed(study, tmp_path):
    def state():
        return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in study.rglob("*") if p.is_file()}

    before = state()
    command = ["run", str(study / "dicom"), "--landmarks", str(study / "landmarks.json")]
    main([*command, "--quiet", "--out", str(tmp_path / "out")])

    assert state() == before


def test_the_patients_name_stands_in_no_output(case, tmp_path, capsys):
    for path in case.glob("dicom/**/*"):
        if path.is_file():
            edit(path, PatientName="Secretperson^Jane", PatientID="HOSP-4711")
    named = tmp_path / "secretperson_jane"
    shutil.move(case / "dicom", named)
    out = tmp_path / "out"
    main(["run", str(named), "--landmarks", str(case / "landmarks.json"), "--out", str(out)])
    written = [path for path in out.rglob("*") if path.is_file()]
    everything = b"".join(path.read_bytes() for path in written).lower()
    printed = capsys.readouterr()

    assert written
    for word in ("secretperson", "hosp-4711"):
        assert word.encode() not in everything
        assert word not in (printed.out + printed.err).lower()
        assert not any(word in str(path.relative_to(tmp_path)) for path in written)


def test_every_file_is_for_its_owner_alone(case, tmp_path):
    out = tmp_path / "out"
    command = ["run", str(case / "dicom"), "--landmarks", str(case / "landmarks.json")]
    main([*command, "--quiet", "--out", str(out)])

    modes = {path.name: path.stat().st_mode & 0o777 for path in out.iterdir() if path.is_file()}
    assert set(modes.values()) == {0o600}, modes
    assert Path(out / "report.html").is_file()
