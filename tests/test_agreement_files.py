"""`ifi-mri agreement`: from the tables of a batch to figures, a table, a page and settings."""

import csv
import json

import html5lib
import pytest
from batch_tables import write_batch

from ifi_mri import cli
from ifi_mri.cohort import agreement, agreement_files
from ifi_mri.cohort.readings import Reading
from ifi_mri.config import load_config
from ifi_mri.errors import ConfigError
from ifi_mri.vocabulary import Side


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return write_batch(tmp_path_factory.mktemp("batch"))


@pytest.fixture(scope="module")
def written(batch, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    settings = out / "own.toml"
    command = ["agreement", str(batch), "--out", str(out), "--write-config", str(settings)]
    assert cli.main(command) == cli.DONE
    return out


def compared(written, name, kind):
    content = json.loads((written / "agreement.json").read_text())
    return next(c for c in content["comparisons"] if (c["name"], c["kind"]) == (name, kind))


def test_readers_and_reads_are_compared_and_missing_ones_counted(written):
    between = compared(written, "ischiofemoral_space", "between readers")
    within = compared(written, "ischiofemoral_space", "within reader R1")

    assert (between["readings"], between["n_hips"], between["n_incomplete"]) == (
        ["R1", "R2"],
        58,
        2,
    )
    assert (within["readings"], within["n_hips"]) == (["read 1", "read 2"], 60)
    assert between["pairs"][0]["limits"]["bias"]["value"] == pytest.approx(-0.4, abs=0.35)
    assert within["reliability"]["sem"]["value"] == pytest.approx(0.8, rel=0.25)


def test_categories_and_grades_have_kappa(written):
    narrow = compared(written, "ischiofemoral_space_narrowing", "between readers")
    grade = compared(written, "quadratus_femoris_oedema grade", "between readers")

    assert narrow["n_hips"] == 58
    assert 0.5 < narrow["pairs"][0]["kappa"]["kappa"]["value"] <= 1
    assert grade["pairs"][0]["kappa"]["categories"] == ["0", "1", "2", "3"]
    assert grade["n_hips"] == 30


def test_the_settings_file_replaces_the_default_landmark_sd(written):
    settings = load_config(written / "own.toml")
    content = json.loads((written / "agreement.json").read_text())

    assert settings.spaces.landmark_sd_mm == pytest.approx(content["landmark_sd_mm"], abs=0.001)
    assert settings.spaces.landmark_sd_mm == pytest.approx(0.8 / 2**0.5, rel=0.3)


def test_an_existing_settings_file_is_left_alone(batch, written, capsys):
    before = (written / "own.toml").read_bytes()
    command = ["agreement", str(batch), "--write-config", str(written / "own.toml")]

    assert cli.main(command) == cli.WRONG_USAGE
    assert "own.toml: exists already" in capsys.readouterr().err
    assert (written / "own.toml").read_bytes() == before


def test_the_table_has_a_row_for_each_statistic_with_its_unit(written):
    with (written / "agreement.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    spaces = [r for r in rows if r["name"] == "ischiofemoral_space"]

    assert {r["unit"] for r in spaces if r["statistic"].startswith("icc")} == {"1"}
    assert {r["unit"] for r in spaces if r["statistic"] in ("sem", "bias", "upper")} == {"mm"}
    assert all(float(r["interval_low"]) <= float(r["value"]) for r in rows if r["interval_low"])


def test_the_page_is_strict_html_that_fetches_nothing(written):
    page = (written / "agreement.html").read_text()
    html5lib.HTMLParser(strict=True).parse(page)

    assert "http" not in page.replace("http://www.w3.org", "")
    assert "Bias, first less second" in page
    assert "2 more were left out because not every reading has them" in page
    assert "GRRAS" in page
    assert page.count("<svg") == page.count('role="img"') >= 4


def test_a_folder_without_a_batch_is_said(tmp_path, capsys):
    assert cli.main(["agreement", str(tmp_path)]) == cli.WRONG_USAGE
    assert "holds no measurements.parquet" in capsys.readouterr().err


def test_one_reader_alone_gives_a_page_that_says_so_and_no_settings(tmp_path, capsys):
    from batch_tables import row, write_tables

    cells = {"case_id": "a", "reader": "R1", "read": 1}
    write_tables(
        tmp_path,
        [{"cases": [row("cases", **cells, status="done")], "measurements": [], "findings": []}],
    )
    assert cli.main(["agreement", str(tmp_path)]) == cli.DONE
    assert "No hip was read by two readers" in (tmp_path / "agreement.html").read_text()
    command = ["agreement", str(tmp_path), "--write-config", str(tmp_path / "own.toml")]
    assert cli.main(command) == cli.WRONG_USAGE
    assert "no landmark SD follows" in capsys.readouterr().err
    assert not (tmp_path / "own.toml").exists()


def test_readings_that_are_copies_give_no_settings(tmp_path):
    copies = [
        Reading(f"c{k}", Side.LEFT, reader, 1, "ischiofemoral_space", 10.1 + k, "mm")
        for k in range(5)
        for reader in ("R1", "R2")
    ]
    found = agreement.of_measurements(copies)
    with pytest.raises(ConfigError, match="no landmark SD follows: the readings agree to"):
        agreement_files.write_config(found, tmp_path / "own.toml")
    assert not (tmp_path / "own.toml").exists()


def test_readers_whose_names_read_like_the_page_are_told_apart():
    copies = [
        Reading(f"c{k}", Side.LEFT, reader, 1, "quadratus_femoris_oedema grade", k % 4)
        for k in range(5)
        for reader in ("A against B", "<b>C</b>")
    ]
    page = agreement_files.as_page(agreement.of_categories(copies, (0, 1, 2, 3), weighted=True))

    assert b"rows &lt;b&gt;C&lt;/b&gt;, columns A against B" in page
