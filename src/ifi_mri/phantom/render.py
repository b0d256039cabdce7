"""From shapes to voxels: partial volume by how much of each pixel a shape covers.

Layers are painted back to front.  A pixel's coverage follows from the distance of its centre to
the shape's edge: the edge is a straight line at the scale of a pixel, so the coverage falls from 1
to 0 over the pixel's width across the edge.  Through the slice, coverages at two depths (Gauss
points of the slice thickness) are averaged.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ifi_mri.phantom import surroundings
from ifi_mri.phantom.hip import HipAnatomy
from ifi_mri.phantom.protocols import Protocol
from ifi_mri.phantom.scan import Raster
from ifi_mri.phantom.shapes import Array, Core, Path
from ifi_mri.phantom.signal import Texture, Tissue

FloatImage: TypeAlias = npt.NDArray[np.float32]

Hips: TypeAlias = Mapping[int, tuple[HipAnatomy, float]]
"""Anatomy of the hips and their level (z in the slice frame) by sign: +1 left, -1 right."""

_FASCIA_MM: Final = 0.8
_FASCIA_LINE_MM: Final = 0.25
_CORTEX_MM: Final = 2.2
_SKIN_MM: Final = 2.0

#: Where coverage is averaged through the slice, in half-thicknesses from its middle.
_GAUSS_POINTS: Final = (-1 / math.sqrt(3), 1 / math.sqrt(3))

#: Least width of an edge in pixels: keeps the slope finite where a distance has no direction.
_LEAST_EDGE: Final = 0.3


class Oedema(NamedTuple):
    """Where a layer takes up fluid, and its signal there over the rest's where fluid is bright."""

    core: Core
    radius: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Layer:
    """One stroke: a tissue inside a shape that is grown by a radius.

    ``sign`` -1 mirrors it to the right; ``reach`` bounds radius and movement over all slices;
    ``opacity`` 0 hides it.
    """

    tissue: Tissue
    core: Core
    radius: float = 0.0
    sign: int = 1
    reach: float = 3.0
    opacity: float = 1.0
    oedema: Oedema | None = None


def render(
    hips: Hips, raster: Raster, thickness_mm: float, protocol: Protocol, texture: Texture
) -> FloatImage:
    """Return the noise-free voxels, shape (slices, rows, columns)."""
    painter = _Painter(raster, protocol)
    voxels = np.zeros(raster.shape, dtype=np.float32)
    for image, z in zip(voxels, raster.z, strict=True):
        painter.texture = texture.next_slice()
        depths = [float(z) + thickness_mm / 2 * point for point in _GAUSS_POINTS]
        for strokes in zip(*(_layers(hips, depth) for depth in depths), strict=True):
            painter.paint(image, strokes)
    return voxels


class _Window(NamedTuple):
    """A run of rows and one of columns: first, and one after the last."""

    row_run: tuple[int, int]
    column_run: tuple[int, int]

    @property
    def rows(self) -> slice:
        """The rows."""
        return slice(*self.row_run)

    @property
    def columns(self) -> slice:
        """The columns."""
        return slice(*self.column_run)


class _Painter:
    """Paints layers on the slices of one raster; remembers the distances to shapes it has seen."""

    def __init__(self, raster: Raster, protocol: Protocol) -> None:
        self._raster = raster
        self._protocol = protocol
        self.texture: Mapping[Tissue, FloatImage] = {}
        self._edges: dict[tuple[Core, int, _Window], tuple[FloatImage, FloatImage]] = {}

    def paint(self, image: FloatImage, strokes: tuple[Layer, ...]) -> None:
        """Paint one layer, as it is at each depth of the slice, over what is there."""
        first, *others = strokes
        if all(stroke.opacity == 0 for stroke in strokes):
            return
        window = self._window(first)
        if window is None:
            return
        coverage = self._coverage(first, window)
        for other in others:
            if other != first:
                coverage += (self._coverage(other, window) - coverage) / np.float32(2)
        part = image[window.rows, window.columns]
        part += coverage * (self._signal(first, window) - part)

    def _window(self, layer: Layer) -> _Window | None:
        """Return the pixels that a layer may touch; None where there are none."""
        box, reach = layer.core.box, layer.reach
        rows = _span(self._raster.y, box.y_low - reach, box.y_high + reach)
        columns = _span(self._raster.x * layer.sign, box.x_low - reach, box.x_high + reach)
        return None if rows is None or columns is None else _Window(rows, columns)

    def _signal(self, layer: Layer, window: _Window) -> FloatImage | np.float32:
        """Return the brightness of a layer in a window."""
        signal = np.float32(self._protocol.signals[layer.tissue])
        texture = self.texture.get(layer.tissue)
        if texture is not None:
            return signal * texture[window.rows, window.columns]
        if layer.oedema is None or not self._protocol.fluid_sensitive:
            return signal
        core, radius, ratio = layer.oedema
        share = self._coverage(replace(layer, core=core, radius=radius, opacity=1.0), window)
        return signal * (1 + np.float32(ratio - 1) * share)

    def _coverage(self, layer: Layer, window: _Window) -> FloatImage:
        """Return how much of each pixel of a window the layer covers, 0 to 1."""
        key = layer.core, layer.sign, window
        if key not in self._edges:
            x, y = self._raster.x[window.columns] * layer.sign, self._raster.y[window.rows]
            self._edges[key] = _in_pixels(layer.core.distance(x, y), y, x)
        distance, per_mm = self._edges[key]
        inside = np.float32(layer.radius) * per_mm
        inside -= distance
        inside += np.float32(0.5)
        np.clip(inside, 0, 1, out=inside)
        return inside if layer.opacity == 1 else inside * np.float32(layer.opacity)


