"""One case from files to its folder: what a worker process does.

Whatever goes wrong ends as an `Outcome`; the batch goes on.  This is the only place of the package
that catches ``Exception``.
"""

import errno
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from ifi_mri import clinical as clinical_files
from ifi_mri import landmarks as landmark_files
from ifi_mri import pipeline, reports
from ifi_mri.batch import receipts
from ifi_mri.batch.cases import Case, Problem
from ifi_mri.batch.receipts import DONE, FAILED, Receipt, Settings
from ifi_mri.cohort import rows
from ifi_mri.errors import ClinicalIntakeError, IfiMriError, ReportError
from ifi_mri.landmarks import label_masks
from ifi_mri.landmarks.text_files import read_head
from ifi_mri.loaders.kept_slices import KeptSlices
from ifi_mri.model import ClinicalIntake, LandmarkSet, Report
from ifi_mri.vocabulary import HipRotation

_Found = TypeVar("_Found")

REUSED: Final = "reused"

#: Where cases lie in the folder of a batch.
CASES: Final = "cases"

#: What a disk says that takes no more: no later case can be written either.
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})

#: Landmark files of this size and more are kept in mind: one table may hold every case.
_KEPT_FROM_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Task:
    """A case to analyse.

    ``folder`` is where its report goes; ``asked`` and ``listing`` are what `receipts` keeps;
    ``may_reuse`` says that a report is there which fits unless the contents of inputs changed.
    """

    case: Case
    settings: Settings
    folder: str
    asked: str
    listing: str
    may_reuse: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended.

    ``stops_batch`` is the sentence of a disk that takes no more; ``trace`` is where an error that
    is not one of ours came from.
    """

    folder: str
    status: str
    seconds: float = 0.0
    error: str = ""
    reason: str = ""
    stops_batch: str = ""
    trace: str = ""


def analyse(task: Task) -> Outcome:
    """Analyse one case into its folder and return how it ended; never raises an ``Exception``."""
    started = time.perf_counter()
    try:
        status = _analyse(task)
    except Exception as problem:  # noqa: BLE001 - one case must not stop the others
        return failed(task, problem, time.perf_counter() - started)
    return Outcome(task.case.folder, status, time.perf_counter() - started)


def _analyse(task: Task) -> str:
    started = time.perf_counter()
    case, folder = task.case, Path(task.folder)
    config = receipts.config_of(case, task.settings)
    study = pipeline.load_study(Path(case.study), config)
    earlier = receipts.read(folder) if folder.is_dir() else None
    if task.may_reuse and earlier and receipts.has_same_contents(earlier, case, study):
        receipts.write(folder, replace(earlier, listing=task.listing))
        return REUSED
    landmarks = _landmarks(case, task.settings.label_table)
    open_volume = KeptSlices().open_volume
    report = pipeline.analyse(study, landmarks, intake_of(case), config, open_volume=open_volume)
    if earlier is None or earlier.asked != task.asked:
        report = _as_written_before(report, folder)
    settings = task.settings
    written = pipeline.write_report(
        report,
        study,
        folder,
        settings.formats,
        settings.format_options,
        open_volume,
        sync=False,
        language=config.language,
    )
    receipt = Receipt(
        status=DONE,
        asked=task.asked,
        listing=task.listing,
        headers=receipts.headers_of(study),
        inputs=receipts.inputs_of(report),
        outputs={os.path.relpath(path, folder): path.stat().st_size for path in written},
        seconds=round(time.perf_counter() - started, 3),
        rows=rows.of_report(report, f"{CASES}/{case.folder}"),
    )
    receipts.write(folder, receipt)
    return DONE


def _as_written_before(report: Report, folder: Path) -> Report:
    """Return a report with the time of the one that a killed run wrote from the same inputs, so
    that it is found unchanged and is not kept twice."""
    from ifi_mri.reports import json_file

    try:
        before = json_file.read((folder / json_file.FILE_NAME).read_bytes())
    except (OSError, ReportError):
        return report
    same = replace(report, created_at=before.created_at)
    return same if before.report_uid == report.report_uid else report


# --- its files ----------------------------------------------------------------------------------


def _landmarks(case: Case, label_table: str | None) -> LandmarkSet:
    paths = [Path(path) for path in case.landmarks]
    asked = {"case_id": case.case_id, "reader": case.reader, "read": case.read}
    if len(paths) == 1 and paths[0].is_file() and label_table is None:
        status = paths[0].stat()
        if status.st_size >= _KEPT_FROM_BYTES:
            sets = _sets_of(str(paths[0]), status.st_size, status.st_mtime_ns)
            if len(sets) > 1:
                return landmark_files.choose(sets, **asked)  # type: ignore[arg-type]
    if label_table is not None and not any(map(_is_label_map, paths)):
        label_table = None  # it is for other cases of the batch
    return landmark_files.read_all(paths, label_table=label_table, **asked)  # type: ignore[arg-type]


def _is_label_map(path: Path) -> bool:
    return path.is_file() and label_masks.is_label_map(path, read_head(path))


@lru_cache(maxsize=1)
def _sets_of(path: str, size: int, modified_ns: int) -> Sequence[LandmarkSet]:  # noqa: ARG001
    """Return every landmark set of a file, read once for all its cases."""
    return landmark_files.read_sets(path)


def intake_of(case: Case) -> ClinicalIntake | None:
    """Return the clinical intake of a case, with the position that its row states.

    Raises
    ------
    ClinicalIntakeError
        The file is wrong, or states another position.
    """
    intake = clinical_files.read(Path(case.clinical), case.case_id) if case.clinical else None
    stated = case.position
    if stated in (None, HipRotation.NOT_RECORDED):
        return intake
    intake = intake or ClinicalIntake()
    if intake.hip_rotation not in (HipRotation.NOT_RECORDED, stated):
        raise ClinicalIntakeError(
            f"the clinical intake says hip_rotation {intake.hip_rotation.value!r}, the case table "
            f"{stated.value!r}. Correct one of them."
        )
    return replace(intake, hip_rotation=stated)


# --- when it goes wrong -------------------------------------------------------------------------


def failed(task: Task, problem: Exception, seconds: float = 0.0) -> Outcome:
    """Leave ``error.json``, a page and a receipt of a case that failed; return its outcome."""
    ours = isinstance(problem, IfiMriError)
    trace = "" if ours else "".join(traceback.format_exception(problem))
    kind = type(problem).__name__
    if full := _disk_is_full(problem):
        return Outcome(task.case.folder, FAILED, seconds, kind, full, stops_batch=full)
    reason = str(problem) if ours else f"an unexpected {kind}; error.json in its folder says more"
    outcome = Outcome(task.case.folder, FAILED, seconds, kind, reason, trace=trace)
    try:
        _leave_failure(task, problem, outcome)
    except (IfiMriError, OSError) as second:
        full = _disk_is_full(second)
        return replace(outcome, stops_batch=full)
    return outcome


def _leave_failure(task: Task, problem: Exception, outcome: Outcome) -> None:
    case, folder = task.case, Path(task.folder)
    row = rows.without_report(
        case_id=case.case_id,
        reader=case.reader,
        read=case.read,
        folder=f"{CASES}/{case.folder}",
        status=FAILED,
        reason=outcome.reason,
        error=outcome.error,
    )
    receipt = Receipt(FAILED, task.asked, task.listing, "", [], {}, round(outcome.seconds, 3), row)
    earlier = receipts.read(folder)
    if earlier is None or replace(earlier, seconds=receipt.seconds) != receipt:
        reports.write_error(folder, problem, case_id=case.case_id)
        receipts.write(folder, receipt)


def _disk_is_full(problem: BaseException | None) -> str:
    """Return the sentence of a disk that takes no more, from an error or what caused it."""
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno in _DISK_FULL:
            return problem.strerror or "the disk is full"
        problem = problem.__cause__
    return ""


# --- before anything is measured ----------------------------------------------------------------


def check(task: Task) -> list[Problem]:
    """Return what is wrong with the files of a case, without measuring."""
    case = task.case
    config = receipts.config_of(case, task.settings)
    problems: list[Problem] = []

    def tried(column: str, work: Callable[[], _Found]) -> _Found | None:
        try:
            return work()
        except IfiMriError as problem:
            text = str(problem)
        except Exception as problem:  # noqa: BLE001 - the other cases are checked all the same
            text = f"an unexpected {type(problem).__name__} while it was read"
        problems.append(Problem(case.line, case.case_id, column, text))
        return None

    study = tried("study", lambda: pipeline.load_study(Path(case.study), config))
    landmarks = tried("landmarks", lambda: _landmarks(case, task.settings.label_table))
    if case.clinical:
        tried("clinical", lambda: intake_of(case))
    if study is not None and landmarks is not None:
        tried("landmarks", lambda: pipeline.check(study, landmarks, config))
    return problems
