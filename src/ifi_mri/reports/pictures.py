"""The parts of a picture: a slice in grey, and on it, in mm, lines, outlines, regions and words.

A panel is one SVG: the grey slice as a PNG inside it, everything else as vectors in picture
coordinates (`ifi_mri.reports.view`), where one unit is one millimetre of the patient.
"""

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri.model import FloatArray, Volume
from ifi_mri.reports.label_places import Box, Label, Segment, Wanted, place, text_size
from ifi_mri.reports.png import png
from ifi_mri.reports.view import View, view_of_slice

#: Percentiles of a slice that are shown black and white.
WINDOW_PERCENTILES: Final = (1.0, 99.5)

#: Every third pixel each way knows the percentiles well enough, in a tenth of the time.
WINDOW_STRIDE: Final = 3

#: Grey value (of 255) above which a pixel counts as body, and the share of a row or column that
#: has to be body for the overview to keep it.
BODY_GREY: Final = 30
BODY_SHARE: Final = 0.04

#: An overview is shown at some 300 points; finer pixels than this many across are merged.
OVERVIEW_PIXELS: Final = 360

SCALE_BARS_MM: Final = (100, 50, 20, 10, 5, 2, 1)

#: Longest scale bar, as a share of the panel's width.
SCALE_BAR_SHARE: Final = 0.3

#: Half-length of the calliper ticks at the ends of a line, in heights of the type.
TICK: Final = 0.45


class Image(NamedTuple):
    """A PNG as a data URI, and where on the picture it lies, mm."""

    href: str
    box: Box


