"""Many cases: a thin door over `ifi_mri.pipeline.analyse`, one loop over an executor.

`cases` and `bids_cases` say which cases there are, `one_case` does one in a worker, `loop` keeps
the workers of `executors` busy, `receipts` say what need not be done again, `progress` and
`run_record` tell.  The tables of the cohort are made from the receipts at the end: in the order of
the case table, whatever order the cases finished in, so that a run that was interrupted and resumed
gives the same bytes as one that was not.

A program that calls `run` needs ``if __name__ == "__main__":`` around it, as everything that starts
processes does.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, TextIO

from ifi_mri import folder_lock
from ifi_mri.batch import bids_cases, cases, executors, loop, one_case, receipts, run_record
from ifi_mri.batch.cases import Case, Problem
from ifi_mri.batch.one_case import CASES, REUSED, Outcome, Task
from ifi_mri.batch.progress import Progress
from ifi_mri.batch.receipts import DONE, FAILED, Receipt, Settings
from ifi_mri.batch.selected import Selection
from ifi_mri.cohort import columns, rows, tables
from ifi_mri.cohort.rows import CaseRows
from ifi_mri.errors import ConfigError, IfiMriError, ReportError
from ifi_mri.files import check_writable, remove_temporary, sync_everything

__all__ = ["INTERRUPTED", "Settings", "Summary", "check", "id_of", "read_cases", "run"]

#: What `Summary.stopped` says after Ctrl-C or SIGTERM.
INTERRUPTED: Final = "it was interrupted"

#: How long a run waits for the workers of one that was killed, s.
_WAIT_FOR_WORKERS_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Summary:
    """How a batch ended.

    ``stopped`` is the sentence that says why it ended before its last case; empty where it did
    not.  ``n_not_run`` cases were not asked for, or are left for the next run.
    """

    n_cases: int
    n_done: int
    n_failed: int
    n_reused: int
    n_not_run: int
    seconds: float
    stopped: str = ""


def read_cases(path: Path) -> tuple[list[Case], list[Problem]]:
    """Return the cases of a case table or BIDS data set, and what is wrong with it: columns, rows,
    names that repeat, files that are not there.

    Raises
    ------
    ConfigError
        It can be read as neither.
    """
    if not path.exists():
        raise ConfigError(f"{path}: there is no such case table or BIDS data set. Check the path.")
    return bids_cases.read(path) if path.is_dir() else cases.read(path)


def check(
    found: Sequence[Case],
    settings: Settings,
    *,
    n_processes: int,
    stream: TextIO = sys.stderr,
    quiet: bool = False,
) -> list[Problem]:
    """Return what is wrong with the files of cases, from headers and landmarks alone: formats,
    series, frames of reference, sides."""
    problems: list[Problem] = []
    progress = Progress(stream, len(found), quiet=quiet)
    tasks = (Task(case, settings, "", "", "") for case in found)
    with executors.local(n_processes) as workers:
        for done in loop.run(one_case.check, tasks, workers):
            case = done.task.case
            new = done.result
            if new is None:
                text = "its worker process died twice while it was read (killed, or out of memory)"
                new = [Problem(case.line, case.case_id, "study", text)]
            problems += new
            progress.add(FAILED if new else DONE)
    progress.end()
    order = {id_of(case): index for index, case in enumerate(found)}
    return sorted(problems, key=lambda problem: order.get((problem.line, problem.case_id), 0))


def id_of(case: Case) -> tuple[int | None, str | None]:
    """Return what a `Problem` says of a case."""
    return case.line, case.case_id


# --- a run --------------------------------------------------------------------------------------


def run(
    found: Sequence[Case],
    out: Path,
    settings: Settings,
    *,
    n_processes: int = 0,
    dask: str | None = None,
    restart: bool = False,
    selection: Selection | None = None,
    cases_from: Path = Path(),
    command: Sequence[str] = (),
    stream: TextIO = sys.stderr,
    quiet: bool = False,
    tell_traces: bool = False,
) -> Summary:
    """Analyse cases into a folder and write the cohort's tables.

    Parameters
    ----------
    found : sequence of Case
        From `read_cases`, without problems.
    out : pathlib.Path
        The folder; finished cases in it are not redone while inputs, settings and software version
        are as they were.
    settings : Settings
    n_processes : int
        Processes of this machine; 0 means one for each of its processors.
    dask : str, optional
        Address of a Dask scheduler, or ``local``.
    restart : bool
        Analyse finished cases again.
    selection : Selection, optional
        The cases to look at; all others keep what they have.
    cases_from, command : path and words, for ``run.json``
    stream, quiet, tell_traces
        Where progress is told, whether, and whether with the places of unexpected errors.

    Returns
    -------
    Summary

    Raises
    ------
    ConfigError
        Another run holds the folder, it cannot be written, or there is no such Dask cluster.
    ReportError
        The tables cannot be written.
    """
    n_processes = n_processes or executors.available_cores()
    _prepare(out)
    try:
        with folder_lock.locked(out):
            _wait_for_workers(out)
            batch = _Batch(out, settings, found, Progress(stream, len(found), quiet=quiet))
            batch.tell_traces = tell_traces
            workers = f"dask {dask}" if dask else f"{n_processes} processes"
            record = run_record.begun(out, settings, cases_from, len(found), workers, command)
            remove_temporary(out, [*tables.FILES, run_record.FILE_NAME])
            open_workers = _opener(dask, n_processes, out)
            return batch.run(open_workers, record, restart=restart, selection=selection)
    except folder_lock.TakenError as taken:
        raise ConfigError(
            f"{out}: another run ({taken.holder}) is analysing into this folder, one at a time is "
            "possible. Wait until it ends, or choose another folder with --out."
        ) from taken


def _prepare(out: Path) -> None:
    try:
        check_writable(out)
        (out / CASES).mkdir(exist_ok=True)
    except OSError as problem:
        raise ConfigError(
            f"{out}: the output folder cannot be written ({problem.strerror}). Choose another "
            "with --out."
        ) from problem


def _wait_for_workers(out: Path) -> None:
    """Wait until the last worker of a run that was killed is gone, as it may still be writing."""
    give_up = time.monotonic() + _WAIT_FOR_WORKERS_S
    while not folder_lock.is_free(out, executors.WORKERS_LOCK):
        if time.monotonic() > give_up:
            raise ConfigError(
                f"{out}: worker processes of an earlier run are still at work after "
                f"{_WAIT_FOR_WORKERS_S:.0f} s. End them, or choose another folder with --out."
            )
        time.sleep(0.01)


def _opener(
    dask: str | None, n_processes: int, out: Path
) -> Callable[[], AbstractContextManager[executors.Workers]]:
    if dask is not None:
        return lambda: executors.dask(dask, n_processes)
    return lambda: executors.local(n_processes, out)


class _Batch:
    """One run on one folder, whose lock is held."""

    tell_traces = False

    def __init__(
        self, out: Path, settings: Settings, found: Sequence[Case], progress: Progress
    ) -> None:
        self.out, self.settings, self.found, self.progress = out, settings, found, progress
        self.root = (out / CASES).absolute()
        self.stopped = ""

    def run(
        self,
        open_workers: Callable[[], AbstractContextManager[executors.Workers]],
        record: run_record.RunRecord,
        *,
        restart: bool,
        selection: Selection | None,
    ) -> Summary:
        """Analyse what is left to do, then write tables and record, also when stopped early."""
        started = time.perf_counter()
        self._record(record.content())
        self.stopped = ""
        with _interrupted_by_terminate():
            try:
                left = self._left_to_do(restart, selection)
                if left:
                    self._analyse(self._tasks(left, restart), open_workers)
            except KeyboardInterrupt:
                self.stopped = INTERRUPTED
        self.progress.end()
        sync_everything()
        n_rows = tables.write(self.out, self._rows())
        counts = self.progress.counts
        finished = sum(counts[status] for status in (DONE, FAILED, REUSED))
        summary = Summary(
            n_cases=len(self.found),
            n_done=counts[DONE],
            n_failed=counts[FAILED],
            n_reused=counts[REUSED],
            n_not_run=len(self.found) - finished,
            seconds=time.perf_counter() - started,
            stopped=self.stopped,
        )
        self._record(record.content(**_end(summary, n_rows, self.out)))
        return summary

    def _record(self, content: dict[str, Any]) -> None:
        try:
            run_record.write(self.out, content)
        except OSError as problem:
            raise ReportError(
                f"{self.out}: run.json cannot be written ({problem.strerror}). Make room and run "
                "the same command again; finished cases are not redone."
            ) from problem

    # --- what is left to do ---------------------------------------------------------------------

    def _left_to_do(self, restart: bool, selection: Selection | None) -> list[Case]:
        """Return the cases that are to be analysed, and count those that are finished."""
        left = []
        for case in self.found:
            if selection is not None and not selection.holds(case):
                continue
            if not restart and self._is_finished(case):
                self.progress.add(REUSED, analysed=False)
            else:
                left.append(case)
        return left

    def _is_finished(self, case: Case) -> bool:
        """Return whether nothing needs doing, as far as can be told without reading the inputs."""
        receipt = receipts.read(self.root / case.folder)
        if receipt is None:
            return False
        task = self._task(case, receipt)
        return task.may_reuse and bool(task.listing) and receipt.listing == task.listing

    def _task(self, case: Case, receipt: Receipt | None) -> Task:
        """Return what is to be done for a case; ``receipt`` is that in its folder, if it counts."""
        folder = self.root / case.folder
        asked = receipts.asked_of(case, self.settings)
        try:
            listing = receipts.listing_of(case)
        except (IfiMriError, OSError):
            listing = ""  # analysing it will say what is wrong
        may_reuse = receipt is not None and receipts.is_finished(receipt, asked, folder)
        return Task(case, self.settings, str(folder), asked, listing, may_reuse)

    def _tasks(self, left: Iterable[Case], restart: bool) -> Iterator[Task]:
        """Yield what is to be done, one case after the other: together they would be many."""
        for case in left:
            yield self._task(case, None if restart else receipts.read(self.root / case.folder))

    # --- doing it -------------------------------------------------------------------------------

    def _analyse(
        self,
        tasks: Iterable[Task],
        open_workers: Callable[[], AbstractContextManager[executors.Workers]],
    ) -> None:
        self.progress.begin_work()
        with open_workers() as workers:
            for done in loop.run(one_case.analyse, tasks, workers):
                outcome = done.result or _died(done.task)
                if outcome.stops_batch:
                    self.stopped = f"{outcome.stops_batch} in {self.out}"
                    return
                self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        self.progress.add(outcome.status)
        if outcome.status == FAILED:
            self.progress.tell_failure(outcome.folder, outcome.reason)
        if outcome.trace and self.tell_traces:
            print(outcome.trace, file=sys.stderr)  # noqa: T201 - what --verbose asks for

    # --- the tables -----------------------------------------------------------------------------

    def _rows(self) -> Iterator[CaseRows]:
        """Yield the rows of every case in the order of the case table."""
        for case in self.found:
            receipt = receipts.read(self.root / case.folder)
            of_case = receipt.rows if receipt is not None else _not_run(case)
            yield rows.with_group(of_case, case.group)


def _not_run(case: Case) -> CaseRows:
    return rows.without_report(
        case_id=case.case_id,
        reader=case.reader,
        read=case.read,
        folder=f"{CASES}/{case.folder}",
        status=columns.NOT_RUN,
        reason="not analysed yet; run the same command again",
    )


def _died(task: Task) -> Outcome:
    """Return the outcome of a case whose worker died twice, and leave word of it in its folder."""
    return one_case.failed(
        task,
        ReportError(
            f"case {task.case.case_id}: its worker process died twice without a word; it was "
            "killed, crashed, or the machine ran out of memory. Free memory, look at the study, "
            "and run the same command again."
        ),
    )


def _end(summary: Summary, n_rows: dict[str, int], out: Path) -> dict[str, Any]:
    return {
        "state": f"stopped: {summary.stopped}" if summary.stopped else "finished",
        "finished_at": run_record.now(),
        "seconds": round(summary.seconds, 3),
        "counts": {
            "cases": summary.n_cases,
            "done": summary.n_done,
            "failed": summary.n_failed,
            "reused": summary.n_reused,
            "not_run": summary.n_not_run,
        },
        "tables": {
            f"{table}.csv": {"rows": n, "sha256": run_record.sha256_of(out / f"{table}.csv")}
            for table, n in n_rows.items()
        },
    }


@contextmanager
def _interrupted_by_terminate() -> Iterator[None]:
    """Take SIGTERM, which schedulers of clusters send before they kill, for Ctrl-C."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
