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
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from ifi_mri import geometry
from ifi_mri.model import Volume
from ifi_mri.signal.estimates import FloatArray, median
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.signal.settings import ShiftSettings

#: Pixels: a picture turned by less than this over the whole grid counts as not turned.
UPRIGHT_PIXELS: Final = 1e-6

#: Spacing in mm of the common grid that both series are read on.
GRID_MM: Final = 1.0

#: Standard deviation in mm of the Gaussian whose derivative is the gradient: about the blur of
#: the coarser series.
GRADIENT_SD_MM: Final = 1.2

#: Weights of that Gaussian and of its derivative at grid points, to correlate with, out to four
#: standard deviations.
_REACH: Final = int(4 * GRADIENT_SD_MM / GRID_MM + 0.5)
_PLACES: Final = np.arange(-_REACH, _REACH + 1.0)
_BELL: Final = np.exp(-0.5 * (_PLACES * GRID_MM / GRADIENT_SD_MM) ** 2)
SMOOTHING: Final[FloatArray] = _BELL / _BELL.sum()
SLOPE: Final[FloatArray] = _PLACES * (GRID_MM / GRADIENT_SD_MM) ** 2 * SMOOTHING

#: Slices that are compared at most; they are averaged.
MOST_SLICES: Final = 3

#: Tiles along either side of the picture whose estimates, each left out in turn, give the
#: uncertainty (delete-one jackknife, Efron 1982).
TILES: Final = 3

#: A picture whose median gradient (per grid point) is below this share of its largest value is
#: even.
EVEN: Final = 1e-9

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
    low, high = points.min(axis=0) - settings.margin_mm, points.max(axis=0) + settings.margin_mm
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
    if len(drawn) > MOST_SLICES:
        drawn = drawn[np.rint(np.linspace(0, len(drawn) - 1, MOST_SLICES)).astype(int)]
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


def sampled(volume: Volume, lattice: Lattice) -> FloatArray:
    """Return a volume's signal at the positions (planes, rows, columns) of a lattice, each in the
    plane of its nearest slice, linear between pixels; nan outside the picture and further than half
    a slice away."""
    right, down = lattice.right, lattice.down
    along_rows, rows_depth = _pixels_and_depth(volume, lattice.at(right[:1], down))
    along_columns, columns_depth = _pixels_and_depth(volume, lattice.at(right, down[:1]))
    rows, columns = along_rows[0, :, 0], along_columns[0, :, 1]
    k = np.rint(rows_depth[:, 0])
    upright = (
        np.ptp(along_rows[..., 1]),
        np.ptp(along_columns[..., 0]),
        np.abs(along_rows[..., 0] - rows).max(),
        np.abs(along_columns[..., 1] - columns).max(),
        np.ptp(rows_depth, axis=1).max(),
    )
    if (
        max(upright) < UPRIGHT_PIXELS
        and (np.rint(rows_depth) == k[:, None]).all()
        and (np.rint(columns_depth) == k[:, None]).all()
        and k.min() >= 0
        and k.max() < len(volume.voxels)
        and min(volume.voxels.shape[1:]) > 1
    ):
        return _between_pixels(volume.voxels, k.astype(np.intp), rows, columns)
    return _anywhere(volume, lattice.at(right[None], down[:, None]))


