"""The group page: its lines and their order, and the page itself in a real browser."""

import csv
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import html5lib
import pytest
from batch_tables import SPACES, row, write_batch, write_tables

from ifi_mri import cli
from ifi_mri.cohort import group, group_page, tables
from ifi_mri.cohort.group import Line

NODE = Path(__file__).parent / "node"


def reading(case: str, **facts) -> Line:
    return Line(
        **{
            "case_id": case, "reader": "R1", "read": 1, "group": "", "sex": "", "age_years": None,
            "status": "done", "folder": f"cases/{case}", "reason": "", "cautions": (),
            "profile": "singer2015", **facts,
        }
    )  # fmt: skip


def test_what_failed_comes_first_then_the_implausible_then_the_undecided() -> None:
    undecided = reading("undecided", sides={"left": {"ifs": 15.1, "ifs_status": "indeterminate"}})
    found = [
        reading("fine", sides={"left": {"ifs": 22.0, "ifs_status": "absent"}}),
        reading("cautioned", cautions=("coarse_pixels",)),
        undecided,
        reading("implausible", cautions=("space_implausible",)),
        reading("failed", status="failed", reason="no such file"),
    ]
    ordered = sorted(found, key=lambda line: -group.score(line))

    assert [line.case_id for line in ordered] == [
        "failed", "implausible", "undecided", "cautioned", "fine",
    ]  # fmt: skip
    assert group.score(found[0]) == 0
    assert [text for _, text in undecided.reasons_to_look()] == ["left IFS undecided"]
    assert next(found[4].reasons_to_look())[1] == "failed: no such file"


def test_numbers_stay_on_their_side_and_with_their_reader(tmp_path: Path) -> None:
    write_batch(tmp_path, n_cases=4)
    rows = [r for r in tables.read(tmp_path, "measurements") if r["measurement"] == SPACES[0]]
    found = {(line.case_id, line.reader, line.read): line for line in group.lines(tmp_path)}

    assert len(found) == 12
    for one in rows:
        line = found[one["case_id"], one["reader"], one["read"]]
        assert line.sides[one["side"]].get("ifs") == one["value"]


def test_text_of_a_cohort_cannot_leave_the_data_of_the_page() -> None:
    hostile = "</script><script>alert(1)</script>\u2028<!--"
    page = group_page.render([reading("a", group=hostile, reason=hostile, status="failed")])
    html5lib.HTMLParser(strict=True).parse(page.decode())

    assert b"alert(1)</script>" not in page
    assert page.count(b"</script>") == 2


def test_the_page_allows_nothing_from_outside() -> None:
    page = group_page.render([reading("a")]).decode()

    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")


def test_numbers_that_are_none_are_left_out(tmp_path: Path) -> None:
    who = {"case_id": "a", "reader": "R1", "read": 1}
    numbers = [
        row("measurements", **who, side=side, measurement=SPACES[0], value=value)
        for side, value in (("left", "inf"), ("right", "nan"))
    ]
    cases = [row("cases", **who, status="done", age_years="nan")]
    write_tables(tmp_path, [{"cases": cases, "measurements": numbers, "findings": []}])

    assert b'"age":null' in group_page.render(group.lines(tmp_path))


def test_an_empty_cohort_has_a_page() -> None:
    html5lib.HTMLParser(strict=True).parse(group_page.render([]).decode())


def test_the_command_writes_the_page_beside_the_tables(tmp_path: Path) -> None:
    write_batch(tmp_path, n_cases=3)

    assert cli.main(["group", str(tmp_path)]) == cli.DONE
    assert "3 cases, 9 readings" in (tmp_path / "group.html").read_text()


def need_browser() -> None:
    """Skip without Node, Chromium and playwright-core; fail where `.ci/run` requires them."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if shutil.which("node") and chromium and (NODE / "node_modules" / "playwright-core").is_dir():
        return
    missing = "scripts/install_test_tools installs node, chromium and playwright-core"
    if os.environ.get("IFI_MRI_REQUIRE_TOOLS"):
        pytest.fail(missing)
    pytest.skip(missing)


def in_browser(page: Path) -> dict:
    need_browser()
    done = subprocess.run(
        ["node", "group_page.mjs", str(page)],
        cwd=NODE, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def big_batch(folder: Path, n_cases: int) -> Path:
    """Write the tables of many cases of two sides, every hundredth failed."""

    def cases():
        for k in range(n_cases):
            who = {"case_id": f"c{k:05}", "reader": "R1", "read": 1, "group": "ab"[k % 2]}
            if k % 100 == 99:
                yield {
                    "cases": [row("cases", **who, status="failed", reason="no such file")],
                    "measurements": [row("measurements", **who, status="failed")],
                    "findings": [row("findings", **who, status="failed")],
                }
                continue
            measured = [
                row("measurements", **who, side=side, measurement=name, status="measured",
                    value=5 + (7 * k + 3 * j) % 250 / 10, unit="mm")
                for j, side in enumerate(("left", "right"))
                for name in SPACES
            ]  # fmt: skip
            yield {
                "cases": [row("cases", **who, status="done", folder=f"cases:/c#{k:05}",
                              profile="singer2015", sex="fm"[k % 2] and ("female", "male")[k % 2])],
                "measurements": measured,
                "findings": [row("findings", **who, side="left",
                                 finding="ischiofemoral_space_narrowing", status="absent")],
            }  # fmt: skip

    write_tables(folder, cases())
    return folder


@pytest.mark.long
def test_five_thousand_cases_are_filtered_sorted_and_reviewed_in_a_browser(tmp_path: Path) -> None:
    big_batch(tmp_path, 5000)
    assert cli.main(["group", str(tmp_path)]) == cli.DONE
    found = in_browser(tmp_path / "group.html")

    assert found["problems"] == []
    assert found["requests"] == []
    assert found["shownAtFirst"] == "5000 of 5000 readings"
    assert found["shownBySearch"] == "10 of 5000 readings"
    assert found["shownFailed"] == "50 of 5000 readings"
    assert (found["charts"], found["rows"]) == (4, 100)
    assert found["href"].startswith("./cases%3A/c%2300")
    assert found["ascending"] == sorted(found["ascending"])
    assert found["descending"] == sorted(found["descending"], reverse=True)
    assert found["sorted"] == "descending"
    assert "c00099" in found["first"]
    assert "c00199" in found["second"]
    assert found["openedMs"] < 30_000  # what it takes on a quiet machine: scripts/bench/group.py

    rows = list(csv.DictReader(io.StringIO(found["review"])))
    assert found["name"] == "review.csv"
    assert [(r["case_id"], r["verdict"]) for r in rows] == [
        ("c00099", "fail"), ("c00199", "fix"), ("c00299", "pass"),
    ]  # fmt: skip
    assert rows[1]["comment"] == '\'=HYPERLINK("x"), look "again"\nplease'
    assert found["progress"] == found["progressAfterReload"] == "3 of 5000 reviewed"
    assert found["progressElsewhere"] == "0 of 5000 reviewed"
    assert found["progressLoaded"] == "3 of 5000 reviewed"
    assert found["reviewLoaded"] == found["review"]
