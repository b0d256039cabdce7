"""The command ``ifi-mri``: a thin face over the pipeline.

Exit status: 0 done; 1 a case failed; 2 wrong usage or configuration, nothing was started.  Errors
are one sentence on standard error.  Everything heavy is imported by the command that needs it, so
that ``--help`` and ``--version`` answer at once.
"""

import argparse
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ifi_mri import cli_batch, cli_cohort, cli_landmarks, cli_options, cli_phantom, cli_report
from ifi_mri.errors import ConfigError, IfiMriError, ReportError

if TYPE_CHECKING:
    from ifi_mri.model import Report, Study

DONE: Final = 0
CASE_FAILED: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130

DEMO_CASE: Final = "narrowed_with_oedema"

SCHEMAS: Final = ("report", "landmarks", "config", "clinical", "cases")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a terminal that cannot show a letter shows its code
            stream.reconfigure(errors="backslashreplace")
    options = build_parser().parse_args(argv)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except ConfigError as error:
        return _fail(error, options, WRONG_USAGE)
    except IfiMriError as error:
        return _fail(error, options, CASE_FAILED)
    except KeyboardInterrupt:
        print("ifi-mri: interrupted; finished files are complete.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _close_output()  # the reader of our output went away, as `head` does
        return DONE
    except OSError as error:
        _close_output()
        return _fail(error, options, CASE_FAILED, f"cannot write or read: {error.strerror}.")
    except Exception as error:  # noqa: BLE001 - the last door: a sentence, not a traceback
        what = f"an error that should not happen ({type(error).__name__}); --verbose shows where."
        return _fail(error, options, CASE_FAILED, what)
    return status


def _close_output() -> None:
    """Keep the interpreter from flushing at its end what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(
    error: Exception, options: argparse.Namespace, status: int, sentence: str | None = None
) -> int:
    if options.verbose:
        traceback.print_exception(error)
    text = " ".join((sentence or str(error)).split())
    print(f"ifi-mri: {text}", file=sys.stderr)
    return status


# --- what can be said on the command line -------------------------------------------------------


class _Command(Protocol):
    """Adds a command: its name, what it does, and its summary in ``--help``."""

    def __call__(self, name: str, run: Any, summary: str) -> argparse.ArgumentParser: ...


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="ifi-mri",
        description=(
            "Measure the ischiofemoral and quadratus femoris spaces and quadratus femoris signal "
            "on hip MRI, and report them."
        ),
        epilog="Start with `ifi-mri demo`; `ifi-mri COMMAND --help` explains a command.",
        parents=[cli_options.everywhere(False)],
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    everywhere = cli_options.everywhere(argparse.SUPPRESS)

    def command(name: str, run: Any, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, help=summary, description=f"{summary}.", parents=[everywhere]
        )
        made.set_defaults(run=run)
        return made

    _add_one_case(command)
    _add_cohort(command)
    _add_reports(command, everywhere)
    _add_about(command)
    cli_landmarks.add_landmarks(
        command("landmarks", None, "Check, convert or begin a landmark file"), everywhere, _printing
    )
    cli_phantom.add_phantom(
        command(
            "phantom", _printing(cli_phantom.made), "Make a synthetic study whose truth is known"
        )
    )
    return parser


def _add_one_case(command: _Command) -> None:
    demo = command("demo", run_demo, "Analyse the study in sample_data and say where the report is")
    demo.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for the report")
    _add_run(command("run", run_run, "Analyse one study with its landmarks"))
    _add_positions(
        command("positions", run_positions, "Compare one patient's scans in several positions")
    )


def _add_cohort(command: _Command) -> None:
    cli_batch.add_batch(
        command("batch", cli_batch.run_batch, "Analyse many cases of a case table or BIDS dataset")
    )
    cli_batch.add_validate(
        command("validate", cli_batch.run_validate, "Check all cases before a batch is run")
    )
    cli_batch.add_query(
        command("query", cli_batch.run_query, "Ask the tables of a batch in SQL, read-only")
    )
    cli_cohort.add_group(command("group", run_group, "Write the group page of a batch"))
    cli_cohort.add_agreement(command("agreement", run_agreement, "Compare the readers of a batch"))
    cli_cohort.add_cutoffs(
        command("cutoffs", run_cutoffs, "Compare the distances of a batch with labels")
    )


def _add_reports(command: _Command, everywhere: argparse.ArgumentParser) -> None:
    cli_report.add_report(
        command("report", None, "Show a report as text, or what two reports say differently"),
        everywhere,
        _printing(cli_report.shown),
        _printing(cli_report.differing),
    )
    cli_report.add_followup(
        command("followup", _printing(cli_report.followed_up), "Compare two visits of one patient")
    )
    cli_report.add_clinical(
        command("clinical", None, "Begin a clinical intake"),
        everywhere,
        _printing(cli_report.clinical_form),
    )


def _add_about(command: _Command) -> None:
    """Add what tells of a study, of this installation and of its files."""
    inspect = command("inspect", run_inspect, "Show the series of a study without measuring")
    inspect.add_argument("study", type=Path, metavar="STUDY", help="DICOM folder or NIfTI")
    inspect.add_argument("--json", action="store_true", help="print JSON")
    inspect.add_argument(
        "--landmarks",
        type=Path,
        action="append",
        metavar="PATH",
        help="say whether these landmarks lie inside the anatomy series, and how far from its edge",
    )
    cli_options.add_label_table(inspect)
    cli_options.add_series(inspect)
    info = command("info", run_info, "Show version, formats, measurements, findings and profiles")
    info.add_argument("--json", action="store_true", help="print JSON")
    schema = command("schema", run_schema, "Print the JSON Schema of a file")
    schema.add_argument("name", choices=SCHEMAS, help="which file")


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("study", type=Path, metavar="STUDY", help="DICOM folder or NIfTI")
    run.add_argument(
        "--landmarks",
        type=Path,
        action="append",
        required=True,
        metavar="PATH",
        help="landmark file, label map, or folder of Slicer files; may be given several times",
    )
    cli_options.add_label_table(run)
    cli_options.add_refine(run)
    run.add_argument(
        "--clinical", type=Path, metavar="FILE", help="clinical intake: TOML, JSON or CSV"
    )
    run.add_argument("--profile", metavar="ID", help="cut-off profile; `ifi-mri info` lists them")
    cli_options.add_series(run)
    run.add_argument(
        "--apply-shift",
        action="store_true",
        help="move outlines by the in-plane shift found between the two series",
    )
    run.add_argument("--case-id", metavar="ID", help="name of the case in the report")
    cli_options.add_formats(run)
    run.add_argument(
        "--sr-corrects", type=Path, metavar="FILE", help="the DICOM SR that this one corrects"
    )
    run.add_argument("--out", type=Path, default=Path("out"), help="folder for the report")


def _add_positions(positions: argparse.ArgumentParser) -> None:
    positions.add_argument(
        "reports",
        type=Path,
        nargs="+",
        metavar="REPORT.json",
        help="report of one position, or the folder that holds it; the first in neutral rotation "
        "is what the others are compared with",
    )
    positions.add_argument(
        "--out", type=Path, metavar="DIR", help="also write positions.json, .csv and .html there"
    )


# --- what each command does ---------------------------------------------------------------------


def run_demo(options: argparse.Namespace) -> int:
    """Analyse the demo study."""
    case = sample_data_folder() / DEMO_CASE
    return _run_case(
        case / "study",
        [case / "landmarks"],
        options,
        clinical=case / "clinical.toml",
        case_id=DEMO_CASE,
    )


def run_run(options: argparse.Namespace) -> int:
    """Analyse one study."""
    return _run_case(
        options.study,
        options.landmarks,
        options,
        clinical=options.clinical,
        config_file=options.config,
        profile=options.profile,
        anatomy=options.anatomy,
        fluid_sensitive=options.fluid,
        case_id=options.case_id,
        signal={"apply_shift": True} if options.apply_shift else None,
        label_table=options.label_table,
        refinement={"enabled": True} if options.refine else None,
        language=options.language,
    )


def _run_case(
    study_path: Path,
    landmark_paths: Sequence[Path],
    options: argparse.Namespace,
    *,
    clinical: Path | None = None,
    config_file: Path | None = None,
    label_table: str | None = None,
    **settings: str | dict[str, Any] | None,
) -> int:
    """Analyse one case into a folder; a case that fails leaves ``error.json`` and a page there."""
    from ifi_mri import clinical as clinical_files
    from ifi_mri import config as settings_files
    from ifi_mri import landmarks as landmark_files
    from ifi_mri import pipeline
    from ifi_mri.loaders.kept_slices import KeptSlices

    for path in (study_path, *landmark_paths):
        cli_options.must_exist(path)
    config = settings_files.load_config(config_file, **settings)
    formats = cli_options.formats_of(options)
    intake = clinical_files.read(clinical, config.case_id) if clinical else None
    cli_options.prepare_folder(options.out)
    try:
        landmark_set = landmark_files.read_all(landmark_paths, label_table=label_table)
        study = pipeline.load_study(study_path, config)
        open_volume = KeptSlices().open_volume
        report = pipeline.analyse(study, landmark_set, intake, config, open_volume=open_volume)
        written = pipeline.write_report(
            report,
            study,
            options.out,
            formats,
            _format_options(options, study),
            open_volume,
            language=config.language,
        )
    except ConfigError:
        raise
    except IfiMriError as error:
        _leave_error(options.out, error, config.case_id)
        raise
    if not options.quiet:
        _print_report(report, written)
    return DONE


def _format_options(options: argparse.Namespace, study: "Study") -> dict[str, dict[str, Any]]:
    """Return what was chosen about single formats."""
    from ifi_mri.reports import dicom_sr

    chosen = cli_options.format_options(options)
    if corrects := getattr(options, "sr_corrects", None):
        cli_options.must_exist(corrects)
        predecessor = dicom_sr.predecessor_of(corrects.read_bytes(), study)
        chosen[dicom_sr.NAME]["predecessor"] = predecessor
    return chosen


def _leave_error(folder: Path, error: IfiMriError, case_id: str | None) -> None:
    from ifi_mri import reports

    try:
        reports.write_error(folder, error, case_id=case_id)
    except ReportError as second:
        print(f"ifi-mri: {second}", file=sys.stderr)


def _print_report(report: "Report", written: Sequence[Path]) -> None:
    for sentence in report.impression:
        print(sentence)
    if report.cautions:
        print(f"\n{len(report.cautions)} cautions; the report lists them.")
    print()
    for path in written:
        if path.parent == written[0].parent:
            print(path)
    for folder in dict.fromkeys(path.parent for path in written if path.parent.name == "slicer"):
        print(f"{folder} ({len([path for path in written if path.parent == folder])} files)")


def run_positions(options: argparse.Namespace) -> int:
    """Print the spaces of one patient by position, and write them where asked."""
    from ifi_mri.cohort import positions, positions_files

    for path in options.reports:
        cli_options.must_exist(path)
    table = positions.dynamic_table(positions_files.read_reports(options.reports))
    written: list[Path] = []
    if options.out is not None:
        cli_options.prepare_folder(options.out)
        written = positions_files.write(table, options.out)
    if not options.quiet:
        print(positions_files.as_text(table))
        print(*([""] if written else []), *written, sep="\n")
    return DONE


def run_group(options: argparse.Namespace) -> int:
    """Write the group page of a batch."""
    return _wrote(cli_cohort.run_group(options), options)


def run_agreement(options: argparse.Namespace) -> int:
    """Compare the readers of a batch."""
    return _wrote(cli_cohort.run_agreement(options), options)


def run_cutoffs(options: argparse.Namespace) -> int:
    """Compare the distances of a batch with labels."""
    return _wrote(cli_cohort.run_cutoffs(options), options)


def _printing(make: Callable[[argparse.Namespace], str]) -> Callable[[argparse.Namespace], int]:
    """Return a command that prints what a function makes of its options."""

    def run(options: argparse.Namespace) -> int:
        text = make(options)
        if not options.quiet:
            print(text)
        return DONE

    return run


def _wrote(written: Sequence[Path], options: argparse.Namespace) -> int:
    if not options.quiet:
        print(*written, sep="\n")
    return DONE


def run_inspect(options: argparse.Namespace) -> int:
    """Show the series of a study, their geometry, roles and problems."""
    from ifi_mri import inspection, pipeline
    from ifi_mri.config import load_config
    from ifi_mri.landmarks import on_images, read_all

    for path in (options.study, *(options.landmarks or ())):
        cli_options.must_exist(path)
    config = load_config(options.config, anatomy=options.anatomy, fluid_sensitive=options.fluid)
    landmarks = None
    if options.landmarks:
        landmarks = read_all(options.landmarks, label_table=options.label_table)
    study = pipeline.load_study(options.study, config)
    landmarks = on_images(landmarks, study) if landmarks else None
    choices = pipeline.choose_series(study, landmarks, config)
    facts = inspection.inspect(study, choices, config, landmarks)
    if options.json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        print(inspection.as_text(facts))
    return DONE


def run_info(options: argparse.Namespace) -> int:
    """Show what this installation can do."""
    from ifi_mri.info import as_text, info

    content = info()
    print(json.dumps(content, indent=1) if options.json else as_text(content))
    return DONE


def run_schema(options: argparse.Namespace) -> int:
    """Print a JSON Schema."""
    from ifi_mri.info import schema

    print(json.dumps(schema(options.name), indent=1))
    return DONE


def sample_data_folder() -> Path:
    """Return the folder of the synthetic studies: in the checkout, or beside the installed code."""
    here = Path(__file__).resolve()
    checkout = here.parents[2] / "sample_data"
    folder = checkout if checkout.is_dir() else here.parent / "sample_data"
    if not (folder / DEMO_CASE).is_dir():
        raise ConfigError(
            f"{folder}: the sample data are missing. Make them with "
            f"`python scripts/make_sample_data.py`."
        )
    return folder
