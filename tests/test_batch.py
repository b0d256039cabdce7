"""Many cases: a failure stops no other, nothing is done twice, and the tables trace back."""

import csv
import gc
import hashlib
import io
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import pytest
import small_batches

from ifi_mri import batch, folder_lock, worker_start
from ifi_mri.batch import loop, one_case, receipts, run_record, selected
from ifi_mri.batch.one_case import Task
from ifi_mri.batch.progress import Progress, in_words
from ifi_mri.cli import main
from ifi_mri.config import Config
from ifi_mri.errors import ConfigError, ReportError
from ifi_mri.vocabulary import HipRotation

FORMATS = ("json", "html", "text", "csv")
TABLES = ("cases", "measurements", "findings")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return small_batches.write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def table(study, tmp_path):
    return small_batches.make_batch(tmp_path / "in", *study, n_cases=4, n_broken=1)


def command(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "ifi_mri", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def rows_of(out, name):
    with (out / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def table_bytes(out):
    return {
        f"{name}.{kind}": (out / f"{name}.{kind}").read_bytes()
        for name in TABLES
        for kind in ("csv", "parquet")
    }


# --- in one process: an executor of threads stands for the workers ------------------------------


class Threads:
    """Workers in threads of this process: fast, and patches reach them."""

    lost = (BrokenProcessPool,)
    all_are_lost = True
    in_flight = 3

    def __init__(self):
        self.executor = ThreadPoolExecutor(1)
        self.n_rebuilt = 0

    def rebuild(self):
        self.n_rebuilt += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.executor.shutdown()


@pytest.fixture
def analysed(monkeypatch):
    """The cases that were measured, not found finished, in order."""
    cases, analyse = [], one_case.pipeline.analyse

    def noted(study, landmarks, clinical=None, config=None, **chosen):
        cases.append(config.case_id)
        return analyse(study, landmarks, clinical, config, **chosen)

    monkeypatch.setattr(one_case.pipeline, "analyse", noted)
    return cases


def run(table, out, **options):
    found, problems = batch.read_cases(table)
    assert problems == []
    settings = options.pop("settings", batch.Settings(Config(), FORMATS))
    made = Threads()
    batch.executors.local = lambda *_: made
    return batch.run(
        found, out, settings, n_processes=1, cases_from=table, stream=io.StringIO(), **options
    )


@pytest.fixture(autouse=True)
def executors_as_they_were(monkeypatch):
    monkeypatch.setattr(batch.executors, "local", batch.executors.local)
    one_case._sets_of.cache_clear()
    receipts._study_listing.cache_clear()
    yield
    receipts._study_listing.cache_clear()


def test_a_failed_case_stops_no_other_and_its_rows_say_why(table, tmp_path):
    summary = run(table, tmp_path / "out")

    assert (summary.n_done, summary.n_failed, summary.n_reused) == (3, 1, 0)
    failed = tmp_path / "out" / "cases" / "case_003"
    assert (failed / "error.json").is_file()
    assert (failed / "error.html").is_file()
    for name in TABLES:
        rows = [row for row in rows_of(tmp_path / "out", name) if row["case_id"] == "case_003"]
        assert [row["status"] for row in rows] == ["failed"]
        assert "placed on study 1.2.3" in rows[0]["reason"]
    by_case = {row["case_id"]: row for row in rows_of(tmp_path / "out", "cases")}
    assert by_case["case_003"]["error"] == "LandmarkMismatchError"
    assert by_case["case_000"]["status"] == "done"


def test_rows_hold_what_the_report_of_the_case_holds(table, tmp_path):
    run(table, tmp_path / "out")

    report = json.loads((tmp_path / "out" / "cases" / "case_001" / "report.json").read_text())
    rows = [r for r in rows_of(tmp_path / "out", "measurements") if r["case_id"] == "case_001"]
    assert len(rows) == len(report["measurements"]) + len(report["not_measured"])
    told = {(m["name"], m["side"] or "both"): m for m in report["measurements"]}
    taken = [row for row in rows if row["status"] == "measured"]
    assert len(taken) == len(told) > 4
    for row in taken:
        m = told[row["measurement"], row["side"]]
        assert float(row["value"]) == m["value"]
        assert float(row["sd"]) == m["sd"]
        assert [float(row["interval_low"]), float(row["interval_high"])] == m["interval_95"]
        assert row["unit"] == m["unit"]
        assert row["series_uid"] == (m["series_uid"] or "")
        assert row["sop_instance_uid"] == (m["sop_instance_uid"] or "")
        assert row["report_uid"] == report["report_uid"]
        assert row["config_digest"] == report["config"]["digest"]
        assert row["software_version"] == report["software"]["version"]
        assert row["profile"] == report["config"]["profile"]
        assert row["group"] == "B"
    for finding in report["findings"]:
        (row,) = [
            r
            for r in rows_of(tmp_path / "out", "findings")
            if (r["case_id"], r["finding"], r["side"])
            == ("case_001", finding["name"], finding["side"])
        ]
        assert row["status"] == finding["status"]
        assert row["reason"] == finding["because"]


def test_the_cases_stand_in_the_order_of_the_table_whenever_they_finish(table, tmp_path):
    run(table, tmp_path / "out")

    cases = [row["case_id"] for row in rows_of(tmp_path / "out", "cases")]
    assert cases == ["case_000", "case_001", "case_002", "case_003"]


def test_a_finished_batch_is_not_done_again_and_its_tables_stay_the_same(table, tmp_path, analysed):
    run(table, tmp_path / "out")
    before = table_bytes(tmp_path / "out")
    analysed.clear()

    summary = run(table, tmp_path / "out")

    assert (summary.n_reused, summary.n_failed) == (3, 1)
    assert analysed == ["case_003"], "a failed case is tried again, a finished one is not"
    assert table_bytes(tmp_path / "out") == before


def touched(table):
    os.utime(table.parent / "marks" / "001.json", ns=(1, 1))


def test_a_file_that_was_only_touched_is_compared_by_its_contents(table, tmp_path, analysed):
    run(table, tmp_path / "out")
    analysed.clear()
    touched(table)

    summary = run(table, tmp_path / "out")
    assert summary.n_reused == 3
    assert analysed == ["case_003"]
    analysed.clear()
    assert batch.read_cases(table)[0]
    run(table, tmp_path / "out")
    assert analysed == ["case_003"]
    receipt = receipts.read(tmp_path / "out" / "cases" / "case_001")
    assert receipt.listing == receipts.listing_of(batch.read_cases(table)[0][1])


def test_a_case_whose_landmarks_changed_is_done_again(table, study, tmp_path, analysed):
    run(table, tmp_path / "out")
    before = rows_of(tmp_path / "out", "measurements")
    analysed.clear()
    small_batches.write_landmarks(study[1], table.parent / "marks" / "001.json", wider_mm=3.0)

    run(table, tmp_path / "out")

    assert sorted(analysed) == ["case_001", "case_003"]
    after = rows_of(tmp_path / "out", "measurements")
    changed = {a["case_id"] for a, b in zip(after, before, strict=True) if a != b}
    assert changed == {"case_001"}
    kept = list((tmp_path / "out" / "cases" / "case_001" / "previous").rglob("report.json"))
    assert len(kept) == 1, "the report that was there is kept"


def test_a_header_that_changed_has_the_case_done_again(study, tmp_path, analysed):
    import shutil

    copy = tmp_path / "study"
    shutil.copytree(study[0], copy)
    table = small_batches.make_batch(tmp_path / "in", copy, study[1], n_cases=1)
    run(table, tmp_path / "out")
    analysed.clear()
    image = sorted(path for path in copy.rglob("*") if path.is_file())[-1]
    image.unlink()  # a slice that no landmark lies on
    receipts._study_listing.cache_clear()

    run(table, tmp_path / "out")

    assert analysed == ["case_000"]


@pytest.mark.parametrize("field", ["status", "asked", "listing", "outputs"])
def test_a_case_is_finished_only_where_everything_fits(table, tmp_path, analysed, field):
    run(table, tmp_path / "out")
    analysed.clear()
    folder = tmp_path / "out" / "cases" / "case_000"
    receipt = receipts.read(folder)
    other = {
        "status": "failed",
        "asked": "0" * 64,
        "listing": "0" * 64,
        "outputs": receipt.outputs | {"report.html": 5},
    }
    changes = {field: other[field]} | ({"headers": "0"} if field == "listing" else {})
    receipts.write(folder, replace(receipt, **changes))

    run(table, tmp_path / "out")

    assert "case_000" in analysed


@pytest.mark.parametrize(
    "changed",
    [
        batch.Settings(Config(spaces={"landmark_sd_mm": 1.0}), FORMATS),
        batch.Settings(Config(profile="torriani2009"), FORMATS),
        batch.Settings(Config(), (*FORMATS[:2],)),
        batch.Settings(Config(language="de"), FORMATS),
    ],
)
def test_other_settings_have_every_case_done_again(table, tmp_path, analysed, changed):
    run(table, tmp_path / "out")
    analysed.clear()

    run(table, tmp_path / "out", settings=changed)

    assert sorted(analysed) == ["case_000", "case_001", "case_002", "case_003"]


def test_a_choice_about_a_format_has_the_cases_done_again_that_write_it(table, tmp_path, analysed):
    def with_fhir(formats, **chosen):
        return batch.Settings(Config(), formats, None, {"fhir": chosen})

    fhir = (*FORMATS, "fhir")
    run(table, tmp_path / "out", settings=with_fhir(fhir, version="R4"))
    analysed.clear()
    run(table, tmp_path / "out", settings=with_fhir(fhir, version="R5"))
    assert "case_000" in analysed
    analysed.clear()
    run(table, tmp_path / "out", settings=with_fhir(fhir, version="R5"))
    assert "case_000" not in analysed

    run(table, tmp_path / "out", settings=with_fhir(FORMATS, version="R5"))
    analysed.clear()
    run(table, tmp_path / "out", settings=with_fhir(FORMATS, version="R4"))
    assert "case_000" not in analysed


def test_another_software_version_has_every_case_done_again(table, tmp_path, analysed, monkeypatch):
    run(table, tmp_path / "out")
    analysed.clear()
    monkeypatch.setattr(receipts, "__version__", "99.0")

    run(table, tmp_path / "out")

    assert len(analysed) == 4


def test_restart_has_every_case_done_again(table, tmp_path, analysed):
    run(table, tmp_path / "out")
    before = table_bytes(tmp_path / "out")
    analysed.clear()

    run(table, tmp_path / "out", restart=True)

    assert len(analysed) == 4
    assert table_bytes(tmp_path / "out") == before


def test_another_group_changes_the_tables_without_an_analysis(table, tmp_path, analysed):
    run(table, tmp_path / "out")
    analysed.clear()
    table.write_text(table.read_text().replace(",A\n", ",women\n").replace(",A\r\n", ",women\r\n"))

    run(table, tmp_path / "out")

    assert analysed == ["case_003"]
    assert [row["group"] for row in rows_of(tmp_path / "out", "cases")] == [
        "women", "B", "women", "B",
    ]  # fmt: skip


def test_a_case_that_fails_again_the_same_way_leaves_no_further_copies(table, tmp_path):
    run(table, tmp_path / "out")
    before = (tmp_path / "out" / "cases" / "case_003" / "error.json").read_bytes()

    run(table, tmp_path / "out")

    folder = tmp_path / "out" / "cases" / "case_003"
    assert (folder / "error.json").read_bytes() == before
    assert not (folder / "previous").exists()


def test_a_failed_case_that_was_mended_leaves_its_error_behind(table, study, tmp_path):
    run(table, tmp_path / "out")
    small_batches.write_landmarks(study[1], table.parent / "marks" / "003.json")

    summary = run(table, tmp_path / "out")

    assert (summary.n_done, summary.n_failed) == (1, 0)
    folder = tmp_path / "out" / "cases" / "case_003"
    assert not (folder / "error.json").exists()
    assert (folder / "report.json").is_file()


def test_a_report_that_a_killed_run_wrote_without_its_receipt_is_not_kept_twice(table, tmp_path):
    run(table, tmp_path / "out")
    folder = tmp_path / "out" / "cases" / "case_000"
    before = (folder / "report.json").read_bytes()
    receipts_file = folder / receipts.FILE_NAME
    receipts_file.unlink()
    time.sleep(1.1)  # reports tell the second

    run(table, tmp_path / "out")

    assert receipts_file.is_file()
    assert (folder / "report.json").read_bytes() == before
    assert not (folder / "previous").exists()


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("report.json", b""),
        ("measurements.csv", b""),
        (receipts.FILE_NAME, b""),
        (receipts.FILE_NAME, b"\0" * 4096),
    ],
)
def test_a_file_that_a_loss_of_power_left_empty_is_made_again(table, tmp_path, name, left):
    run(table, tmp_path / "out")
    path = tmp_path / "out" / "cases" / "case_000" / name
    whole = path.read_bytes()
    path.write_bytes(left)

    summary = run(table, tmp_path / "out")

    assert path.stat().st_size > len(whole) / 2
    assert summary.n_done == 1
    assert json.loads((path.parent / "report.json").read_bytes())["case_id"]


