"""A page of ours as a tree, for the writer that lays it out again: print says what the page says.

Only for pages of `ifi_mri.reports.html_page`, whose every element is closed.  Pictures are kept as
the text of their SVG.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final, TypeAlias

#: Elements without content; of SVG, those that close themselves come as such.
VOID: Final = frozenset({"meta", "br", "hr", "col", "wbr"})

#: What a person does not read on paper.
LEFT_OUT: Final = frozenset({"head", "style", "script"})

_BLANKS: Final = re.compile(r"[ \t\r\n]+")  # a no-break space stays one
_PICTURE: Final = re.compile(r"<svg\b.*?</svg>", re.DOTALL)


@dataclass(slots=True)
class Element:
    """An element with its attributes and what it holds."""

    tag: str
    attributes: dict[str, str]
    children: list["Node"] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """The words of its class."""
        return self.attributes.get("class", "").split()


Node: TypeAlias = Element | str


def tree_of(page: str) -> tuple[Element, list[str]]:
    """Return the body of a page, and its pictures: ``<picture n="0">`` stands where the first was.

    Parameters
    ----------
    page : str
        HTML; its ``<svg>`` elements hold no other ``<svg>``.
    """
    pictures: list[str] = []

    def kept(found: re.Match[str]) -> str:
        pictures.append(found.group())
        return f'<picture n="{len(pictures) - 1}"></picture>'

    builder = _Builder()
    builder.feed(_PICTURE.sub(kept, page))
    builder.close()
    return _body(builder.root), pictures


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if any(element.tag == tag for element in self._open):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        text = _BLANKS.sub(" ", data)
        if text:
            self._open[-1].children.append(text)


def elements(element: Element) -> list[Element]:
    """Return every element below one, in the order of the page, without `LEFT_OUT`."""
    found = []
    for child in element.children:
        if isinstance(child, Element) and child.tag not in LEFT_OUT:
            found += [child, *elements(child)]
    return found


def text_of(element: Element) -> str:
    """Return what an element says."""
    parts = (child if isinstance(child, str) else text_of(child) for child in element.children)
    return " ".join("".join(parts).split())


def _body(root: Element) -> Element:
    for element in elements(root):
        if element.tag == "body":
            return element
    return root
