"""The cases of a BIDS dataset: every session of every subject, with the landmarks beside it.

Landmarks lie in ``derivatives/landmarks/sub-01/[ses-1/]`` (also in ``anat`` there), in any format.
An entity ``reader-R1`` or ``read-2`` in a file's name says whose they are, so that several readers
lie side by side; files without are one reading.  ``participants.tsv`` gives the group.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ifi_mri.batch.cases import Case, Problem, folder_name
from ifi_mri.errors import ConfigError
from ifi_mri.loaders import bids

LANDMARKS: Final = Path("derivatives") / "landmarks"

_READER: Final = re.compile(r"(?:^|_)reader-([A-Za-z0-9]+)")
_READ: Final = re.compile(r"(?:^|_)read-([0-9]{1,3})")


def is_dataset(path: Path) -> bool:
    """Return whether a folder is a BIDS dataset."""
    return path.is_dir() and (
        (path / "dataset_description.json").is_file() or bool(bids.find_studies(path))
    )


def read(dataset: Path) -> tuple[list[Case], list[Problem]]:
    """Return the cases of a dataset, and what is wrong with it.

    Raises
    ------
    ConfigError
        There is no subject in it, or ``participants.tsv`` cannot be read.
    """
    root = dataset.absolute()
    studies = bids.find_studies(root)
    if not studies:
        raise ConfigError(
            f"{dataset}: holds no sub-* folder. Give a BIDS dataset or a case table (CSV or TSV)."
        )
    groups = _groups(root / "participants.tsv")
    cases: list[Case] = []
    problems: list[Problem] = []
    for study in studies:
        found = list(_cases_of(study, root, groups))
        cases += found
        if not found:
            beside = (LANDMARKS / study.relative_to(root)).as_posix()
            case_id = "_".join(study.relative_to(root).parts)
            text = f"no landmarks in {beside}; put the landmark files there"
            problems.append(Problem(None, case_id, "landmarks", text))
    return cases, problems


def _cases_of(study: Path, root: Path, groups: dict[str, str]) -> Iterator[Case]:
    parts = study.relative_to(root).parts
    readings: dict[tuple[str | None, int | None], list[str]] = {}
    folder = root / LANDMARKS / study.relative_to(root)
    files = sorted(path for place in (folder, folder / bids.ANATOMY_FOLDER) for path in _in(place))
    for path in files:
        reader, read = _READER.search(path.name), _READ.search(path.name)
        key = (reader[1] if reader else None, int(read[1]) if read else None)
        readings.setdefault(key, []).append(str(path))
    for (reader_id, number), paths in readings.items():
        case_id = "_".join(parts)
        yield Case(
            case_id=case_id,
            folder=folder_name(case_id, reader_id, number, len(readings) > 1),
            study=str(study),
            landmarks=tuple(paths),
            reader=reader_id,
            read=number,
            group=groups.get(parts[0]),
        )


def _in(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        for path in folder.iterdir():
            if path.is_file() and not path.name.startswith("."):
                yield path


def _groups(participants: Path) -> dict[str, str]:
    """Return the group of each participant, where the dataset says it."""
    try:
        with participants.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, csv.Error) as problem:
        raise ConfigError(
            f"{participants.name}: cannot be read as a table. Save it as tab-separated UTF-8."
        ) from problem
    return {
        row.get("participant_id") or "": group
        for row in rows
        if (group := (row.get("group") or "").strip()) not in ("", "n/a")
    }
