"""Landmarks in the project's own JSON: everything a `LandmarkSet` knows, nothing else.

The format that loses nothing: study, series and frame of reference UIDs, reader and reading,
status, the slice each landmark was drawn on, and what the reader judged by eye.  Positions are
written in LPS mm; ``coordinate_system`` says which of LPS and RAS a file is in and may not be
left out.  ``ifi-mri schema landmarks`` prints the JSON Schema.
"""

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
)

from ifi_mri.config import check_settings
from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks import positions
from ifi_mri.landmarks.merging import HIGHEST_GRADE
from ifi_mri.landmarks.positions import CoordinateSystem
from ifi_mri.landmarks.shapes import checked_landmark, unfilled
from ifi_mri.landmarks.text_files import LARGEST_CASE_BYTES, as_json, shown
from ifi_mri.model import Landmark, LandmarkSet, Observation
from ifi_mri.vocabulary import LandmarkName, ObservationName, Side

NAME: Final = "native JSON"
SUFFIXES: Final = (".json",)
LARGEST_BYTES: Final = LARGEST_CASE_BYTES
KEEPS: Final = frozenset(
    {
        "study_uid", "series_uid", "frame_of_reference_uid", "reader", "read", "placed_at",
        "status", "case_id", "observations", "sop_instance_uid", "pixel_mm", "in_part",
    }
)  # fmt: skip

SCHEMA_VERSION: Final = "1.0"

_KEY_ENDS: Final = re.compile(rb'"\s*:')
_OWN_KEYS: Final = re.compile(rb'"(landmarks|coordinate_system)"\s*:')


