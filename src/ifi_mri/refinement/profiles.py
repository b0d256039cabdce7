"""Intensity profiles across a curve on one slice: a straightened band of the image, in mm.

Places are in the plane of the slice, mm from the centre of its first voxel along
`geometry.plane_basis`: image right and image down at a right angle.  Pixels may be of any shape and
the slice may lie anywhere in space; distances here are distances in the patient.  Between the
pixels the image is interpolated by cubic B-splines, which keep an edge as sharp as the pixels have
it (Unser M, IEEE Signal Process Mag 1999;16(6):22, doi:10.1109/79.799930).
"""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import map_coordinates, spline_filter
from scipy.special import chdtri

from ifi_mri import geometry

FloatArray = npt.NDArray[np.float64]

#: Pixels that a cubic spline needs beyond the places that are sampled before the border of the
#: patch no longer shows (its filter falls by 0.27 a pixel).
_SPLINE_MARGIN: Final = 6

#: Noise is taken from windows of so many pixels to a side, so many apart, from the quiet ones among
#: them.
_WINDOW: Final = 7
_WINDOW_STEP: Final = 4
_QUIET: Final = 0.15

#: What interpolation by some factor (a matrix filled with zeros) makes of white noise: correlation
#: of neighbouring pixels within a window after its plane is taken away, and pixels per independent
#: one along that axis.  White noise itself shows -0.05, because the plane is taken away.
_CORRELATION: Final = (-0.05, 0.23, 0.35, 0.52, 0.63)
_PIXELS_PER_SAMPLE: Final = (1.0, 1.25, 1.5, 2.0, 3.0)


class Noise(NamedTuple):
    """SD of a pixel's noise, and how many pixels share one independent sample of it."""

    sd: float
    pixels_per_sample: float


@dataclass(frozen=True, eq=False)
class SlicePatch:
    """The part of a slice around some places, ready to be sampled anywhere in it.

    Attributes
    ----------
    origin_mm : array of shape (3,)
        Centre of the slice's first voxel, patient LPS.
    basis : array of shape (2, 3)
        Image right and image down, orthonormal.
    noise : Noise
    typical : float
        Median brightness.
    image : array of shape (rows, columns)
        The patch's pixels.
    """

    origin_mm: FloatArray
    basis: FloatArray
    noise: Noise
    typical: float
    image: FloatArray
    _pixels_per_mm: FloatArray
    _mm_per_pixel: FloatArray
    _corner: FloatArray
    _coefficients: FloatArray
    _slice: npt.NDArray[np.float32]

    def wider(self, by_mm: float) -> "SlicePatch":
        """Return the patch with so much more of the slice around it; what is known of its noise
        and brightness stays."""
        margin = by_mm * np.linalg.norm(self._pixels_per_mm, axis=1)
        low, high = self._corner - margin, self._corner + self.image.shape + margin
        corner, pixels = _box(self._slice, low, high)
        return replace(self, image=pixels, _corner=corner, _coefficients=_coefficients(pixels))

    def places(self, points_mm: npt.ArrayLike) -> FloatArray:
        """Return places in the slice's plane, shape (..., 2), mm, of patient positions (..., 3)."""
        return np.asarray((np.asarray(points_mm, np.float64) - self.origin_mm) @ self.basis.T)

    def patient_mm(self, places: npt.ArrayLike) -> FloatArray:
        """Return patient positions, shape (..., 3), mm, of places in the slice's plane (..., 2)."""
        return np.asarray(self.origin_mm + np.asarray(places, np.float64) @ self.basis)

    def sample(self, places: FloatArray) -> FloatArray:
        """Return the brightness at places, shape (..., 2) -> (...); NaN beyond the patch."""
        index = np.moveaxis(places @ self._pixels_per_mm.T - self._corner, -1, 0)
        size = np.array(self._coefficients.shape).reshape(-1, *[1] * (index.ndim - 1))
        within = ((index >= 0) & (index <= size - 1)).all(axis=0)
        values = map_coordinates(
            self._coefficients, index, order=3, prefilter=False, mode="nearest"
        )
        return np.asarray(np.where(within, values, np.nan))

    def shows(self, place: FloatArray) -> bool:
        """Return whether a place lies on the patch."""
        return bool(np.isfinite(self.sample(place[None]))[0])

    def widths_mm(self, directions: FloatArray) -> FloatArray:
        """Return the width of a pixel seen along unit directions, shape (..., 2) -> (...), mm: of
        the box whose variance is that of the pixel's projection."""
        return np.asarray(np.linalg.norm(directions @ self._mm_per_pixel, axis=-1))

    def cutoffs_mm(self, directions: FloatArray) -> FloatArray:
        """Return half the shortest wave that the pixels hold along unit directions, shape (..., 2)
        -> (...), mm: a pixel's width along its rows and columns, less between them, since a k-space
        as wide as it is high reaches further along its diagonals."""
        return np.asarray(np.abs(directions @ self._mm_per_pixel).max(axis=-1))

    def pixels(self, places: FloatArray, reach_mm: float) -> tuple[FloatArray, FloatArray]:
        """Return brightness, shape (n,), and places, (n, 2), of all pixels of the patch in the box
        around some places."""
        index = places @ self._pixels_per_mm.T - self._corner
        margin = reach_mm * np.linalg.norm(self._pixels_per_mm, axis=1)
        low = np.clip(np.ceil(index.min(axis=0) - margin), 0, self.image.shape).astype(int)
        high = np.clip(np.floor(index.max(axis=0) + margin) + 1, 0, self.image.shape).astype(int)
        box = np.mgrid[low[0] : high[0], low[1] : high[1]].reshape(2, -1).T
        values = self.image[low[0] : high[0], low[1] : high[1]].ravel()
        return values, (box + self._corner) @ self._mm_per_pixel.T


