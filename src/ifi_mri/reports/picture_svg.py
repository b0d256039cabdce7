"""A panel of `ifi_mri.reports.pictures` as SVG 1.1: the grey slice as a PNG, the rest as vectors.

Units are millimetres of the patient.  A page holds a thousand coordinates, which need no escaping;
words and titles are escaped.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ifi_mri.reports.label_places import Box, Label, Segment
from ifi_mri.reports.pictures import Image, Line, Panel, Path, ScaleBar, number

if TYPE_CHECKING:
    from markupsafe import Markup

#: What is drawn is drawn twice: dark and wide, so that it shows on bright tissue, then in colour.
LAYERS: Final = ("halo", "ink")

#: Middle of capital letters above the line they stand on, in heights of the type.
HALF_CAPITAL: Final = 0.36


def panel(shown: Panel, name: str) -> "Markup":
    """Return a panel as an ``<svg>`` element; ``name`` is unique on the page."""
    from markupsafe import Markup, escape

    box = shown.box
    parts = [
        f'<svg class="panel" role="img" aria-labelledby="{name}-t {name}-d" viewBox="'
        f'{number(box.left)} {number(box.top)} {number(box.width)} {number(box.height)}">',
        f'<title id="{name}-t">{escape(shown.title)}</title>',
        f'<desc id="{name}-d">{escape(shown.description)}</desc>',
        f'<rect class="ground" {_at(box)}/>',
        _image(shown.image),
        *([_image(shown.overlay, ' class="map"')] if shown.overlay else ()),
        *(part for path in shown.paths for part in _path(path)),
        *([f'<rect class="frame" {_at(shown.frame)}/>'] if shown.frame else ()),
        *(part for line in shown.lines for part in _line(line)),
        *(_text(label, escape(label.text)) for label in (*shown.labels, *shown.letters)),
        *_scale_bar(shown.scale_bar, shown.type_mm),
        "</svg>",
    ]
    return Markup("\n".join(parts))  # noqa: S704 - escaped above


def _at(box: Box) -> str:
    left, top, width, height = map(number, box)
    return f'x="{left}" y="{top}" width="{width}" height="{height}"'


def _image(image: Image, attributes: str = "") -> str:
    at = _at(image.box)
    return f'<image{attributes} href="{image.href}" {at} preserveAspectRatio="none"/>'


def _path(path: Path) -> Iterator[str]:
    yield f'<path class="halo" d="{path.data}"/>'
    yield f'<path class="{path.kind}" d="{path.data}"/>'


def _line(line: Line) -> Iterator[str]:
    ticks = [_segment("tick", tick) for tick in line.ticks]
    drawn = "\n".join([*ticks, _segment("space", line.ends)])
    for layer in LAYERS:
        yield f'<g class="{layer} {line.kind}">\n{drawn}\n</g>'


def _segment(kind: str, segment: Segment) -> str:
    x, y, x_end, y_end = map(number, segment)
    return f'<line class="{kind}" x1="{x}" y1="{y}" x2="{x_end}" y2="{y_end}"/>'


def _text(label: Label, text: str) -> str:
    x, y = number(label.x), number(label.y + HALF_CAPITAL * label.size)
    return (
        f'<text class="{label.kind}" x="{x}" y="{y}" font-size="{number(label.size)}">{text}</text>'
    )


def _scale_bar(bar: ScaleBar, type_mm: float) -> Iterator[str]:
    """Yield a bar with an upright end of 0.6 heights of the type at both ends, and its length."""
    x, top, tall = number(bar.x), number(bar.y - 0.3 * type_mm), number(0.6 * type_mm)
    back = number(-0.3 * type_mm)
    drawn = f"M{x},{top}v{tall}m0,{back}h{bar.length_mm}m0,{back}v{tall}"
    for layer in LAYERS:
        yield f'<path class="{layer} scale" d="{drawn}"/>'
    y, size = number(bar.y - 0.6 * type_mm), number(0.85 * type_mm)
    yield f'<text class="scale-text" x="{x}" y="{y}" font-size="{size}">{bar.length_mm} mm</text>'
