"""In-plane shift between the anatomy and the fluid-sensitive series, from their edges.

Both series share the scanner's frame of reference, but a patient may move between them.  Their
contrasts differ - fat is bright on one, dark on the other - so edges are compared, not signals:
normalised gradients, whose direction counts but not its sign (Haber and Modersitzki, Methods Inf
Med 2007;46:292, doi:10.1160/ME9046).  Written with doubled angle, (gx + i gy)^2 / (|g|^2 + eta^2),
the similarity of their two components at all shifts is one cross-correlation, done by Fourier
transform (Oefverstedt et al., arXiv:2110.10156): phase correlation of edge directions.

The shift is estimated and reported.  Outlines are moved by it only when asked.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from ifi_mri import geometry
from ifi_mri.model import Volume
from ifi_mri.signal.estimates import BoolArray, FloatArray, median
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.signal.settings import ShiftSettings

Pictures: TypeAlias = npt.NDArray[np.float32]
"""Several of one size, the last two axes rows and columns."""

#: Pixels: a picture turned by less than this over the whole grid counts as not turned.
UPRIGHT_PIXELS: Final = 1e-6

#: Spacing in mm of the common grid that both series are read on.
GRID_MM: Final = 1.0

#: Sums of neighbours along rows and along columns before the last step, a difference along one of
#: them: the binomial weights of Sobel's operator of 5 x 5 points.  Their standard deviation,
#: one grid point, is about the blur of either series.
SUMS: Final = 3

#: Points that the operator reaches to either side.
BORDER: Final = (SUMS + 1) // 2

#: Slices that are compared at most; they are averaged.
MOST_SLICES: Final = 3

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
    pairs = [
        (edges, others)
        for pictures in zip(sampled(anatomy, lattice), sampled(fluid, lattice), strict=True)
        if (edges := _edge_directions(pictures[0])) is not None
        and (others := _edge_directions(pictures[1])) is not None
    ]
    if not pairs:
        raise NotAssessable("the two series share no slice with edges near the outlines")
    of_anatomy, of_fluid = (np.stack(edges) for edges in zip(*pairs, strict=True))
    return _best(of_anatomy, of_fluid, basis, settings)


def _slices(fluid: Volume, points_mm: npt.ArrayLike) -> list[int]:
    coordinates = np.rint(geometry.slice_coordinate(fluid.affine, points_mm)).astype(int)
    drawn = np.unique(coordinates[(coordinates >= 0) & (coordinates < len(fluid.voxels))])
    if len(drawn) > MOST_SLICES:  # the middle ones of as many parts
        middle = (np.arange(MOST_SLICES) + 0.5) * len(drawn) / MOST_SLICES - 0.5
        drawn = drawn[np.rint(middle).astype(int)]
    return [int(k) for k in drawn]


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
        max(np.ptp(rows, axis=(0, 2)).max(), np.ptp(columns, axis=(0, 1)).max()) < UPRIGHT_PIXELS
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
    picture.  What `scipy.ndimage.map_coordinates` does for any positions in 10 times the time."""
    r, down, in_rows = _weighted(rows, voxels.shape[1])
    c, right, in_columns = _weighted(columns, voxels.shape[2])
    top, left = min(r[0], r[-1]), min(c[0], c[-1])
    box = np.s_[top : max(r[0], r[-1]) + 2, left : max(c[0], c[-1]) + 2]
    part = np.array([voxels[k][box] for k in slices], dtype=np.float32)
    r, c = r - top, c - left
    with np.errstate(invalid="ignore"):  # beside what is infinite nothing is known
        lines = _in_between(part[:, r], part[:, r + 1], down[:, None])
        values = _in_between(lines[..., c], lines[..., c + 1], right)
    values[:, ~in_rows] = np.nan
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
    before = np.clip(np.floor(coordinates).astype(np.intp), 0, max(n - 2, 0))
    weight = (coordinates - before).astype(np.float32)
    return before, weight, (coordinates >= 0) & (coordinates <= n - 1)


def _one_slice_in_plane(volume: Volume) -> FloatArray:
    """Return the voxel index step of a slice along the normal; (1, 0, 0) unless sheared."""
    normal = geometry.slice_normal(volume.affine)
    spacing = volume.affine[:3, 0] @ normal
    return geometry.patient_to_voxel(volume.affine, volume.affine[:3, 3] + spacing * normal)


def _edge_directions(picture: Pictures) -> Pictures | None:
    """Return normalised gradients of doubled angle of a picture, shape (2, rows, columns) less the
    border of `_gradient`: cosine and sine times a strength from 0 to 1, 0 where nothing is seen;
    None where nothing is seen anywhere.

    ``eta``, which parts edges from noise, is the median gradient of the picture.
    """
    unseen = ~np.isfinite(picture)
    if unseen.any():
        picture = np.where(unseen, np.float32(np.nan), picture)
    largest = np.fmax.reduce(np.abs(picture), axis=None)
    if not largest > 0:
        return None
    down, right = _gradient(picture / largest)
    right2, down2 = right * right, down * down
    strength = right2 + down2
    inside = np.s_[:, : -2 * BORDER]
    some = strength[inside][::EVERY, ::EVERY]
    eta2 = median(some[np.isfinite(some)])
    if not eta2 > EVEN**2:
        return None
    strength += np.float32(eta2)
    right2 -= down2  # (right + i down)^2
    right *= 2 * down
    edges = np.stack([right2[inside], right[inside]])
    edges /= strength[inside]
    if unseen.any():
        edges[~np.isfinite(edges)] = 0
    return edges


