"""Cut-offs of a cohort as files: labels in; ``cutoffs.json``, ``.csv`` and a page out."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ifi_mri.cohort import charts
from ifi_mri.cohort.agreement_files import rounded, shown, title
from ifi_mri.cohort.checklists import STARD
from ifi_mri.cohort.cutoffs import CutoffStudy, Label, LabelSource
from ifi_mri.cohort.readings import HipId
from ifi_mri.cohort.reliability import Interval
from ifi_mri.cohort.roc import BOOTSTRAP_DRAWS, AtCutoff
from ifi_mri.errors import ConfigError
from ifi_mri.reports import csv_table, html_page, output_folder
from ifi_mri.vocabulary import Side

SCHEMA_VERSION: Final = "1.0"

AFFECTED: Final = {
    **dict.fromkeys(("yes", "1", "true", "present", "affected"), True),
    **dict.fromkeys(("no", "0", "false", "absent", "unaffected"), False),
}

COLUMNS: Final = (
    "name", "cutoff", "cutoff_mm", "sensitivity", "sensitivity_low", "sensitivity_high",
    "specificity", "specificity_low", "specificity_high", "positive_predictive_value",
    "negative_predictive_value", "prevalence", "n_affected", "n_others", "n_patients", "reason",
)  # fmt: skip


# --- in -----------------------------------------------------------------------------------------


def read_labels(path: Path) -> dict[HipId, Label]:
    """Return which hips are affected, by case and side.

    Parameters
    ----------
    path : path
        CSV, parted by commas, semicolons or tabs, with the columns ``case_id``, ``side`` and
        ``label`` (yes or no), and optional ``patient`` (equal for all cases of one person; else a
        case is a person) and
        ``label_source`` (clinical, other_imaging or same_images).  A row without a label is passed
        over.

    Raises
    ------
    ConfigError
        The file cannot be read, lacks a column, or a row is wrong; every wrong row is named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path.name}: cannot be read as text ({problem}).") from problem
    rows, fields = _rows(text, path)
    missing = {"case_id", "side", "label"} - set(fields)
    if missing:
        raise ConfigError(
            f"{path.name}: lacks the columns {', '.join(sorted(missing))}; expected case_id, side, "
            "label and, if known, patient and label_source."
        )
    found: dict[HipId, Label] = {}
    problems: list[str] = []
    for line, row in rows:
        try:
            _add(found, row)
        except ValueError as problem:
            problems.append(f"line {line}: {problem}")
    if problems:
        raise ConfigError(f"{path.name}: {'; '.join(problems)}. Correct the table.")
    return found


