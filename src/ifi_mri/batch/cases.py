"""The case table: which studies to analyse, with which landmarks, read by whom.

CSV or TSV with a header, one row a case, reader and reading.  Paths are relative to the table.
Every problem of the table is found, with its line, before anything is started.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field, ValidationError

from ifi_mri.config import Settings, profiles
from ifi_mri.errors import ConfigError
from ifi_mri.vocabulary import HipRotation

NEEDED: Final = ("case_id", "study", "landmarks")

#: Columns that hold paths.
PATHS: Final = ("study", "landmarks", "clinical")

#: Parts several landmark paths of one case.
PATH_SEPARATOR: Final = ";"

#: A folder is named after each; a leading dot would hide it.
_NAME: Final = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"

Name = Annotated[str, Field(pattern=_NAME, max_length=128)]
Words = Annotated[str, Field(min_length=1)]


class CaseRow(Settings):
    """A row of the case table."""

    case_id: Annotated[Name, Field(description="letters, digits, . _ -; unique per reader, read")]
    study: Annotated[Words, Field(description="DICOM folder or NIfTI, relative to the table")]
    landmarks: Annotated[
        Words, Field(description="landmark file or folder; several are parted by semicolons")
    ]
    anatomy: Annotated[Words | None, Field(description="anatomy series, as --anatomy")] = None
    fluid: Annotated[Words | None, Field(description="fluid-sensitive series, as --fluid")] = None
    clinical: Annotated[Words | None, Field(description="clinical intake, TOML or JSON")] = None
    reader: Annotated[Name | None, Field(description="who placed the landmarks")] = None
    read: Annotated[int | None, Field(ge=1, le=999, description="which reading: 1, 2, ...")] = None
    position: Annotated[
        HipRotation | None, Field(description="rotation of the hips while scanning")
    ] = None
    profile: Annotated[Words | None, Field(description="cut-off profile")] = None
    group: Annotated[
        str | None, Field(max_length=64, description="any group that pages compare")
    ] = None


@dataclass(frozen=True, slots=True)
class Case:
    """One study and one reading of it; paths are absolute.

    ``folder`` is the name of its output folder; ``line`` where the table has it.
    """

    case_id: str
    folder: str
    study: str
    landmarks: tuple[str, ...]
    anatomy: str | None = None
    fluid: str | None = None
    clinical: str | None = None
    reader: str | None = None
    read: int | None = None
    position: HipRotation | None = None
    profile: str | None = None
    group: str | None = None
    line: int | None = None


class Problem(NamedTuple):
    """Something wrong with the cases; ``line`` and ``column`` where the table has it."""

    line: int | None
    case_id: str | None
    column: str | None
    text: str

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line is not None else []
        where += [f"case {self.case_id}"] if self.case_id else []
        where += [self.column] if self.column else []
        return f"{', '.join(where)}: {self.text}" if where else self.text


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a row of the case table."""
    return CaseRow.model_json_schema()


def read(path: Path) -> tuple[list[Case], list[Problem]]:
    """Return the cases of a table, and everything that is wrong with it.

    Raises
    ------
    ConfigError
        The file cannot be read as a table at all.
    """
    rows = _rows(path)
    header = [name.strip() for name in next(rows, (1, []))[1]]
    problems = list(_column_problems(header))
    if problems:
        return [], problems
    base = path.parent.absolute()
    cases = []
    _exists.cache_clear()
    for line, cells in rows:
        row = _row(line, header, cells, base, problems) if any(map(str.strip, cells)) else None
        if row is not None:
            cases.append(_case(row, line, base))
    if not cases and not problems:
        problems.append(Problem(None, None, None, "the table holds no case; add a row a case"))
    problems += _repeats(cases)
    several = _read_several_times(cases)
    cases = [_by_reading(case) if case.case_id in several else case for case in cases]
    problems += shared_folders(cases)
    return cases, sorted(problems, key=lambda problem: problem.line or 0)


# --- the file -----------------------------------------------------------------------------------


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of every row, the header first, each with the line it ends on.  The text is
    never held together: a case as it is kept takes less than its row."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
            delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
            reader = csv.reader(chain([first], file), delimiter=delimiter, strict=True)
            for cells in reader:
                yield reader.line_num, cells
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read ({problem.strerror}). Check it.") from problem
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{path}: is not UTF-8 text. Save the table as UTF-8.") from problem
    except csv.Error as problem:
        raise ConfigError(
            f"{path}: line {reader.line_num} is not CSV ({problem}). Correct that line."
        ) from problem


def _column_problems(header: Sequence[str]) -> Iterator[Problem]:
    known = tuple(CaseRow.model_fields)
    for name in NEEDED:
        if name not in header:
            yield Problem(1, None, name, f"the column {name!r} is missing; add it")
    for name, count in Counter(header).items():
        if name not in known:
            yield Problem(1, None, name, f"{name!r} is not a known column; use {', '.join(known)}")
        elif count > 1:
            yield Problem(1, None, name, f"the column {name!r} stands {count} times; keep one")