def _gradient(picture: Pictures) -> tuple[Pictures, Pictures]:
    """Return the derivatives of a picture towards its rows and its columns, per point: Sobel's
    operator of 5 x 5 points, as sums and differences of neighbours.  Near a point that is not seen
    there is none.

    Both have a `BORDER` less at the top, the bottom and the left.  The points stand in one line,
    row after row, in which the next row is ``n`` further on: what wraps around the ends of rows
    stands in the last columns, twice a border, and means nothing.
    """
    n = picture.shape[1]
    points = np.append(picture, np.zeros(2 * BORDER, dtype=np.float32))
    for _ in range(SUMS):
        points = points[n:] + points[:-n]
    points *= np.float32(0.5 * 4.0**-SUMS)
    for _ in range(SUMS):
        points = points[1:] + points[:-1]
    both, step = points[1:] + points[:-1], points[1:] - points[:-1]
    down, right = both[n:] - both[:-n], step[n:] + step[:-n]
    return down.reshape(-1, n), right.reshape(-1, n)


def _best(
    anatomy: Pictures,
    fluid: Pictures,
    basis: FloatArray,
    settings: ShiftSettings,
) -> Shift:
    """Return the shift of best similarity of edges, shape (slices, 2, rows, columns); its
    uncertainty from leaving out tiles in turn."""
    maps = _similarities(anatomy, fluid, math.ceil(settings.reach_mm / GRID_MM))
    total = maps.sum(axis=0)
    ((down, right), *without), (at_the_edge, *_) = _peaks(
        np.concatenate([total[None], total - maps])
    )
    n = len(maps)
    sd = np.std(without, axis=0) * math.sqrt(n - 1) * GRID_MM
    # the parabola's own error: a tenth of a grid point
    down_sd, right_sd = (float(math.hypot(value, 0.1 * GRID_MM)) for value in sd)
    vector = right * GRID_MM * basis[0] + down * GRID_MM * basis[1]
    x, y, z = (float(value) for value in vector)
    return Shift(
        float(right) * GRID_MM, float(down) * GRID_MM, right_sd, down_sd, (x, y, z),
        bool(at_the_edge), len(anatomy),
    )  # fmt: skip


def _similarities(anatomy: Pictures, fluid: Pictures, reach: int) -> FloatArray:
    """Return the cross-correlation of every tile of the first edges with the second ones, at all
    shifts up to ``reach``, summed over slices and components: shape (tiles, shifts, shifts)."""
    *stack, n_rows, n_columns = anatomy.shape
    tiles = list(itertools.product(_thirds(n_rows), _thirds(n_columns)))
    # one size for all, without wrapping around
    shape = [
        fft.next_fast_len(max(stop - start for start, stop in spans) + 2 * reach, real=True)
        for spans in zip(*tiles, strict=True)
    ]
    around = np.zeros((*stack, n_rows + 2 * reach, n_columns + 2 * reach), dtype=np.float32)
    around[..., reach:-reach, reach:-reach] = fluid
    spectra = []
    for (top, bottom), (left, right) in tiles:
        both = np.zeros((2, *stack, *shape), dtype=np.float32)
        tile, wider = (
            anatomy[..., top:bottom, left:right],
            around[..., top : bottom + 2 * reach, left : right + 2 * reach],
        )
        for here, part in zip(both, (tile, wider), strict=True):
            here[..., : part.shape[-2], : part.shape[-1]] = part
        of_tile, of_wider = fft.rfft2(both)
        spectra.append((np.conj(of_tile) * of_wider).sum(axis=(0, 1)))
    sums = fft.irfft2(np.array(spectra), s=shape)
    return np.asarray(sums[:, : 2 * reach + 1, : 2 * reach + 1], dtype=np.float64)


def _thirds(n: int) -> list[tuple[int, int]]:
    return list(itertools.pairwise(round(n * k / TILES) for k in range(TILES + 1)))


def _peaks(similarities: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return the places of the largest values of maps in grid points from the middle (down, right),
    between points by a parabola, and whether they lie at the edge."""
    n_maps, side, _ = similarities.shape
    each = np.arange(n_maps)
    row, column = np.divmod(similarities.reshape(n_maps, -1).argmax(axis=1), side)
    at_the_edge = (np.minimum(row, column) == 0) | (np.maximum(row, column) == side - 1)
    near = np.array([-PEAK, 0, PEAK])[:, None]
    # at the edge any three will do: they are not asked
    r, c = np.clip(row, PEAK, side - 1 - PEAK), np.clip(column, PEAK, side - 1 - PEAK)
    beyond = np.stack(
        [_vertex(*similarities[each, r + near, c]), _vertex(*similarities[each, r, c + near])],
        axis=1,
    )
    whole = np.stack([row, column], axis=1) - (side - 1) // 2
    return np.where(at_the_edge[:, None], whole, whole + beyond), at_the_edge


def _vertex(before: FloatArray, at: FloatArray, after: FloatArray) -> FloatArray:
    """Return where parabolas through three neighbours are highest, from the middle one."""
    bend = before - 2 * at + after
    return np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0)
