"""The command line: what it prints, its exit status, and that it starts without heavy imports."""

import json
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from ifi_mri import __version__
from ifi_mri.cli import SCHEMAS, main
from ifi_mri.config import Config

HEAVY = ("numpy", "scipy", "pydicom", "nibabel", "pydantic", "jinja2", "PIL", "skimage")


def printed(capsys, *arguments):
    """Return what a command that succeeds prints."""
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def usage_error(capsys, *arguments):
    """Return what a command that was wrongly used prints on standard error."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["run", "--help"]])
def test_version_and_help_import_nothing_heavy(arguments):
    program = (
        "import sys; from ifi_mri.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_what_analyses_a_case_does_without_the_statistics_of_scipy():
    """They take half of the time that a worker process needs to start."""
    program = "import sys, ifi_mri.batch.one_case; assert 'scipy.stats' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize("command", [(), ("run",), ("inspect",), ("landmarks", "check")])
def test_every_command_tells_the_version(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--version"])

    assert stop.value.code == 0
    assert capsys.readouterr().out == f"ifi-mri {__version__}\n"


def test_wrong_usage_is_exit_status_2(capsys):
    assert "COMMAND" in usage_error(capsys)
    assert "--landmarks" in usage_error(capsys, "run", "somewhere")
    assert "no number" in usage_error(capsys, "phantom", "--out", "x", "--ifs-mm", "wide")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_a_valid_json_schema(capsys, name):
    Draft202012Validator.check_schema(json.loads(printed(capsys, "schema", name)))


def test_the_default_settings_fit_the_config_schema(capsys):
    schema = json.loads(printed(capsys, "schema", "config"))

    Draft202012Validator(schema).validate(Config().model_dump(mode="json"))


def test_info_lists_what_there_is(capsys):
    content = json.loads(printed(capsys, "info", "--json"))

    assert content["version"] == __version__
    assert {"dicom", "nifti"} <= set(content["image_formats"])
    assert "singer2015" in {profile["id"] for profile in content["profiles"]}
    assert "singer2015" in printed(capsys, "info")


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """A phantom as the command makes it."""
    folder = tmp_path_factory.mktemp("phantom") / "made"
    arguments = ["--ifs-mm", "12", "21", "--qfs-mm", "7,13", "--oedema-ratio", "2", "1"]
    arguments += ["--pose", "10,-4,6", "--pixel-mm", "1.5", "--format", "dicom,nifti", "--quiet"]
    assert main(["phantom", "--out", str(folder), *arguments]) == 0
    return folder


def test_the_phantom_command_makes_what_was_asked_for(phantom):
    truth = json.loads((phantom / "truth.json").read_text())

    assert (truth["left"]["ifs_mm"], truth["right"]["ifs_mm"]) == (12, 21)
    assert (truth["left"]["qfs_mm"], truth["right"]["qfs_mm"]) == (7, 13)
    assert truth["left"]["oedema_ratio"] == 2
    assert truth["scan"]["pose_deg"] == [10, -4, 6]


@pytest.mark.parametrize("form", ["dicom", "nifti"])
@pytest.mark.parametrize("marks", ["landmarks.json", "landmark_points.json"])
def test_what_the_phantom_command_made_is_measured(phantom, tmp_path, form, marks):
    command = ["run", str(phantom / form), "--landmarks", str(phantom / marks), "--quiet"]
    assert main([*command, "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())

    spaces = {(m["name"], m["side"]): m["value"] for m in report["measurements"]}
    assert spaces["ischiofemoral_space", "left"] == pytest.approx(12, abs=0.02)
    assert spaces["quadratus_femoris_space", "right"] == pytest.approx(13, abs=0.02)


def test_the_phantom_command_never_writes_into_a_used_folder(phantom, capsys):
    assert main(["phantom", "--out", str(phantom)]) == 2
    assert "already holds files" in capsys.readouterr().err


def test_inspect_says_which_series_plays_which_role(phantom, capsys):
    facts = json.loads(printed(capsys, "inspect", str(phantom / "dicom"), "--json"))
    table = printed(capsys, "inspect", str(phantom / "dicom"))

    roles = {series["role"]: series for series in facts["series"]}
    assert roles["anatomy"]["weighting"] == "T1"
    assert roles["fluid_sensitive"]["fat_suppression"]
    assert roles["anatomy"]["plane"] == "axial"
    assert roles["anatomy"]["slice_spacing_mm"] == pytest.approx(5.0)
    assert "fluid_sensitive" in table


def test_landmarks_are_checked_against_the_study(phantom, capsys):
    text = printed(
        capsys, "landmarks", "check", str(phantom / "landmarks.json"), str(phantom / "dicom")
    )

    assert "The landmarks belong to" in text


@pytest.mark.parametrize("target", ["points.csv", "points.json", "slicer"])
def test_landmarks_are_converted_and_measure_the_same(phantom, tmp_path, capsys, target):
    source = phantom / "landmark_points.json"
    printed(capsys, "landmarks", "convert", str(source), str(tmp_path / target))
    values = []
    for marks in (source, tmp_path / target):
        out = tmp_path / "out"
        command = ["run", str(phantom / "dicom"), "--landmarks", str(marks), "--out", str(out)]
        assert main([*command, "--quiet"]) == 0
        report = json.loads((out / "report.json").read_text())
        values.append([round(m["value"], 2) for m in report["measurements"]])

    assert values[0] == values[1]


def test_an_unfilled_template_is_refused(phantom, tmp_path, capsys):
    template = tmp_path / "points.csv"
    printed(capsys, "landmarks", "template", "--out", str(template))
    status = main(
        ["landmarks", "check", str(template), str(phantom / "dicom")],
    )

    assert status == 1
    assert "points.csv" in capsys.readouterr().err


def test_verbose_shows_where_an_error_came_from(tmp_path, capsys):
    status = main(["inspect", str(tmp_path), "--verbose"])

    assert status == 1
    assert "Traceback" in capsys.readouterr().err


def test_quiet_prints_nothing(phantom, tmp_path, capsys):
    command = ["run", str(phantom / "dicom"), "--landmarks", str(phantom / "landmarks.json")]

    assert printed(capsys, *command, "--out", str(tmp_path), "--quiet") == ""
    assert printed(capsys, "--quiet", *command, "--out", str(tmp_path)) == ""


def test_a_terminal_without_the_letters_and_a_full_disk_get_a_sentence(phantom):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": "/usr/bin:/bin"}
    program = [sys.executable, "-m", "ifi_mri"]
    done = subprocess.run(
        [*program, "inspect", "H\u00fcfte"], env=plain, capture_output=True, text=True, check=False
    )
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device, not a file
        lost = subprocess.run(
            [*program, "info"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.returncode == 2
    assert "Traceback" not in done.stderr + lost.stderr
    assert lost.returncode == 1
    assert lost.stderr.count("\n") == 1


def test_an_error_that_should_not_happen_is_a_sentence_too(monkeypatch, capsys):
    def broken():
        raise ZeroDivisionError("Secretperson^Jane")

    monkeypatch.setattr("ifi_mri.info.info", broken)

    assert main(["info"]) == 1
    printed_error = capsys.readouterr().err
    assert "ZeroDivisionError" in printed_error
    assert "Secretperson" not in printed_error
