"""Lines and points that a viewer stored as DICOM Structured Report (PS3.16, TID 1500).

Read are the measurement groups of an *Imaging Measurement Report* as OHIF and Cornerstone write
them, and our own: ``Length`` is a line of two points, ``Probe`` a point, a polygon an outline.
Their labels (`labels`) stand in a comment, in older files in a free-text finding or site, in ours
also in the tracking identifier and as codes.

Codes are compared by value and scheme, retired ones too, never by meaning: files without concept
names, in implicit VR and with 32-bit coordinates are common.  Coordinates on an image become mm
only when the study is at hand (`on_images`).
"""

import io
import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ifi_mri import codes
from ifi_mri.errors import LandmarkError, LandmarkFormatError
from ifi_mri.landmarks import positions
from ifi_mri.landmarks.dicom_sr_items import children, code_of, first, is_named, text_of, value_of
from ifi_mri.landmarks.dicom_sr_labels import label_of_group
from ifi_mri.landmarks.labels import Label
from ifi_mri.landmarks.landmarks_of_markups import landmarks_of
from ifi_mri.landmarks.markups import markup_of
from ifi_mri.landmarks.positions import CoordinateSystem
from ifi_mri.landmarks.text_files import is_dicom, named, shown
from ifi_mri.model import ImageMark, Landmark, LandmarkSet, Observation
from ifi_mri.vocabulary import ObservationName

if TYPE_CHECKING:
    from pydicom import Dataset

NAME: Final = "DICOM SR"
SUFFIXES: Final[tuple[str, ...]] = ()
LARGEST_BYTES: Final = 16 * 1024**2
KEEPS: Final[frozenset[str]] = frozenset()

#: Classes of structured reports: Enhanced, Comprehensive, Comprehensive 3D and their kin.
_STRUCTURED_REPORT: Final = "1.2.840.10008.5.1.4.1.1.88."

#: Where a file's SOP class stands: in the meta information, within its first kilobyte.
_META_BYTES: Final = 1024

#: What our own reports state as their manufacturer.
_OWN_MANUFACTURER: Final = "ifi_mri"

_LENGTHS: Final = (
    codes.LENGTH, codes.DISTANCE, codes.LINE_SEGMENT_LENGTH, codes.PATH_LENGTH,
)  # fmt: skip

#: Millimetres in one unit of length.
_UNITS_MM: Final = {"mm": 1.0, "cm": 10.0, "um": 0.001}

_READ_NUMBER: Final = re.compile(r"\bread ([0-9]{1,4})$")

#: What viewers write where nobody is named.
_NOBODY: Final = frozenset({"", "unknown"})

#: Containers within containers; no measurement report is deeper.
_DEEPEST: Final = 16


def claims(path: Path, head: bytes) -> bool:  # noqa: ARG001 - the content decides
    """Return whether a file is a DICOM structured report, by its SOP class."""
    return is_dicom(head) and _STRUCTURED_REPORT.encode() in head[:_META_BYTES]


def read(content: bytes, source: Path) -> tuple[LandmarkSet, ...]:
    """Return the one landmark set of a structured report.

    Raises
    ------
    LandmarkFormatError
        Not a measurement report, broken, a group without a known label, or whose labels contradict
        one another, or one that is no line, point or outline.
    """
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values longer than allowed are common, and read
            return (_landmark_set(dcmread(io.BytesIO(content)), source),)
    except LandmarkError:
        raise
    except Exception as problem:  # pydicom raises whatever it meets in a broken file
        raise LandmarkFormatError(
            f"{named(source)}: cannot be read as a DICOM structured report "
            f"({type(problem).__name__}: {shown(str(problem))}). Export the report again."
        ) from problem


def write(landmarks: LandmarkSet, path: Path) -> dict[Path, bytes]:  # noqa: ARG001
    """Refuse: a structured report of landmarks is written by ``ifi-mri run --formats sr``."""
    raise LandmarkFormatError(
        f"{path.name}: landmarks alone are not written as a DICOM structured report. Use "
        "`ifi-mri run` with --formats sr, or another ending."
    )


# --- the document -------------------------------------------------------------------------------


