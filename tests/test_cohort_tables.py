"""The tables of a cohort: tidy, described, whole, the same in CSV and Parquet, and only read."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace

import example_report
import pytest
from pyarrow import parquet

from ifi_mri.cohort import columns, query, query_text, rows, tables
from ifi_mri.errors import ConfigError, ReportError


def case(number, group="A, B"):
    made = rows.without_report(
        case_id=f"c{number}", reader="R1", read=1, folder=f"cases/c{number}", status="measured",
        reason="because",
    )  # fmt: skip
    names = columns.names("measurements")
    (row,) = csv.reader([made["measurements"]])
    row[names.index("value")] = str(number + 0.5)
    row[names.index("side")] = "left"
    made["measurements"] = ",".join(row) + "\r\n"
    return rows.with_group(made, group)


def test_csv_and_parquet_hold_the_same(tmp_path):
    tables.write(tmp_path, [case(1), case(2)])

    for table in tables.TABLES:
        with (tmp_path / f"{table}.csv").open(newline="") as file:
            told = list(csv.DictReader(file))
        read = parquet.read_table(tmp_path / f"{table}.parquet").to_pylist()
        assert [list(row) for row in read] == [list(columns.names(table))] * 2
        for text, value in zip(told, read, strict=True):
            assert {k: "" if v is None else str(v) for k, v in value.items()} == text
    (first, second) = tables.read(tmp_path, "measurements")
    assert (first["value"], second["value"], first["sd"]) == (1.5, 2.5, None)


def test_every_column_is_in_the_dictionary(tmp_path):
    tables.write(tmp_path, [case(1)])

    told = json.loads((tmp_path / "dictionary.json").read_text())
    for table in tables.TABLES:
        header = (tmp_path / f"{table}.csv").read_text().splitlines()[0].split(",")
        assert list(told[f"{table}.csv"]) == header
        assert all(column["Description"] for column in told[f"{table}.csv"].values())
    assert "ischiofemoral_space" in told["measurements.csv"]["measurement"]["Levels"]


def test_a_finding_without_a_profile_has_none_whatever_that_of_its_report():
    made = example_report.report()
    (first, *others) = made.findings
    made = replace(made, findings=(replace(first, profile=None), *others))

    told = list(csv.reader(io.StringIO(rows.of_report(made, "cases/c1")["findings"], newline="")))

    named = [row[columns.names("findings").index("profile")] for row in told]
    assert named == ["", *(finding.profile for finding in others)]
    assert made.profile == "singer2015"


def test_no_cases_make_tables_without_rows(tmp_path):
    assert tables.write(tmp_path, []) == {"cases": 0, "measurements": 0, "findings": 0}
    assert list(tables.read(tmp_path, "findings")) == []


def test_a_failure_while_writing_keeps_every_table_that_was_there(tmp_path, monkeypatch):
    tables.write(tmp_path, [case(1)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def cases():
        yield case(2)
        raise OSError(28, "No space left on device")

    with pytest.raises(ReportError, match=r"No space left on device.*stay as they were"):
        tables.write(tmp_path, cases())

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("letter", ["a", "\u754c"])
def test_a_row_may_be_longer_than_what_is_parsed_at_a_time(tmp_path, letter):
    reason = letter * (tables._BLOCK_BYTES + 1)
    long = rows.without_report(
        case_id="c2", reader=None, read=None, folder="cases/c2", status="failed", reason=reason
    )
    tables.write(tmp_path, [case(1), long, case(3)])

    found = list(tables.read(tmp_path, "cases"))
    assert [row["case_id"] for row in found] == ["c1", "c2", "c3"]
    assert found[1]["reason"] == reason


def test_row_groups_end_where_they_are_full_and_lose_no_row(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROWS_PER_GROUP", 1000)
    tables.write(tmp_path, (case(number) for number in range(10_000)))

    held = parquet.ParquetFile(tmp_path / "measurements.parquet").metadata
    assert held.num_row_groups > 1
    values = [row["value"] for row in tables.read(tmp_path, "measurements")]
    assert values == [number + 0.5 for number in range(10_000)]


def test_tables_are_their_owners_alone(tmp_path):
    tables.write(tmp_path, [case(1)])

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.long
def test_a_million_rows_are_written_in_little_memory(tmp_path):
    script = """
