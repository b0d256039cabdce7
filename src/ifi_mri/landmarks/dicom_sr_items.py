"""Content items of a structured report as files hold them: read by value, whatever is missing."""

from typing import TYPE_CHECKING, Final

from ifi_mri import codes
from ifi_mri.codes import Code

if TYPE_CHECKING:
    from pydicom import Dataset


def children(item: "Dataset") -> list["Dataset"]:
    """Return the items below an item."""
    return list(item.get("ContentSequence") or [])


def first(item: "Dataset", keyword: str) -> "Dataset | None":
    """Return the first item of a sequence, or None."""
    return next(iter(item.get(keyword) or []), None)


def text_of(group: "Dataset", name: Code) -> str:
    """Return the text of the first item of a name, or nothing."""
    for child in children(group):
        if is_named(child, name):
            return str(child.get("TextValue", ""))
    return ""


def is_named(item: "Dataset", code: Code) -> bool:
    """Return whether an item has a concept name, by value and scheme."""
    name = first(item, "ConceptNameCodeSequence")
    return name is not None and code_of(name) == code


#: Every code of ours by value and scheme.
_KNOWN: Final = {(code.value, code.scheme): code for code in codes.table()} | codes.RETIRED


def code_of(item: "Dataset") -> Code | None:
    """Return which of our codes a Code Sequence item is, or None."""
    return _KNOWN.get((value_of(item), designator_of(item)))


def value_of(item: "Dataset") -> str:
    """Return the value of a Code Sequence item."""
    return str(item.get("CodeValue") or item.get("LongCodeValue") or "")


def designator_of(item: "Dataset") -> str:
    """Return the coding scheme of a Code Sequence item."""
    return str(item.get("CodingSchemeDesignator", ""))
