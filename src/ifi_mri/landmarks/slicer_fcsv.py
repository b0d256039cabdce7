"""Landmarks in 3D Slicer's fiducial lists, ``.fcsv``, old and new.

Follows vtkMRMLMarkupsFiducialStorageNode, more strictly where it would guess:

- ``# CoordinateSystem`` is ``0`` or ``RAS`` (the default up to Slicer 4.10), ``1`` or ``LPS``
  (from 4.11).  A file without that line is ambiguous (Slicer takes LPS, the slicerio package RAS)
  and is refused.
- The order of the fields is fixed whatever ``# columns`` says; labels with commas stand in double
  quotes; newer files carry two further fields, position status and whether the point was made
  automatically.
- A file without a version line is of Slicer 3: ``label,x,y,z,sel,vis`` in RAS.

The file cannot say what is a line or a curve: labels decide (`landmarks_of_markups`).
"""

import csv
import io
from pathlib import Path
from typing import Final

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks import positions
from ifi_mri.landmarks.landmarks_of_markups import landmarks_of
from ifi_mri.landmarks.markups import ControlPoint, Kind, Markup, PositionStatus
from ifi_mri.landmarks.markups_of_landmarks import control_points_of
from ifi_mri.landmarks.positions import CoordinateSystem
from ifi_mri.landmarks.text_files import LARGEST_CASE_BYTES, as_number, as_text, shown
from ifi_mri.model import LandmarkSet, Point

NAME: Final = "Slicer fiducials"
SUFFIXES: Final = (".fcsv",)
LARGEST_BYTES: Final = LARGEST_CASE_BYTES
KEEPS: Final[frozenset[str]] = frozenset()

COLUMNS: Final = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"

_VERSION: Final = "Markups fiducial file version"
_SLICER_3_LIST: Final = "Fiducial List file"
_SLICER_3_COLUMNS: Final = "label,x,y,z,sel,vis"
_SYSTEMS: Final = {
    "0": CoordinateSystem.RAS,
    "RAS": CoordinateSystem.RAS,
    "1": CoordinateSystem.LPS,
    "LPS": CoordinateSystem.LPS,
}

#: vtkMRMLMarkupsNode's PositionStatus, by number.
_STATUSES: Final[dict[str, PositionStatus]] = {
    "0": "undefined",
    "1": "preview",
    "2": "defined",
    "3": "missing",
}

_LABEL, _DESCRIPTION, _STATUS = 11, 12, 14
_MOST_FIELDS: Final = 16
_SLICER_3_FIELDS: Final = 6


def claims(path: Path, head: bytes) -> bool:
    """Return whether a file is a fiducial list, by its name or its first line."""
    return path.name.lower().endswith(SUFFIXES) or _VERSION.encode() in head[:200]


def read(content: bytes, source: Path) -> tuple[LandmarkSet, ...]:
    """Return the one landmark set of a fiducial list; it knows no study, reader or slice.

    Raises
    ------
    LandmarkFormatError
        No coordinate system, a line that is no point, an unknown label, or a point that was not
        placed.
    """
    lines = io.StringIO(as_text(content, source), newline=None).read().split("\n")
    header = _header(lines, source)
    rows = [
        (number, _fields(line, f"{source}, line {number}"))
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]
    if _VERSION in header:
        system = _coordinate_system(header, source)
        points = [_point(row, system, f"{source}, line {number}") for number, row in rows]
    else:
        _expect_slicer_3(lines, header, source)
        points = [_slicer_3_point(row, f"{source}, line {number}") for number, row in rows]
    markup = Markup(Kind.UNSTATED, tuple(points), where=str(source), file=source)
    return (LandmarkSet(landmarks_of(markup), sources=(source,)),)


def _header(lines: list[str], source: Path) -> dict[str, str]:
    """Return the ``# name = value`` lines."""
    header: dict[str, str] = {}
    for line in lines:
        if line.startswith("#") and "=" in line:
            name, value = (part.strip() for part in line[1:].split("=", 1))
            if name == "CoordinateSystem" and header.get(name, value) != value:
                raise LandmarkFormatError(
                    f"{source}: states two coordinate systems, {shown(header[name])} and "
                    f"{shown(value)}. Keep the right one."
                )
            header[name] = value
    return header


