"""In-plane shift between the anatomy and the fluid-sensitive series, from their edges.

Both series share the scanner's frame of reference, but a patient may move between them.  Their
contrasts differ - fat is bright on one, dark on the other - so edges are compared, not signals:
normalised gradients, whose direction counts but not its sign (Haber and Modersitzki, Methods Inf
Med 2007;46:292, doi:10.1160/ME9046).  Written with doubled angle, (gx + i gy)^2 / (|g|^2 + eta^2),
the similarity of their two components at all shifts is one cross-correlation, done by Fourier
transform (Oefverstedt et al., arXiv:2110.10156): phase correlation of edge directions.

The shift is estimated and reported.  Outlines are moved by it only when asked.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft, ndimage

from ifi_mri import geometry
from ifi_mri.model import Volume
from ifi_mri.signal.estimates import BoolArray, FloatArray
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.signal.settings import ShiftSettings

Pictures: TypeAlias = npt.NDArray[np.float32]
"""Several of one size, the last two axes rows and columns."""

#: Pixels: a picture turned by less than this over the whole grid counts as not turned.
UPRIGHT_PIXELS: Final = 1e-6

#: Spacing in mm of the common grid that both series are read on: about a pixel.
GRID_MM: Final = 1.25

#: Points that Sobel's operator reaches to either side, and what its weights make of a slope of 1.
BORDER: Final = 1
WEIGHTS: Final = 8

#: Slices that are compared at most; they are averaged.  On phantoms of SNR 10 to 30 a third one
#: takes 0.02 mm off the error, at half more of the time.
MOST_SLICES: Final = 2

#: Tiles along either side of the picture whose estimates, each left out in turn, give the
#: uncertainty (delete-one jackknife, Efron 1982).
TILES: Final = 3

#: A picture whose median gradient (per grid point) is below this share of its largest value is
#: even; pictures are held in seven digits.
EVEN: Final = 1e-6

#: Of so many rows, and columns, one is read for the median gradient: neighbours are alike.
EVERY: Final = 4

#: Width in grid points about the peak that the parabola is laid through.
PEAK: Final = 1

#: What the parabola through the similarity of three grid points leaves open, mm: its error on
#: phantoms moved by known parts of a point.
OF_PARABOLA_MM: Final = 0.1


@dataclass(frozen=True, slots=True)
class Shift:
    """What has to be added to a position on the anatomy series to find it on the other.

    Attributes
    ----------
    right_mm, down_mm : float
        Along the fluid-sensitive series' columns (image right) and rows (image down).
    right_sd_mm, down_sd_mm : float
        Standard deviations.
    vector_mm : tuple of 3 floats
        The same in patient LPS.
    at_the_edge : bool
        The best match lies at the edge of what was searched: no shift was found.
    n_slices : int
    """

    right_mm: float
    down_mm: float
    right_sd_mm: float
    down_sd_mm: float
    vector_mm: tuple[float, float, float]
    at_the_edge: bool
    n_slices: int

    @property
    def length_mm(self) -> float:
        """Length of the shift, mm."""
        return math.hypot(self.right_mm, self.down_mm)

    @property
    def is_significant(self) -> bool:
        """Whether the shift differs from none beyond its 95 % region (chi-squared, 2 df)."""
        if self.at_the_edge:
            return False
        z2 = (self.right_mm / self.right_sd_mm) ** 2 + (self.down_mm / self.down_sd_mm) ** 2
        return z2 > 5.991


def in_plane_shift(
    anatomy: Volume, fluid: Volume, points_mm: npt.ArrayLike, settings: ShiftSettings
) -> Shift:
    """Return the in-plane shift of the fluid-sensitive against the anatomy series near points.

    Parameters
    ----------
    anatomy, fluid : Volume
        In one frame of reference.
    points_mm : array_like of shape (n, 3)
        Outline vertices; the box that holds them and a margin is compared, on their slices.
    settings : ShiftSettings

    Raises
    ------
    NotAssessable
        The two series share no slice there, or one of them shows no edges.
    """
    basis = geometry.plane_basis(fluid.affine)
    points = np.asarray(points_mm, dtype=np.float64) @ basis.T
    margin = settings.margin_mm + BORDER * GRID_MM
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    right, down = (np.arange(a, b, GRID_MM) for a, b in zip(low, high, strict=True))
    slices = np.array([(k, 0, 0) for k in _slices(fluid, points_mm)]).reshape(-1, 3)
    if not len(slices):
        raise NotAssessable("the fluid-sensitive series has no slice near the outlines")
    origins = geometry.voxel_to_patient(fluid.affine, slices)
    lattice = Lattice(origins - (origins @ basis.T) @ basis, basis, right, down)
    n = len(slices)
    pictures = np.concatenate([sampled(volume, lattice) for volume in (anatomy, fluid)])
    edges, is_seen = _edge_directions(pictures)
    n_slices = int(np.count_nonzero(is_seen[:n] & is_seen[n:]))
    if n_slices == 0:
        raise NotAssessable("the two series share no slice with edges near the outlines")
    return _best(edges[:n], edges[n:], n_slices, basis, settings)


def _slices(fluid: Volume, points_mm: npt.ArrayLike) -> list[int]:
    nearest = np.rint(geometry.slice_coordinate(fluid.affine, points_mm))
    inside = nearest[(nearest >= 0) & (nearest < len(fluid.voxels))]
    drawn: list[int] = np.flatnonzero(np.bincount(inside.astype(np.intp))).tolist()
    if len(drawn) <= MOST_SLICES:
        return drawn
    quarter = (len(drawn) - 1) // 4  # the same two from either end
    return [drawn[quarter], drawn[-1 - quarter]]


class Lattice(NamedTuple):
    """Positions on parallel planes, even along two directions.

    ``right`` and ``down`` count in mm along the rows of ``basis``, two orthonormal directions, from
    ``origins_mm``, one for each plane.
    """

    origins_mm: FloatArray
    basis: FloatArray
    right: FloatArray
    down: FloatArray

    def at(self, right: FloatArray, down: FloatArray) -> FloatArray:
        """Return patient positions, shape (planes, ..., 3), of places on every plane."""
        off = right[..., None] * self.basis[0] + down[..., None] * self.basis[1]
        origins = self.origins_mm.reshape(-1, *[1] * (off.ndim - 1), 3)
        return np.asarray(origins + off, dtype=np.float64)


def sampled(volume: Volume, lattice: Lattice) -> Pictures:
    """Return a volume's signal at the positions (planes, rows, columns) of a lattice, each in the
    plane of its nearest slice, linear between pixels; nan outside the picture and further than half
    a slice away."""
    corners = lattice.at(lattice.right[[0, -1]], lattice.down[[0, -1], None])
    pixels, depth = _pixels_and_depth(volume, corners)
    rows, columns = pixels[..., 0], pixels[..., 1]
    k = np.rint(depth[:, 0, 0])
    if (
        np.abs(rows - rows[:1, :, :1]).max() < UPRIGHT_PIXELS
        and np.abs(columns - columns[:1, :1]).max() < UPRIGHT_PIXELS
        and (np.rint(depth) == k[:, None, None]).all()
        and k.min() >= 0
        and k.max() < len(volume.voxels)
        and min(volume.voxels.shape[1:]) > 1
    ):
        return _between_pixels(
            volume.voxels,
            k.astype(np.intp),
            _evenly(rows[0, 0, 0], rows[0, 1, 0], len(lattice.down)),
            _evenly(columns[0, 0, 0], columns[0, 0, 1], len(lattice.right)),
        )
    return _anywhere(volume, lattice.at(lattice.right, lattice.down[:, None]))


def _evenly(first: float, last: float, n: int) -> FloatArray:
    """Return ``n`` numbers evenly spaced from the first to the last."""
    return np.asarray(first + (last - first) / max(1, n - 1) * np.arange(n), dtype=np.float64)


def _pixels_and_depth(volume: Volume, points_mm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return pixel coordinates (..., 2) of positions on the plane of their nearest slice, and
    their slice coordinates."""
    depth = geometry.slice_coordinate(volume.affine, points_mm)
    index = geometry.patient_to_voxel(volume.affine, points_mm)
    index = index + (np.rint(depth) - depth)[..., None] * _one_slice_in_plane(volume)
    return index[..., 1:], depth


