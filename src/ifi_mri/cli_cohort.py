"""Commands on a finished batch: agreement of readers, and cut-offs."""

import argparse
from pathlib import Path

from ifi_mri.errors import ConfigError

#: Where a cut-off is used by people sent to MRI for buttock pain; no figure is published, so that
#: equal shares are assumed unless one is given.
DEFAULT_PREVALENCE = 0.5


def add_group(group: argparse.ArgumentParser) -> None:
    """Add the options of ``ifi-mri group``."""
    group.add_argument("batch", type=Path, metavar="OUT", help="folder of a batch")


def add_agreement(agreement: argparse.ArgumentParser) -> None:
    """Add the options of ``ifi-mri agreement``."""
    _add_batch(agreement, "agreement")
    agreement.add_argument(
        "--write-config",
        type=Path,
        metavar="FILE",
        help="write the landmark SD that explains the disagreement as a settings file (new file)",
    )


def add_cutoffs(cutoffs: argparse.ArgumentParser) -> None:
    """Add the options of ``ifi-mri cutoffs``."""
    _add_batch(cutoffs, "cutoffs")
    cutoffs.add_argument(
        "--labels",
        type=Path,
        required=True,
        metavar="FILE",
        help="table with case_id, side, label (yes or no) and optional patient, label_source",
    )
    cutoffs.add_argument("--reader", metavar="R", help="whose readings count, where several read")
    cutoffs.add_argument(
        "--prevalence",
        type=float,
        default=DEFAULT_PREVALENCE,
        metavar="P",
        help="share of affected hips for the predictive values (default: %(default)s)",
    )


def _add_batch(command: argparse.ArgumentParser, name: str) -> None:
    command.add_argument("batch", type=Path, metavar="OUT", help="folder of a batch")
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"where to write {name}.json, .csv and .html (default: OUT)",
    )


def run_group(options: argparse.Namespace) -> list[Path]:
    """Write the group page of a batch; return the files written."""
    from ifi_mri.cohort import group_page

    return group_page.write(options.batch)


def run_agreement(options: argparse.Namespace) -> list[Path]:
    """Compare readers of a batch; return the files written."""
    from ifi_mri.cohort import agreement, agreement_files, batch_readings

    if options.write_config is not None and options.write_config.exists():
        raise ConfigError(
            f"{options.write_config}: exists already. Name a new file for --write-config."
        )
    try:
        found = [
            *agreement.of_measurements(batch_readings.of_measurements(options.batch)),
            *agreement.of_categories(
                batch_readings.of_findings(options.batch), batch_readings.CATEGORIES, weighted=False
            ),
            *agreement.of_categories(
                batch_readings.of_grades(options.batch), batch_readings.GRADES, weighted=True
            ),
        ]
    except ValueError as problem:
        raise ConfigError(f"{options.batch}: {problem}. Correct the case table.") from problem
    written = agreement_files.write(found, options.out or options.batch)
    if options.write_config is not None:
        written.append(agreement_files.write_config(found, options.write_config))
    return written


def run_cutoffs(options: argparse.Namespace) -> list[Path]:
    """Compare distances of a batch with labels; return the files written."""
    from ifi_mri.cohort import batch_readings, cutoffs, cutoffs_files
    from ifi_mri.config import profiles

    if not 0 < options.prevalence < 1:
        raise ConfigError(
            f"--prevalence {options.prevalence}: expected a share between 0 and 1, such as 0.2."
        )
    labels = cutoffs_files.read_labels(options.labels)
    readings = batch_readings.of_one_reader(
        [
            one
            for one in batch_readings.of_measurements(options.batch)
            if one.name in cutoffs.SPACES
        ],
        options.reader,
    )
    studies = [
        cutoffs.study(name, readings, labels, profiles(), options.prevalence)
        for name in cutoffs.SPACES
    ]
    return cutoffs_files.write(
        studies, cutoffs.warnings(studies, labels), options.out or options.batch
    )
