"""Reports: one format a file, listed in the order in which they are offered.

A format's module offers ``NAME`` (what ``--formats`` calls it), ``FILE_NAME`` and
``render(report, study, open_volume) -> bytes``.  A new one is a new file and its name in
``MODULES``.  Formats only lay out: every number and sentence about the case is in the `Report`.
What a person may choose about a format are further keyword arguments of its ``render``.  A format
of several files, whose ``FILE_NAME`` is a pattern, also offers ``render_files(report)``, which
returns their bytes by name; one that is made from the file of another offers that file's name as
``FROM`` and ``render_from(content, report)``, with the same further arguments.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Final

from ifi_mri.errors import ReportError
from ifi_mri.language import languages, load
from ifi_mri.model import OpenVolume, Report, Study
from ifi_mri.reports import output_folder

MODULES = (
    "json_file", "html_page", "text_impression", "csv_table", "dicom_sr", "dicom_seg",
    "fhir_bundle", "slicer_markups", "pdf_file", "dicom_pdf", "dicom_capture",
)  # fmt: skip

#: What a case that failed leaves behind: for programs, for people.
FAILURE_FILES = ("error.json", "error.html")

#: Formats that speak the language of the report.
IN_A_LANGUAGE: Final = ("html", "text", "pdf")

#: Choices by format; none.
NO_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})

__all__ = ("MODULES", "check_formats", "in_language", "render", "write", "write_error")


def check_formats(formats: Iterable[str]) -> None:
    """Refuse a format that is not known.

    Raises
    ------
    ReportError
        Lists the known formats.
    """
    known = _modules()
    for name in formats:
        if name not in known:
            raise ReportError(
                f"report format {name!r} is not known. Choose from: {', '.join(known)}."
            )


def in_language(
    options: Mapping[str, Mapping[str, Any]], language: str
) -> Mapping[str, Mapping[str, Any]]:
    """Return options with the words of a language for the formats that people read; a shipped one
    they find themselves, by the report's code.

    Raises
    ------
    ConfigError
        The language is not known, or its file cannot be read.
    """
    if language in languages():
        return options
    from ifi_mri.reports.words import Words

    code, messages = load(language)
    words = {"words": Words(messages, code)}
    return {**options, **{name: {**options.get(name, {}), **words} for name in IN_A_LANGUAGE}}


def render(name: str, report: Report, study: Study, open_volume: OpenVolume) -> bytes:
    """Return a report in one format; ReportError where the format is not known."""
    check_formats([name])
    content: bytes = _modules()[name].render(report, study, open_volume)
    return content


def write(
    report: Report,
    study: Study,
    folder: Path,
    formats: Sequence[str],
    open_volume: OpenVolume,
    options: Mapping[str, Mapping[str, Any]] = NO_OPTIONS,
    *,
    sync: bool = True,
) -> list[Path]:
    """Write a report into a folder and return the paths of its files, in the order of the formats.

    Everything is rendered before anything is written; a format that has nothing to say of this case
    (no outline to segment) writes no file.  Nothing that lies in the folder is lost: a file with
    the same name and other content, files of an earlier report in formats that are not asked for
    now, and the error files of an earlier attempt, move to ``previous/``.

    Parameters
    ----------
    report : Report
    study : Study
        Where the pictures come from; writers that must carry the patient take it from here.
    folder : pathlib.Path
        Made where it does not exist.
    formats : sequence of str
        Names of formats; a name given twice counts once.
    open_volume : callable
        Loads the slices that the pictures show.
    options : mapping of str to mapping
        By the name of a format, further keyword arguments of its ``render``.
    sync : bool
        As in `ifi_mri.files.write_atomically`.

    Raises
    ------
    ReportError
        A format is not known, the report cannot be rendered, or the folder cannot be written.
    """
    files = rendered(report, study, formats, open_volume, options)
    of_reports = [module.FILE_NAME for module in _modules().values()]
    written = output_folder.write(folder, files, of_reports, sync=sync)
    output_folder.set_aside(folder, FAILURE_FILES)
    return written


def rendered(
    report: Report,
    study: Study,
    formats: Sequence[str],
    open_volume: OpenVolume,
    options: Mapping[str, Mapping[str, Any]] = NO_OPTIONS,
) -> dict[str, bytes]:
    """Return the files of a report by name, in the order of the formats; parameters and errors are
    those of `write`."""
    check_formats(formats)
    made: dict[str, bytes | None] = {}
    for module in (_modules()[name] for name in dict.fromkeys(formats)):
        source = made.get(getattr(module, "FROM", ""))
        chosen = options.get(module.NAME, {})
        if hasattr(module, "render_files"):
            made |= module.render_files(report)
        elif source is not None:
            made[module.FILE_NAME] = module.render_from(source, report, **chosen)
        else:
            made[module.FILE_NAME] = module.render(report, study, open_volume, **chosen)
    return {name: content for name, content in made.items() if content is not None}


def write_error(
    folder: Path,
    error: Exception,
    *,
    case_id: str | None = None,
    stage: str | None = None,
    at: datetime | None = None,
) -> list[Path]:
    """Write ``error.json`` and ``error.html`` for a case that failed and return their paths.

    What an earlier run wrote stays; an earlier ``error.json`` moves to ``previous/``.

    Parameters
    ----------
    folder : pathlib.Path
        Made where it does not exist.
    error : Exception
        One of ours says what is wrong itself; of any other only the kind is told, because its
        words may hold anything.
    case_id, stage : str or None
        Which case, and what was being done.
    at : datetime or None
        When; None means now.

    Raises
    ------
    ReportError
        The folder cannot be written.
    """
    from ifi_mri.reports import failure

    described = failure.describe(error, case_id=case_id, stage=stage, at=at or datetime.now(UTC))
    earlier = [m.FILE_NAME for m in _modules().values() if (folder / m.FILE_NAME).exists()]
    return output_folder.write(
        folder,
        {
            FAILURE_FILES[0]: failure.as_json(described),
            FAILURE_FILES[1]: failure.as_page(described, earlier),
        },
    )


@cache
def _modules() -> Mapping[str, ModuleType]:
    modules = [import_module(f"{__name__}.{name}") for name in MODULES]
    return MappingProxyType({module.NAME: module for module in modules})