import sys
sys.path.insert(0, "tests")
from pathlib import Path
from test_cohort_tables import case
from ifi_mri.cohort import tables
one = case(1)
one["measurements"] *= 40
tables.write(Path(sys.argv[1]), (one for _ in range(int(sys.argv[2]))))
status = Path("/proc/self/status").read_text()  # a child's ru_maxrss starts from its parent's
print(status.partition("VmHWM:")[2].split()[0])
"""

    def peak_mb(n_cases):
        done = subprocess.run(
            [sys.executable, "-c", script, tmp_path, str(n_cases)],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout) / 1024

    assert peak_mb(25_000) < 300
    assert parquet.ParquetFile(tmp_path / "measurements.parquet").metadata.num_rows == 1_000_000


# --- asking them --------------------------------------------------------------------------------


def asked(sql, folder):
    names, found = query.run(sql, folder)
    return names, list(found)


def test_a_query_joins_the_tables(tmp_path):
    tables.write(tmp_path, [case(1), case(2)])

    names, found = asked(
        "SELECT m.case_id, m.value, c.folder FROM measurements m JOIN cases c USING (case_id) "
        "WHERE m.value > 2",
        tmp_path,
    )
    assert names == ("case_id", "value", "folder")
    assert found == [("c2", 2.5, "cases/c2")]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT content FROM read_text('{secret}')",
        "SELECT * FROM glob('/*')",
        "COPY cases TO '{secret}'",
        "ATTACH '{secret}'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT 1; COPY cases TO '{secret}'",
        "DROP VIEW cases",
        "CREATE TABLE x AS SELECT 1",
        "SELECT * FROM folder",
        "SELECT",
        "",
    ],
)
def test_a_query_reaches_nothing_but_the_tables(tmp_path, sql):
    folder = tmp_path / "out"
    folder.mkdir()
    tables.write(folder, [case(1)])
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nsecret\n")

    with pytest.raises(ConfigError, match=r"^query: ") as told:
        asked(sql.format(secret=secret), folder)

    assert secret.read_text() == "a\nsecret\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "secret.csv"]
    assert str(told.value).endswith(("Correct the query; the README shows one.", "findings."))


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no cases\.parquet"):
        asked("SELECT 1", tmp_path)
    tables.write(tmp_path, [case(1)])
    (tmp_path / "findings.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match="is not a Parquet file"):
        asked("SELECT * FROM findings", tmp_path)


def test_rows_are_printed_in_three_forms():
    names, found = ("a", "b"), [("x", 1.5), (None, 12.0)]

    assert list(query_text.aligned(names, found)) == ["a  b", "-  ---", "x  1.5", "    12"]
    assert list(csv.reader(io.StringIO("\n".join(query_text.as_csv(names, found))))) == [
        ["a", "b"], ["x", "1.5"], ["", "12.0"],
    ]  # fmt: skip
    assert [json.loads(line) for line in query_text.as_json(names, found)] == [
        {"a": "x", "b": 1.5}, {"a": None, "b": 12.0},
    ]  # fmt: skip


def test_the_aligned_form_goes_on_beyond_the_rows_that_set_its_widths():
    found = ((number,) for number in range(2500))

    assert len(list(query_text.aligned(("n",), found))) == 2502


def test_the_command_prints_what_the_query_finds(tmp_path, capsys):
    from ifi_mri.cli import main

    tables.write(tmp_path, [case(1)])

    assert main(["query", "SELECT case_id, value FROM measurements", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "case_id  value",
        "-------  -----",
        "c1         1.5",
    ]
    assert main(["query", "DELETE FROM cases", str(tmp_path)]) == 2
