"""What a finished case leaves in its folder, so that the next run need not do it again.

``case.json`` is written last: where it is and fits, the report beside it is whole.  It fits while
three things are as they were: what was asked (settings, software version, reading, formats), the
input files, and the files that were written.

Whether inputs changed is asked twice, the cheap way first: path, size and time of modification of
every file.  Only where these differ (a copied data set, say) the contents decide: what the headers
of the study say, and the SHA-256 of every file that a number was made from.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ifi_mri import provenance
from ifi_mri._version import __version__
from ifi_mri.batch.cases import Case
from ifi_mri.cohort import columns
from ifi_mri.cohort.rows import CaseRows
from ifi_mri.config import Config
from ifi_mri.files import remove_temporary, write_atomically
from ifi_mri.loaders.source_files import list_files
from ifi_mri.model import Report, Study

FILE_NAME: Final = "case.json"

#: Grows when the layout or the meaning of a field changes.
LAYOUT: Final = 1

DONE: Final = "done"
FAILED: Final = columns.FAILED


@dataclass(frozen=True, slots=True)
class Settings:
    """How every case of a batch is analysed; the case table may say otherwise for one.

    ``format_options`` are what was chosen about single formats, by their names.
    """

    config: Config
    formats: tuple[str, ...]
    label_table: str | None = None
    format_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What `FILE_NAME` holds.

    Attributes
    ----------
    status : str
        ``done`` or ``failed``.
    asked : str
        Digest of what was asked (`asked_of`).
    listing : str
        Digest of path, size and time of every input file (`listing_of`).
    headers : str
        Digest of what the headers of the study said (`headers_of`); empty where the case failed.
    inputs : list of (role, path, SHA-256)
        Files that numbers were made from (`inputs_of`).
    outputs : dict
        Size of every file that was written, by name.
    seconds : float
        How long it took.
    rows : dict
        Lines of the cohort's tables.
    """

    status: str
    asked: str
    listing: str
    headers: str
    inputs: list[list[str]]
    outputs: dict[str, int]
    seconds: float
    rows: CaseRows


def read(folder: Path) -> Receipt | None:
    """Return the receipt in a case's folder; None where there is none that can be understood."""
    try:
        content = json.loads((folder / FILE_NAME).read_bytes())
        if content.pop("layout") != LAYOUT or content.pop("columns") != columns_digest():
            return None
        return Receipt(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write(folder: Path, receipt: Receipt) -> None:
    """Write a case's receipt; OSError where the disk refuses.

    Neither it nor the report waits for the disk (`ifi_mri.files.write_atomically`): a receipt that
    a loss of power left empty is none, and the sizes in it tell a file that was.
    """
    content: dict[str, Any] = {"layout": LAYOUT, "columns": columns_digest()}
    content |= {name: getattr(receipt, name) for name in Receipt.__slots__}
    remove_temporary(folder, [FILE_NAME])
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    write_atomically(folder / FILE_NAME, text.encode(errors="replace"), sync=False)


def is_finished(receipt: Receipt, asked: str, folder: Path) -> bool:
    """Return whether a receipt answers what is asked, and its files are all there."""
    return (
        receipt.status == DONE
        and receipt.asked == asked
        and all(_size(folder / name) == size for name, size in receipt.outputs.items())
    )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


@lru_cache(maxsize=1)
def columns_digest() -> str:
    """Return a digest of the tables' columns: rows of other columns cannot be used."""
    names = {table: columns.names(table) for table in columns.tables()}
    return _sha256(json.dumps(names))[:16]


# --- what was asked -----------------------------------------------------------------------------


def config_of(case: Case, settings: Settings) -> Config:
    """Return the settings of one case: the batch's, and what its row says."""
    given = {
        "case_id": case.case_id,
        "profile": case.profile,
        "anatomy": case.anatomy,
        "fluid_sensitive": case.fluid,
    }
    return settings.config.model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )


def asked_of(case: Case, settings: Settings) -> str:
    """Return a digest of everything but the inputs that shapes the result of a case."""
    config = config_of(case, settings)
    return _sha256(
        repr(
            (
                __version__,
                _config_digest(without_case_id(config)),
                (config.language, _file_digest(config.language)),
                settings.formats,
                _chosen_of(settings),
                settings.label_table,
                _file_digest(settings.label_table),
                (case.case_id, case.reader, case.read, case.position),
            )
        )
    )


