"""Does the picture show an edge where the ends of a space were marked?

On images without fat suppression cortex and tendon are dark, muscle is grey, and fatty marrow and
fat are bright.  Both ends of either space lie on cortex or tendon, so that something dark lies
beside each of them.  An end with nothing but bright tissue around it was marked inside a bone or in
the fat between: the number is then not that of the space.  Nothing is moved; the reader is told.

Levels are taken around each end, so that coil shading does not matter: Otsu's threshold (IEEE Trans
Syst Man Cybern 1979;9:62) parts what is bright from the rest, the median of the rest is muscle.  An
end inside muscle is not told apart from a good one: red marrow is as grey as muscle, and misses are
better than false alarms here.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.model import Caution, Measurement, Point, SliceValue, Volume
from ifi_mri.vocabulary import MeasurementName

SPACES: Final = {
    MeasurementName.ISCHIOFEMORAL_SPACE: "ischiofemoral space",
    MeasurementName.QUADRATUS_FEMORIS_SPACE: "quadratus femoris space",
}

#: The ends of a space, in the order of a measurement's points.
ENDS: Final = ("ischial", "femoral")

#: What lies this near to an end is looked at, mm: 2.7 times the default SD of a click, so that a
#: good end has its cortex within it.  On coarse pixels, as many of these.
REACH_MM: Final = 2.0
REACH_PIXELS: Final = 2.0

#: Levels are taken from what lies this near, mm: ischium, femur, muscle and fat all show.
AROUND_MM: Final = 30.0

#: Below this part of the muscle's level a pixel is cortex or tendon, at least in part.
DARK: Final = 0.75

#: Above this part of it the tissue around an end is marrow or fat.
BRIGHT: Final = 1.2

#: A thin cortex between fat and marrow may be no darker than muscle where pixels are coarse; a
#: pixel below this part of the level around the end is an edge all the same.
NOTCH: Final = 0.5

#: Where bright tissue is not this much brighter than muscle, the picture does not tell.
LEAST_CONTRAST: Final = 1.5

HISTOGRAM_BINS: Final = 64

#: Quantile of the brightest pixels that the histogram holds: flow may outshine all tissue.
TOP: Final = 0.995

Pixels = npt.NDArray[np.float32]


class Levels(NamedTuple):
    """Signal of muscle, and of marrow and fat, around an end."""

    muscle: float
    bright: float


def cautions(measurements: Sequence[Measurement], volume: Volume) -> Iterator[Caution]:
    """Yield a caution for each end of a space that lies in marrow or fat, on whatever slice.

    Parameters
    ----------
    measurements : sequence of Measurement
        Only the two spaces are looked at.
    volume : Volume
        Holds the slices that they were measured on; ends on other slices are passed over.
    """
    slices = _Slices(volume)
    for measurement in measurements:
        if measurement.name not in SPACES:
            continue
        for number, end in enumerate(ENDS):
            places = [
                f"{value.slice_position_mm:.1f} mm"
                for value in measurement.per_slice
                if slices.show_marrow_or_fat(value, number)
            ]
            if places:
                yield Caution(
                    "landmark_in_marrow_or_fat",
                    f"The {end} end of the {SPACES[measurement.name]} lies in marrow or fat on the "
                    f"slice{'s' * (len(places) > 1)} at {', '.join(places)}: the picture shows "
                    f"neither cortex nor tendon within {slices.reach_mm:.1f} mm. Check the "
                    f"landmark.",
                    measurement.side,
                )


def lies_in_marrow_or_fat(value: SliceValue, number: int, volume: Volume) -> bool:
    """Return whether one end (0 ischial, 1 femoral) of a space has only bright tissue around it;
    False where the picture does not tell, or does not show the slice."""
    return _Slices(volume).show_marrow_or_fat(value, number)


class _Slices:
    """The slices of a volume, and where on them a point in patient mm lies."""

    def __init__(self, volume: Volume) -> None:
        affine = volume.affine
        normal = geometry.slice_normal(affine)
        pixels = np.linalg.inv(affine[:3, :3])[1:]  # rows and columns for each mm
        self.voxels, self.origin_mm = volume.voxels, affine[:3, 3]
        self.pixels_in_plane = pixels - (pixels @ normal)[:, None] * normal
        self.first_mm = geometry.position_along_normal_mm(affine, self.origin_mm)
        self.step_mm = geometry.position_along_normal_mm(affine, affine[:3, 0])
        height_mm, width_mm = np.linalg.norm(affine[:3, 1:3], axis=0).tolist()
        self.pixel_mm = height_mm, width_mm
        self.reach_mm = max(REACH_MM, REACH_PIXELS * max(self.pixel_mm))

    def show_marrow_or_fat(self, value: SliceValue, number: int) -> bool:
        """Return what `lies_in_marrow_or_fat` does."""
        index = self._index_of(value)
        return index is not None and self._is_marrow_or_fat(index, value.points_mm[number])

    def _index_of(self, value: SliceValue) -> int | None:
        """Return the slice at a value's position, None where there is none."""
        off_mm = [
            abs(self.first_mm + self.step_mm * k - value.slice_position_mm)
            for k in range(len(self.voxels))
        ]
        nearest = off_mm.index(min(off_mm))
        return nearest if off_mm[nearest] < abs(self.step_mm) / 2 else None

    def _is_marrow_or_fat(self, index: int, point: Point) -> bool:
        row, column = (self.pixels_in_plane @ (point - self.origin_mm)).tolist()
        place = _Place(self.voxels[index], row, column, self.pixel_mm)
        near = np.sort(place.within(self.reach_mm))
        if near.size == 0 or math.isnan(near.item(-1)):
            return False
        darkest, middle = near.item(0), _quantile(near, 0.5)
        if not darkest > NOTCH * middle:  # cortex or tendon is there, as mostly: levels cost more
            return False
        levels = tissue_levels(place.within(AROUND_MM))
        if levels is None:
            return False
        return bool(darkest > DARK * levels.muscle and middle > BRIGHT * levels.muscle)