def _iso_8601(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("an ISO 8601 time as in 2026-01-31T10:00:00Z is expected") from None
    return text


Uid = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$", max_length=64)]
Reader = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=64)]
Time = Annotated[str, AfterValidator(_iso_8601), Field(max_length=40)]
Coordinate = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Position = Annotated[list[Coordinate], Field(min_length=3, max_length=3)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class NativeLandmark(_Strict):
    """One structure on one slice; repeat it for other slices."""

    name: LandmarkName
    side: Side
    points_mm: Annotated[list[Position], Field(min_length=1)]
    closed: StrictBool = False
    sop_instance_uid: Uid | None = None
    pixel_mm: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Pixel size of the label map that the outline was taken from."""


class NativeObservation(_Strict):
    """What the reader judged by eye."""

    name: ObservationName
    side: Side
    value: Annotated[StrictInt, Field(ge=0, le=HIGHEST_GRADE)]


class NativeStructure(_Strict):
    """A structure of one side."""

    name: LandmarkName
    side: Side


class NativeFile(_Strict):
    """The landmarks that one reader placed in one reading of one study."""

    schema_version: Literal["1.0"]
    coordinate_system: CoordinateSystem
    study_uid: Uid | None = None
    series_uid: Uid | None = None
    frame_of_reference_uid: Uid | None = None
    case_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")] | None = None
    reader: Reader | None = None
    read: Annotated[StrictInt, Field(ge=1)] | None = None
    placed_at: Time | None = None
    status: Literal["draft", "proposed", "final"] | None = None
    landmarks: Annotated[list[NativeLandmark], FailFast()]
    observations: list[NativeObservation] = []
    in_part: list[NativeStructure] = []
    """Structures whose outlines are those of a part: no volume is taken from them."""


def claims(path: Path, head: bytes) -> bool:
    """Return whether a file is JSON with this format's keys and not a viewer's markup file."""
    name = path.name.lower()
    own = name.endswith(SUFFIXES) and not name.endswith(".mrk.json")
    return own and b'"markups"' not in head and bool(_OWN_KEYS.search(head))


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the format."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **NativeFile.model_json_schema(),
        "title": "ifi_mri landmarks",
    }


def read(content: bytes, source: Path) -> tuple[LandmarkSet, ...]:
    """Return the one landmark set of a native file.

    Raises
    ------
    LandmarkFormatError
        Not JSON, a key unknown, missing or of the wrong type, a template entry not filled in, a
        position that is none, or a shape that does not fit its structure.
    """
    file = _read_at_once(content) or _read_closely(content, source)
    landmarks = tuple(
        _landmark(mark, file.coordinate_system, f"{source}, landmark {number}")
        for number, mark in enumerate(file.landmarks, start=1)
    )
    observations = tuple(Observation(o.name, o.side, o.value) for o in file.observations)
    said = file.model_dump(
        exclude={"schema_version", "coordinate_system", "landmarks", "observations", "in_part"}
    )
    in_part = frozenset((one.name, one.side) for one in file.in_part)
    return (LandmarkSet(landmarks, observations, **said, sources=(source,), in_part=in_part),)


def _read_at_once(content: bytes) -> NativeFile | None:
    """Return a file that nothing is to be said about, in half the time; None where something is.

    The parser takes the last of doubled keys.  None is doubled where the file has no more ends of
    keys than the landmarks were given fields: inside texts there may only be more of them.
    """
    try:
        file = NativeFile.model_validate_json(content)
    except ValidationError:
        return None
    objects = (file, *file.landmarks, *file.observations, *file.in_part)
    n_keys = sum(len(one.model_fields_set) for one in objects)
    return file if len(_KEY_ENDS.findall(content)) == n_keys else None


def _read_closely(content: bytes, source: Path) -> NativeFile:
    """Return a file, or say what is wrong with it."""
    raw = as_json(content, source)
    _refuse_unfilled(raw, source)
    return check_settings(raw, NativeFile, str(source), LandmarkFormatError)


def _landmark(mark: NativeLandmark, system: CoordinateSystem, where: str) -> Landmark:
    points_mm = positions.points_mm(mark.points_mm, system, f"{where} ({mark.side} {mark.name})")
    placed = checked_landmark(
        mark.name, mark.side, points_mm, mark.closed, where, mark.sop_instance_uid
    )
    return placed if mark.pixel_mm is None else replace(placed, pixel_mm=mark.pixel_mm)


def _refuse_unfilled(raw: dict[str, Any], source: Path) -> None:
    """Refuse a template's entries in their own words, before the checks of types do in theirs."""
    marks = raw.get("landmarks")
    for number, mark in enumerate(marks if isinstance(marks, list) else [], start=1):
        points = mark.get("points_mm") if isinstance(mark, dict) else None
        if isinstance(points, list) and (not points or [] in points or [None] * 3 in points):
            thing = f"{shown(mark.get('name'))}, side {shown(mark.get('side'))},"
            raise unfilled(f"{source}, landmark {number}: {thing}")


def write(landmarks: LandmarkSet, path: Path) -> dict[Path, bytes]:
    """Return the file that keeps a landmark set, one landmark a line."""
    head = {
        "schema_version": SCHEMA_VERSION,
        "coordinate_system": CoordinateSystem.LPS.value,
        "study_uid": landmarks.study_uid,
        "series_uid": landmarks.series_uid,
        "frame_of_reference_uid": landmarks.frame_of_reference_uid,
        **({"case_id": landmarks.case_id} if landmarks.case_id else {}),
        "reader": landmarks.reader,
        "read": landmarks.read,
        "placed_at": landmarks.placed_at,
        "status": landmarks.status,
    }
    lines = [f" {_json(key)}: {_json(value)}," for key, value in head.items()]
    marks = [
        {
            "name": mark.name,
            "side": mark.side,
            "points_mm": mark.points_mm,
            "closed": mark.closed,
            "sop_instance_uid": mark.sop_instance_uid,
            **({} if mark.pixel_mm is None else {"pixel_mm": mark.pixel_mm}),
        }
        for mark in landmarks.landmarks
    ]
    seen = [{"name": o.name, "side": o.side, "value": o.value} for o in landmarks.observations]
    rows = [f' "landmarks": {_rows(marks)}', f' "observations": {_rows(seen)}']
    if landmarks.in_part:
        in_part = [{"name": name, "side": side} for name, side in sorted(landmarks.in_part)]
        rows.append(f' "in_part": {_rows(in_part)}')
    text = "\n".join(["{", *lines, ",\n".join(rows), "}", ""])
    return {path: text.encode()}


def _rows(entries: list[dict[str, Any]]) -> str:
    """Return a JSON list with one entry a line."""
    return "[\n" + ",\n".join(f"  {_json(entry)}" for entry in entries) + "]" if entries else "[]"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
