"""Landmarks in 3D Slicer's markups files, ``.mrk.json``.

Follows Slicer's markups schema 1.0.x and what vtkMRMLMarkupsJsonStorageNode does with it:

- ``coordinateSystem`` is LPS where it is absent; RAS files exist and are turned here.
- ``coordinateUnits`` is ``mm``, ``um`` or a code triple such as ``["mm", "UCUM", "millimeter"]``.
- A point without ``positionStatus`` is defined; an undefined one is saved with ``"position": ""``
  and is never read as a position.
- Slicer does not write a markup's ``name``; labels and file names stand in for it.
- Positions are those of the node: a transform that was not hardened in Slicer is not in the file.

Stored measurements are for display and are not read.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ifi_mri import slicer_file
from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks import positions
from ifi_mri.landmarks.landmarks_of_markups import landmarks_of
from ifi_mri.landmarks.markups import ControlPoint, Kind, Markup, PositionStatus
from ifi_mri.landmarks.markups_of_landmarks import markups_of
from ifi_mri.landmarks.positions import CoordinateSystem
from ifi_mri.landmarks.text_files import LARGEST_CASE_BYTES, as_json, shown
from ifi_mri.model import LandmarkSet
from ifi_mri.slicer_file import SCHEMA as SCHEMA

NAME: Final = "Slicer markups"
SUFFIXES: Final = (".mrk.json",)
LARGEST_BYTES: Final = LARGEST_CASE_BYTES
KEEPS: Final[frozenset[str]] = frozenset()

#: What Slicer itself accepts, any case (ACCEPTED_MARKUPS_SCHEMA_REGEX).
_ACCEPTED_SCHEMA: Final = re.compile(
    r".*markups-schema-v1\.[0-9]+\.[0-9]+\.json#*", re.IGNORECASE | re.DOTALL
)

_READ_TYPES: Final = {kind.value: kind for kind in Kind if kind is not Kind.UNSTATED}
_OTHER_TYPES: Final = frozenset({"Angle", "Plane", "ROI"})
_UNITS_PER_MM: Final = {"mm": 1.0, "um": 1000.0}
_STATUSES: Final[dict[str, PositionStatus]] = {
    "defined": "defined",
    "preview": "preview",
    "undefined": "undefined",
    "missing": "missing",
}


def claims(path: Path, head: bytes) -> bool:
    """Return whether a file is a markups file, by its name or by the schema it states."""
    name = path.name.lower()
    return name.endswith(SUFFIXES) or (
        name.endswith(".json") and b"markups-schema-v" in head.lower()
    )


def read(content: bytes, source: Path) -> tuple[LandmarkSet, ...]:
    """Return the one landmark set of a markups file; it knows no study, reader or slice.

    Raises
    ------
    LandmarkFormatError
        Not JSON, not a markups schema 1.x, a plane, ROI or angle, an unknown label, or a point
        that was not placed.
    """
    raw = as_json(content, source)
    schema = raw.get("@schema")
    if not isinstance(schema, str) or not _ACCEPTED_SCHEMA.fullmatch(schema):
        raise LandmarkFormatError(
            f"{source}: its @schema is {shown(schema)}, expected Slicer's markups-schema-v1.x.y. "
            "Save it with Slicer 4.11 or newer."
        )
    entries = _list_of_objects(raw, "markups", str(source))
    file = source if len(entries) == 1 else None
    landmarks = tuple(
        landmark
        for number, entry in enumerate(entries, start=1)
        for landmark in landmarks_of(_markup(entry, f"{source}, markup {number}", file))
    )
    return (LandmarkSet(landmarks, sources=(source,)),)


def _markup(entry: dict[str, Any], where: str, file: Path | None) -> Markup:
    kind = _kind(entry.get("type"), where)
    system, units_per_mm = _coordinate_system(entry, where), _units_per_mm(entry, where)
    points = tuple(
        _control_point(item, system, units_per_mm, f"{where}, control point {number}")
        for number, item in enumerate(_list_of_objects(entry, "controlPoints", where), start=1)
    )
    return Markup(kind, points, _text(entry, "name", where), where, file)


def _control_point(
    item: dict[str, Any], system: CoordinateSystem, units_per_mm: float, where: str
) -> ControlPoint:
    label = _text(item, "label", where)
    status = _status(item.get("positionStatus", "defined"), where)
    position = item.get("position")
    if position in (None, "") and status == "defined":
        status = "undefined"  # as Slicer does
    if status != "defined":
        return ControlPoint(label, None, status)
    if not isinstance(position, list):
        raise LandmarkFormatError(
            f"{where}: its position is {shown(position)}, a list of three numbers was expected. "
            "Save the file with Slicer again."
        )
    point = positions.point_mm(position, system, f"{where} ({shown(label)})", units_per_mm)
    return ControlPoint(label, point, status, _text(item, "description", where))


def _kind(value: object, where: str) -> Kind:
    if isinstance(value, str) and value in _READ_TYPES:
        return _READ_TYPES[value]
    other = isinstance(value, str) and value in _OTHER_TYPES
    what = f"is of type {value}, which marks no landmark" if other else f"has type {shown(value)}"
    raise LandmarkFormatError(
        f"{where}: {what}; {', '.join(_READ_TYPES)} are read. Draw it as one of these, or move the "
        "file elsewhere."
    )


def _coordinate_system(entry: dict[str, Any], where: str) -> CoordinateSystem:
    value = entry.get("coordinateSystem", "LPS")
    try:
        return CoordinateSystem(value)
    except ValueError as problem:
        raise LandmarkFormatError(
            f"{where}: its coordinateSystem is {shown(value)}, LPS or RAS was expected. "
            "Save the file with Slicer again."
        ) from problem


def _units_per_mm(entry: dict[str, Any], where: str) -> float:
    value = entry.get("coordinateUnits", "mm")
    code = value[0] if isinstance(value, list) and len(value) == 3 else value
    if isinstance(code, str) and code in _UNITS_PER_MM:
        return _UNITS_PER_MM[code]
    raise LandmarkFormatError(
        f"{where}: its coordinateUnits are {shown(value)}, mm or um was expected. "
        "Save the file in mm."
    )


def _status(value: object, where: str) -> PositionStatus:
    if isinstance(value, str) and value in _STATUSES:
        return _STATUSES[value]
    raise LandmarkFormatError(
        f"{where}: its positionStatus is {shown(value)}, one of {', '.join(_STATUSES)} was "
        "expected. Save the file with Slicer again."
    )


def _text(item: dict[str, Any], key: str, where: str) -> str:
    value = item.get(key, "")
    if not isinstance(value, str):
        raise LandmarkFormatError(
            f"{where}: its {key} is {shown(value)}, a text was expected. Correct it."
        )
    return value


def _list_of_objects(item: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    value = item.get(key, [] if key == "controlPoints" else None)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise LandmarkFormatError(
            f"{where}: its {key} is {shown(value)}, a list of objects was expected. "
            "Save the file with Slicer again."
        )
    return value


def write(landmarks: LandmarkSet, path: Path) -> dict[Path, bytes]:
    """Return one file of all markups where ``path`` ends in .mrk.json, else one in that folder for
    each line, curve and list of points."""
    markups = markups_of(landmarks.landmarks)
    if path.name.lower().endswith(SUFFIXES):
        return {path: render(markups)}
    prefix = f"{landmarks.case_id}_" if landmarks.case_id else ""
    return {path / f"{prefix}{markup.name}.mrk.json": render([markup]) for markup in markups}


def render(markups: Iterable[Markup]) -> bytes:
    """Return a markups file, in LPS mm; numbers keep their full precision."""
    return slicer_file.render(_entry(markup) for markup in markups)


def _entry(markup: Markup) -> dict[str, Any]:
    points = [
        slicer_file.control_point(point.label, point.position_mm, point.description, point.status)
        for point in markup.points
    ]
    return slicer_file.markup(markup.kind.value, markup.name, points)