def patch_around(
    image: npt.NDArray[np.float32],
    affine: npt.ArrayLike,
    slice_index: int,
    points_mm: npt.ArrayLike,
    reach_mm: float,
) -> SlicePatch:
    """Return the patch of a slice that holds everything within a reach of some positions.

    Parameters
    ----------
    image : numpy.ndarray of shape (rows, columns)
    affine : array_like of shape (4, 4)
        Of the volume, from (slice, row, column, 1) to patient mm.
    slice_index : int
        Which slice of the volume ``image`` is.
    points_mm : array_like of shape (n, 3)
    reach_mm : float
    """
    matrix = np.asarray(affine, dtype=np.float64)
    origin_mm = matrix[:3, 3] + slice_index * matrix[:3, 0]
    basis = geometry.plane_basis(matrix)
    mm_per_pixel = np.asarray(basis @ matrix[:3, 1:3], dtype=np.float64)
    pixels_per_mm = np.asarray(np.linalg.inv(mm_per_pixel), dtype=np.float64)
    index = ((np.asarray(points_mm, np.float64) - origin_mm) @ basis.T) @ pixels_per_mm.T
    margin = reach_mm / np.linalg.norm(matrix[:3, 1:3], axis=0) + _SPLINE_MARGIN
    corner, pixels = _box(image, index.min(axis=0) - margin, index.max(axis=0) + margin + 1)
    return SlicePatch(
        origin_mm=origin_mm,
        basis=basis,
        noise=noise_of(pixels),
        typical=float(np.median(pixels)) if pixels.size else 0.0,
        image=pixels,
        _pixels_per_mm=pixels_per_mm,
        _mm_per_pixel=mm_per_pixel,
        _corner=corner,
        _coefficients=_coefficients(pixels),
        _slice=image,
    )