def test_a_batch_brings_its_cases_to_the_disk_before_its_tables(table, tmp_path, monkeypatch):
    there = []

    def look() -> None:
        there.append(sorted(path.name for path in (tmp_path / "out").glob("*.csv")))
        there.append(len(list((tmp_path / "out" / "cases").glob("*/report.json"))))

    monkeypatch.setattr("ifi_mri.batch.sync_everything", look)
    summary = run(table, tmp_path / "out")

    assert there == [[], summary.n_done]


def test_temporary_files_of_a_killed_run_are_removed(table, tmp_path):
    run(table, tmp_path / "out")
    left = [
        tmp_path / "out" / ".measurements.csv.abcd1234",
        tmp_path / "out" / ".run.json.abcd1234",
        tmp_path / "out" / "cases" / "case_000" / ".case.json.abcd1234",
    ]
    for path in left:
        path.write_text("half")
    (tmp_path / "out" / "cases" / "case_000" / receipts.FILE_NAME).unlink()

    run(table, tmp_path / "out")

    assert not [path for path in left if path.exists()]


def test_only_the_cases_of_a_review_are_looked_at_and_others_keep_their_rows(
    table, tmp_path, analysed
):
    run(table, tmp_path / "out")
    before = rows_of(tmp_path / "out", "cases")
    analysed.clear()
    review = tmp_path / "review.csv"
    review.write_text(
        "case_id,reader,read,verdict,comment\n"
        "case_000,,,pass,\ncase_001,phantom,1,fix,IT too low\ncase_002,,,FAIL,\n"
    )

    summary = run(table, tmp_path / "out", selection=selected.read(review), restart=True)

    assert sorted(analysed) == ["case_001", "case_002"]
    assert summary.n_not_run == 2
    assert rows_of(tmp_path / "out", "cases") == before


