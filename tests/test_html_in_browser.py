"""``report.html`` before other people's judges: the W3C's checker, and axe-core in a browser."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import dicom_tools
import example_report
import pytest

from ifi_mri.reports import failure, html_page

REPORTS = {
    "both_sides": example_report.report,
    "one_side": example_report.without_right_side,
    "no_fluid_series": example_report.without_fluid_series,
    "secondary": example_report.with_secondary,
}

#: What the judges must find: no language, no words for a picture, faint text, a block in a phrase.
WRONG = (
    "<!DOCTYPE html><html><head><title>x</title></head><body><p>a<span><div></div></span><img "
    "src=x><p style='color:#eee;background:#fff'>faint</p></body></html>"
)

#: Properties of SVG 2 that the checker's list of CSS does not hold; browsers do.
OF_SVG = ("vector-effect", "paint-order")

CHECKER = dicom_tools.NODE / "node_modules/vnu-jar/build/dist/vnu.jar"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    contents = {
        name: html_page.render(report(), example_report.study(), example_report.open_volume)
        for name, report in REPORTS.items()
    }
    at = datetime(2026, 2, 1, tzinfo=UTC)
    described = failure.describe(ValueError("x"), case_id="c", stage=None, at=at)
    contents |= {"failed": failure.as_page(described, []), "wrong": WRONG.encode()}
    for name, content in contents.items():
        (folder / f"{name}.html").write_bytes(content)
    return {name: folder / f"{name}.html" for name in contents}


@pytest.fixture(scope="module")
def checked(pages) -> dict[str, list[str]]:
    """What the W3C's Nu checker says of every page."""
    if not CHECKER.exists():
        dicom_tools.missing("vnu-jar")
    words = [dicom_tools.program("java"), "-jar", CHECKER, "--format", "json", *pages.values()]
    messages = json.loads(dicom_tools.run(words).stderr)["messages"]
    return {
        name: [
            message["message"]
            for message in messages
            if message["url"].endswith(f"/{path.name}")
            and not any(f"Property “{known}”" in message["message"] for known in OF_SVG)
        ]
        for name, path in pages.items()
    }


@pytest.fixture(scope="module")
def seen(pages) -> dict[str, dict]:
    """What axe-core finds in headless Chromium, in a wide and in a narrow window."""
    if not (os.environ.get("CHROMIUM") or shutil.which("chromium")):
        dicom_tools.missing("chromium")
    if not (dicom_tools.NODE / "node_modules" / "axe-core").is_dir():
        dicom_tools.missing("axe-core")
    return dict(zip(pages, json.loads(dicom_tools.node("axe.mjs", *pages.values())), strict=True))


@pytest.mark.parametrize("name", [*REPORTS, "failed"])
def test_the_w3c_checker_finds_nothing(checked, name):
    assert checked[name] == []


@pytest.mark.parametrize("name", [*REPORTS, "failed"])
def test_axe_finds_no_violation_and_nothing_runs_off_the_side(seen, name):
    for window in seen[name].values():
        assert window["violations"] == []
        assert window["passes"] > 5
        assert window["sideways"] == 0
        assert window["problems"] == []


def test_both_judges_do_find_what_is_wrong(checked, seen):
    assert checked["wrong"]
    ids = {violation["id"] for violation in seen["wrong"]["wide"]["violations"]}
    assert {"html-has-lang", "image-alt", "color-contrast"} <= ids