def _box(
    image: npt.NDArray[np.float32], low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the first pixel, shape (2,), and all pixels of a box as far as the image reaches."""
    first = np.clip(np.floor(low), 0, image.shape).astype(int)
    last = np.clip(np.ceil(high), 0, image.shape).astype(int)
    pixels = np.asarray(image[first[0] : last[0], first[1] : last[1]], dtype=np.float64)
    return first.astype(np.float64), pixels


def _coefficients(pixels: FloatArray) -> FloatArray:
    return np.asarray(spline_filter(pixels, order=3)) if pixels.size else np.zeros((0, 0))


def noise_of(image: FloatArray) -> Noise:
    """Return the noise of an image from its quiet windows.

    A window's noise is what is left of it without its plane, so that shading does not count; its
    quiet 15 % quantile is scaled to what normal noise would have there.
    """
    if min(image.shape) < _WINDOW:
        return Noise(0.0, 1.0)
    windows = sliding_window_view(image, (_WINDOW, _WINDOW))
    left = _without_planes(windows[np.ix_(*map(_from_both_ends, windows.shape[:2]))])
    free = _WINDOW**2 - 3
    variance = (left**2).sum(axis=(1, 2)) / free
    quiet = float(np.quantile(variance, _QUIET))
    sd = float(np.sqrt(quiet * free / chdtri(free, 1 - _QUIET)))  # chi-square's quantile
    calm = left[variance <= np.quantile(variance, 2 * _QUIET)]
    power = max(float((calm**2).mean()), np.finfo(float).tiny)
    shared = 1.0
    for first, second in (
        (calm[:, 1:], calm[:, :-1]),
        (calm[:, :, 1:], calm[:, :, :-1]),
    ):
        correlation = float((first * second).mean()) / power
        shared *= float(np.interp(correlation, _CORRELATION, _PIXELS_PER_SAMPLE))
    return Noise(sd, shared)


def _from_both_ends(n: int) -> npt.NDArray[np.intp]:
    """Return which of n windows are looked at: every so many from either end to the middle, so that
    a mirrored picture has the same noise."""
    first = np.arange(0, (n + 1) // 2, _WINDOW_STEP)
    return np.union1d(first, n - 1 - first)


def _without_planes(windows: FloatArray) -> FloatArray:
    """Return windows, shape (n, side, side), each without its least-squares plane."""
    side = windows.shape[-1]
    flat = windows.reshape(-1, side, side)
    ramp = np.arange(side) - (side - 1) / 2
    ramp /= np.sqrt((ramp**2).sum() * side)
    down = np.einsum("nrc,r->n", flat, ramp)[:, None, None] * ramp[:, None]
    right = np.einsum("nrc,c->n", flat, ramp)[:, None, None] * ramp
    return np.asarray(flat - flat.mean(axis=(1, 2), keepdims=True) - down - right)


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve on a slice at even steps of its length, and which way is outward along it.

    Attributes
    ----------
    places : array of shape (n, 2)
        mm.
    outward : array of shape (n, 2)
        Unit normals.
    along_mm : array of shape (n,)
        Position along the curve, 0 in its middle.
    """

    places: FloatArray
    outward: FloatArray
    along_mm: FloatArray


def arc(
    through: FloatArray, outward: FloatArray, half_mm: float, step_mm: float, per_mm: float = 0.0
) -> Curve:
    """Return an arc through a place, at a right angle to ``outward`` there.

    ``per_mm`` is its curvature, one over its radius: 0 is a straight line, more bends inward.
    """
    along = even_steps(half_mm, step_mm)
    across = np.array([-outward[1], outward[0]])
    turn = per_mm * along
    beside = along * np.sinc(turn / np.pi)
    inward = along * np.sin(turn / 2) * np.sinc(turn / 2 / np.pi)
    normals = np.cos(turn)[:, None] * outward + np.sin(turn)[:, None] * across
    return Curve(through + beside[:, None] * across - inward[:, None] * outward, normals, along)


def through(
    places: FloatArray, outward: FloatArray, middle: FloatArray, half_mm: float, step_mm: float
) -> Curve:
    """Return a curve through places at even steps, with its middle at the place on it nearest to
    ``middle``; beyond the ends it goes straight on.

    Parameters
    ----------
    places : array of shape (n, 2)
        Vertices in order, at least two.
    outward : array of shape (2,)
        Roughly outward: settles the sign of the normals.
    middle : array of shape (2,)
    half_mm, step_mm : float
        Length to both sides of the middle, and of the steps.
    """
    length = lengths_along(places)
    along = even_steps(half_mm, step_mm)
    at = along + position_along(places, middle)
    moved = np.stack([_straight_beyond(at, length, places[:, axis]) for axis in (0, 1)], axis=1)
    tangents = np.gradient(moved, axis=0)
    normals = np.stack([tangents[:, 1], -tangents[:, 0]], axis=1)
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    if (normals @ outward).mean() < 0:
        normals = -normals
    return Curve(moved, normals, along)


def position_along(places: FloatArray, place: FloatArray) -> float:
    """Return the length along vertices, mm, at which they come nearest to a place."""
    step = np.diff(places, axis=0)
    part = ((place - places[:-1]) * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-12)
    part = np.clip(part, 0, 1)
    gap = np.linalg.norm(places[:-1] + part[:, None] * step - place, axis=1)
    nearest = int(gap.argmin())
    length = lengths_along(places)
    return float(length[nearest] + part[nearest] * (length[nearest + 1] - length[nearest]))


def lengths_along(places: FloatArray) -> FloatArray:
    """Return the length from the first vertex to each vertex, shape (n,), mm."""
    across, down = (places[1:] - places[:-1]).T
    return np.concatenate([[0.0], np.hypot(across, down).cumsum()])


def even_steps(half_mm: float, step_mm: float) -> FloatArray:
    """Return multiples of a step up to a half-length on both sides of 0."""
    n = int(half_mm / step_mm + 1e-9)
    return np.asarray(np.arange(-n, n + 1) * step_mm, dtype=np.float64)


def straightened(patch: SlicePatch, curve: Curve, depths_mm: FloatArray) -> FloatArray:
    """Return the brightness on rays across a curve, shape (rays, depths); depths grow outward."""
    rays = curve.places[:, None] + depths_mm[:, None] * curve.outward[:, None]
    return patch.sample(rays)


class Beside(NamedTuple):
    """Pixels beside a curve: brightness, position along it, height over it, width and half the
    shortest wave across it, arrays of shape (n,), mm."""

    value: FloatArray
    along_mm: FloatArray
    height_mm: FloatArray
    width_mm: FloatArray
    cutoff_mm: FloatArray


def pixels_beside(patch: SlicePatch, curve: Curve, lowest_mm: float, highest_mm: float) -> Beside:
    """Return the pixels between two heights over a curve.

    A pixel belongs to the vertex nearest to it; those beyond the ends are left out.
    """
    reach = max(-lowest_mm, highest_mm, 0.0)
    values, places = patch.pixels(curve.places, reach)
    square = (places**2).sum(axis=1)[:, None] - 2 * places @ curve.places.T
    nearest = (square + (curve.places**2).sum(axis=1)).argmin(axis=1)
    offset, outward = places - curve.places[nearest], curve.outward[nearest]
    height = (offset * outward).sum(axis=1)
    beside = offset[:, 1] * outward[:, 0] - offset[:, 0] * outward[:, 1]
    half_step = (curve.along_mm[1] - curve.along_mm[0]) / 2
    first, last = curve.along_mm[0] - half_step, curve.along_mm[-1] + half_step
    along = curve.along_mm[nearest] + beside
    wanted = (height > lowest_mm) & (height < highest_mm) & (along > first) & (along < last)
    across = outward[wanted]
    widths = patch.widths_mm(across), patch.cutoffs_mm(across)
    return Beside(values[wanted], along[wanted], height[wanted], *widths)


def _straight_beyond(at: FloatArray, known: FloatArray, values: FloatArray) -> FloatArray:
    inside = np.interp(at, known, values)
    first = (values[1] - values[0]) / (known[1] - known[0])
    last = (values[-1] - values[-2]) / (known[-1] - known[-2])
    before = np.minimum(at - known[0], 0) * first
    after = np.maximum(at - known[-1], 0) * last
    return np.asarray(inside + before + after)
