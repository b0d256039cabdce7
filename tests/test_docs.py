"""What the program can do stands in the README, and what the README says runs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ifi_mri import clinical, config, findings, landmarks, measurements
from ifi_mri.cli import build_parser
from ifi_mri.info import info
from ifi_mri.language import languages
from ifi_mri.language.catalogue import ENGLISH
from ifi_mri.reports.json_versions import SCHEMA_VERSION
from ifi_mri.summary import ASSERTIONS
from ifi_mri.vocabulary import FindingName, MeasurementName

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def shell_commands():
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("ifi-mri ")]


def command_names(parser=None, prefix=()):
    parser = parser or build_parser()
    for action in parser._actions:
        for name, child in (getattr(action, "choices", None) or {}).items() if isinstance(
            getattr(action, "choices", None), dict
        ) else ():  # fmt: skip
            yield (*prefix, name)
            yield from command_names(child, (*prefix, name))


@pytest.mark.parametrize("name", [*MeasurementName, *FindingName])
def test_every_measurement_and_finding_is_in_the_readme(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", list(landmarks.MODULES))
def test_every_landmark_format_is_in_the_readme(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", list(landmarks.LABEL_FORMATS))
def test_every_label_map_format_is_in_the_readme(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize("table", info()["label_tables"], ids=lambda table: table["id"])
def test_every_label_table_is_in_the_readme_with_its_version(table):
    assert f"`{table['id']}`" in README
    assert table["version"] in README


@pytest.mark.parametrize("file_name", sorted(info()["report_formats"].values()))
def test_every_report_file_is_in_the_readme(file_name):
    assert f"`{file_name}`" in README


@pytest.mark.parametrize("command", [" ".join(name) for name in command_names()])
def test_every_command_is_in_the_readme_and_explains_itself(command):
    assert f"`ifi-mri {command}" in README
    words = command.split()
    found = subprocess.run(
        [sys.executable, "-m", "ifi_mri", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "usage: ifi-mri" in found.stdout


def test_the_default_profile_is_named_in_the_readme():
    assert f"`{config.DEFAULT_PROFILE}`" in README


@pytest.mark.parametrize("assertion", ASSERTIONS, ids=lambda assertion: assertion.id)
def test_every_assertion_of_the_account_has_its_row(assertion):
    fields = ", ".join(f"`{name}`" for name in assertion.fields) or "-"
    sentence = f" Sentence `{assertion.message}`." if assertion.message else ""
    row = (
        f"| {assertion.id} | {assertion.text} | {assertion.standing} | {fields} | "
        f"{assertion.rule}{sentence} | `{assertion.test}` |"
    )
    assert row in README


@pytest.mark.parametrize("assertion", ASSERTIONS, ids=lambda assertion: assertion.id)
def test_every_field_sentence_and_test_of_an_assertion_exists(assertion):
    asked = {name for names in clinical.GROUPS.values() for name in names}
    assert set(assertion.fields) <= asked
    assert not assertion.message or assertion.message in ENGLISH
    tests = (REPOSITORY / "tests" / "test_summary.py").read_text(encoding="utf-8")
    assert f"def {assertion.test}(" in tests


def test_the_version_of_the_report_is_in_the_readme():
    assert f"`schema_version` is {SCHEMA_VERSION}" in README


@pytest.mark.parametrize("language", languages())
def test_every_language_is_in_the_readme(language):
    assert language == "en" or f"`configs/languages/{language}.toml`" in README


@pytest.mark.parametrize("line", shell_commands())
def test_the_commands_of_the_readme_run(line, tmp_path):
    words = shlex.split(line)
    for source in ("sample_data", "configs"):
        (tmp_path / source).symlink_to(REPOSITORY / source)
    done = subprocess.run(
        [sys.executable, "-m", "ifi_mri", *words[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    (tmp_path / "sample_data").symlink_to(REPOSITORY / "sample_data")
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own README

    assert (tmp_path / "out" / "from-python" / "report.json").is_file()


@pytest.mark.parametrize("room", [measurements, findings])
def test_every_member_says_what_it_is_and_where_it_comes_from(room):
    from importlib import import_module

    for name in room.MODULES:
        assert len(import_module(f"{room.__name__}.{name}").__doc__ or "") > 80


def test_the_repository_speaks_of_the_project_alone():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in listed:
        if Path(name).suffix in {".py", ".md", ".toml", ".lock", ".json", ""}:
            text = (REPOSITORY / name).read_text(encoding="utf-8", errors="ignore")
            assert not re.search(r"/(root|home|work)/\w", text), name
