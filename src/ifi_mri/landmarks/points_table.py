"""Landmarks in tables, ``.csv`` and ``.tsv``: one row a point.

Two kinds of table, told apart by their columns; the column *names* carry the frame, ``l,p,s`` or
``r,a,s``, mm, and a bare ``x,y,z`` is refused because nothing says which way x grows.

*Ours* holds any number of cases and readers:

==============  ==================================================================================
``case_id``     letters, digits, ``.``, ``_``, ``-``; blank in every row where there is one case
``side``        left, right, L or R; may be blank where the label says it (``IT-L``)
``landmark``    full name or short label (``IT``)
``l,p,s``       or ``r,a,s``: the position in mm
``reader``      who placed it (optional)
``read``        which reading: 1, 2, ... (optional)
``slice``       SOP Instance UID of the slice it was drawn on, or a whole number that only keeps
                outlines of different slices apart: positions alone say where a point lies
                (optional)
``outline``     rows of one structure that share slice and outline are the vertices of one outline,
                in row order (optional)
``closed``      yes or no: whether the last vertex joins the first; areas (muscles, fat, tendons)
                are closed, everything else is open where it is blank (optional)
``comment``     not read (optional)
==============  ==================================================================================

*Slicer's* export of control points holds ``label,l,p,s`` or ``label,r,a,s`` and optionally
``defined,selected,visible,locked,description``; labels decide (`landmarks_of_markups`).

How fields part and decimals are written: `delimited`.
"""

import csv
import io
import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks.delimited import Row, Table, column_names, parse_table
from ifi_mri.landmarks.labels import Pair, known_labels, parse, parse_side
from ifi_mri.landmarks.landmarks_of_markups import landmarks_of
from ifi_mri.landmarks.markups import ControlPoint, Kind, Markup
from ifi_mri.landmarks.shapes import AREAS, checked_landmark, unfilled
from ifi_mri.landmarks.text_files import LARGEST_TABLE_BYTES, as_text, shown
from ifi_mri.model import Landmark, LandmarkSet, Point
from ifi_mri.vocabulary import LandmarkName, Side

NAME: Final = "table"
SUFFIXES: Final = (".csv", ".tsv")
LARGEST_BYTES: Final = LARGEST_TABLE_BYTES
KEEPS: Final = frozenset({"case_id", "reader", "read", "sop_instance_uid"})

_NEEDED: Final = ("case_id", "side", "landmark")
_OPTIONAL: Final = ("reader", "read", "slice", "outline", "closed", "comment")
_WRITTEN: Final = (
    "case_id", "reader", "read", "side", "landmark", "l", "p", "s", "slice", "outline", "closed",
)  # fmt: skip
_SLICER_NEEDED: Final = ("label",)
_SLICER_OPTIONAL: Final = ("defined", "selected", "visible", "locked", "description")

_CASE_ID: Final = re.compile(r"[A-Za-z0-9._-]+")
_READER: Final = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_ANSWERS: Final = {
    **dict.fromkeys(("yes", "y", "true", "1"), True),
    **dict.fromkeys(("no", "n", "false", "0"), False),
}

#: A SOP Instance UID has a root and at least two numbers more; ``3.0`` is a slice number that a
#: spreadsheet turned into a decimal.
_UID: Final = re.compile(r"(?=.{5,64}$)[0-9]+(\.[0-9]+){2,}")
_WHOLE_NUMBER: Final = re.compile(r"([0-9]{1,9})(\.0+)?")


class Reading(NamedTuple):
    """Whose landmarks a row holds."""

    case_id: str | None
    reader: str | None
    read: int | None


class Structure(NamedTuple):
    """Which landmark a row belongs to: a point of its own, or an outline with others.

    ``mark`` is the outline's name, or the row's number where it is a point.
    """

    name: LandmarkName
    side: Side
    slice: str
    mark: str | int


def claims(path: Path, head: bytes) -> bool:
    """Return whether a file is a table whose first line names landmarks or labelled points."""
    if not path.name.lower().endswith(SUFFIXES):
        return False
    try:
        columns = set(column_names(head.decode("utf-8-sig", "replace"))[0])
    except csv.Error:
        return False
    places = ({"l", "p", "s"}, {"r", "a", "s"}, {"x", "y", "z"})
    return "landmark" in columns or ("label" in columns and any(axes <= columns for axes in places))


def read(content: bytes, source: Path) -> tuple[LandmarkSet, ...]:
    """Return the landmark sets of a table: one for each case, reader and reading.

    Raises
    ------
    LandmarkFormatError
        A column unknown, missing or doubled, no stated frame, a row that is too short, not filled
        in or not a number, an unknown label, or a side that is missing or contradictory.
    """
    text = as_text(content, source)
    if "landmark" not in column_names(text)[0] and "label" in column_names(text)[0]:
        return (_read_slicer_table(parse_table(text, source, _SLICER_NEEDED, _SLICER_OPTIONAL)),)
    table = parse_table(text, source, _NEEDED, _OPTIONAL)
    by_reading: dict[Reading, list[Row]] = {}
    for row in table.rows:
        by_reading.setdefault(_reading(row), []).append(row)
    cases = {reading.case_id for reading in by_reading}
    if None in cases and len(cases) > 1:
        raise LandmarkFormatError(
            f"{source}: some rows have a case_id and others none. Fill it in everywhere."
        )
    return tuple(
        LandmarkSet(_landmarks(rows, table), **reading._asdict(), sources=(source,))
        for reading, rows in by_reading.items()
    )


