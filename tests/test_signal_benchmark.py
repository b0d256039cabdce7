"""A small run of the signal's benchmark (``scripts/bench/signal.py``), so that a change that spoils
its figures is seen before the table in the README is made again."""

import importlib.util
import sys
from pathlib import Path

import pytest

from ifi_mri.vocabulary import Status

SCRIPT = Path(__file__).parents[1] / "scripts" / "bench" / "muscle_signal.py"

#: Cases of each kind; the README's table has 500 normal muscles.
N = 30

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def bench():
    """The benchmark's module, loaded from its file: scripts are no package."""
    spec = importlib.util.spec_from_file_location("muscle_signal", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["muscle_signal"] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["muscle_signal"]


def test_normal_muscles_are_not_called_abnormal(bench):
    both = [result for seed in range(N) for result in bench.normal(seed)]

    assert {result.status for result in both} == {Status.ABSENT}
    assert max(abs(result.ratio - 1) for result in both) < 0.05
    # what a bare threshold would have said of the same pixels
    assert sum(result.above_2sd > 0.025 for result in both) > N / 5


def test_oedema_has_the_extent_volume_ratio_and_grade_that_were_built(bench):
    results = [bench.diseased(seed) for seed in range(N)]
    bright = [result for result in results if result.true_ratio >= 2]

    assert max(abs(result.extent - result.true_extent) for result in bright) <= 0.045
    large = [result for result in bright if result.true_ml >= bench.SMALL_ML]
    assert max(abs(result.ml / result.true_ml - 1) for result in large) <= 0.12
    assert max(abs(result.raised / result.true_ratio - 1) for result in bright) <= 0.08
    off = [abs(result.grade - result.true_grade) for result in results]
    assert max(off) <= 1
    assert sum(off) <= 3
    spread = {result.spread for result in bright if result.kind == "perimuscular"}
    assert spread == {True}
    assert not any(result.spread for result in bright if result.kind != "perimuscular")


def test_fat_and_two_readers_stay_within_their_bounds(bench):
    on_t1, on_dixon = zip(*(bench.fatty(seed) for seed in range(12)), strict=True)

    assert max(map(abs, on_t1)) <= 0.03
    assert max(map(abs, on_dixon)) <= 0.012
    assert max(bench.two_readers(seed)[0] for seed in range(12)) < 0.03


def test_a_hip_takes_less_than_its_time(bench):
    rows = {name: found for name, _, found in bench.timing()}
    (together,) = (found for name, found in rows.items() if name == "both together")

    # CPU, which other work on the machine does not lengthen; room for slower machines
    assert float(together.split("CPU ")[1].split()[0]) < 2 * 150
