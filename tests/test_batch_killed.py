"""A batch that is killed at any point loses nothing: resumed, its tables are those of an
undisturbed run, byte for byte."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
import small_batches

pytestmark = pytest.mark.long

N_CASES = 10
TABLES = [
    f"{name}.{kind}"
    for name in ("cases", "measurements", "findings")
    for kind in ("csv", "parquet")
]
TEMPORARY = re.compile(r"\..*\.[a-z0-9_]{8}")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    study = small_batches.write_study(tmp_path_factory.mktemp("study"))
    return small_batches.make_batch(tmp_path_factory.mktemp("in") / "b", *study, n_cases=N_CASES)


@pytest.fixture(scope="module")
def undisturbed(table, tmp_path_factory):
    """Tables of a run that nothing disturbs, and how long it took."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    started = time.monotonic()
    assert finish(table, out).returncode == 0
    return tables_of(out), time.monotonic() - started


def seeded(seed):
    """Return moments and sizes that are random, and the same every time."""
    return random.Random(seed)  # noqa: S311 - no secret


def words(table, out):
    return [sys.executable, "-m", "ifi_mri", "batch", table, "--out", out, "--jobs", "2"]


def begin(table, out):
    return subprocess.Popen(words(table, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(table, out):
    return subprocess.run(words(table, out), capture_output=True, text=True, check=False)


def tables_of(out):
    return {name: (out / name).read_bytes() for name in TABLES}


def check(table, out, expected):
    """Resume a batch and compare."""
    done = finish(table, out)
    assert done.returncode == 0, done.stderr
    assert tables_of(out) == expected
    left = [path for path in out.rglob(".*") if TEMPORARY.fullmatch(path.name)]
    assert left == []
    for case in (out / "cases").iterdir():
        json.loads((case / "report.json").read_bytes())
        json.loads((case / "case.json").read_bytes())


def descendants(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@pytest.mark.parametrize("seed", range(8))
def test_the_parent_is_killed(table, undisturbed, tmp_path, seed):
    expected, seconds = undisturbed
    moments = seeded(seed)
    out = tmp_path / "out"
    running = begin(table, out)
    time.sleep(moments.uniform(0.1, 1.0) * seconds)
    family = descendants(running)
    running.kill()
    running.communicate()

    check(table, out, expected)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == [], "workers end with their parent"


@pytest.mark.parametrize("seed", range(8))
def test_a_worker_is_killed(table, undisturbed, tmp_path, seed):
    expected, seconds = undisturbed
    moments = seeded(seed)
    out = tmp_path / "out"
    running = begin(table, out)
    time.sleep(moments.uniform(0.2, 0.9) * seconds)
    workers = [one for one in descendants(running) if one.ppid() != running.pid]
    for one in workers[:1]:
        os.kill(one.pid, signal.SIGKILL)
    _, said = running.communicate(timeout=120)

    assert running.returncode == 0, said.decode()
    assert tables_of(out) == expected
    check(table, out, expected)


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of a size that is given later; where that is not permitted the full disk is
    played by `test_batch.test_a_full_disk_stops_the_batch_and_the_next_run_goes_on`."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options):
        done = subprocess.run(["mount", *options, folder], capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("mounting a small disk is not permitted here")

    yield folder, mount
    subprocess.run(["umount", folder], capture_output=True, check=False)


@pytest.mark.parametrize("seed", range(4))
def test_the_disk_fills_up(table, undisturbed, small_disk, seed):
    expected, _ = undisturbed
    folder, mount = small_disk
    size_kb = seeded(seed).randrange(100, 2000)
    mount("-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs")
    out = folder / "out"

    done = finish(table, out)
    assert done.returncode == 1, done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    mount("-o", "remount,size=100m")

    check(table, out, expected)


def test_a_run_that_is_killed_again_and_again_gets_to_its_end(table, undisturbed, tmp_path):
    expected, seconds = undisturbed
    moments = seeded(0)
    out = tmp_path / "out"
    for _ in range(6):
        running = begin(table, out)
        time.sleep(moments.uniform(0.3, 0.8) * seconds)
        running.kill()
        running.communicate()

    check(table, out, expected)
    shutil.rmtree(out)


def test_a_dask_cluster_gives_the_same_tables(table, undisturbed, tmp_path):
    expected, _ = undisturbed
    out = tmp_path / "out"
    done = subprocess.run(
        [*words(table, out), "--dask", "local"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert tables_of(out) == expected


def test_a_scheduler_that_does_not_answer_starts_nothing(table, tmp_path):
    done = subprocess.run(
        [*words(table, tmp_path / "out"), "--dask", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "--dask nowhere: no scheduler answers there" in done.stderr
    assert "Traceback" not in done.stderr
