"""The drift ledger: what golden phantoms measure, release by release, in ``docs/drift.csv``.

The studies of ``sample_data/`` are synthetic and do not change; whatever their measurements do from
one release to the next was done by the code.  Changes of distances are told in micrometres.

    python scripts/drift.py            # compare with the last release; exit status 1 if it differs
    python scripts/drift.py --record   # enter this version (again, where it is there already)
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import ifi_mri
from ifi_mri._version import __version__
from ifi_mri.model import Measurement

REPOSITORY = Path(__file__).resolve().parents[1]
LEDGER = REPOSITORY / "docs" / "drift.csv"
SAMPLE_DATA = REPOSITORY / "sample_data"
COLUMNS = (
    "version", "date", "case", "side", "measurement", "value", "unit", "change", "change_um",
)  # fmt: skip

#: Values are kept to a tenth of a micrometre, or as many decimals of another unit.
DECIMALS = 4

#: What the same code may differ by from machine to machine: rounding of sums and fits.
TOLERANCE = {"mm": 0.001, "mm2": 0.01, "ml": 0.001, "deg": 0.001, "1": 0.001}

Key = tuple[str, str, str]


def measured() -> Iterator[tuple[Key, Measurement]]:
    """Yield every measurement of every golden phantom by case, side and name."""
    for folder in sorted(path for path in SAMPLE_DATA.iterdir() if path.is_dir()):
        study = ifi_mri.load_study(folder / "study")
        report = ifi_mri.analyse(study, ifi_mri.read_landmarks(folder / "landmarks"))
        for one in report.measurements:
            yield (folder.name, str(one.side or "both"), str(one.name)), one


def ledger() -> list[dict[str, str]]:
    """Return the rows of the ledger, oldest first; none where there is no ledger yet."""
    if not LEDGER.exists():
        return []
    with LEDGER.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def last_entry(rows: list[dict[str, str]]) -> dict[Key, tuple[float, str]]:
    """Return value and unit of the last release, by case, side and name."""
    last = rows[-1]["version"] if rows else ""
    return {
        (row["case"], row["side"], row["measurement"]): (float(row["value"]), row["unit"])
        for row in rows
        if row["version"] == last
    }


def differences(before: dict[Key, tuple[float, str]]) -> list[str]:
    """Return in words what is not as it was."""
    now = dict(measured())
    said = [f"{' '.join(key)}: was measured, is not" for key in before.keys() - now.keys()]
    said += [f"{' '.join(key)}: was not measured, is" for key in now.keys() - before.keys()]
    for key in before.keys() & now.keys():
        was, unit = before[key]
        change = now[key].value - was
        if abs(change) > TOLERANCE[unit]:
            shown = f"{1000 * change:+.1f} um" if unit == "mm" else f"{change:+.4f} {unit}"
            said.append(f"{' '.join(key)}: {was:.4f} {unit} became {now[key].value:.4f} ({shown})")
    return sorted(said)


def record() -> None:
    """Enter this version in the ledger, with the change against the release before."""
    rows = [row for row in ledger() if row["version"] != __version__]
    before = last_entry(rows)
    today = datetime.now(UTC).date().isoformat()
    for (case, side, name), one in measured():
        value = round(one.value, DECIMALS) + 0.0
        was = before.get((case, side, name))
        change = None if was is None else round(value - was[0], DECIMALS) + 0.0
        rows.append(
            {
                "version": __version__,
                "date": today,
                "case": case,
                "side": side,
                "measurement": name,
                "value": repr(value),
                "unit": one.unit,
                "change": "" if change is None else repr(change),
                "change_um": f"{1000 * change:.1f}"
                if change is not None and was and was[1] == "mm"
                else "",
            }
        )
    with LEDGER.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def main() -> None:
    """Compare or record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="enter this version")
    if parser.parse_args().record:
        record()
        return
    said = differences(last_entry(ledger()))
    print("\n".join(said) or "every measurement is as it was")
    sys.exit(bool(said))


if __name__ == "__main__":
    main()
