"""A cohort at a glance: one line a reading with what its page shows, and the order in which
somebody should look at them.

The list is worst first: what failed, then what is implausible, near a cut-off or was cautioned.
The weights only order the list; they are ours and claim nothing.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ifi_mri.cohort import columns, tables
from ifi_mri.vocabulary import FindingName, MeasurementName, Side, Status

#: What the page shows of each side, by the key it has in the page's data.
NUMBERS: Final = {
    "ifs": MeasurementName.ISCHIOFEMORAL_SPACE,
    "qfs": MeasurementName.QUADRATUS_FEMORIS_SPACE,
    "ratio": MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO,
    "oedema": MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION,
}
STATUSES: Final = {
    "ifs_status": FindingName.ISCHIOFEMORAL_SPACE_NARROWING,
    "qfs_status": FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING,
    "oedema_status": FindingName.QUADRATUS_FEMORIS_OEDEMA,
}
GRADED: Final = {"oedema_grade": FindingName.QUADRATUS_FEMORIS_OEDEMA}

#: Cautions that say a number can hardly be right, by parts of their codes.
IMPLAUSIBLE: Final = re.compile(r"implausible|doubtful|outside|wider|in_marrow|in_fat|near_edge")

#: Weights of the reasons to look, so that one implausible number comes before many cautions.
FAILED_WEIGHT: Final = 1000
IMPLAUSIBLE_WEIGHT: Final = 100
UNDECIDED_WEIGHT: Final = 10
CAUTION_WEIGHT: Final = 1


@dataclass
class Line:
    """One reading of one case, as the page shows it; numbers by side and key."""

    case_id: str
    reader: str
    read: int | None
    group: str
    sex: str
    age_years: float | None
    status: str
    folder: str
    reason: str
    cautions: tuple[str, ...]
    profile: str
    sides: dict[str, dict[str, Any]] = field(default_factory=dict)

    def reasons_to_look(self) -> Iterator[tuple[int, str]]:
        """Yield why somebody should look at this reading, each with its weight."""
        if self.status == columns.FAILED:
            yield FAILED_WEIGHT, f"failed: {self.reason}"
        for code in self.cautions:
            if IMPLAUSIBLE.search(code):
                yield IMPLAUSIBLE_WEIGHT, code.replace("_", " ")
            else:
                yield CAUTION_WEIGHT, code.replace("_", " ")
        for side, values in self.sides.items():
            for key in STATUSES:
                if values.get(key) == Status.INDETERMINATE:
                    name = key.removesuffix("_status")
                    shown = name.upper() if name != "oedema" else name
                    yield UNDECIDED_WEIGHT, f"{side} {shown} undecided"


def lines(folder: Path) -> list[Line]:
    """Return every reading of a batch, worst first.

    Parameters
    ----------
    folder : pathlib.Path
        Of a batch.

    Raises
    ------
    ConfigError
        It holds no tables of a batch.
    """
    found = {_key(row): _line(row) for row in tables.read(folder, "cases")}
    for row in tables.read(folder, "measurements"):
        _add(found, row, row["measurement"], NUMBERS, "value")
    for row in tables.read(folder, "findings"):
        _add(found, row, row["finding"], STATUSES, "status")
        _add(found, row, row["finding"], GRADED, "grade")
    return sorted(found.values(), key=lambda line: (-score(line), line.case_id, line.reader))


def score(line: Line) -> int:
    """Return how much a reading asks to be looked at."""
    return sum(weight for weight, _ in line.reasons_to_look())


def _key(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["case_id"], row["reader"] or "", row["read"] or 0


def _line(row: Mapping[str, Any]) -> Line:
    return Line(
        case_id=row["case_id"],
        reader=row["reader"] or "",
        read=row["read"],
        group=row["group"] or "",
        sex=row["sex"] or "",
        age_years=row["age_years"] if _is_known(row["age_years"]) else None,
        status=row["status"],
        folder=row["folder"] or "",
        reason=row["reason"] or "",
        cautions=tuple((row["cautions"] or "").split()),
        profile=row["profile"] or "",
    )


def _add(
    found: Mapping[tuple[str, str, int], Line],
    row: Mapping[str, Any],
    name: str | None,
    keys: Mapping[str, str],
    column: str,
) -> None:
    line = found.get(_key(row))
    if line is None or row["side"] not in set(Side):
        return
    for key, wanted in keys.items():
        if name == wanted and _is_known(row[column]):
            line.sides.setdefault(row["side"], {})[key] = row[column]


def _is_known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def as_values(found: Iterable[Line]) -> list[dict[str, Any]]:
    """Return lines as plain values for the page, numbers at the printed precision."""
    return [
        {
            "id": line.case_id,
            "reader": line.reader,
            "read": line.read,
            "group": line.group,
            "sex": line.sex,
            "age": line.age_years,
            "status": line.status,
            "href": f"{line.folder}/report.html" if line.folder else "",
            "profile": line.profile,
            "score": score(line),
            "why": [text for _, text in sorted(line.reasons_to_look(), key=lambda r: -r[0])],
            "sides": {side: _printed(values) for side, values in line.sides.items()},
        }
        for line in found
    ]


#: Digits that the page shows of each number.
DIGITS: Final = {"ifs": 1, "qfs": 1, "ratio": 2, "oedema": 3}


def _printed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, DIGITS[key]) if key in DIGITS else value for key, value in values.items()
    }