def test_only_failed_understands_the_table_of_cases(table, tmp_path, analysed):
    run(table, tmp_path / "out")
    analysed.clear()

    selection = selected.read(tmp_path / "out" / "cases.csv")
    run(table, tmp_path / "out", selection=selection, restart=True)

    assert analysed == ["case_003"]


def test_a_case_that_was_never_run_has_a_row_that_says_so(table, tmp_path):
    review = tmp_path / "review.csv"
    review.write_text("case_id,verdict\ncase_000,fix\n")

    run(table, tmp_path / "out", selection=selected.read(review))

    assert [row["status"] for row in rows_of(tmp_path / "out", "cases")] == [
        "done", "not run", "not run", "not run",
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "", "case_id,comment\nx,y\n"])
def test_a_selection_without_marks_is_refused(tmp_path, content):
    (tmp_path / "review.csv").write_text(content)

    with pytest.raises(ConfigError, match=r"expected case_id and one of status, verdict"):
        selected.read(tmp_path / "review.csv")


def test_a_full_disk_stops_the_batch_and_the_next_run_goes_on(
    table, tmp_path, analysed, monkeypatch
):
    write, n_written = receipts.write_atomically, []

    def full_after_two(path, content, **options):
        n_written.append(path)
        if len(n_written) > 2:
            raise OSError(28, "No space left on device")
        write(path, content, **options)

    with monkeypatch.context() as patched:
        patched.setattr(receipts, "write_atomically", full_after_two)
        summary = run(table, tmp_path / "out")
    assert summary.stopped.startswith("No space left on device")
    assert summary.n_done == 2
    statuses = [row["status"] for row in rows_of(tmp_path / "out", "cases")]
    assert statuses == ["done", "done", "not run", "not run"]
    analysed.clear()

    run(table, tmp_path / "out")
    undisturbed = run(table, tmp_path / "other")

    assert undisturbed.n_done == 3
    assert table_bytes(tmp_path / "out") == table_bytes(tmp_path / "other")


