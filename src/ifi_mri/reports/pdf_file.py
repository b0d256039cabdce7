"""``report.pdf``: the page of ``report.html`` on A4, tagged (PDF/UA-1), for print and archive.

Laid out by Typst (https://typst.app, Apache-2.0) from the page itself, so that both say the same;
pictures stay vectors over the pixels of the slice.  Only the fonts that come with Typst are used:
the same report gives the same bytes on every machine.
"""

import json
import re
from datetime import UTC, datetime
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any, Final

from ifi_mri.errors import ReportError
from ifi_mri.model import OpenVolume, Report, Study
from ifi_mri.reports import html_page, templating
from ifi_mri.reports.html_tree import LEFT_OUT, Node, elements, text_of, tree_of
from ifi_mri.reports.words import Words, printable, words_of

NAME: Final = "pdf"
FILE_NAME: Final = "report.pdf"

#: The file that this one is made from.
FROM: Final = html_page.FILE_NAME

TEMPLATE: Final = Path(__file__).parent / "templates" / "report.typ"

#: Widths of the panels of each kind of figure, mm; A4 leaves 182 mm between its margins.
PANELS_MM: Final = {
    "space-figure": (58.0, 87.0),
    "signal-figure": (72.0, 72.0),
    "secondary-figure": (80.0,),
}
HISTOGRAM_MM: Final = 100.0
OTHER_MM: Final = 80.0

#: CSS pixels are 1/96 inch; the page's line widths are in them.
PX_MM: Final = 25.4 / 96

#: Elements that hold a line or paragraph of text.
TEXT_BLOCKS: Final = frozenset(
    {"p", "li", "td", "th", "dt", "dd", "h1", "h2", "h3", "figcaption", "span", "small"}
)