def _rows(text: str, path: Path) -> tuple[list[tuple[int, dict[Any, Any]]], list[str]]:
    """Return the rows of a table parted by commas, semicolons or tabs, each with the line it ends
    on, and the columns."""
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [name.strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        return [(reader.line_num, row) for row in reader], columns
    except csv.Error as problem:
        raise ConfigError(
            f"{path.name}: line {reader.line_num} is not CSV ({problem}). Correct that line."
        ) from problem


def _add(found: dict[HipId, Label], row: Mapping[Any, Any]) -> None:
    """Add the label of a row; ValueError where the row is wrong."""
    case, side, label = ((row.get(key) or "").strip() for key in ("case_id", "side", "label"))
    if not label:
        return
    if None in row:
        raise ValueError("more cells than columns")
    if not case:
        raise ValueError("case_id is blank")
    if side.lower() not in set(Side):
        raise ValueError(f"side {side!r} is neither left nor right")
    if label.lower() not in AFFECTED:
        raise ValueError(f"label {label!r} is neither yes nor no")
    source = (row.get("label_source") or "").strip().lower() or LabelSource.NOT_STATED
    if source not in set(LabelSource):
        raise ValueError(f"label_source {source!r} is none of {', '.join(LabelSource)}")
    hip = case, Side(side.lower())
    if hip in found:
        raise ValueError(f"{case}, {side}: labelled twice")
    patient = (row.get("patient") or "").strip() or case
    found[hip] = Label(AFFECTED[label.lower()], patient, LabelSource(source))


# --- out ----------------------------------------------------------------------------------------


def write(studies: Sequence[CutoffStudy], warnings: Sequence[str], folder: Path) -> list[Path]:
    """Write ``cutoffs.json``, ``.csv`` and ``.html`` and return their paths; files that were there
    move to ``previous/``.  ReportError where the folder cannot be written."""
    files = {
        "cutoffs.json": as_json(studies, warnings),
        "cutoffs.csv": as_csv(studies),
        "cutoffs.html": as_page(studies, warnings),
    }
    return output_folder.write(folder, files)


def as_json(studies: Sequence[CutoffStudy], warnings: Sequence[str]) -> bytes:
    """Return every figure for other programs; the hips themselves stay in measurements.csv."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "warnings": list(warnings),
        "studies": [
            {
                "name": one.name,
                "prevalence": one.prevalence,
                "n_affected": one.n_affected,
                "n_others": one.n_others,
                "n_patients": one.n_patients,
                "n_without_distance": one.n_without_distance,
                "n_without_label": one.n_without_label,
                "area": one.area and asdict(one.area),
                "best": one.best and asdict(one.best),
                "at_best": one.at_best and asdict(one.at_best),
                "profiles": [
                    {
                        "profile": result.profile.id,
                        "at": asdict(result.at),
                        "sensitivity": asdict(result.sensitivity),
                        "specificity": asdict(result.specificity),
                    }
                    for result in one.profiles
                ],
                "reason": one.reason,
            }
            for one in studies
        ],
    }
    return (json.dumps(rounded(content), indent=1, ensure_ascii=False) + "\n").encode()


def as_csv(studies: Sequence[CutoffStudy]) -> bytes:
    """Return one row for each cut-off of each space."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    for one in studies:
        common = {
            "name": str(one.name),
            "prevalence": one.prevalence,
            "n_affected": one.n_affected,
            "n_others": one.n_others,
            "n_patients": one.n_patients,
            "reason": one.reason,
        }
        rows = [_row("", None, None, None)] if one.reason else []
        if one.best and one.at_best:
            rows.append(_row("youden", one.at_best, one.best.sensitivity, one.best.specificity))
        rows += [_row(r.profile.id, r.at, r.sensitivity, r.specificity) for r in one.profiles]
        for row in rows:
            cells = {key: csv_table.cell(rounded(v)) for key, v in (common | row).items()}
            writer.writerow(cells)
    return text.getvalue().encode(errors="replace")


def _row(
    cutoff: str, at: AtCutoff | None, sensitivity: Interval | None, specificity: Interval | None
) -> dict[str, Any]:
    if at is None or sensitivity is None or specificity is None:
        return {"cutoff": cutoff}
    return {
        "cutoff": cutoff,
        "cutoff_mm": at.cutoff_mm,
        "sensitivity": at.sensitivity,
        "sensitivity_low": sensitivity.low,
        "sensitivity_high": sensitivity.high,
        "specificity": at.specificity,
        "specificity_low": specificity.low,
        "specificity_high": specificity.high,
        "positive_predictive_value": at.positive_predictive_value,
        "negative_predictive_value": at.negative_predictive_value,
    }


def as_page(studies: Sequence[CutoffStudy], warnings: Sequence[str]) -> bytes:
    """Return every figure with the curves as one self-contained page."""
    prevalence = studies[0].prevalence if studies else 0.0
    draws = next((one.best.n_draws for one in studies if one.best), BOOTSTRAP_DRAWS)
    return html_page.page(
        "cutoffs.html.j2",
        studies=[_shown(one) for one in studies],
        warnings=warnings,
        prevalence=_percent(prevalence),
        n_draws=draws,
        checklist=STARD,
    )


def _shown(one: CutoffStudy) -> dict[str, Any]:
    content: dict[str, Any] = {"title": title(str(one.name)), "reason": one.reason}
    if one.area is None or one.best is None or one.at_best is None:
        return content
    best, at = one.best, one.at_best
    return content | {
        "n_affected": one.n_affected,
        "n_others": one.n_others,
        "n_patients": one.n_patients,
        "chart": charts.roc_chart(f"ROC curve of the {content['title'].lower()}", one),
        "facts": [
            ("Area under the curve", shown(one.area, "")),
            (
                "Youden's cut-off, at or below",
                f"{best.cutoff_mm.value:.1f} mm "
                f"({best.cutoff_mm.low:.1f} to {best.cutoff_mm.high:.1f})",
            ),
            ("Sensitivity there", _percents(best.sensitivity)),
            ("Specificity there", _percents(best.specificity)),
            ("Positive predictive value", _percent(at.positive_predictive_value)),
            ("Negative predictive value", _percent(at.negative_predictive_value)),
        ],
        "profiles": [
            (
                result.profile.title,
                f"{result.at.cutoff_mm:.1f} mm",
                _percents(result.sensitivity),
                _percents(result.specificity),
                _percent(result.at.positive_predictive_value),
                _percent(result.at.negative_predictive_value),
            )
            for result in one.profiles
        ],
    }


def _percent(share: float | None) -> str:
    return "none is of that kind" if share is None else f"{100 * share:.1f} %"


def _percents(interval: Interval) -> str:
    return f"{100 * interval.value:.0f} % ({100 * interval.low:.0f} to {100 * interval.high:.0f})"
