"""Commands on many cases: ``batch``, ``validate`` and ``query``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ifi_mri import cli_options, worker_start

if TYPE_CHECKING:
    from ifi_mri.batch import Settings, Summary
    from ifi_mri.batch.cases import Case, Problem

DONE: Final = 0
CASE_FAILED: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130

#: Problems that are printed; a column misread makes one in every line.
_MOST_PRINTED: Final = 1000


def add_batch(batch: argparse.ArgumentParser) -> None:
    """Add the options of ``ifi-mri batch``."""
    _add_cases(batch)
    batch.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for reports and tables"
    )
    batch.add_argument("--profile", metavar="ID", help="cut-off profile where the table names none")
    cli_options.add_refine(batch)
    cli_options.add_formats(batch)
    batch.add_argument(
        "--dask", metavar="ADDRESS", help="use a Dask cluster: its scheduler's address, or `local`"
    )
    batch.add_argument("--restart", action="store_true", help="analyse finished cases again, too")
    batch.add_argument(
        "--only-failed",
        type=Path,
        metavar="FILE",
        help="only cases that cases.csv calls failed, or review.csv fail or fix",
    )


def add_validate(validate: argparse.ArgumentParser) -> None:
    """Add the options of ``ifi-mri validate``."""
    _add_cases(validate)


def add_query(query: argparse.ArgumentParser) -> None:
    """Add the options of ``ifi-mri query``."""
    query.add_argument("sql", metavar="SQL", help="one SELECT over cases, measurements, findings")
    query.add_argument("batch", type=Path, metavar="OUT", help="folder of a batch")
    query.add_argument(
        "--as",
        dest="form",
        choices=("text", "csv", "json"),
        default="text",
        help="how rows are printed (default: text, aligned; json: one object a line)",
    )


def _add_cases(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "cases", type=Path, metavar="CASES", help="case table (CSV or TSV) or BIDS dataset"
    )
    command.add_argument(
        "--jobs", type=_count, default=0, metavar="N", help="processes (default: every processor)"
    )
    command.add_argument("--config", type=Path, metavar="FILE", help="settings, TOML")
    cli_options.add_label_table(command)


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from error
    if not 1 <= count <= 1024:
        raise argparse.ArgumentTypeError(f"{count} processes; expected 1 to 1024")
    return count


# --- batch --------------------------------------------------------------------------------------


def run_batch(options: argparse.Namespace) -> int:
    """Analyse many cases; the exit status is 1 where some failed."""
    if options.dask is None:
        worker_start.ahead()
    from ifi_mri import batch
    from ifi_mri.batch import selected

    settings = _settings(options)
    selection = selected.read(options.only_failed) if options.only_failed else None
    found, problems = batch.read_cases(options.cases)
    if problems:
        return _tell(problems, options.cases)
    summary = batch.run(
        found,
        options.out,
        settings,
        n_processes=options.jobs,
        dask=options.dask,
        restart=options.restart,
        selection=selection,
        cases_from=options.cases,
        command=sys.argv,
        quiet=options.quiet,
        tell_traces=bool(options.verbose),
    )
    if not options.quiet:
        _print_summary(summary, options.out)
    if summary.stopped:
        print(
            f"ifi-mri: stopped, {summary.stopped}; {summary.n_not_run} cases are left. The same "
            "command goes on where it stopped.",
            file=sys.stderr,
        )
        return INTERRUPTED if summary.stopped == batch.INTERRUPTED else CASE_FAILED
    return CASE_FAILED if summary.n_failed else DONE


def _settings(options: argparse.Namespace) -> "Settings":
    """Return how every case is analysed; `validate`, which writes no report, has fewer options."""
    from ifi_mri import summary
    from ifi_mri.batch import Settings
    from ifi_mri.config import load_config

    overrides: dict[str, Any] = {
        "profile": getattr(options, "profile", None),
        "language": _absolute(getattr(options, "language", None)),
    }
    if getattr(options, "refine", False):
        overrides["refinement"] = {"enabled": True}
    config = load_config(options.config, **overrides)
    summary.load_language(config.language)  # refuses one that is not known, before any case
    return Settings(
        config,
        cli_options.formats_of(options),
        _absolute(options.label_table),
        cli_options.format_options(options),
    )


def _absolute(name: str | None) -> str | None:
    """Return the path of a file for workers elsewhere; the name of a preset, which has no ending,
    as it is, even where a folder is called so too."""
    if name is None or not Path(name).suffix or not Path(name).exists():
        return name
    return os.path.abspath(name)  # noqa: PTH100 - links stay what they are


def _print_summary(summary: "Summary", out: Path) -> None:
    counts = [
        f"{summary.n_done} done",
        f"{summary.n_failed} failed",
        f"{summary.n_reused} reused",
    ]
    if summary.n_not_run:
        counts.append(f"{summary.n_not_run} not run")
    print(f"{summary.n_cases} cases: {', '.join(counts)}; {summary.seconds:.1f} s")
    for table in ("cases", "measurements", "findings"):
        print(out / f"{table}.csv")


# --- validate -----------------------------------------------------------------------------------


def run_validate(options: argparse.Namespace) -> int:
    """Say everything that is wrong with a batch before it is started; exit status 2 if anything."""
    worker_start.ahead()
    from ifi_mri import batch
    from ifi_mri.batch import executors

    settings = _settings(options)
    found, problems = batch.read_cases(options.cases)
    wrong = {(problem.line, problem.case_id) for problem in problems}
    rest = [case for case in found if batch.id_of(case) not in wrong]
    problems += batch.check(
        rest,
        settings,
        n_processes=options.jobs or executors.available_cores(),
        quiet=options.quiet,
    )
    problems.sort(key=lambda problem: (problem.line or 0, problem.case_id or ""))
    if problems:
        return _tell(problems, options.cases)
    if not options.quiet:
        print(_all_well(found))
    return DONE


def _tell(problems: "Sequence[Problem]", source: Path) -> int:
    for problem in problems[:_MOST_PRINTED]:
        print(f"{source}: {problem}", file=sys.stderr)
    more = len(problems) - _MOST_PRINTED
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    print(
        f"ifi-mri: {source}: {count}{f', {more} of them not shown' if more > 0 else ''}; nothing "
        "was started. Correct the lines named above.",
        file=sys.stderr,
    )
    return WRONG_USAGE


def _all_well(found: "Sequence[Case]") -> str:
    readers = {case.reader for case in found if case.reader}
    by = f" by {len(readers)} readers" if len(readers) > 1 else ""
    cases = "1 case" if len(found) == 1 else f"{len(found)} cases"
    return f"{cases}{by}; no problem was found."


# --- query --------------------------------------------------------------------------------------


def run_query(options: argparse.Namespace) -> int:
    """Print the rows of a SELECT over a batch's tables."""
    from ifi_mri.cohort import query, query_text

    names, rows = query.run(options.sql, options.batch)
    forms = {"text": query_text.aligned, "csv": query_text.as_csv, "json": query_text.as_json}
    for line in forms[options.form](names, rows):
        print(line)
    return DONE