def _coordinate_system(header: dict[str, str], source: Path) -> CoordinateSystem:
    value = header.get("CoordinateSystem")
    if value is None:
        raise LandmarkFormatError(
            f"{source}: does not say whether it is in LPS or RAS, and programs disagree about the "
            "default. Add the line '# CoordinateSystem = LPS' (or RAS) below the version line, or "
            "save it from Slicer as .mrk.json."
        )
    if value.upper() not in _SYSTEMS:
        raise LandmarkFormatError(
            f"{source}: its CoordinateSystem is {shown(value)}, expected LPS or 1, RAS or 0. "
            "Save it from Slicer in LPS."
        )
    return _SYSTEMS[value.upper()]


def _expect_slicer_3(lines: list[str], header: dict[str, str], source: Path) -> None:
    named = any(line.startswith("#") and _SLICER_3_LIST in line for line in lines)
    if not named and header.get("columns") != _SLICER_3_COLUMNS:
        raise LandmarkFormatError(
            f"{source}: has neither the line '# {_VERSION} = ...' nor the header of a Slicer 3 "
            "list, so its columns and its frame are not known. Save it from Slicer as .mrk.json."
        )


def _fields(line: str, where: str) -> list[str]:
    try:
        return next(csv.reader([line]))
    except csv.Error as problem:
        raise LandmarkFormatError(f"{where}: {problem}. Correct that line.") from problem


def _point(row: list[str], system: CoordinateSystem, where: str) -> ControlPoint:
    if not _LABEL < len(row) <= _MOST_FIELDS:
        raise _field_count(where, row, f"{_LABEL + 1} to {_MOST_FIELDS}")
    if as_number(row[_LABEL]) is not None:
        raise LandmarkFormatError(
            f"{where}: its label is the number {shown(row[_LABEL])}, as if a decimal comma had "
            "moved the fields. Write numbers with a decimal point."
        )
    status = _status(row[_STATUS] if len(row) > _STATUS else "", where)
    description = row[_DESCRIPTION] if len(row) > _DESCRIPTION else ""
    if status != "defined":
        return ControlPoint(row[_LABEL], None, status)
    return ControlPoint(row[_LABEL], _position(row[1:4], system, where), status, description)


def _slicer_3_point(row: list[str], where: str) -> ControlPoint:
    if not 4 <= len(row) <= _SLICER_3_FIELDS:
        raise _field_count(where, row, f"4 to {_SLICER_3_FIELDS}")
    return ControlPoint(row[0], _position(row[1:4], CoordinateSystem.RAS, where))


def _position(texts: list[str], system: CoordinateSystem, where: str) -> Point:
    numbers = [as_number(text) for text in texts]
    return positions.point_mm(
        texts if None in numbers else [float(text) for text in texts], system, where
    )


def _status(text: str, where: str) -> PositionStatus:
    if not text.strip():
        return "defined"
    if text.strip() not in _STATUSES:
        raise LandmarkFormatError(
            f"{where}: its position status is {shown(text)}, 0 to 3 was expected. "
            "Save the file with Slicer again."
        )
    return _STATUSES[text.strip()]


def _field_count(where: str, row: list[str], expected: str) -> LandmarkFormatError:
    return LandmarkFormatError(
        f"{where}: has {len(row)} fields, {expected} were expected. Write numbers with a decimal "
        "point, and labels that hold a comma in double quotes."
    )


def write(landmarks: LandmarkSet, path: Path) -> dict[Path, bytes]:
    """Return a fiducial list in LPS.  The coordinate system is written ``1``: Slicer up to 4.10
    reads the word LPS as 0, which is RAS; newer ones read both."""
    lines = [f"# {_VERSION} = 4.13", "# CoordinateSystem = 1", f"# columns = {COLUMNS}"]
    for number, point in enumerate(control_points_of(landmarks.landmarks), start=1):
        if point.position_mm is None:
            raise LandmarkFormatError(
                f"{path.name}: a .fcsv cannot hold landmarks that are yet to be placed. "
                "Write .mrk.json."
            )
        x, y, z = point.position_mm
        lines.append(
            f"{number},{x!r},{y!r},{z!r},0,0,0,1,1,1,0,{point.label},{point.description},,2,0"
        )
    return {path: ("\n".join(lines) + "\n").encode()}