def _chosen_of(settings: Settings) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Return what was chosen about the formats that are written; of others it changes nothing."""
    return [
        (name, sorted(chosen.items()))
        for name, chosen in sorted(settings.format_options.items())
        if name in settings.formats
    ]


def without_case_id(config: Config) -> Config:
    """Return settings without the case's name, which shapes no number."""
    return config.model_copy(update={"case_id": None})


@lru_cache(maxsize=256)
def _config_digest(config: Config) -> str:
    return config.digest()


@lru_cache(maxsize=8)
def _file_digest(name: str | None) -> str:
    """Return the digest of a label table's or language's file; a preset comes with the version."""
    try:
        return hashlib.sha256(Path(name or "").read_bytes()).hexdigest()
    except OSError:
        return ""


# --- the inputs ---------------------------------------------------------------------------------


def listing_of(case: Case) -> str:
    """Return a digest of path, size and time of modification of every input file of a case.

    Raises
    ------
    StudyError
        A path is gone or cannot be listed.
    """
    parts = [_study_listing(case.study)]
    parts += [_listing(path) for path in case.landmarks]
    parts += [_listing(case.clinical)] if case.clinical else []
    return _sha256("|".join(parts))


@lru_cache(maxsize=16)
def _study_listing(study: str) -> str:
    """Return the listing of a study, which several readings may share, with the sidecars above it
    that a BIDS data set lets hold for it."""
    path = Path(study)
    if not path.exists() and "#" in path.name:
        path = Path(study.rpartition("#")[0])
    if path.is_file():
        return _listing_of_files(_siblings(path), str(path.parent))
    above = [path, *path.parents][1:4] if path.name.startswith(("sub-", "ses-")) else []
    sidecars = [str(file) for folder in above for file in sorted(folder.glob("*.json"))]
    return _listing(study) + _listing_of_files(sidecars, study)


def _siblings(path: Path) -> list[str]:
    """Return an image file and what stands beside it under the same name."""
    stem = path.name.split(".")[0]
    return [str(file) for file in sorted(path.parent.glob(f"{_literal(stem)}.*"))]


def _literal(stem: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in stem)


def _listing(path: str) -> str:
    prefix = len(path)
    return _sha256(repr([(f.path[prefix:], *f[1:]) for f in list_files(Path(path))]))


def _listing_of_files(paths: Iterable[str], root: str) -> str:
    facts = []
    for path in paths:
        status = Path(path).stat()
        facts.append((os.path.relpath(path, root), status.st_size, status.st_mtime_ns))
    return _sha256(repr(facts))


def headers_of(study: Study) -> str:
    """Return a digest of what the headers of a study say; where the study lies does not count."""
    root = study.root if study.root.is_dir() else study.root.parent
    series = [
        (
            replace(one, instances=()),
            [
                (_below(root, i.path), i.sop_instance_uid, i.frame, i.position_mm)
                for i in one.instances
            ],
        )
        for one in study.series
    ]
    who = tuple(getattr(study.patient, one.name) for one in fields(study.patient))
    return _sha256(repr((study.study_uid, study.study_date, study.accession_number, who, series)))


def _below(root: Path, path: Path) -> str:
    """Return a path as it is called from a folder; what relative paths ask of the system is asked
    for no file below it."""
    prefix, text = os.path.join(root, ""), str(path)  # noqa: PTH118
    return text[len(prefix) :] if text.startswith(prefix) else os.path.relpath(path, root)


def inputs_of(report: Report) -> list[list[str]]:
    """Return role, path as the report shows it, and SHA-256 of every file it was made from."""
    return [[file.role, file.path, file.sha256] for file in report.inputs]


def has_same_contents(receipt: Receipt, case: Case, study: Study) -> bool:
    """Return whether the headers say what they said, and every file that a number was made from
    holds what it held."""
    if not receipt.inputs or receipt.headers != headers_of(study):
        return False
    files = [(Path(file.path), study.root) for file in list_files(study.root)]
    for path in (*case.landmarks, *([case.clinical] if case.clinical else [])):
        files += [(Path(f.path), Path(f.path).parent) for f in list_files(Path(path))]
    wanted = {(shown, sha256) for _, shown, sha256 in receipt.inputs}
    names = {shown for shown, _ in wanted}
    found = {
        (shown, _sha256_of(path))
        for path, root in files
        if (shown := provenance.shown_path(path, root, study)) in names
    }
    return wanted <= found


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