def test_an_unexpected_error_is_recorded_with_its_kind_alone(table, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("DOE^JANE")

    monkeypatch.setattr(one_case.pipeline, "analyse", broken)
    summary = run(table, tmp_path / "out")

    assert summary.n_failed == 4
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert b"DOE" not in path.read_bytes(), path


# --- the position, the clinical file, readers ---------------------------------------------------


def test_the_position_of_the_table_reaches_the_report(study, tmp_path):
    table = small_batches.make_batch(tmp_path / "in", *study, n_cases=1)
    rows = [
        {
            "case_id": "a",
            "study": str(study[0]),
            "landmarks": "marks/000.json",
            "position": "external",
        }
    ]
    small_batches.write_table(table, rows)

    run(table, tmp_path / "out")

    (row,) = rows_of(tmp_path / "out", "cases")
    assert row["hip_rotation"] == "external"


def test_a_position_that_contradicts_the_intake_fails_the_case(tmp_path):
    (tmp_path / "intake.toml").write_text('hip_rotation = "internal"\n')
    case = replace(
        batch.cases.Case("a", "a", "s", ("l",)),
        clinical=str(tmp_path / "intake.toml"),
        position=HipRotation.EXTERNAL,
    )

    with pytest.raises(
        ConfigError, match="says hip_rotation 'internal', the case table 'external'"
    ):
        one_case.intake_of(case)
    same = one_case.intake_of(replace(case, position=HipRotation.INTERNAL))
    assert same.hip_rotation is HipRotation.INTERNAL


def test_two_readers_of_a_case_lie_in_folders_of_their_own(study, tmp_path):
    table = small_batches.make_batch(tmp_path / "in", *study, n_cases=2)
    for number, (reader, read) in enumerate([("R1", 1), ("R2", 2)]):
        path = tmp_path / "in" / "marks" / f"{number:03d}.json"
        small_batches.write_landmarks(study[1], path, number, reader=reader, read=read)
    rows = [
        {
            "case_id": "a",
            "study": str(study[0]),
            "landmarks": f"marks/{number:03d}.json",
            "reader": reader,
            "read": read,
        }
        for number, (reader, read) in enumerate([("R1", 1), ("R2", 2)])
    ]
    small_batches.write_table(table, rows)

    run(table, tmp_path / "out")

    folders = sorted(path.name for path in (tmp_path / "out" / "cases").iterdir())
    assert folders == ["a__R1-1", "a__R2-2"]
    spaces = {
        (row["reader"], row["read"], row["side"]): float(row["value"])
        for row in rows_of(tmp_path / "out", "measurements")
        if row["measurement"] == "ischiofemoral_space"
    }
    assert spaces["R2", "2", "left"] > spaces["R1", "1", "left"] + 0.5


def test_a_label_table_of_the_batch_leaves_cases_without_label_maps_alone(table, tmp_path):
    settings = batch.Settings(Config(), FORMATS, "native")

    assert run(table, tmp_path / "out", settings=settings).n_done == 3


def test_one_landmark_table_may_hold_every_case(study, tmp_path):
    table = small_batches.make_batch(tmp_path / "in", *study, n_cases=2)
    lines = ["case_id,reader,read,side,landmark,l,p,s"]
    for number in range(2):
        marks = json.loads((tmp_path / "in" / "marks" / f"{number:03d}.json").read_text())
        for mark in marks["landmarks"]:
            point = ",".join(map(str, mark["points_mm"][0]))
            lines.append(f"case_{number:03d},R1,1,{mark['side']},{mark['name']},{point}")
    lines += [f"other_{k},R1,1,left,lesser_trochanter,1,2,3" for k in range(2000)]
    (tmp_path / "in" / "all.csv").write_text("\n".join(lines))
    table.write_text(table.read_text().replace("marks/000.json", "all.csv"))
    table.write_text(table.read_text().replace("marks/001.json", "all.csv"))

    assert run(table, tmp_path / "out").n_done == 2
    spaces = [
        float(row["value"])
        for row in rows_of(tmp_path / "out", "measurements")
        if (row["measurement"], row["side"]) == ("ischiofemoral_space", "left")
    ]
    assert 0.1 < spaces[1] - spaces[0] < 0.3


# --- the lock -----------------------------------------------------------------------------------


def test_a_second_run_on_the_folder_is_told_who_holds_it(table, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    held = "import sys, time\nfrom pathlib import Path\nfrom ifi_mri import folder_lock\n"
    held += f"with folder_lock.locked(Path({str(out)!r})):\n print('held', flush=True)\n"
    held += " time.sleep(60)\n"
    holder = subprocess.Popen([sys.executable, "-c", held], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        status = main(["batch", str(table), "--out", str(out)])
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()

    import socket

    said = capsys.readouterr().err
    assert status == 2
    assert f"process {holder.pid} on {socket.gethostname()}" in said
    assert not (out / "cases.csv").exists()
    run(table, out)  # the lock of a killed run is gone with it
    assert (out / "cases.csv").exists()


def test_workers_find_settings_of_threads_and_memory_unless_they_are_set(monkeypatch):
    for name in worker_start.ENVIRONMENT:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    with batch.executors.local(1) as workers:
        assert os.environ["OMP_NUM_THREADS"] == "3"
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
        assert int(os.environ["MALLOC_MMAP_THRESHOLD_"]) > 4 * 1024**2  # more than a slice takes
        assert workers.executor.submit(gc.get_threshold).result()[0] == 10_000


@pytest.mark.skipif(sys.platform == "win32", reason="workers are not forked there")
def test_workers_are_prepared_while_the_cases_are_read(tmp_path):
    """A process of its own: here the server may run already."""
    program = (
        "import sys, multiprocessing.forkserver as server\n"
        "from ifi_mri.cli import main\n"
        "server.ensure_running = lambda: print('started', 'ifi_mri.batch' in sys.modules)\n"
        "main(['batch', 'nowhere.csv', '--out', 'out'])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.stdout == "started False\n"
    assert "nowhere.csv" in done.stderr


def test_what_is_to_be_done_is_made_up_case_by_case(table, tmp_path, monkeypatch):
    asked, analyse = [], one_case.analyse
    at_work = []

    def noted(task):
        at_work.append(len(asked))
        return analyse(task)

    real = receipts.asked_of
    monkeypatch.setattr(receipts, "asked_of", lambda *its: asked.append(1) or real(*its))
    monkeypatch.setattr(one_case, "analyse", noted)
    summary = run(table, tmp_path / "out")

    assert summary.n_cases == len(asked) == len(at_work)
    assert at_work[0] < summary.n_cases


def test_a_run_waits_for_the_last_worker_of_a_killed_one(table, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    held = folder_lock.share(out, batch.executors.WORKERS_LOCK)
    assert not folder_lock.is_free(out, batch.executors.WORKERS_LOCK)
    monkeypatch.setattr(batch, "_WAIT_FOR_WORKERS_S", 0.05)
    try:
        with pytest.raises(ConfigError, match="worker processes of an earlier run"):
            run(table, out)
    finally:
        os.close(held)
    assert run(table, out).n_done == 3


# --- the loop -----------------------------------------------------------------------------------


class Dying:
    """Work that kills its worker where it is told to."""

    def __init__(self, deaths):
        self.deaths = dict(deaths)
        self.seen = []

    def __call__(self, task):
        self.seen.append(task)
        if self.deaths.get(task, 0) > 0:
            self.deaths[task] -= 1
            raise BrokenProcessPool("died")
        return f"done {task}"


def through_loop(work, tasks):
    with Threads() as workers:
        results = {done.task: done.result for done in loop.run(work, tasks, workers)}
        return results, workers.n_rebuilt


def test_every_task_comes_back_once():
    work = Dying({})

    results, _ = through_loop(work, range(20))

    assert results == {task: f"done {task}" for task in range(20)}
    assert sorted(work.seen) == list(range(20))


def test_a_task_whose_worker_dies_once_is_done_again():
    results, n_rebuilt = through_loop(Dying({4: 1}), range(8))

    assert results == {task: f"done {task}" for task in range(8)}
    assert n_rebuilt == 1


def test_a_task_whose_worker_dies_twice_is_given_up_and_the_others_are_done():
    work = Dying({4: 9})

    results, n_rebuilt = through_loop(work, range(8))

    assert results == {t: None if t == 4 else f"done {t}" for t in range(8)}
    assert work.seen.count(4) == 2
    assert n_rebuilt == 2


class BreakingPool(Threads):
    """A pool that a death breaks: everything in flight is lost with it, as with processes."""

    in_flight = 4

    def __init__(self, killers):
        super().__init__()
        self.killers, self.is_broken = killers, False

    def work(self, task):
        self.is_broken = self.is_broken or task in self.killers
        if self.is_broken:
            raise BrokenProcessPool("died")
        return f"done {task}"

    def rebuild(self):
        self.executor.shutdown()
        self.executor = ThreadPoolExecutor(1)
        self.is_broken = False


def test_no_task_is_given_up_for_what_was_in_flight_beside_it():
    with BreakingPool(killers={3, 4, 9}) as pool:
        results = {done.task: done.result for done in loop.run(pool.work, range(12), pool)}

    assert results == {t: None if t in {3, 4, 9} else f"done {t}" for t in range(12)}


def test_two_workers_of_a_cluster_that_die_once_cost_no_case():
    work = Dying({3: 1, 4: 1})

    def one_after_the_other(task):
        time.sleep(0.02)
        return work(task)

    with Threads() as cluster:
        cluster.all_are_lost = False
        results = {
            done.task: done.result for done in loop.run(one_after_the_other, range(12), cluster)
        }

    assert results == {task: f"done {task}" for task in range(12)}


def test_tasks_are_taken_only_as_there_is_room_for_them():
    taken = []

    def tasks():
        for task in range(50):
            taken.append(task)
            yield task

    with Threads() as workers:
        results = loop.run(lambda task: task, tasks(), workers)
        next(results)
        assert len(taken) <= workers.in_flight + 1
        results.close()


def test_a_cluster_that_goes_away_ends_the_run_with_a_sentence():
    from concurrent.futures import CancelledError

    def cancelled(_task):
        raise CancelledError

    with pytest.raises(ReportError, match="Dask cluster went away"):
        through_loop(cancelled, range(3))


# --- what is told -------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_one_line_changes_and_elsewhere_lines_are_plain():
    now = [0.0]
    for stream in (Terminal(), io.StringIO()):
        progress = Progress(stream, 100, clock=lambda: now[0])
        for second in range(1, 21):
            now[0] += 1.0
            progress.add("failed" if second == 20 else "done")
        assert progress.line() == (
            "20/100 cases; 1.0 a second; 1 min 20 s left; 19 done, 1 failed, 0 reused"
        )
        progress.end()
        said = stream.getvalue()
        assert ("\r" in said) == stream.isatty()
        assert said.endswith("\n")
    quiet = Terminal()
    progress = Progress(quiet, 1, quiet=True)
    progress.add("failed")
    progress.tell_failure("a", "why")
    progress.end()
    assert quiet.getvalue() == ""


def test_time_left_counts_only_cases_that_were_analysed():
    now = [0.0]
    progress = Progress(io.StringIO(), 1000, clock=lambda: now[0])
    for _ in range(900):
        progress.add("reused", analysed=False)
    progress.begin_work()
    now[0] = 10.0
    for _ in range(10):
        progress.add("done")

    assert "1.0 a second; 1 min 30 s left" in progress.line()


@pytest.mark.parametrize(
    ("seconds", "words"), [(12.4, "12 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_times_are_told_in_words(seconds, words):
    assert in_words(seconds) == words


def test_the_record_of_a_run_traces_it_and_names_no_user(table, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "jdoe")
    run(table, tmp_path / "out", command=["ifi-mri", "batch", str(table), "/scratch/jdoe/out"])
    first = json.loads((tmp_path / "out" / "run.json").read_text())
    run(table, tmp_path / "out")
    second = json.loads((tmp_path / "out" / "run.json").read_text())

    assert first["command"][3] == "/scratch/user/out"
    assert first["command"][2] == "~/in/cases.csv"
    assert first["inputs"]["cases_sha256"] == hashlib.sha256(table.read_bytes()).hexdigest()
    assert first["config_digest"] == Config().digest()
    assert first["state"] == "finished"
    assert first["counts"] == {"cases": 4, "done": 3, "failed": 1, "reused": 0, "not_run": 0}
    content = (tmp_path / "out" / "measurements.csv").read_bytes()
    told = first["tables"]["measurements.csv"]
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["rows"] == len(rows_of(tmp_path / "out", "measurements"))
    assert second["earlier_runs"][0]["counts"]["done"] == 3
    assert run_record.host_facts().keys() == {
        "system", "release", "machine", "processors", "memory_gb", "python",
    }  # fmt: skip


# --- with processes -----------------------------------------------------------------------------


def test_the_command_analyses_in_processes_and_says_how_it_ended(table, tmp_path):
    out = tmp_path / "out"
    done = command("batch", table, "--out", out, "--jobs", 2)

    assert done.returncode == 1, done.stderr
    assert "4 cases: 3 done, 1 failed, 0 reused" in done.stdout
    assert "failed: case_003: " in done.stderr
    assert "Traceback" not in done.stderr
    undisturbed = run(table, tmp_path / "threads")
    assert undisturbed.n_done == 3
    assert table_bytes(out) == table_bytes(tmp_path / "threads")


def test_the_options_of_reports_reach_the_cases_of_a_batch(study, tmp_path):
    from pydicom import dcmread

    table = small_batches.make_batch(tmp_path / "in", *study, n_cases=1)
    out = tmp_path / "out"
    words = ["--formats", "sr,fhir", "--fhir-version", "R5", "--language", "de", "--quiet"]
    signed = ["--sr-profile", "strict", "--sr-signed-by", "Doe^Jane", "Example Hospital"]
    done = command("batch", table, "--out", out, "--jobs", 1, *words, *signed)
    assert done.returncode == 0, done.stderr

    (folder,) = (out / "cases").iterdir()
    document = dcmread(folder / "report_sr.dcm")
    assert document.VerificationFlag == "VERIFIED"
    assert document.VerifyingObserverSequence[0].VerifyingObserverName == "Doe^Jane"
    assert "MRT DER HÜFTE" in (folder / "impression.txt").read_text()
    r5 = (folder / "report_fhir.json").read_text()

    assert (
        command(
            "batch", table, "--out", out, "--jobs", 1, *words, "--fhir-version", "R4", *signed
        ).returncode
        == 0
    )
    assert (folder / "report_fhir.json").read_text() != r5


def test_other_words_in_a_sites_language_ask_for_every_case_anew(tmp_path):
    from ifi_mri.batch import receipts
    from ifi_mri.batch.cases import Case

    path = tmp_path / "fr.toml"
    case = Case("a", "a", "study", ("marks.json",))
    settings = batch.Settings(Config(language=str(path)), FORMATS)
    asked = []
    for word in ("et", "et", "ou"):
        path.write_text(f'language = "fr"\nname = "x"\n[messages]\n"and" = "{word}"\n')
        receipts._file_digest.cache_clear()
        asked.append(receipts.asked_of(case, settings))

    assert asked[0] == asked[1] != asked[2]


def test_a_folder_that_is_called_like_a_language_or_label_table_is_not_taken_for_it(
    tmp_path, monkeypatch
):
    import argparse

    from ifi_mri import cli_batch

    for name in ("de", "native", "mine.toml"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    said = {"config": None, "language": "de", "formats": ""}
    settings = cli_batch._settings(argparse.Namespace(**said, label_table="native"))
    assert (settings.config.language, settings.label_table) == ("de", "native")
    settings = cli_batch._settings(argparse.Namespace(**said, label_table="mine.toml"))
    assert settings.label_table == str(tmp_path / "mine.toml")


@pytest.mark.parametrize("words", [("--sr-signed-by", " ", "Clinic"), ("--language", "xx")])
def test_a_choice_that_cannot_be_stops_a_batch_before_it_starts(table, tmp_path, words):
    done = command("batch", table, "--out", tmp_path / "out", *words)

    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


def test_a_batch_without_failures_ends_with_0_and_an_interrupt_keeps_what_is_finished(
    study, tmp_path
):
    import signal

    table = small_batches.make_batch(tmp_path / "in", *study, n_cases=40)
    out = tmp_path / "out"
    started = subprocess.Popen(
        [sys.executable, "-m", "ifi_mri", "batch", table, "--out", out, "--jobs", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(out.glob("cases/*/case.json")):
        assert started.poll() is None
        time.sleep(0.02)
    started.send_signal(signal.SIGTERM)
    _, said = started.communicate(timeout=60)

    assert started.returncode == 130, said
    assert "The same command goes on where it stopped" in said
    statuses = [row["status"] for row in rows_of(out, "cases")]
    assert 1 <= statuses.count("done") < 40
    assert set(statuses) == {"done", "not run"}
    assert json.loads((out / "run.json").read_text())["state"].startswith("stopped")

    part = tmp_path / "in" / "part.csv"
    part.write_text("".join(table.read_text().splitlines(keepends=True)[:3]))
    assert command("batch", part, "--out", out, "--jobs", 1).returncode == 0


def test_a_task_can_be_sent_to_a_worker(table):
    import pickle

    found, _ = batch.read_cases(table)
    task = Task(found[0], batch.Settings(Config(), FORMATS), "x", "", "")

    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301 - our own bytes
    assert len(pickle.dumps(task)) < 5000
    assert Path(found[0].study).is_absolute()