def _anywhere(volume: Volume, points_mm: FloatArray) -> Pictures:
    """Return what `sampled` does, for positions that may lie at any angle to the pixels."""
    pixels, depth = _pixels_and_depth(volume, points_mm)
    k = np.rint(depth)
    inside = (k >= 0) & (k < len(volume.voxels))
    values = np.full(depth.shape, np.nan, dtype=np.float32)
    for chosen in np.unique(k[inside]).astype(int):
        at = inside & (k == chosen)
        values[at] = ndimage.map_coordinates(
            volume.voxels[chosen], pixels[at].T, order=1, cval=np.nan, output=np.float32
        )
    return values


def _between_pixels(
    voxels: npt.NDArray[np.float32],
    slices: npt.NDArray[np.intp],
    rows: FloatArray,
    columns: FloatArray,
) -> Pictures:
    """Return slices at rows x columns, both in order, linear between pixels; nan outside the
    picture.  What `scipy.ndimage.map_coordinates` does for any positions in 10 times the time.

    `numpy.take` leaves rows in line, which an index in brackets does not.
    """
    r, down, in_rows = _weighted(rows, voxels.shape[1])
    c, right, in_columns = _weighted(columns, voxels.shape[2])
    top, left = min(r[0], r[-1]), min(c[0], c[-1])
    box = np.s_[top : max(r[0], r[-1]) + 2, left : max(c[0], c[-1]) + 2]
    part = np.array([voxels[k][box] for k in slices], dtype=np.float32)
    r, c = r - top, c - left
    with np.errstate(invalid="ignore"):  # beside what is infinite nothing is known
        lines = _in_between(part.take(r, axis=1), part.take(r + 1, axis=1), down[:, None])
        values = _in_between(lines.take(c, axis=2), lines.take(c + 1, axis=2), right)
    if not in_rows.all():
        values[:, ~in_rows] = np.nan
    if not in_columns.all():
        values[:, :, ~in_columns] = np.nan
    return values


