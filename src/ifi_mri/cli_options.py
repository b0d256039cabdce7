"""Options that several commands share: said once, so that they mean the same everywhere."""

import argparse
from pathlib import Path
from typing import Any, Final

from ifi_mri._version import __version__
from ifi_mri.errors import ConfigError, ReportError

#: Written for every case; ``--formats`` adds to them.
BASE_FORMATS: Final = ("json", "html", "text", "csv")


def everywhere(default: bool | str) -> argparse.ArgumentParser:
    """Return the options of every command.  In commands they have no default, which would undo what
    was said before the command's name."""
    options = argparse.ArgumentParser(add_help=False)
    for name, meaning in (
        ("--quiet", "print nothing but errors"),
        ("--verbose", "show where an error came from"),
    ):
        options.add_argument(name, action="store_true", default=default, help=meaning)
    options.add_argument("--version", action="version", version=f"ifi-mri {__version__}")
    return options


def add_series(command: argparse.ArgumentParser) -> None:
    """Add settings, and which series to measure."""
    what = "series UID, number, description or NIfTI file"
    command.add_argument("--config", type=Path, metavar="FILE", help="settings, TOML")
    command.add_argument("--anatomy", metavar="S", help=f"anatomy series: {what}")
    command.add_argument("--fluid", metavar="S", help=f"fluid-sensitive series: {what}")


def add_label_table(command: argparse.ArgumentParser) -> None:
    """Add what the numbers of label maps mean."""
    command.add_argument(
        "--label-table",
        metavar="ID|FILE",
        help="what the numbers of a label map mean; `ifi-mri info` lists the tables",
    )


def add_refine(command: argparse.ArgumentParser) -> None:
    """Add whether ends are moved to edges."""
    command.add_argument(
        "--refine",
        action="store_true",
        help="move the ends of the spaces to the edges in the picture; the reader's stay beside",
    )


# --- reports ------------------------------------------------------------------------------------


def add_formats(command: argparse.ArgumentParser) -> None:
    """Add which formats a report is written in, and what may be chosen about them."""
    command.add_argument(
        "--formats",
        metavar="A,B",
        default="",
        help=f"formats beside {', '.join(BASE_FORMATS)}; `ifi-mri info` lists them",
    )
    command.add_argument("--language", metavar="ID|FILE", help="of the report; en unless said")
    command.add_argument(
        "--fhir-version", choices=("R4", "R5"), default="R4", help="FHIR version; R4 unless said"
    )
    command.add_argument(
        "--identified",
        action="store_true",
        help="name the patient in FHIR too; else the case id stands for the patient",
    )
    command.add_argument(
        "--sr-profile",
        choices=("ohif", "strict"),
        default="ohif",
        help="who the DICOM SR is for: OHIF opens its lines; strict groups what was not measured",
    )
    command.add_argument(
        "--sr-signed-by",
        nargs=2,
        metavar=("NAME", "ORGANISATION"),
        help="who verified the DICOM SR; without it the SR is preliminary",
    )


def formats_of(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the formats to write.

    Raises
    ------
    ConfigError
        One of them is not known.
    """
    from ifi_mri import reports

    extra = [name.strip() for name in getattr(options, "formats", "").split(",") if name.strip()]
    formats = tuple(dict.fromkeys((*BASE_FORMATS, *extra)))
    try:
        reports.check_formats(formats)
    except ReportError as error:
        raise ConfigError(f"--formats: {error}") from error
    return formats


def format_options(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return what was chosen about single formats, by their names; the defaults of a command
    without `add_formats`.

    Raises
    ------
    ConfigError
        Nobody would have signed: the name or the organisation is blank.
    """
    from ifi_mri.reports import dicom_sr

    of_sr: dict[str, Any] = {"profile": getattr(options, "sr_profile", dicom_sr.PROFILES[0])}
    if signed_by := getattr(options, "sr_signed_by", None):
        of_sr["signature"] = dicom_sr.Signature(*signed_by)
    of_fhir = {
        "version": getattr(options, "fhir_version", "R4"),
        "identified": getattr(options, "identified", False),
    }
    return {dicom_sr.NAME: of_sr, "fhir": of_fhir}


def must_exist(path: Path) -> None:
    """Raise ConfigError where there is nothing at a path."""
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or folder. Check the path.")


def prepare_folder(folder: Path) -> None:
    """Make the output folder and see that it can be written, before anything is started."""
    from ifi_mri.files import check_writable

    try:
        check_writable(folder)
    except OSError as error:
        raise ConfigError(
            f"{folder}: the output folder cannot be written ({error.strerror}). Choose another "
            f"with --out."
        ) from error
