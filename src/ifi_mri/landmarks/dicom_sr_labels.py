"""What a measurement group calls itself: in words, by its tracking identifier and by codes."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ifi_mri import codes
from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks.dicom_sr_items import (
    children,
    code_of,
    designator_of,
    first,
    is_named,
    text_of,
    value_of,
)
from ifi_mri.landmarks.labels import Label, known_labels, parse
from ifi_mri.landmarks.text_files import shown
from ifi_mri.vocabulary import Side

if TYPE_CHECKING:
    from pydicom import Dataset

#: How Cornerstone marks a code that is somebody's own words.
_FREE_TEXT: Final = "CORNERSTONEFREETEXT"

#: The label before a number: ``IFS left 12.3 mm (narrowed)``, as our comments read.
_BEFORE_NUMBER: Final = re.compile(r"\s+[0-9].*$", re.DOTALL)


def label_of_group(group: "Dataset", where: str) -> Label:
    """Return what a group calls itself.  Everything that names a structure must agree."""
    texts = list(_names(group))
    said = [label for text in texts if (label := _parsed(text)) is not None]
    coded = _coded_label(group)
    labels = [*said, *([coded] if coded else [])]
    if not labels:
        found = ", ".join(shown(text) for text in dict.fromkeys(texts)) or "no label"
        raise LandmarkFormatError(
            f"{where}: no known label, found {found}. {known_labels()} Label the measurement in "
            "the viewer and save it again."
        )
    sides = {label.side for label in labels if label.side is not None}
    structures = {_family(label) for label in labels}
    if len(sides) > 1 or len(structures) > 1:
        listed = " and ".join(dict.fromkeys(str(label) for label in labels))
        raise LandmarkFormatError(
            f"{where}: its label, tracking identifier, finding and site contradict one another: "
            f"{listed}. Give them the same structure and side."
        )
    if not sides:
        raise LandmarkFormatError(
            f"{where}: the label {labels[0]} names no side of the patient. Rename it "
            f"{labels[0]}-L or {labels[0]}-R."
        )
    return Label(labels[0].structure, sides.pop())


def _family(label: Label) -> str:
    """Return the structure, for a QFS-LT the space that it is one form of."""
    return str(label.structure).removesuffix("-LT")


def _names(group: "Dataset") -> Iterator[str]:
    """Yield the texts that may name a group: comments first, then a tracking identifier's last
    part, then Cornerstone's free texts."""
    for child in children(group):
        if is_named(child, codes.COMMENT):
            yield str(child.get("TextValue", ""))
    tracking = text_of(group, codes.TRACKING_IDENTIFIER)
    yield tracking.rsplit(":", 1)[-1]
    for child in children(group):
        if is_named(child, codes.FINDING) or is_named(child, codes.FINDING_SITE):
            value = first(child, "ConceptCodeSequence")
            if value is not None and value_of(value) == _FREE_TEXT:
                yield str(value.get("CodeMeaning", ""))


def _parsed(text: str) -> Label | None:
    """Return the label that a text is, or that it begins with where a number follows."""
    return parse(text) or parse(_BEFORE_NUMBER.sub("", text))


def _coded_label(group: "Dataset") -> Label | None:
    """Return what our own codes say: the space in the finding, the side in the site."""
    structure, sides = None, set()
    for child in children(group):
        value = first(child, "ConceptCodeSequence")
        if value is None:
            continue
        if is_named(child, codes.FINDING) and designator_of(value) == codes.PRIVATE_SCHEME:
            structure = parse(value_of(value))
        if is_named(child, codes.FINDING_SITE):
            sides |= {_side(one) for one in children(child) if is_named(one, codes.LATERALITY)}
    if structure is None:
        return None
    stated = {side for side in sides if side is not None}
    return Label(structure.structure, stated.pop() if len(stated) == 1 else None)


def _side(item: "Dataset") -> Side | None:
    value = first(item, "ConceptCodeSequence")
    if value is None:
        return None
    return {codes.LEFT: Side.LEFT, codes.RIGHT: Side.RIGHT}.get(code_of(value) or codes.NONE)