def _in_between(before: Pictures, after: Pictures, weight: Pictures) -> Pictures:
    """Return the mean of two, the second one with a weight; in the place of the second."""
    after -= before
    after *= weight
    after += before
    return after


def _weighted(coordinates: FloatArray, n: int) -> tuple[npt.NDArray[np.intp], Pictures, BoolArray]:
    """Return the pixel before each coordinate, the weight of the next one, and which of them lie
    in the picture."""
    before = np.minimum(np.maximum(np.floor(coordinates), 0), max(n - 2, 0)).astype(np.intp)
    weight = (coordinates - before).astype(np.float32)
    return before, weight, (coordinates >= 0) & (coordinates <= n - 1)


def _one_slice_in_plane(volume: Volume) -> FloatArray:
    """Return the voxel index step of a slice along the normal; (1, 0, 0) unless sheared."""
    normal = geometry.slice_normal(volume.affine)
    spacing = volume.affine[:3, 0] @ normal
    return geometry.patient_to_voxel(volume.affine, volume.affine[:3, 3] + spacing * normal)


def _edge_directions(pictures: Pictures) -> tuple[Pictures, BoolArray]:
    """Return normalised gradients of doubled angle of pictures (slices, rows, columns), shape
    (slices, 2, rows, columns) less a `BORDER` all around: cosine and sine times a strength from 0
    to 1, 0 where nothing is seen; and on which slices there is anything to see.

    ``eta``, which parts edges from noise, is the median gradient of a picture.
    """
    largest = np.maximum(pictures.max(axis=(1, 2)), -pictures.min(axis=(1, 2)))
    any_unseen = not np.isfinite(largest).all()
    if any_unseen:
        pictures = np.where(np.isfinite(pictures), pictures, np.float32(np.nan))
        largest = np.fmax.reduce(np.abs(pictures), axis=(1, 2))
    is_seen = largest > 0
    largest[~is_seen] = 1
    down, right = _gradients(pictures, largest)
    inside = np.s_[:, : -2 * BORDER, : -2 * BORDER]
    strength = right * right
    edges = np.empty((len(pictures), 2, *strength[inside].shape[1:]), dtype=np.float32)
    np.multiply(right[inside], 2 * down[inside], out=edges[:, 1])
    down *= down
    np.subtract(strength[inside], down[inside], out=edges[:, 0])  # (right + i down)^2
    strength += down
    eta2 = _medians(strength[inside][:, ::EVERY, ::EVERY])
    is_seen &= eta2 > (EVEN * WEIGHTS) ** 2
    strength += np.where(is_seen, eta2, np.float32(1))[:, None, None]
    edges /= strength[inside][:, None]
    if any_unseen:
        edges[~np.isfinite(edges)] = 0
    edges[~is_seen] = 0
    return edges, is_seen