@dataclass(frozen=True, eq=False)
class GreySlice:
    """One slice as it is shown: 8-bit grey, windowed.

    ``values`` are those of the series, turned as the picture shows them; the two of ``window`` are
    shown black and white.
    """

    view: View
    values: npt.NDArray[Any]
    window: tuple[float, float]
    _parts: dict[tuple[int, ...], str] = field(default_factory=dict, init=False, repr=False)

    @property
    def box(self) -> Box:
        """The whole picture, mm."""
        return Box(0.0, 0.0, *self.view.size_mm)

    @cached_property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """All pixels."""
        return self._windowed(self.values)

    def part(self, top: int, bottom: int, left: int, right: int) -> npt.NDArray[np.uint8]:
        """Return the pixels of some rows and columns; the others need not be made for them."""
        if "pixels" in vars(self):
            return self.pixels[top:bottom, left:right]
        return self._windowed(self.values[top:bottom, left:right])

    def data_uri(self, top: int, bottom: int, left: int, right: int, merged: int) -> str:
        """Return the pixels of some rows and columns, squares of them merged, as a PNG; packed
        once, since the same overview stands with both hips."""
        key = top, bottom, left, right, merged
        if key not in self._parts:
            self._parts[key] = _data_uri(_merged(self.part(top, bottom, left, right), merged))
        return self._parts[key]

    def _windowed(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        low, high = self.window
        scale = 255 / max(float(high - low), float(np.finfo(np.float32).tiny))
        grey = _finite(values) - low
        grey *= scale
        return np.clip(grey, 0, 255, out=grey).astype(np.uint8)


class Line(NamedTuple):
    """A measured distance: its two ends and the calliper ticks across them, mm."""

    kind: str
    ends: Segment
    ticks: tuple[Segment, Segment]


class Path(NamedTuple):
    """An outline or border as SVG path data, mm."""

    kind: str
    data: str


class ScaleBar(NamedTuple):
    """A bar of a round number of millimetres; x and y are its left end."""

    length_mm: int
    x: float
    y: float
    box: Box


@dataclass(frozen=True)
class Panel:
    """One picture, ready to be laid out as SVG.

    ``type_mm`` is the height of the type; ``frame`` marks the part that another panel magnifies.
    """

    title: str
    description: str
    box: Box
    image: Image
    type_mm: float
    lines: tuple[Line, ...]
    paths: tuple[Path, ...]
    labels: tuple[Label, ...]
    letters: tuple[Label, ...]
    scale_bar: ScaleBar
    frame: Box | None = None
    overlay: Image | None = None


def grey_slice(
    volume: Volume, slice_index: int, window: tuple[float, float] | None = None
) -> GreySlice:
    """Return a slice of a volume as it is shown.

    ``window`` holds the values shown black and white; None means the slice's 1st and 99.5th
    percentiles.
    """
    pixels: npt.NDArray[Any] = volume.voxels[slice_index]
    if window is None:
        window = percentiles(_finite(pixels[::WINDOW_STRIDE, ::WINDOW_STRIDE]))
    view = view_of_slice(volume, slice_index)
    return GreySlice(view, view.displayed(pixels), window)


def percentiles(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Return what `numpy.percentile` does of `WINDOW_PERCENTILES`, in half its time."""
    places = (values.size - 1) * (np.array(WINDOW_PERCENTILES) / 100)
    below = places.astype(int)
    above = np.minimum(below + 1, values.size - 1)
    ordered = np.partition(values, [*below, *above], axis=None)
    share, step = places - below, ordered[above] - ordered[below]
    low, high = np.where(
        share < 0.5, ordered[below] + share * step, ordered[above] - (1 - share) * step
    )
    return low, high


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if np.isfinite(values).all():
        return values
    return np.asarray(np.nan_to_num(values, posinf=0.0, neginf=0.0))


def body(grey: GreySlice) -> Box:
    """Return the part of a slice that shows the body, mm; all of it where nothing stands out."""
    bright = (grey.pixels > BODY_GREY).view(np.uint8)
    n_rows, n_columns = bright.shape
    rows = np.flatnonzero(bright.sum(axis=1, dtype=np.uint32) / n_columns > BODY_SHARE)
    columns = np.flatnonzero(bright.sum(axis=0, dtype=np.uint32) / n_rows > BODY_SHARE)
    if len(rows) == 0 or len(columns) == 0:
        return grey.box
    height, width = grey.view.spacing_mm
    return Box(
        float(columns[0]) * width,
        float(rows[0]) * height,
        float(columns[-1] - columns[0] + 1) * width,
        float(rows[-1] - rows[0] + 1) * height,
    )


def square_around(points: FloatArray, side_mm: float, picture: Box) -> Box:
    """Return a square around picture coordinates, shape (n, 2), moved (and where it must be, cut)
    to lie on the picture."""
    x, y = (points.min(axis=0) + points.max(axis=0)) / 2
    return within(Box(float(x) - side_mm / 2, float(y) - side_mm / 2, side_mm, side_mm), picture)


def within(box: Box, picture: Box) -> Box:
    """Return a box moved onto the picture, cut where it is larger."""
    width, height = min(box.width, picture.width), min(box.height, picture.height)
    left = min(max(box.left, picture.left), picture.right - width)
    top = min(max(box.top, picture.top), picture.bottom - height)
    return Box(left, top, width, height)


def around(boxes: Iterable[Box], margin_mm: float = 0.0) -> Box:
    """Return the smallest box that holds all boxes, with a margin, mm."""
    boxes = list(boxes)
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    return Box(
        left - margin_mm,
        top - margin_mm,
        right - left + 2 * margin_mm,
        bottom - top + 2 * margin_mm,
    )


def bounds(points: FloatArray) -> Box:
    """Return the smallest box that holds picture coordinates, shape (n, 2)."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def image_of(grey: GreySlice, box: Box, max_pixels: int | None = None) -> Image:
    """Return the pixels that a box touches as a PNG; whole pixels, so that edges stay exact.

    With ``max_pixels`` squares of pixels are averaged until no more than that lie across.
    """
    height, width = grey.view.spacing_mm
    n_rows, n_columns = grey.pixels.shape
    top, bottom = _pixel_range(box.top / height, box.bottom / height, n_rows)
    left, right = _pixel_range(box.left / width, box.right / width, n_columns)
    merged = 1
    if max_pixels is not None:
        merged = max(1, math.ceil(max(bottom - top, right - left) / max_pixels))
        bottom, right = bottom - (bottom - top) % merged, right - (right - left) % merged
    return Image(
        grey.data_uri(top, bottom, left, right, merged),
        Box(left * width, top * height, (right - left) * width, (bottom - top) * height),
    )


def overlay_of(
    colours: npt.NDArray[np.uint8], view: View, first: tuple[int, int] = (0, 0)
) -> Image | None:
    """Return what a map in colour (rows, columns and red, green, blue, opacity) covers as a PNG;
    None where all of it is clear.  ``first`` are row and column of the slice where it starts."""
    box = _covered(colours[..., 3])
    if box is None:
        return None
    part = colours[box]
    top, left = view.place_of((first[0] + box[0].start, first[1] + box[1].start), part.shape)
    shown = view.displayed(part)
    height, width = view.spacing_mm
    return Image(
        _data_uri(shown),
        Box(left * width, top * height, shown.shape[1] * width, shown.shape[0] * height),
    )


def _covered(mask: npt.NDArray[Any]) -> tuple[slice, slice] | None:
    """Return the rows and columns that hold all pixels of a mask; None where there are none."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _merged(pixels: npt.NDArray[np.uint8], n: int) -> npt.NDArray[np.uint8]:
    """Return the means of squares of n x n pixels."""
    if n == 1:
        return pixels
    from PIL import Image as PillowImage

    return np.asarray(PillowImage.fromarray(np.ascontiguousarray(pixels)).reduce(n))


def _data_uri(pixels: npt.NDArray[np.uint8]) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(pixels)).decode()}"


def _pixel_range(low: float, high: float, n: int) -> tuple[int, int]:
    first = min(max(math.floor(low), 0), n - 1)
    return first, max(min(math.ceil(high), n), first + 1)


def line(kind: str, ends: FloatArray, type_mm: float) -> Line:
    """Return a distance between two picture coordinates, shape (2, 2), with its ticks."""
    (x, y), (x_end, y_end) = ((float(a), float(b)) for a, b in ends)
    length = math.hypot(x_end - x, y_end - y) or 1.0
    across, down = -(y_end - y) / length * TICK * type_mm, (x_end - x) / length * TICK * type_mm
    return Line(
        kind,
        (x, y, x_end, y_end),
        (
            (x - across, y - down, x + across, y + down),
            (x_end - across, y_end - down, x_end + across, y_end + down),
        ),
    )


def outline_path(kind: str, points: FloatArray, closed: bool) -> Path:
    """Return an outline in picture coordinates, shape (n, 2), as a path."""
    steps = " ".join([f"{number(x)},{number(y)}" for x, y in points.tolist()])
    return Path(kind, f"M{steps}{'Z' if closed else ''}")


def outline_segments(points: FloatArray, closed: bool) -> list[Segment]:
    """Return the segments of an outline in picture coordinates, shape (n, 2)."""
    vertices = points.tolist()
    following = [*vertices[1:], *(vertices[:1] if closed else [])]
    return [
        (x, y, x_end, y_end) for (x, y), (x_end, y_end) in zip(vertices, following, strict=False)
    ]


def border_path(
    kind: str, mask: npt.NDArray[np.bool_], view: View, first: tuple[int, int] = (0, 0)
) -> Path | None:
    """Return the border of the pixels of a mask (rows and columns of the slice from ``first`` on)
    along the pixels' own edges; None for an empty mask."""
    box = _covered(mask)
    if box is None:
        return None
    part = mask[box]
    top, left = view.place_of((first[0] + box[0].start, first[1] + box[1].start), part.shape)
    shown = view.displayed(part)
    height, width = view.spacing_mm
    n_rows, n_columns = shown.shape
    x, across = _places(left, n_columns, width), _places(0, n_columns, width)
    y, down = _places(top, n_rows, height), _places(0, n_rows, height)
    padded = np.zeros((n_rows + 2, n_columns + 2), dtype=np.bool_)
    padded[1:-1, 1:-1] = shown
    above, beside = padded[1:, 1:-1] != padded[:-1, 1:-1], padded[1:-1, 1:] != padded[1:-1, :-1]
    lines = [
        *(f"M{x[start]},{y[row]}h{across[end - start]}" for row, start, end in _runs(above)),
        *(f"M{x[column]},{y[start]}v{down[end - start]}" for column, start, end in _runs(beside.T)),
    ]
    return Path(kind, "".join(lines))


def _places(first: int, n: int, spacing_mm: float) -> list[str]:
    """Return where the edges of n pixels lie, mm, as they are written."""
    return [number((first + k) * spacing_mm) for k in range(n + 1)]


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Return the runs of True along the rows of a mask as (row, first, end)."""
    n_rows, n_columns = mask.shape
    padded = np.zeros((n_rows, n_columns + 2), dtype=np.bool_)
    padded[:, 1:-1] = mask
    rows, steps = np.nonzero(padded[:, 1:] != padded[:, :-1])  # each run begins and ends with one
    return list(zip(rows[::2].tolist(), steps[::2].tolist(), steps[1::2].tolist(), strict=True))


def compose(
    grey: GreySlice,
    box: Box,
    *,
    title: str,
    description: str,
    type_share: float,
    lines: Sequence[tuple[str, FloatArray]] = (),
    paths: Sequence[Path] = (),
    wanted: Sequence[Wanted] = (),
    obstacles: Sequence[Segment] = (),
    frame: Box | None = None,
    overlay: Image | None = None,
    max_pixels: int | None = None,
) -> Panel:
    """Return the panel of a part of a slice, with letters, scale bar and everything on it.

    Parameters
    ----------
    box : Box
        The part of the picture to show, mm.
    type_share : float
        Height of the type as a share of the panel's width.
    lines : sequence of (kind, picture coordinates of shape (2, 2))
    wanted : sequence of Wanted
        Labels; their sizes count in heights of the type.
    obstacles : sequence of segments
        What labels keep clear of beside the lines.
    overlay : Image or None
        A map in colour that lies on the grey part.
    """
    type_mm = type_share * box.width
    drawn = tuple(line(kind, ends, type_mm) for kind, ends in lines)
    letters = edge_labels(grey.view, box, type_mm)
    bar = scale_bar(box, type_mm)
    labels = place(
        [label._replace(size=label.size * type_mm) for label in wanted],
        box,
        [*obstacles, *(part for mark in drawn for part in (mark.ends, *mark.ticks))],
        [bar.box, *(letter.box for letter in letters)],
    )
    return Panel(
        title=title,
        description=description,
        box=box,
        image=image_of(grey, box, max_pixels),
        type_mm=type_mm,
        lines=drawn,
        paths=tuple(paths),
        labels=labels,
        letters=letters,
        scale_bar=bar,
        frame=frame,
        overlay=overlay,
    )


def edge_labels(view: View, box: Box, type_mm: float) -> tuple[Label, ...]:
    """Return the orientation letters in the middle of the four edges of a panel."""
    left, right, upper, lower = view.edge_letters
    x, y = box.centre
    placed = []
    for text, dx, dy in ((left, -1, 0), (right, 1, 0), (upper, 0, -1), (lower, 0, 1)):
        width, height = text_size(text, type_mm)
        label_x = x + dx * (box.width / 2 - width / 2 - 0.3 * type_mm)
        label_y = y + dy * (box.height / 2 - height / 2 - 0.1 * type_mm)
        at = Box(label_x - width / 2, label_y - height / 2, width, height)
        placed.append(Label(text, "letter", label_x, label_y, type_mm, at))
    return tuple(placed)


def scale_bar(box: Box, type_mm: float) -> ScaleBar:
    """Return a scale bar of a round length in the lower left corner of a panel."""
    longest = SCALE_BAR_SHARE * box.width
    length = next((mm for mm in SCALE_BARS_MM if mm <= longest), SCALE_BARS_MM[-1])
    x, y = box.left + 0.7 * type_mm, box.bottom - 0.8 * type_mm
    taken = Box(x, y - 1.6 * type_mm, max(length, 4 * type_mm), 2.2 * type_mm)
    return ScaleBar(length, x, y, taken)


def number(value: float) -> str:
    """Return a coordinate in mm to a thousandth, without useless zeros."""
    text = f"{value:.3f}"
    if text[-1] != "0":
        return text
    text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