_VIEW_BOX: Final = re.compile(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"')
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>\s*<desc[^>]*>(.*?)</desc>", re.DOTALL)
_OPENING: Final = re.compile(r"<svg\b([^>]*)>")
_VARIABLE: Final = re.compile(r"var\((--[a-z-]+)\)")
_PALETTE: Final = re.compile(r"(--[a-z-]+): (#[0-9a-f]{6});")
_RULE: Final = re.compile(
    r"^(\.panel|\.ground|\.frame|\.halo|\.ink|path\.|\.map|\.above|\.histogram)"
)
_DASHES: Final = re.compile(r"stroke-dasharray: ([\d.]+) ([\d.]+)(?=;)")
_PX: Final = re.compile(r"([\d.]+)px")


def render(
    report: Report, study: Study, open_volume: OpenVolume, words: Words | None = None
) -> bytes:
    """Return the report as PDF; the slices it shows are opened with ``open_volume``.

    ``words`` are those of the report's language where it is of a site's own file.

    Raises
    ------
    ReportError
        The report cannot be laid out.
    """
    return render_from(html_page.render(report, study, open_volume, words), report, words)


def render_from(page_of_report: bytes, report: Report, words: Words | None = None) -> bytes:
    """Return the report as PDF where its page, `FROM`, is there already."""
    import typst

    page = page_of_report.decode()
    body, pictures = tree_of(page)
    words, case = words or words_of(report), printable(report.case_id)
    content = {
        "body": _plain(body, pictures, ""),
        "foot": words("page.foot", case=case),
        "title": words("page.title", case=case),
        "language": _language(page),
    }
    try:
        made = typst.compile(
            TEMPLATE.read_bytes(),
            format="pdf",
            ignore_system_fonts=True,
            sys_inputs={"report": json.dumps(content, ensure_ascii=False)},
            pdf_standards=["ua-1"],
            timestamp=_made_at(report),
        )
    except typst.TypstError as problem:
        raise ReportError(
            f"the report of case {report.case_id} cannot be laid out as PDF: {problem.message}. "
            "This is a fault in the software; please report it, and use report.html."
        ) from problem
    assert isinstance(made, bytes)
    return made


def space_figures(page: str) -> list[dict[str, Any]]:
    """Return the pictures of the distances on a page, a figure each: its panels and its values."""
    body, pictures = tree_of(page)
    figures = []
    for element in elements(body):
        if "space-figure" in element.classes:
            panels = _panels(_plain(element, pictures, ""))
            values = [text_of(item) for item in elements(element) if item.tag == "li"]
            figures.append({"panels": panels, "values": "; ".join(values)})
    return figures


def _language(page: str) -> str:
    found = re.search(r'<html lang="([a-z]+)', page)
    return found.group(1) if found else "en"


def _made_at(report: Report) -> datetime:
    at = datetime.fromisoformat(report.created_at)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# --- the tree as the template takes it ------------------------------------------------------------


def _plain(node: Node, pictures: list[str], figure: str) -> Any:
    """Return a node as JSON: text, or tag, classes, children; of a picture its SVG and width."""
    if isinstance(node, str):
        return node
    if node.tag == "picture":
        return _picture(pictures[int(node.attributes["n"])])
    figure = next((name for name in node.classes if name in PANELS_MM), figure)
    made: dict[str, Any] = {"tag": node.tag, "class": node.classes}
    children = [_plain(child, pictures, figure) for child in node.children if _is_read(child)]
    if node.tag in TEXT_BLOCKS:
        children = _without_blanks_around(children)
    if node.classes == ["panels"]:
        _set_widths(children, figure)
    if "lang" in node.attributes:
        made["lang"] = node.attributes["lang"]
    return {**made, "children": children}


def _without_blanks_around(children: list[Any]) -> list[Any]:
    """Return the content of a paragraph or cell without the blanks that the page's layout left."""
    made = list(children)
    if made and isinstance(made[0], str):
        made[0] = made[0].lstrip(" ")
    if made and isinstance(made[-1], str):
        made[-1] = made[-1].rstrip(" ")
    return made


def _is_read(node: Node) -> bool:
    return isinstance(node, str) or (
        node.tag not in LEFT_OUT | {"caption"} and "skip" not in node.classes
    )


def _picture(svg: str) -> dict[str, Any]:
    opening = _OPENING.search(svg)
    classes = re.search(r'class="([^"]*)"', opening.group(1) if opening else "")
    kind = classes.group(1).split() if classes else []
    made: dict[str, Any] = {"tag": "svg", "class": kind}
    if kind == ["swatch"]:
        lines = re.search(r'<g class="ink ([a-z]+)"', svg)
        return {**made, "kind": lines.group(1) if lines else ""}
    if kind == ["shape"]:
        return made
    told = _TITLE.search(svg)
    made["alt"] = unescape(". ".join(told.groups())) if told else "Picture"
    made["svg"] = svg
    _with_width(made, HISTOGRAM_MM if kind == ["histogram"] else OTHER_MM)
    return made


def _set_widths(children: list[Any], figure: str) -> None:
    """Give the panels of a figure their widths, in order."""
    panels = [picture for child in children for picture in _panels(child)]
    for panel, width in zip(panels, PANELS_MM.get(figure, ()), strict=False):
        _with_width(panel, width)


def _panels(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, str):
        return []
    if node["tag"] == "svg":
        return [node] if node["class"] == ["panel"] else []
    return [panel for child in node["children"] for panel in _panels(child)]


def _with_width(picture: dict[str, Any], width_mm: float) -> None:
    """Set the width of a picture, and in its SVG a style whose lines are as wide on paper."""
    svg = picture["svg"]
    box = _VIEW_BOX.search(svg)
    across, down = (float(x) for x in box.groups()) if box else (100.0, 100.0)
    style = f"<style>{_style(round(PX_MM * across / width_mm, 5))}</style>"
    svg = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)
    size = f'xmlns="http://www.w3.org/2000/svg" width="{across}" height="{down}"'
    svg = re.sub(r' xmlns="[^"]*" width="[^"]*" height="[^"]*"', "", svg, count=1)
    picture["svg"] = _OPENING.sub(rf"<svg {size}\1>{style}", svg, count=1)
    picture["width"] = width_mm


@cache
def _style(px: float) -> str:
    """Return the rules of the page's style sheet that pictures need: colours resolved, and pixels,
    which the page keeps constant on screen, as so many units of the picture."""
    sheet = (templating.TEMPLATES / "style.css").read_text(encoding="utf-8")
    palette = dict(_PALETTE.findall(sheet))
    before_media = sheet.partition("@media")[0]
    rules = [line for line in before_media.splitlines() if _RULE.match(line)]
    text = "\n".join(rules).replace("inherit", '"Libertinus Serif"')
    text = _VARIABLE.sub(lambda found: palette[found.group(1)], text)
    text = _DASHES.sub(r"stroke-dasharray: \1px \2px", text)
    return "\n".join(_in_units(line, px) for line in text.splitlines())


def _in_units(rule: str, px: float) -> str:
    """Return a rule with its pixels as units; a histogram's are units as they stand."""
    of_px = 1.0 if rule.startswith(".histogram") else px
    return _PX.sub(lambda found: f"{float(found.group(1)) * of_px:.4f}", rule)
