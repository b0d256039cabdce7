"""In-plane shift between the anatomy and the fluid-sensitive series, from their edges.

Both series share the scanner's frame of reference, but a patient may move between them.  Their
contrasts differ - fat is bright on one, dark on the other - so edges are compared, not signals:
normalised gradients, whose direction counts but not its sign (Haber and Modersitzki, Methods Inf
Med 2007;46:292, doi:10.1160/ME9046).  Written as complex numbers of doubled angle, (gx + i gy)^2 /
(|g|^2 + eta^2), their similarity at all shifts is one cross-correlation, done by Fourier transform
(Oefverstedt et al., arXiv:2110.10156): phase correlation of edge directions.

The shift is estimated and reported.  Outlines are moved by it only when asked.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from ifi_mri import geometry
from ifi_mri.model import Volume
from ifi_mri.signal.estimates import FloatArray
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.signal.settings import ShiftSettings

#: Pixels: a picture turned by less than this over the whole grid counts as not turned.
UPRIGHT_PIXELS: Final = 1e-6

#: Spacing in mm of the common grid that both series are read on.
GRID_MM: Final = 0.8

#: Standard deviation in mm of the Gaussian whose derivative is the gradient: about the blur of
#: the coarser series.
GRADIENT_SD_MM: Final = 1.2

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
    slices = _slices(fluid, points_mm)
    points = np.asarray(points_mm, dtype=np.float64) @ basis.T
    low, high = points.min(axis=0) - settings.margin_mm, points.max(axis=0) + settings.margin_mm
    right, down = (np.arange(a, b, GRID_MM) for a, b in zip(low, high, strict=True))
    products = []
    for k in slices:
        origin = geometry.voxel_to_patient(fluid.affine, (k, 0, 0))
        off_plane = origin - (origin @ basis.T) @ basis
        grid = off_plane + right[None, :, None] * basis[0] + down[:, None, None] * basis[1]
        pair = [_edge_directions(sampled(volume, grid)) for volume in (anatomy, fluid)]
        if all(edges.any() for edges in pair):
            products.append(pair)
    if not products:
        raise NotAssessable("the two series share no slice with edges near the outlines")
    return _best(products, basis, settings)


def _slices(fluid: Volume, points_mm: npt.ArrayLike) -> list[int]:
    coordinates = np.rint(geometry.slice_coordinate(fluid.affine, points_mm)).astype(int)
    drawn = np.unique(coordinates[(coordinates >= 0) & (coordinates < len(fluid.voxels))])
    if len(drawn) > MOST_SLICES:
        drawn = drawn[np.rint(np.linspace(0, len(drawn) - 1, MOST_SLICES)).astype(int)]
    return [int(k) for k in drawn]


def sampled(volume: Volume, grid_mm: FloatArray) -> FloatArray:
    """Return a volume's signal at the positions (rows, columns, 3) of an even grid in the plane of
    its nearest slice, linear between pixels; nan outside the picture and further than half a slice
    away."""
    along_rows, rows_depth = _pixels_and_depth(volume, grid_mm[:, 0])
    along_columns, columns_depth = _pixels_and_depth(volume, grid_mm[0])
    k = np.unique(np.rint(np.concatenate([rows_depth, columns_depth])))
    turned = max(np.ptp(along_rows[:, 1]), np.ptp(along_columns[:, 0]), np.ptp(rows_depth))
    if (
        turned < UPRIGHT_PIXELS
        and len(k) == 1
        and 0 <= k[0] < len(volume.voxels)
        and min(volume.voxels.shape[1:]) > 1
    ):
        return _between_pixels(volume.voxels[int(k[0])], along_rows[:, 0], along_columns[:, 1])
    return _anywhere(volume, grid_mm)


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
    picture: npt.NDArray[np.float32], rows: FloatArray, columns: FloatArray
) -> FloatArray:
    """Return a picture at rows x columns, linear between pixels; nan outside.  What
    `scipy.ndimage.map_coordinates` does for any positions, 10 times as fast for these."""
    along = _weighted(rows, picture.shape[0]), _weighted(columns, picture.shape[1])
    (r, down, in_rows), (c, right, in_columns) = along
    top, left = r.min(), c.min()
    part = picture[top : r.max() + 2, left : c.max() + 2].astype(np.float64)
    r, c = r - top, c - left
    upper, lower = part[r], part[r + 1]
    lines = upper + down[:, None] * (lower - upper)
    values: FloatArray = lines[:, c] + right * (lines[:, c + 1] - lines[:, c])
    values[~in_rows] = np.nan
    values[:, ~in_columns] = np.nan
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


def _edge_directions(picture: FloatArray) -> npt.NDArray[np.complex128]:
    """Return normalised gradients of doubled angle as complex numbers; 0 where nothing is seen.

    ``eta``, which parts edges from noise, is the median gradient of the picture.
    """
    seen = np.isfinite(picture)
    if not seen.any():
        return np.zeros(picture.shape, dtype=np.complex128)
    sd = GRADIENT_SD_MM / GRID_MM
    full, inside = picture, seen
    if not seen.all():
        full = np.where(seen, picture, np.median(picture[seen]))
        # as far from what is not seen, in steps along rows and columns, as the filter reaches
        inside = ndimage.distance_transform_cdt(seen, metric="taxicab") > math.ceil(3 * sd)
    down, right = (ndimage.gaussian_filter(full, sd, order=order) for order in ((1, 0), (0, 1)))
    right2, down2 = right**2, down**2
    strength = right2 + down2
    eta2 = float(np.median(strength[inside])) if inside.any() else 0.0
    if eta2 <= (EVEN * float(np.abs(full).max())) ** 2:
        return np.zeros(picture.shape, dtype=np.complex128)
    doubled = np.empty(picture.shape, dtype=np.complex128)  # (right + i down)^2
    doubled.real, doubled.imag = right2 - down2, 2 * right * down
    return np.where(inside, doubled / (strength + eta2), 0.0)


def _best(
    pairs: list[list[npt.NDArray[np.complex128]]], basis: FloatArray, settings: ShiftSettings
) -> Shift:
    """Return the shift of best similarity; its uncertainty from leaving out tiles in turn."""
    reach = math.ceil(settings.reach_mm / GRID_MM)
    n_rows, n_columns = pairs[0][0].shape
    tiles = [
        (slice(*rows), slice(*columns))
        for rows in _thirds(n_rows)
        for columns in _thirds(n_columns)
    ]
    padded = [(anatomy, np.pad(fluid, reach)) for anatomy, fluid in pairs]
    maps = [_similarity(padded, rows, columns, reach) for rows, columns in tiles]
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
        right * GRID_MM, down * GRID_MM, right_sd, down_sd, (x, y, z), at_the_edge, len(pairs)
    )


def _thirds(n: int) -> list[tuple[int, int]]:
    edges = np.rint(np.linspace(0, n, TILES + 1)).astype(int)
    return [(int(a), int(b)) for a, b in pairwise(edges)]


def _similarity(
    padded: list[tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]],
    rows: slice,
    columns: slice,
    reach: int,
) -> FloatArray:
    """Return the cross-correlation of a tile of the first pictures with the second ones, which are
    padded by ``reach``, at all shifts up to that, summed over slices."""
    wide = slice(rows.start, rows.stop + 2 * reach), slice(columns.start, columns.stop + 2 * reach)
    shape = [fft.next_fast_len(part.stop - part.start) for part in wide]
    spectrum = np.zeros(shape, dtype=np.complex128)
    for first, second in padded:
        tile = np.conj(fft.fft2(first[rows, columns], s=shape))
        spectrum += tile * fft.fft2(second[wide], s=shape)
    sums = fft.ifft2(spectrum).real
    return np.asarray(sums[: 2 * reach + 1, : 2 * reach + 1], dtype=np.float64)


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