def _in_pixels(distance: Array, y: Array, x: Array) -> tuple[FloatImage, FloatImage]:
    """Return distances in pixel widths across the nearest edge, and pixel widths per mm there.

    A pixel of a by b mm seen at an angle is as wide as the box whose variance is that of its
    projection: sqrt((a cos)^2 + (b sin)^2), from the direction in which the distance grows.
    """
    down, right = np.gradient(distance, y, x)
    row_mm, column_mm = abs(y[1] - y[0]), abs(x[1] - x[0])
    slope_2 = np.maximum(down * down + right * right, 1e-12)
    width = np.sqrt(((down * row_mm) ** 2 + (right * column_mm) ** 2) / slope_2)
    per_mm = 1 / np.maximum(width, _LEAST_EDGE * min(row_mm, column_mm))
    return (distance * per_mm).astype(np.float32), per_mm.astype(np.float32)


def _span(centres: Array, low: float, high: float) -> tuple[int, int] | None:
    """Return the run of evenly spaced centres that an interval and two more pixels hold; None
    where that is fewer than two."""
    chosen = np.flatnonzero((centres >= low) & (centres <= high))
    if len(chosen) == 0:
        return None
    first, end = max(int(chosen[0]) - 2, 0), min(int(chosen[-1]) + 3, len(centres))
    return (first, end) if end - first > 1 else None


# --- what is painted, back to front -------------------------------------------------------------


def _layers(hips: Hips, z: float) -> Iterator[Layer]:
    """Yield all layers at one depth; their number and order do not depend on the depth."""
    yield Layer(Tissue.SKIN, surroundings.BODY, sign=1)
    yield Layer(Tissue.FAT, surroundings.BODY, -_SKIN_MM)
    yield Layer(Tissue.MUSCLE, surroundings.BODY, -surroundings.FASCIA_DEPTH_MM)
    yield Layer(Tissue.FAT, surroundings.BODY, -surroundings.FASCIA_DEPTH_MM - _FASCIA_LINE_MM)
    for sign, (hip, level) in hips.items():
        yield from _muscles(z - level, sign)
        yield from _space(hip, z - level, sign)
    yield from _midline()


def _muscles(z: float, sign: int) -> Iterator[Layer]:
    for muscle in surroundings.MUSCLES:
        growth = max(min(muscle.growth * z, 4.0), -4.0)
        yield Layer(Tissue.FAT, muscle.shape, growth + _FASCIA_MM, sign, reach=6)
        yield Layer(Tissue.MUSCLE, muscle.shape, growth, sign, reach=6)
    for part in surroundings.SMALL:
        yield Layer(part.tissue, part.core, part.radius, sign, reach=6)
    yield Layer(Tissue.CORTEX, surroundings.RAMUS, surroundings.RAMUS_RADIUS, sign, reach=8)
    yield Layer(Tissue.MARROW, surroundings.RAMUS, surroundings.RAMUS_RADIUS - _CORTEX_MM, sign, 8)


def _space(hip: HipAnatomy, z: float, sign: int) -> Iterator[Layer]:
    """Yield quadratus femoris, the tendons and the two bones."""
    shown = 1.0 if hip.has_quadratus(z) else 0.0
    yield Layer(Tissue.NERVE, *hip.sciatic_nerve, sign, reach=8)
    yield Layer(Tissue.FAT, hip.quadratus, _FASCIA_MM, sign, opacity=shown)
    yield Layer(Tissue.MUSCLE, hip.quadratus, 0.0, sign, opacity=shown, oedema=_oedema(hip))
    yield Layer(Tissue.TENDON, *hip.hamstring, sign, reach=8)
    yield Layer(Tissue.TENDON, *hip.iliopsoas(z), sign, reach=12)
    yield from _bone(*hip.ischium, sign, reach=8)
    yield from _bone(hip.femur(z), 0.0, sign, reach=8)


def _oedema(hip: HipAnatomy) -> Oedema | None:
    if hip.oedema is None:
        return None
    return Oedema(Path((hip.oedema.middle,)), hip.oedema.radius, hip.spec.oedema_ratio)


def _bone(core: Core, radius: float, sign: int, reach: float) -> Iterator[Layer]:
    yield Layer(Tissue.CORTEX, core, radius, sign, reach)
    yield Layer(Tissue.MARROW, core, radius - _CORTEX_MM, sign, reach)


def _midline() -> Iterator[Layer]:
    for part in surroundings.MIDLINE:
        yield Layer(part.tissue, part.core, part.radius, reach=12)