def _medians(pictures: Pictures) -> npt.NDArray[np.float32]:
    """Return the median of what is seen of each picture; nan where nothing is."""
    ordered = np.sort(pictures.reshape(len(pictures), -1), axis=1)  # nan goes last
    each, n_seen = np.arange(len(ordered)), np.count_nonzero(ordered == ordered, axis=1)
    middle = ordered[each, (n_seen - 1) // 2] + ordered[each, n_seen // 2]
    return np.asarray(middle / np.float32(2))


def _gradients(pictures: Pictures, unit: npt.NDArray[np.float32]) -> tuple[Pictures, Pictures]:
    """Return the derivatives of pictures (slices, rows, columns) towards their rows and their
    columns, in units of each slice and per 1 / `WEIGHTS` of a point: Sobel's operator of 3 x 3
    points, as sums and differences of neighbours.  Near a point that is not seen there is none.

    What stands at a point is the derivative a `BORDER` further down and to the right.  All points
    stand in one line, row after row and slice after slice, in which the next row is ``n`` further
    on: what wraps around the ends of rows and slices stands in the last rows and columns, twice a
    border, and means nothing.
    """
    n = pictures.shape[2]
    line = np.zeros(pictures.size + 2 * BORDER * (n + 1), dtype=np.float32)
    here = line[: pictures.size].reshape(pictures.shape)
    np.divide(pictures, unit[:, None, None], out=here)
    of_rows = line[n:] + line[:-n]
    of_four = of_rows[1:] + of_rows[:-1]
    across, step = of_four[1:] + of_four[:-1], of_four[1:] - of_four[:-1]
    down, right = across[n:] - across[:-n], step[n:] + step[:-n]
    return down.reshape(pictures.shape), right.reshape(pictures.shape)


def _best(
    anatomy: Pictures,
    fluid: Pictures,
    n_slices: int,
    basis: FloatArray,
    settings: ShiftSettings,
) -> Shift:
    """Return the shift of best similarity of edges, shape (slices, 2, rows, columns), of which
    ``n_slices`` hold some; its uncertainty from leaving out tiles in turn."""
    maps = _similarities(anatomy, fluid, math.ceil(settings.reach_mm / GRID_MM))
    total = maps.sum(axis=0)
    places, at_the_edge = _peaks(np.concatenate([total[None], total - maps]))
    (down_mm, right_mm), *_ = (GRID_MM * places).tolist()
    sd = places[1:].std(axis=0) * math.sqrt(len(maps) - 1) * GRID_MM
    down_sd, right_sd = (math.hypot(value, OF_PARABOLA_MM) for value in sd.tolist())
    x, y, z = (right_mm * basis[0] + down_mm * basis[1]).tolist()
    return Shift(right_mm, down_mm, right_sd, down_sd, (x, y, z), bool(at_the_edge[0]), n_slices)


def _similarities(anatomy: Pictures, fluid: Pictures, reach: int) -> FloatArray:
    """Return the cross-correlation of every tile of the first edges (slices, components, rows,
    columns) with the second ones, at all shifts up to ``reach``, summed over slices and components:
    shape (tiles, shifts, shifts)."""
    n_rows, n_columns = anatomy.shape[-2:]
    high, wide = (-(-n // TILES) for n in (n_rows, n_columns))
    # of the second so much around a tile of the first that nothing wraps around
    shape = [fft.next_fast_len(n + 2 * reach, real=True) for n in (high, wide)]
    size = [(TILES - 1) * n + around for n, around in zip((high, wide), shape, strict=True)]
    first, second = (np.zeros((*anatomy.shape[:2], *size), dtype=np.float32) for _ in range(2))
    first[..., :n_rows, :n_columns] = anatomy
    second[..., reach : reach + n_rows, reach : reach + n_columns] = fluid
    of_first, of_second = (
        sliding_window_view(part, shape, axis=(-2, -1))[..., ::high, ::wide, :, :]
        for part in (first, second)
    )
    tiles = np.zeros(of_first.shape, dtype=np.float32)
    tiles[..., :high, :wide] = of_first[..., :high, :wide]
    product = fft.rfft2(tiles)
    np.conj(product, out=product)
    product *= fft.rfft2(of_second)
    sums = fft.irfft2(product.sum(axis=(0, 1)), s=shape)[..., : 2 * reach + 1, : 2 * reach + 1]
    return sums.reshape(TILES * TILES, 2 * reach + 1, -1).astype(np.float64)


def _peaks(similarities: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return the places of the largest values of maps in grid points from the middle (down, right),
    between points by a parabola, and whether they lie at the edge."""
    n_maps, side, _ = similarities.shape
    row, column = np.divmod(similarities.reshape(n_maps, -1).argmax(axis=1), side)
    at_the_edge = (np.minimum(row, column) == 0) | (np.maximum(row, column) == side - 1)
    # at the edge any three will do: they are not asked
    r, c = (np.minimum(np.maximum(at, PEAK), side - 1 - PEAK) for at in (row, column))
    near, none = np.array([[-PEAK], [0], [PEAK]]), np.zeros((3, 1), dtype=np.intp)
    down, right = np.array([near, none]), np.array([none, near])
    around = similarities[np.arange(n_maps), r + down, c + right]
    beyond = _vertex(around[:, 0], around[:, 1], around[:, 2])
    whole = np.array([row, column]) - (side - 1) // 2
    return np.where(at_the_edge, whole, whole + beyond).T, at_the_edge


def _vertex(before: FloatArray, at: FloatArray, after: FloatArray) -> FloatArray:
    """Return where parabolas through three neighbours are highest, from the middle one."""
    bend = before - 2 * at + after
    return np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0)