# --- our columns --------------------------------------------------------------------------------


def _reading(row: Row) -> Reading:
    case_id, reader, read_number = (row.cell(name) for name in Reading._fields)
    if case_id and not _CASE_ID.fullmatch(case_id):
        raise LandmarkFormatError(  # the text may be a patient's name: not quoted
            f"{row.where}: the case_id has other characters than A-Z, a-z, 0-9, '.', '_' and '-'. "
            "Give the case a plain id."
        )
    if reader and not _READER.fullmatch(reader):
        raise LandmarkFormatError(
            f"{row.where}: the reader is longer than 64 characters or holds control characters. "
            "Shorten it."
        )
    whole = _WHOLE_NUMBER.fullmatch(read_number)
    if read_number and (whole is None or int(whole[1]) < 1):
        raise LandmarkFormatError(
            f"{row.where}: the read is {shown(read_number)}, 1, 2, ... was expected. Correct it."
        )
    return Reading(case_id or None, reader or None, int(whole[1]) if whole else None)


def _landmarks(rows: Sequence[Row], table: Table) -> tuple[Landmark, ...]:
    structures: dict[Structure, list[Row]] = {}
    for number, row in enumerate(rows):
        structures.setdefault(_structure(row, number), []).append(row)
    return tuple(_landmark(structure, rows, table) for structure, rows in structures.items())


def _structure(row: Row, number: int) -> Structure:
    name, side = _name_and_side(row)
    slice_label = row.cell("slice")
    if slice_label and not (_UID.fullmatch(slice_label) or _WHOLE_NUMBER.fullmatch(slice_label)):
        raise LandmarkFormatError(
            f"{row.where}: the slice is {shown(slice_label)}, a SOP Instance UID or a whole number "
            "was expected. Correct it or leave it blank."
        )
    return Structure(name, side, slice_label, row.cell("outline") or number)


def _name_and_side(row: Row) -> tuple[LandmarkName, Side]:
    label, side_text = parse(row.cell("landmark")), row.cell("side")
    if label is None or isinstance(label.structure, Pair):
        what = "names two structures" if label else "is no known label"
        raise LandmarkFormatError(
            f"{row.where}: {shown(row.cell('landmark'))} {what}; a row holds one point of one "
            f"structure. {known_labels()}"
        )
    side = parse_side(side_text) if side_text else label.side
    if side is None or (label.side and label.side is not side):
        raise LandmarkFormatError(
            f"{row.where}: the side is {shown(side_text)} and the landmark "
            f"{shown(row.cell('landmark'))}, left or right (L or R) of the patient was expected. "
            "Correct it."
        )
    return label.structure, side


def _landmark(structure: Structure, rows: Sequence[Row], table: Table) -> Landmark:
    points_mm = [_filled(table.point_mm(row), row, structure) for row in rows]
    uid = structure.slice if _UID.fullmatch(structure.slice) else None
    closed = _is_closed(structure.name, rows)
    where = rows[0].where
    return checked_landmark(structure.name, structure.side, points_mm, closed, where, uid)


def _filled(point: Point | None, row: Row, structure: Structure) -> Point:
    if point is None:
        raise unfilled(f"{row.where}: the {structure.side} {structure.name}")
    return point


def _is_closed(name: LandmarkName, rows: Sequence[Row]) -> bool:
    said = {row.cell("closed").lower() for row in rows} - {""}
    answers = {_ANSWERS.get(word) for word in said}
    if None in answers or len(answers) > 1:
        raise LandmarkFormatError(
            f"{rows[0].where}: closed is {shown(sorted(said))} in this outline, yes or no "
            "throughout was expected. Correct it."
        )
    return bool(answers.pop()) if answers else name in AREAS


# --- Slicer's columns ---------------------------------------------------------------------------


def _read_slicer_table(table: Table) -> LandmarkSet:
    points = tuple(_control_point(row, table) for row in table.rows)
    markup = Markup(Kind.UNSTATED, points, where=str(table.source), file=table.source)
    return LandmarkSet(landmarks_of(markup), sources=(table.source,))


def _control_point(row: Row, table: Table) -> ControlPoint:
    label, defined = row.cell("label"), row.cell("defined").lower()
    if defined and defined not in _ANSWERS:
        raise LandmarkFormatError(
            f"{row.where}: defined is {shown(defined)}, 1 or 0 was expected. Correct it."
        )
    position = table.point_mm(row) if _ANSWERS.get(defined, True) else None
    if position is None:
        return ControlPoint(label, None, "undefined")
    return ControlPoint(label, position, description=row.cell("description"))


# --- writing ------------------------------------------------------------------------------------


def write(landmarks: LandmarkSet, path: Path) -> dict[Path, bytes]:
    """Return the table of a landmark set in LPS, parted by tabs where the name ends in .tsv."""
    text = io.StringIO()
    delimiter = "\t" if path.name.lower().endswith(".tsv") else ","
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(_WRITTEN)
    reading = (landmarks.case_id or "", landmarks.reader or "", landmarks.read or "")
    outlines = count(1)
    for mark in landmarks.landmarks:
        is_outline = len(mark.points_mm) > 1 or mark.name in AREAS
        outline = (next(outlines), "yes" if mark.closed else "no") if is_outline else ("", "")
        for position in mark.points_mm or (("", "", ""),):
            place = (mark.sop_instance_uid or "", *outline)
            writer.writerow((*reading, mark.side, mark.name, *position, *place))
    return {path: text.getvalue().encode()}
