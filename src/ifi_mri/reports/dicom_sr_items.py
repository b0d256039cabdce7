"""Content items of a structured report (DICOM PS3.3, section C.17.3), as highdicom checks them.

Each function names what stands in the tree; `ContentSequence` of highdicom refuses what does not
belong there.  Writing is ours (`encoded`): pydicom takes 0.1 ms for a dataset whatever it holds,
and a report of two hips is five hundred of them, most of them the same few codes.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from highdicom import sr
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from ifi_mri import codes
from ifi_mri.codes import Code
from ifi_mri.geometry import FloatArray
from ifi_mri.model import Point
from ifi_mri.reports.dicom_objects import SourceImage
from ifi_mri.reports.words import printable

#: Decimals of a number, those of ``report.json``.
DECIMALS: Final = 6

CONTAINS: Final = sr.RelationshipTypeValues.CONTAINS
HAS_OBSERVATION_CONTEXT: Final = sr.RelationshipTypeValues.HAS_OBS_CONTEXT
HAS_CONCEPT_MODIFIER: Final = sr.RelationshipTypeValues.HAS_CONCEPT_MOD
HAS_PROPERTIES: Final = sr.RelationshipTypeValues.HAS_PROPERTIES
HAS_ACQUISITION_CONTEXT: Final = sr.RelationshipTypeValues.HAS_ACQ_CONTEXT
INFERRED_FROM: Final = sr.RelationshipTypeValues.INFERRED_FROM
SELECTED_FROM: Final = sr.RelationshipTypeValues.SELECTED_FROM

Relationship = sr.RelationshipTypeValues
Item = sr.ContentItem


class SharedConcept(sr.CodedConcept):
    """A Code Sequence item that many content items share, so not to be changed: it knows its hash,
    which `ContentSequence` asks for again and again, and its bytes."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.value, code.scheme, code.meaning)
        self._hash = super().__hash__()
        self._encoded = _item(self)

    def __hash__(self) -> int:
        return self._hash

    @property
    def encoded(self) -> bytes:
        """The item in explicit VR little endian."""
        return self._encoded


@lru_cache(maxsize=256)
def concept(code: Code) -> SharedConcept:
    """Return a code as DICOM's Code Sequence item."""
    return SharedConcept(code)


def container(name: Code, content: Sequence[Item], *, template: str | None = None) -> Item:
    """Return a CONTAINER with its content."""
    item = sr.ContainerContentItem(concept(name), template_id=template, relationship_type=CONTAINS)
    return holding(item, content)


def holding(item: Item, content: Sequence[Item]) -> Item:
    """Return an item with the items below it."""
    if content:
        item.ContentSequence = sr.ContentSequence(list(content))
    return item


def of_template(template: Any) -> list[Item]:
    """Return the items of one of highdicom's templates."""
    return list(template)


def code(relationship: Relationship, name: Code, value: Code) -> Item:
    """Return a CODE: a question and its coded answer."""
    return sr.CodeContentItem(concept(name), concept(value), relationship)


def text(relationship: Relationship, name: Code, value: str) -> Item:
    """Return a TEXT; control characters, which DICOM forbids, become blanks."""
    return sr.TextContentItem(concept(name), printable(value), relationship)


def uid(relationship: Relationship, name: Code, value: str) -> Item:
    """Return a UIDREF."""
    return sr.UIDRefContentItem(concept(name), value, relationship)


def number(
    relationship: Relationship,
    name: Code,
    value: float,
    unit: Code,
    content: Sequence[Item] = (),
) -> Item:
    """Return a NUM.  Its decimal string and its floating point value are one number."""
    item = sr.NumContentItem(
        concept(name),
        round(float(value), DECIMALS) + 0.0,
        concept(unit),
        relationship_type=relationship,
    )
    return holding(item, content)


def coordinates(image: SourceImage, column_row: FloatArray) -> Item:
    """Return an SCOORD: a line or outline in image coordinates, and the image (and frame) that it
    was drawn on."""
    item = sr.ScoordContentItem(
        concept(codes.SOURCE_OF_MEASUREMENT),
        "POLYLINE",
        np.asarray(column_row, dtype=np.float32),
        relationship_type=INFERRED_FROM,
    )
    return holding(item, [picture(SELECTED_FROM, image)])


def coordinates_in_space(points_mm: Sequence[Point], frame_of_reference_uid: str) -> Item:
    """Return an SCOORD3D: the same line in patient mm."""
    return sr.Scoord3DContentItem(
        concept(codes.SOURCE_OF_MEASUREMENT),
        "POLYLINE",
        np.asarray(points_mm, dtype=np.float32),
        frame_of_reference_uid,
        relationship_type=INFERRED_FROM,
    )


def picture(relationship: Relationship, image: SourceImage) -> Item:
    """Return an IMAGE: a reference to a file, or to one of its frames."""
    return sr.ImageContentItem(
        concept(codes.SOURCE),
        image.instance.sop_class_uid or "",
        image.instance.sop_instance_uid or "",
        referenced_frame_numbers=image.frame_number,
        relationship_type=relationship,
    )


# --- encoding -----------------------------------------------------------------------------------

#: Value representations whose length takes four bytes (PS3.5, section 7.1.2).
_LONG: Final = frozenset({"SQ", "UT", "OB", "OW", "UN", "UC", "UR"})

#: Text and numbers as text, padded with a blank; UIDs with a zero byte (PS3.5, section 6.2).
_ITEM_TAG: Final = b"\xfe\xff\x00\xe0"


def encoded(items: list[Item]) -> bytes:
    """Return the items of a sequence in explicit VR little endian, text in UTF-8."""
    return b"".join(_item(item) for item in items)


def content_sequence(content: bytes) -> bytes:
    """Return the Content Sequence (0040,A730), the last element of a document, from its items."""
    return struct.pack("<HH2s2xI", 0x0040, 0xA730, b"SQ", len(content)) + content


def _item(dataset: Dataset) -> bytes:
    content = b"".join(_element(dataset[tag]) for tag in sorted(dataset.keys()))
    return _ITEM_TAG + struct.pack("<I", len(content)) + content


def _sequence(items: Any) -> bytes:
    return b"".join(
        item.encoded if isinstance(item, SharedConcept) else _item(item) for item in items
    )


def _element(element: DataElement) -> bytes:
    tag, vr = element.tag, element.VR
    if vr == "SQ":
        value = _sequence(element.value)
    elif vr in ("FL", "FD"):
        numbers = element.value if element.VM > 1 else [element.value]
        value = np.asarray(list(numbers), dtype="<f4" if vr == "FL" else "<f8").tobytes()
    else:
        value = _text(element)
    length = struct.pack("<2xI", len(value)) if vr in _LONG else struct.pack("<H", len(value))
    return struct.pack("<HH", tag.group, tag.element) + vr.encode() + length + value


def _text(element: DataElement) -> bytes:
    values = element.value if element.VM > 1 else [element.value]
    value = "\\".join(str(part) for part in values).encode()
    padding = b"\0" if element.VR == "UI" else b" "
    return value + padding if len(value) % 2 else value