def _pixels_and_depth(volume: Volume, points_mm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return pixel coordinates (..., 2) of positions on the plane of their nearest slice, and
    their slice coordinates."""
    depth = geometry.slice_coordinate(volume.affine, points_mm)
    index = geometry.patient_to_voxel(volume.affine, points_mm)
    index = index + (np.rint(depth) - depth)[..., None] * _one_slice_in_plane(volume)
    return index[..., 1:], depth


def _anywhere(volume: Volume, points_mm: FloatArray) -> FloatArray:
    """Return what `sampled` does, for positions that may lie at any angle to the pixels."""
    pixels, depth = _pixels_and_depth(volume, points_mm)
    k = np.rint(depth)
    inside = (k >= 0) & (k < len(volume.voxels))
    values = np.full(depth.shape, np.nan)
    for chosen in np.unique(k[inside]).astype(int):
        at = inside & (k == chosen)
        values[at] = ndimage.map_coordinates(
            volume.voxels[chosen], pixels[at].T, order=1, cval=np.nan, output=np.float64
        )
    return values


def _between_pixels(
    voxels: npt.NDArray[np.float32],
    slices: npt.NDArray[np.intp],
    rows: FloatArray,
    columns: FloatArray,
) -> FloatArray:
    """Return slices at rows x columns, linear between pixels; nan outside the picture.  What
    `scipy.ndimage.map_coordinates` does for any positions, 10 times as fast for these."""
    r, down, in_rows = _weighted(rows, voxels.shape[1])
    c, right, in_columns = _weighted(columns, voxels.shape[2])
    part = voxels[:, r.min() : r.max() + 2, c.min() : c.max() + 2][slices].astype(np.float64)
    r, c = r - r.min(), c - c.min()
    upper = part[:, r]
    with np.errstate(invalid="ignore"):  # beside what is infinite nothing is known
        lines = upper + down[:, None] * (part[:, r + 1] - upper)
        values: FloatArray = lines[:, :, c]
        values += right * (lines[:, :, c + 1] - values)
    values[:, ~in_rows] = np.nan
    values[:, :, ~in_columns] = np.nan
    return values


def _weighted(
    coordinates: FloatArray, n: int
) -> tuple[npt.NDArray[np.intp], FloatArray, npt.NDArray[np.bool_]]:
    """Return the pixel before each coordinate, the weight of the next one, and which of them lie
    in the picture."""
    before = np.clip(np.floor(coordinates).astype(np.intp), 0, max(n - 2, 0))
    return before, coordinates - before, (coordinates >= 0) & (coordinates <= n - 1)


def _one_slice_in_plane(volume: Volume) -> FloatArray:
    """Return the voxel index step of a slice along the normal; (1, 0, 0) unless sheared."""
    normal = geometry.slice_normal(volume.affine)
    spacing = volume.affine[:3, 0] @ normal
    step = np.linalg.inv(volume.affine[:3, :3]) @ (normal * spacing)
    return np.asarray(step, dtype=np.float64)


def _edge_directions(picture: FloatArray) -> npt.NDArray[np.float32] | None:
    """Return normalised gradients of doubled angle, shape (2, rows, columns): cosine and sine
    times a strength from 0 to 1, 0 where nothing is seen; None where nothing is seen anywhere.

    ``eta``, which parts edges from noise, is the median gradient of the picture.
    """
    full, inside = picture, np.isfinite(picture)
    all_seen = bool(inside.all())
    if not all_seen:
        if not inside.any():
            return None
        full = np.where(inside, picture, median(picture[inside]))
        # as far from what is not seen, in steps along rows and columns, as the filter reaches
        far = math.ceil(3 * GRADIENT_SD_MM / GRID_MM)
        inside = ndimage.distance_transform_cdt(inside, metric="taxicab") > far
    down, right = _gradient(full)
    right2, down2 = right * right, down * down
    strength = right2 + down2
    seen = strength if all_seen else strength[inside]
    eta2 = median(seen) if seen.size else 0.0
    if eta2 <= (EVEN * max(float(full.max()), -float(full.min()))) ** 2:
        return None
    strength += eta2
    weight = 1 / strength
    if not all_seen:
        weight[~inside] = 0
    edges = np.empty((2, *picture.shape), dtype=np.float32)  # at most 1: seven digits are left
    right2 -= down2  # (right + i down)^2
    right *= 2 * down
    np.multiply(right2, weight, out=edges[0])
    np.multiply(right, weight, out=edges[1])
    return edges


def _gradient(picture: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of a picture towards its rows and its columns, smoothed by a Gaussian
    of `GRADIENT_SD_MM`, per grid point."""
    down, right = (
        ndimage.correlate1d(ndimage.correlate1d(picture, of_rows, axis=0), of_columns, axis=1)
        for of_rows, of_columns in ((SLOPE, SMOOTHING), (SMOOTHING, SLOPE))
    )
    return down, right


def _best(
    anatomy: npt.NDArray[np.float32],
    fluid: npt.NDArray[np.float32],
    basis: FloatArray,
    settings: ShiftSettings,
) -> Shift:
    """Return the shift of best similarity of edges, shape (slices, 2, rows, columns); its
    uncertainty from leaving out tiles in turn."""
    maps = _similarities(anatomy, fluid, math.ceil(settings.reach_mm / GRID_MM))
    total = np.sum(maps, axis=0)
    down, right, at_the_edge = _peak(total)
    without = np.array([_peak(total - part)[:2] for part in maps])
    n = len(maps)
    sd = np.sqrt((n - 1) / n * ((without - without.mean(axis=0)) ** 2).sum(axis=0)) * GRID_MM
    # the parabola's own error: a tenth of a grid point
    down_sd, right_sd = (float(math.hypot(value, 0.1 * GRID_MM)) for value in sd)
    vector = right * GRID_MM * basis[0] + down * GRID_MM * basis[1]
    x, y, z = (float(value) for value in vector)
    return Shift(
        right * GRID_MM, down * GRID_MM, right_sd, down_sd, (x, y, z), at_the_edge, len(anatomy)
    )


def _similarities(
    anatomy: npt.NDArray[np.float32], fluid: npt.NDArray[np.float32], reach: int
) -> FloatArray:
    """Return the cross-correlation of every tile of the first edges with the second ones, at all
    shifts up to ``reach``, summed over slices and components: shape (tiles, shifts, shifts)."""
    *stack, n_rows, n_columns = anatomy.shape
    tiles = [(rows, columns) for rows in _thirds(n_rows) for columns in _thirds(n_columns)]
    # one size for all, without wrapping around
    shape = [
        fft.next_fast_len(max(stop - start for start, stop in spans) + 2 * reach, real=True)
        for spans in zip(*tiles, strict=True)
    ]
    padded = np.zeros((*stack, n_rows + 2 * reach, n_columns + 2 * reach), dtype=fluid.dtype)
    padded[..., reach:-reach, reach:-reach] = fluid
    spectra = []
    for (top, bottom), (left, right) in tiles:
        around = padded[..., top : bottom + 2 * reach, left : right + 2 * reach]
        tile = np.conj(fft.rfft2(anatomy[..., top:bottom, left:right], s=shape))
        spectra.append((tile * fft.rfft2(around, s=shape)).sum(axis=(0, 1)))
    sums = fft.irfft2(np.array(spectra), s=shape)
    return np.asarray(sums[:, : 2 * reach + 1, : 2 * reach + 1], dtype=np.float64)


def _thirds(n: int) -> list[tuple[int, int]]:
    edges = np.rint(np.linspace(0, n, TILES + 1)).astype(int)
    return [(int(a), int(b)) for a, b in pairwise(edges)]


def _peak(similarity: FloatArray) -> tuple[float, float, bool]:
    """Return the place of the largest value in grid points from the middle (down, right), between
    points by a parabola, and whether it lies at the edge."""
    reach = (len(similarity) - 1) // 2
    row, column = (int(i) for i in np.unravel_index(np.argmax(similarity), similarity.shape))
    if min(row, column) == 0 or max(row, column) == 2 * reach:
        return float(row - reach), float(column - reach), True
    along_rows = _vertex(*similarity[row - PEAK : row + PEAK + 1, column])
    along_columns = _vertex(*similarity[row, column - PEAK : column + PEAK + 1])
    return row - reach + along_rows, column - reach + along_columns, False


def _vertex(before: float, at: float, after: float) -> float:
    """Return where the parabola through three neighbours is highest, from the middle one."""
    bend = before - 2 * at + after
    return 0.0 if bend >= 0 else 0.5 * float((before - after) / bend)
