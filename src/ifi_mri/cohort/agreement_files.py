"""Reader agreement as files: ``agreement.json``, ``.csv`` and a page with plots."""

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ifi_mri.cohort import charts
from ifi_mri.cohort.agreement import Agreement, Pair, landmark_sd_mm
from ifi_mri.cohort.checklists import GRRAS
from ifi_mri.cohort.kappa import Kappa
from ifi_mri.cohort.positions_files import DECIMALS
from ifi_mri.cohort.reliability import Interval, LimitsOfAgreement
from ifi_mri.errors import ConfigError
from ifi_mri.files import write_atomically
from ifi_mri.reports import csv_table, html_page, output_folder, words
from ifi_mri.vocabulary import MeasurementName

SCHEMA_VERSION: Final = "1.0"

#: Below it the settings file would hold 0.000, and no hand places a point to a micrometre.
SMALLEST_SD_MM: Final = 0.001

COLUMNS: Final = (
    "name", "kind", "first", "second", "statistic", "value", "interval_low", "interval_high",
    "unit", "n_hips", "n_incomplete", "reason",
)  # fmt: skip

#: Statistics of all readings together, in the order of the table: field, title, whether it has the
#: unit of the quantity.
OVERALL: Final = (
    ("icc_2_1", "ICC(2,1), absolute agreement of one reading", False),
    ("icc_3_1", "ICC(3,1), consistency of one reading", False),
    ("icc_a_k", "ICC(A,k), absolute agreement of the mean", False),
    ("sem", "Standard error of measurement", True),
    ("smallest_detectable_change", "Smallest detectable change", True),
)


def write(agreements: Sequence[Agreement], folder: Path) -> list[Path]:
    """Write ``agreement.json``, ``.csv`` and ``.html`` and return their paths; files that were
    there move to ``previous/``.  ReportError where the folder cannot be written."""
    files = {
        "agreement.json": as_json(agreements),
        "agreement.csv": as_csv(agreements),
        "agreement.html": as_page(agreements),
    }
    return output_folder.write(folder, files)


def write_config(agreements: Sequence[Agreement], path: Path) -> Path:
    """Write the landmark SD of a cohort's own readers as a settings file and return its path.

    Raises
    ------
    ConfigError
        No space was read by several readers, or by one several times; the readings do not differ;
        or it cannot be written.
    """
    sd_mm = landmark_sd_mm(agreements)
    if sd_mm is not None and sd_mm < SMALLEST_SD_MM:
        raise ConfigError(
            f"no landmark SD follows: the readings agree to {SMALLEST_SD_MM} mm, as copies of one "
            "another do. Let every reader mark the landmarks anew."
        )
    if sd_mm is None:
        raise ConfigError(
            "no landmark SD follows: at least three hips whose ischiofemoral or quadratus femoris "
            "space was read by two readers, or twice by one, are needed."
        )
    text = (
        "# SD of one landmark along one axis, from this cohort's own agreement study: the largest\n"
        "# standard error of measurement of a space, divided by the square root of two.\n"
        f"[spaces]\nlandmark_sd_mm = {sd_mm:.3f}\n"
    )
    try:
        write_atomically(path, text.encode())
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be written ({problem.strerror}).") from problem
    return path


def as_json(agreements: Sequence[Agreement]) -> bytes:
    """Return every figure for other programs."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "landmark_sd_mm": rounded(landmark_sd_mm(agreements)),
        "comparisons": [
            {
                "name": one.compared.name,
                "unit": one.compared.unit,
                "kind": one.compared.kind,
                "readings": list(one.compared.columns),
                "n_hips": len(one.compared.hips),
                "n_incomplete": one.compared.n_incomplete,
                "reliability": rounded(one.reliability and asdict(one.reliability)),
                "pairs": [rounded(asdict(pair)) for pair in one.pairs],
                "reason": one.reason,
            }
            for one in agreements
        ],
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(errors="replace")


def as_csv(agreements: Sequence[Agreement]) -> bytes:
    """Return one row for each statistic of each comparison."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    for one in agreements:
        common = {
            "name": one.compared.name,
            "kind": one.compared.kind,
            "n_hips": len(one.compared.hips),
            "n_incomplete": one.compared.n_incomplete,
        }
        for row in _rows(one):
            writer.writerow(
                {key: csv_table.cell(rounded(value)) for key, value in (common | row).items()}
            )
    return text.getvalue().encode(errors="replace")