def _landmark_set(dataset: "Dataset", source: Path) -> LandmarkSet:
    groups = list(_groups(dataset, source))
    if not groups:
        raise LandmarkFormatError(
            f"{named(source)}: is a structured report without measurement groups (TID 1500), the "
            "lines and points of a viewer were expected. Export the measurements, not the report."
        )
    own = str(dataset.get("Manufacturer", "")) == _OWN_MANUFACTURER
    landmarks: list[Landmark] = []
    marks: list[ImageMark] = []
    observations: list[Observation] = []
    reads = set()
    for number, group in enumerate(groups, start=1):
        where = f"{named(source)}, group {number}"
        reads.update(_READ_NUMBER.findall(text_of(group, codes.ACTIVITY_SESSION).strip()))
        label = label_of_group(group, where)
        observations += _graded(group, label)
        tool = "" if own else text_of(group, codes.TRACKING_IDENTIFIER)
        found = list(_drawings(group, label, tool, where))
        if not found and not _says_why_not(group):
            raise _nothing_drawn(where, label)
        for drawn in found:
            if isinstance(drawn, ImageMark):
                marks.append(drawn)
            else:
                landmarks += drawn
    return LandmarkSet(
        tuple(landmarks),
        tuple(dict.fromkeys(observations)),
        study_uid=str(dataset.get("StudyInstanceUID", "")) or None,
        frame_of_reference_uid=_frame_of_reference(groups, source),
        reader=_reader(dataset),
        read=int(reads.pop()) if len(reads) == 1 else None,
        sources=(source,),
        image_marks=tuple(marks),
    )


def _groups(dataset: "Dataset", source: Path) -> Iterator["Dataset"]:
    """Yield the measurement groups of a document, wherever they stand in its tree."""
    modality = str(dataset.get("Modality", ""))
    if modality != "SR":
        raise LandmarkFormatError(
            f"{named(source)}: has modality {shown(modality)}, a structured report (SR) was "
            "expected. Name the report that holds the measurements."
        )
    yield from _containers(dataset, source, 0)


def _containers(item: "Dataset", source: Path, depth: int) -> Iterator["Dataset"]:
    if depth > _DEEPEST:
        raise LandmarkFormatError(
            f"{named(source)}: is nested more than {_DEEPEST} deep, which no measurement report "
            "is. Export the report again."
        )
    for child in children(item):
        if str(child.get("ValueType", "")) != "CONTAINER":
            continue
        if is_named(child, codes.MEASUREMENT_GROUP):
            yield child
        else:
            yield from _containers(child, source, depth + 1)


def _frame_of_reference(groups: list["Dataset"], source: Path) -> str | None:
    """Return the frame of reference of the coordinates in space, where there are any."""
    uids = {
        str(shape.get("ReferencedFrameOfReferenceUID", ""))
        for group in groups
        for number in children(group)
        for shape in (number, *children(number))
        if shape.get("ValueType") == "SCOORD3D"
    }
    if "" in uids:
        raise LandmarkFormatError(
            f"{named(source)}: has coordinates in space that name no frame of reference, so they "
            "lie nowhere. Export the measurements again."
        )
    if len(uids) > 1:
        raise LandmarkFormatError(
            f"{named(source)}: its lines lie in {len(uids)} frames of reference, one was expected. "
            "Export the measurements of one study."
        )
    return next(iter(uids), None)


def _reader(dataset: "Dataset") -> str | None:
    """Return who observed, where a person is named."""
    for child in children(dataset):
        if is_named(child, codes.PERSON_OBSERVER_NAME):
            parts = str(child.get("PersonName", "")).split("=")[0].split("^")
            said = [part.strip() for part in parts if part.strip().lower() not in _NOBODY]
            return " ".join(said) or None
    return None


# --- what was drawn -----------------------------------------------------------------------------


def _drawings(
    group: "Dataset", label: Label, tool: str, where: str
) -> Iterator[ImageMark | tuple[Landmark, ...]]:
    """Yield the lines, points and outlines of a group: below its numbers, or its own region."""
    for child in children(group):
        kind = str(child.get("ValueType", ""))
        stated = None
        if kind == "NUM":
            stated = _stated_mm(child, where)
            shapes = [one for one in children(child) if _is_shape(one)]
        else:
            shapes = [child] if _is_shape(child) else []
        for shape in shapes:
            if str(shape.ValueType) == "SCOORD3D":
                yield _in_space(shape, label, stated, where)
            else:
                yield _on_image(shape, label, stated, tool, where)


def _is_shape(item: "Dataset") -> bool:
    return str(item.get("ValueType", "")) in ("SCOORD", "SCOORD3D")