def _row(
    line: int, header: Sequence[str], cells: Sequence[str], base: Path, problems: list[Problem]
) -> CaseRow | None:
    """Return a row that is right; else add what is wrong with it."""
    if len(cells) != len(header):
        text = f"{len(cells)} cells, expected {len(header)} as in the header; correct the row"
        problems.append(Problem(line, None, None, text))
        return None
    given = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
    problems += _missing_files(line, given, base)
    try:
        row = CaseRow.model_validate(given)
    except ValidationError as wrong:
        problems += _wrong_cells(line, given, wrong)
        return None
    known = [profile.id for profile in profiles()]
    if row.profile is not None and row.profile not in known:
        text = f"profile {row.profile!r} is not known; choose from {', '.join(known)}"
        problems.append(Problem(line, row.case_id, "profile", text))
    return row


def _missing_files(line: int, given: Mapping[str, str], base: Path) -> Iterator[Problem]:
    """Yield every path of a row at which there is nothing."""
    for column in PATHS:
        cell = given.get(column, "")
        for path in _paths(cell) if column == "landmarks" else filter(None, [cell]):
            if not _exists(_absolute(base, path)):
                text = f"there is no {Path(path).name!r} at the path given; check it"
                yield Problem(line, given.get("case_id"), column, text)


def _wrong_cells(line: int, given: Mapping[str, str], wrong: ValidationError) -> Iterator[Problem]:
    case_id = given.get("case_id")
    for item in wrong.errors(include_url=False):
        column = str(item["loc"][0])
        if item["type"] == "missing":
            yield Problem(line, case_id, column, "is blank; fill it in")
        elif item["type"] == "string_pattern_mismatch":
            text = f"{given[column]!r:.80} may hold letters, digits, '.', '_' and '-' alone"
            yield Problem(line, case_id if column != "case_id" else None, column, text)
        else:
            text = f"{item['msg'][:1].lower()}{item['msg'][1:]}, found {given[column]!r:.80}"
            yield Problem(line, case_id, column, text)


def _repeats(cases: Iterable[Case]) -> Iterator[Problem]:
    first_line: dict[tuple[Any, ...], int | None] = {}
    for case in cases:
        key = (case.case_id, case.reader, case.read)
        first = first_line.setdefault(key, case.line)
        if first != case.line:
            text = (
                f"stands in line {first} already with the same reader and read; give each reading "
                "its own reader or read, or another case_id"
            )
            yield Problem(case.line, case.case_id, "case_id", text)


# --- cases --------------------------------------------------------------------------------------


def _read_several_times(cases: Iterable[Case]) -> set[str]:
    return {case_id for case_id, n in Counter(case.case_id for case in cases).items() if n > 1}


def _case(row: CaseRow, line: int, base: Path) -> Case:
    return Case(
        case_id=row.case_id,
        folder=folder_name(row.case_id, row.reader, row.read, False),
        study=_absolute(base, row.study),
        landmarks=tuple(_absolute(base, path) for path in _paths(row.landmarks)),
        clinical=_absolute(base, row.clinical) if row.clinical else None,
        line=line,
        **{
            name: getattr(row, name)
            for name in ("anatomy", "fluid", "reader", "read", "position", "profile", "group")
        },
    )


def _by_reading(case: Case) -> Case:
    """Return a case that was read several times in a folder of this reading."""
    return replace(case, folder=folder_name(case.case_id, case.reader, case.read, True))


def _paths(cell: str) -> list[str]:
    return [path.strip() for path in cell.split(PATH_SEPARATOR) if path.strip()]


def _absolute(base: Path, path: str) -> str:
    return os.path.normpath(base / path)


def folder_name(case_id: str, reader: str | None, read: int | None, is_one_of_several: bool) -> str:
    """Return the name of a case's folder: with reader and reading where several read the case."""
    if not is_one_of_several:
        return case_id
    return f"{case_id}__{reader or 'reader'}-{read or 1}"


def shared_folders(cases: Sequence[Case]) -> Iterator[Problem]:
    """Yield cases whose output would go into one folder, also where its disk ignores case."""
    first: dict[str, Case] = {}
    for case in cases:
        other = first.setdefault(case.folder.lower(), case)
        if other is case or (other.case_id, other.reader, other.read) == (
            case.case_id, case.reader, case.read,
        ):  # fmt: skip
            continue
        text = (
            f"its folder {case.folder} would be that of case {other.case_id} too "
            f"(line {other.line}); give it another case_id"
        )
        yield Problem(case.line, case.case_id, "case_id", text)


@lru_cache(maxsize=1 << 16)
def _exists(path: str) -> bool:
    """Return whether there is something at a path; many rows may name the same."""
    return Path(path).exists() or Path(_without_volume(path)).exists()


def _without_volume(path: str) -> str:
    """Return the file of ``FILE.nii#3``."""
    return path.rpartition("#")[0] or path
