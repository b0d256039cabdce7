"""What a case that failed leaves behind: ``error.json`` for programs, ``error.html`` for people."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from ifi_mri._version import __version__
from ifi_mri.errors import (
    ConfigError,
    GeometryError,
    IfiMriError,
    LandmarkFormatError,
    LandmarkMismatchError,
    ReportError,
    SeriesNotFoundError,
    UnreadableImageError,
)
from ifi_mri.reports import html_page

#: What helps beside the error's own words, most specific kind first.
ADVICE: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ConfigError, "Settings and the clinical intake are described by the command ifi-mri schema."),
    (
        SeriesNotFoundError,
        "The command ifi-mri inspect STUDY lists all series, roles and problems.",
    ),
    (GeometryError, "The command ifi-mri inspect STUDY shows the geometry of every series."),
    (UnreadableImageError, "Copy the study again from its source and compare the files' sizes."),
    (
        LandmarkMismatchError,
        "The command ifi-mri landmarks check LANDMARKS STUDY compares landmarks with a study.",
    ),
    (
        LandmarkFormatError,
        "The command ifi-mri landmarks template --out FILE writes a landmark file to fill in.",
    ),
    (ReportError, "Check that the output folder exists, has room, and may be written."),
)


@dataclass(frozen=True)
class Failure:
    """A case that failed; ``error`` is the kind of error, ``message`` what it says."""

    error: str
    message: str
    stage: str | None
    case_id: str | None
    created_at: str
    software: dict[str, str]
    advice: tuple[str, ...]


def describe(error: Exception, *, case_id: str | None, stage: str | None, at: datetime) -> Failure:
    """Return a failure in words.  An error that is not ours may say anything, a patient's name
    included: only its kind is told."""
    ours = isinstance(error, IfiMriError)
    message = (
        str(error)
        if ours
        else f"An unexpected {type(error).__name__} stopped this case; this is a fault in the "
        "software, and its log has the details."
    )
    advice = [text for kind, text in ADVICE if isinstance(error, kind)]
    advice += (
        ["Correct what the message names and run the case again; no file was changed or deleted."]
        if ours
        else ["Run the case again with --verbose and report what it prints."]
    )
    return Failure(
        error=type(error).__name__,
        message=message,
        stage=stage,
        case_id=case_id,
        created_at=at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        software={"name": "ifi_mri", "version": __version__},
        advice=tuple(advice),
    )


def as_json(failure: Failure) -> bytes:
    """Return a failure as JSON, UTF-8."""
    text = json.dumps(asdict(failure), ensure_ascii=False, indent=1)
    return f"{text}\n".encode(errors="replace")


def as_page(failure: Failure, earlier: Sequence[str]) -> bytes:
    """Return a failure as a page; ``earlier`` are report files in the folder from another run."""
    facts = [
        ("Case", failure.case_id or "not named"),
        ("Stage", failure.stage or "not recorded"),
        ("Kind of error", failure.error),
        ("Time", failure.created_at),
        ("Software", f"{failure.software['name']} {failure.software['version']}"),
    ]
    advice = list(failure.advice)
    if earlier:
        advice.append(
            f"{', '.join(earlier)} beside this page come from an earlier run and say nothing about "
            "this attempt."
        )
    return html_page.render_error(facts, failure.message, advice)