def _stated_mm(number: "Dataset", where: str) -> float | None:
    """Return the length that a NUM states, mm; None where it is another quantity."""
    if not any(is_named(number, length) for length in _LENGTHS):
        return None
    value = first(number, "MeasuredValueSequence")
    unit = None if value is None else first(value, "MeasurementUnitsCodeSequence")
    if value is None or value.get("NumericValue") is None:
        raise LandmarkFormatError(
            f"{where}: its length has no value (NumericValue), a number in mm was expected. "
            "Export the measurement again."
        )
    name = "" if unit is None else value_of(unit)
    if name not in _UNITS_MM:
        raise LandmarkFormatError(
            f"{where}: its length is in {shown(name)}, mm was expected: the viewer knew no pixel "
            "spacing. Measure on the original images."
        )
    return float(value.NumericValue) * _UNITS_MM[name]


def _on_image(
    shape: "Dataset", label: Label, stated_mm: float | None, tool: str, where: str
) -> ImageMark:
    numbers = _coordinates(shape, 2, where)
    image = next((one for one in children(shape) if one.get("ValueType") == "IMAGE"), None)
    reference = None if image is None else first(image, "ReferencedSOPSequence")
    if reference is None:
        raise LandmarkFormatError(
            f"{where}: its coordinates name no image, so they lie nowhere. Export the measurement "
            "again."
        )
    points = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    closed = _is_closed(points)
    return ImageMark(
        label=str(label),
        sop_instance_uid=str(reference.ReferencedSOPInstanceUID),
        frame=_frame(reference, where),
        column_row=points[:-1] if closed else points,
        closed=closed,
        stated_mm=stated_mm if len(points) == 2 else None,
        where=where,
        tool=tool,
    )


def _frame(reference: "Dataset", where: str) -> int | None:
    """Return the index of the frame that is referred to, from 0; DICOM counts from 1."""
    stated = reference.get("ReferencedFrameNumber")
    if stated in (None, ""):
        return None
    numbers = [int(stated)] if isinstance(stated, int | str) else [int(one) for one in stated]
    if len(numbers) != 1 or numbers[0] < 1:
        raise LandmarkFormatError(
            f"{where}: refers to frames {shown(numbers)}, one frame counted from 1 was expected. "
            "Export the measurement again."
        )
    return numbers[0] - 1


def _in_space(
    shape: "Dataset", label: Label, stated_mm: float | None, where: str
) -> tuple[Landmark, ...]:
    """Return landmarks from coordinates that are patient LPS mm already."""
    from ifi_mri.landmarks.on_images import check_length

    numbers = _coordinates(shape, 3, where)
    points = [
        positions.point_mm(numbers[start : start + 3], CoordinateSystem.LPS, where)
        for start in range(0, len(numbers), 3)
    ]
    if len(points) == 2 and stated_mm is not None:
        check_length(points, stated_mm, where)
    closed = _is_closed(points)
    return landmarks_of(markup_of(str(label), points[:-1] if closed else points, closed, where))


def _coordinates(shape: "Dataset", dimensions: int, where: str) -> list[float]:
    data = shape.get("GraphicData")
    numbers = [] if data is None else [float(value) for value in data]
    kind = str(shape.get("GraphicType", ""))
    points = len(numbers) / dimensions
    known = kind in ("POINT", "POLYLINE", "POLYGON") and (kind != "POINT" or points == 1)
    if not known or not numbers or len(numbers) % dimensions:
        raise LandmarkFormatError(
            f"{where}: is drawn as {shown(kind)} with {points:g} points; a point, a line or an "
            "outline was expected. Measure with the length, probe or freehand tool."
        )
    if not all(map(math.isfinite, numbers)):
        raise LandmarkFormatError(
            f"{where}: a coordinate is not a finite number. Export the measurement again."
        )
    return numbers


def _is_closed(points: Any) -> bool:
    return len(points) > 3 and tuple(points[0]) == tuple(points[-1])


def _says_why_not(group: "Dataset") -> bool:
    """Return whether a group states that its length was not measured."""
    return any(
        str(child.get("ValueType", "")) == "CODE" and is_named(child, codes.LENGTH)
        for child in children(group)
    )


def _nothing_drawn(where: str, label: Label) -> LandmarkFormatError:
    return LandmarkFormatError(
        f"{where}: {label} has no coordinates, a line or point was expected. Export the "
        "measurement with its annotation."
    )


def _graded(group: "Dataset", label: Label) -> Iterator[Observation]:
    """Yield the oedema grade that a reader gave by eye."""
    for child in children(group):
        if is_named(child, codes.EDEMA_BY_EYE) and label.side is not None:
            value = first(child, "ConceptCodeSequence")
            severity = None if value is None else code_of(value)
            if severity in codes.SEVERITY_OF_GRADE:
                grade = codes.SEVERITY_OF_GRADE.index(severity)
                yield Observation(ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE, label.side, grade)