def tissue_levels(pixels: Pixels) -> Levels | None:
    """Return the levels of muscle and of bright tissue among pixels, None where they show no two
    levels."""
    rising = np.sort(pixels, axis=None)
    if rising.size == 0 or not np.isfinite(rising[[0, -1]]).all() or rising[0] == rising[-1]:
        return None
    n_dim = int(np.searchsorted(rising, _otsu(rising), side="right"))
    if n_dim in (0, rising.size):
        return None
    levels = Levels(_quantile(rising[:n_dim], 0.5), _quantile(rising[n_dim:], 0.5))
    tells = levels.muscle > 0 and levels.bright > LEAST_CONTRAST * levels.muscle
    return levels if tells else None


def _quantile(rising: Pixels, part: float) -> float:
    """Return a quantile of sorted pixels, between two of them by linear interpolation."""
    below, fraction = divmod(part * (len(rising) - 1), 1)
    low = rising.item(int(below))
    high = rising.item(min(int(below) + 1, len(rising) - 1))
    return low + fraction * (high - low)


class _Place(NamedTuple):
    """A point on a slice: row and column with fractions."""

    picture: Pixels
    row: float
    column: float
    pixel_mm: tuple[float, float]

    def within(self, radius_mm: float) -> Pixels:
        """Return the pixels of the slice within a radius of the point."""
        height, width = self.pixel_mm
        n_rows, n_columns = int(radius_mm / height) + 1, int(radius_mm / width) + 1
        row, column = round(self.row), round(self.column)
        top, left = max(0, row - n_rows), max(0, column - n_columns)
        bottom, right = max(0, row + n_rows + 1), max(0, column + n_columns + 1)
        box = self.picture[top:bottom, left:right]
        down = (np.arange(top, top + box.shape[0]) - self.row) * height
        across = (np.arange(left, left + box.shape[1]) - self.column) * width
        return np.asarray(box[down[:, None] ** 2 + across**2 <= radius_mm**2])


def _otsu(rising: Pixels) -> float:
    """Return the threshold that parts sorted pixels into two classes of largest variance between
    them; the few above `TOP` do not count."""
    low = float(rising[0])
    top = max(_quantile(rising, TOP), low + 1e-6)
    edges = np.linspace(low, top, HISTOGRAM_BINS + 1, dtype=np.float32)
    n_below = np.searchsorted(rising, edges)
    n_below[-1] = np.searchsorted(rising, edges[-1], side="right")
    counts, middles = np.diff(n_below), (edges[1:] + edges[:-1]) / 2
    below, sum_below = np.cumsum(counts)[:-1], np.cumsum(counts * middles)[:-1]
    above = counts.sum() - below
    sum_above = (counts * middles).sum() - sum_below
    between = np.where(
        (below > 0) & (above > 0),
        below * above * (sum_above / np.maximum(above, 1) - sum_below / np.maximum(below, 1)) ** 2,
        0,
    )
    return float(edges[int(np.argmax(between)) + 1])
