"""What golden phantoms measure is what the drift ledger's last entry says."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "drift.py"


@pytest.fixture(scope="module")
def drift():
    spec = importlib.util.spec_from_file_location("drift", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["drift"] = module
    spec.loader.exec_module(module)
    return module


def test_golden_phantoms_measure_what_the_ledger_says(drift):
    before = drift.last_entry(drift.ledger())

    said = drift.differences(before)
    assert said == [], "meant? Then enter it: python scripts/drift.py --record"
    assert len(before) > 40


def test_a_change_is_told_in_micrometres(drift, monkeypatch):
    before = drift.last_entry(drift.ledger())
    key = ("normal", "left", "ischiofemoral_space")
    value, unit = before[key]
    gone = ("normal", "left", "ischial_angle")
    wrong = before | {key: (value + 0.0042, unit), gone: (1.0, "deg")}

    first, second = drift.differences(wrong)
    assert first == "normal left ischial_angle: was measured, is not"
    assert second.startswith("normal left ischiofemoral_space: ")
    assert second.endswith("(-4.2 um)")


def test_a_version_is_entered_once_with_its_change(drift, monkeypatch, tmp_path):
    monkeypatch.setattr(drift, "LEDGER", tmp_path / "drift.csv")
    key = ("normal", "left", "ischiofemoral_space")
    one = dict(drift.measured())[key]
    monkeypatch.setattr(drift, "measured", lambda: iter([(key, one)]))
    for version in ("1.0", "1.1", "1.1"):
        monkeypatch.setattr(drift, "__version__", version)
        drift.record()

    rows = drift.ledger()
    assert [(row["version"], row["change_um"]) for row in rows] == [("1.0", ""), ("1.1", "0.0")]
    assert drift.last_entry(rows) == {key: (round(one.value, 4), "mm")}
