"""3D Slicer's markups file, ``.mrk.json``, as it is written: schema 1.0.3, patient LPS, mm.

What landmarks and reports share; what a file means is read in `ifi_mri.landmarks.slicer_markups`.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

SCHEMA: Final = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/"
    "Schema/markups-schema-v1.0.3.json#"
)

#: The orientation Slicer gives every point by default: the axes of RAS, said in LPS.
_ORIENTATION: Final = [-1.0, -0.0, -0.0, -0.0, -1.0, -0.0, 0.0, 0.0, 1.0]

#: Made once: to make an encoder takes longer than to encode a point.
_json: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def render(markups: Iterable[dict[str, Any]]) -> bytes:
    """Return a file of markups, a line for each key and point; numbers keep their full
    precision."""
    entries = ",\n".join(_entry(markup) for markup in markups)
    return f'{{\n"@schema": {_json(SCHEMA)},\n"markups": [\n{entries}\n]\n}}\n'.encode()


def _entry(markup: dict[str, Any]) -> str:
    """Return a markup; the encoder of the standard library is slow where it indents by itself."""
    keys = []
    for key, value in markup.items():
        if key == "controlPoints" and value:
            points = ",\n   ".join(_json(point) for point in value)
            keys.append(f"  {_json(key)}: [\n   {points}\n  ]")
        else:
            keys.append(f"  {_json(key)}: {_json(value)}")
    return " {\n" + ",\n".join(keys) + "\n }"


def markup(
    kind: str,
    name: str,
    points: Sequence[dict[str, Any]],
    measurements: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return a list, line or curve; ``kind`` is Fiducial, Line, Curve or ClosedCurve."""
    return {
        "type": kind,
        "name": name,
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "fixedNumberOfControlPoints": False,
        "labelFormat": "%N-%d",
        "lastUsedControlPointNumber": len(points),
        "controlPoints": [{"id": str(n), **point} for n, point in enumerate(points, start=1)],
        "measurements": list(measurements),
    }


def control_point(
    label: str, position_mm: Sequence[float] | None, description: str = "", status: str = "defined"
) -> dict[str, Any]:
    """Return a point; without a position it waits to be placed."""
    return {
        "label": label,
        "description": description,
        "associatedNodeID": "",
        **({} if position_mm is None else {"position": list(position_mm)}),
        "orientation": _ORIENTATION,
        "selected": True,
        "locked": False,
        "visibility": True,
        "positionStatus": status,
    }


def measurement(
    name: str, value: float, unit: tuple[str, str, str], description: str, **code: list[str]
) -> dict[str, Any]:
    """Return a number that stands with a markup; Slicer computes its own when a point is moved.

    ``code`` holds ``quantityCode``, ``derivationCode`` or ``methodCode``: value, scheme, meaning.
    """
    return {
        "name": name,
        "enabled": True,
        "value": value,
        "units": list(unit),
        "description": description,
        **code,
    }