def _rows(one: Agreement) -> Iterator[dict[str, Any]]:
    if one.reason:
        yield {"reason": one.reason}
    if one.reliability:
        for field, _, has_unit in OVERALL:
            unit = one.compared.unit if has_unit else "1"
            yield _row(field, getattr(one.reliability, field), unit)
    for pair in one.pairs:
        readings = {"first": pair.first, "second": pair.second}
        if pair.limits:
            unit = one.compared.unit
            for field in ("bias", "lower", "upper"):
                yield readings | _row(field, getattr(pair.limits, field), unit)
            yield readings | {
                "statistic": "sd_of_differences",
                "value": pair.limits.sd,
                "unit": unit,
            }
            yield readings | _row("slope_of_difference_on_mean", pair.limits.slope, "1")
        if pair.kappa:
            yield readings | {
                "statistic": "observed_agreement",
                "value": pair.kappa.observed_agreement,
                "unit": "1",
            }
            if pair.kappa.kappa:
                yield readings | _row("kappa", pair.kappa.kappa, "1")


def _row(statistic: str, interval: Interval, unit: str) -> dict[str, Any]:
    return {
        "statistic": statistic,
        "value": interval.value,
        "interval_low": interval.low,
        "interval_high": interval.high,
        "unit": unit,
    }


def rounded(value: Any) -> Any:
    """Return values for a file: numbers with `DECIMALS`, None where they are not finite."""
    if isinstance(value, float):
        return round(value, DECIMALS) + 0.0 if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return value


# --- the page -----------------------------------------------------------------------------------


def as_page(agreements: Sequence[Agreement]) -> bytes:
    """Return every figure with its plots as one self-contained page."""
    return html_page.page(
        "agreement.html.j2",
        comparisons=[_shown(one) for one in agreements],
        landmark_sd_mm=landmark_sd_mm(agreements),
        checklist=GRRAS,
    )


def _shown(one: Agreement) -> dict[str, Any]:
    compared = one.compared
    return {
        "title": f"{title(compared.name)}, {compared.kind}",
        "n_hips": len(compared.hips),
        "n_incomplete": compared.n_incomplete,
        "readings": ", ".join(compared.columns),
        "reason": one.reason,
        "overall": [
            (label, shown(getattr(one.reliability, field), compared.unit if has_unit else ""))
            for field, label, has_unit in OVERALL
        ]
        if one.reliability
        else [],
        "pairs": [_shown_pair(one, pair) for pair in one.pairs],
    }


def _shown_pair(one: Agreement, pair: Pair) -> dict[str, Any]:
    rows, columns = pair.first, pair.second
    name = f"{rows} against {columns}"
    facts: list[tuple[str, str]] = []
    chart, kappa = "", pair.kappa
    if pair.limits:
        facts = _limit_facts(pair.limits, one.compared.unit)
        at = one.compared.columns.index
        chart = charts.differences(
            f"{title(one.compared.name)}: {name}",
            one.compared.unit,
            one.compared.hips,
            one.compared.column(at(pair.first)),
            one.compared.column(at(pair.second)),
            pair.limits,
        )
    if kappa:
        facts = _kappa_facts(kappa)
    return {
        "name": name,
        "rows": rows,
        "columns": columns,
        "facts": facts,
        "chart": chart,
        "counts": kappa,
    }


def _limit_facts(limits: LimitsOfAgreement, unit: str) -> list[tuple[str, str]]:
    slope = "none seen"
    if limits.slope_p < 0.05:
        slope = f"{shown(limits.slope, '')} per unit (p {limits.slope_p:.2g})"
    return [
        ("Bias, first less second", shown(limits.bias, unit)),
        ("Lower limit of agreement", shown(limits.lower, unit)),
        ("Upper limit of agreement", shown(limits.upper, unit)),
        ("SD of the differences", f"{limits.sd:.2f} {unit}"),
        ("Difference changes with size", slope),
    ]


def _kappa_facts(kappa: Kappa) -> list[tuple[str, str]]:
    beyond = shown(kappa.kappa, "") if kappa.kappa else "none: all hips lie in one category"
    return [
        ("Same category", f"{100 * kappa.observed_agreement:.0f} % of {kappa.n_hips} hips"),
        ("Kappa", beyond),
    ]


def shown(interval: Interval, unit: str) -> str:
    """Return a value with its 95 % interval: ``1.23 mm (0.98 to 1.60)``."""
    value, low, high = (_figure(x) for x in (interval.value, interval.low, interval.high))
    return f"{f'{value} {unit}'.strip()} ({low} to {high})"


def _figure(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "unbounded"


def title(name: str) -> str:
    """Return what a measurement, finding or grade is called in a heading."""
    base = name.removesuffix(" grade")
    if base in set(MeasurementName):
        return words.title(MeasurementName(base))
    plain = base.replace("_", " ").capitalize()
    return f"{plain}, grade" if base != name else plain
