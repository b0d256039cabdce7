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
    for measurement in measurements:
        if measurement.name not in SPACES:
            continue
        shown = [(value, _slice_index(value, volume)) for value in measurement.per_slice]
        for number, end in enumerate(ENDS):
            places = [
                f"{value.slice_position_mm:.1f} mm"
                for value, index in shown
                if index is not None
                and _is_marrow_or_fat(_place(volume, index, value.points_mm[number]))
            ]
            if places:
                yield Caution(
                    "landmark_in_marrow_or_fat",
                    f"The {end} end of the {SPACES[measurement.name]} lies in marrow or fat on the "
                    f"slice{'s' * (len(places) > 1)} at {', '.join(places)}: the picture shows "
                    f"neither cortex nor tendon within {reach_mm(volume):.1f} mm. Check the "
                    f"landmark.",
                    measurement.side,
                )


def lies_in_marrow_or_fat(value: SliceValue, number: int, volume: Volume) -> bool:
    """Return whether one end (0 ischial, 1 femoral) of a space has only bright tissue around it;
    False where the picture does not tell, or does not show the slice."""
    index = _slice_index(value, volume)
    return index is not None and _is_marrow_or_fat(_place(volume, index, value.points_mm[number]))


def _is_marrow_or_fat(place: "_Place") -> bool:
    """Return whether a place has only bright tissue around it."""
    near = np.sort(place.within(_reach_mm(place.pixel_mm)))
    if near.size == 0 or np.isnan(near[-1]):
        return False
    darkest, middle = float(near[0]), float(near[(len(near) - 1) // 2 : len(near) // 2 + 1].mean())
    if not darkest > NOTCH * middle:  # cortex or tendon is there, as mostly: levels cost more
        return False
    levels = tissue_levels(place.within(AROUND_MM))
    if levels is None:
        return False
    return darkest > DARK * levels.muscle and middle > BRIGHT * levels.muscle


def tissue_levels(pixels: Pixels) -> Levels | None:
    """Return the levels of muscle and of bright tissue among pixels, None where they show no two
    levels."""
    if pixels.size == 0 or not np.isfinite(pixels).all() or np.ptp(pixels) == 0:
        return None
    bright = pixels > _otsu(pixels)
    if bright.all() or not bright.any():
        return None
    levels = Levels(float(np.median(pixels[~bright])), float(np.median(pixels[bright])))
    tells = levels.muscle > 0 and levels.bright > LEAST_CONTRAST * levels.muscle
    return levels if tells else None


def reach_mm(volume: Volume) -> float:
    """Return how far from an end the picture is looked at, mm."""
    return _reach_mm(_pixel_mm(volume))


def _reach_mm(pixel_mm: tuple[float, float]) -> float:
    return max(REACH_MM, REACH_PIXELS * max(pixel_mm))


def _slice_index(value: SliceValue, volume: Volume) -> int | None:
    """Return the slice of a volume at a value's position, None where it does not hold it."""
    first_mm = geometry.position_along_normal_mm(
        volume.affine, geometry.voxel_to_patient(volume.affine, (0, 0, 0))
    )
    step_mm = geometry.position_along_normal_mm(volume.affine, volume.affine[:3, 0])
    off_mm = np.abs(first_mm + step_mm * np.arange(len(volume.voxels)) - value.slice_position_mm)
    nearest = int(np.argmin(off_mm))
    return nearest if off_mm[nearest] < abs(step_mm) / 2 else None


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
        down = (np.arange(box.shape[0]) + top - self.row) * height
        across = (np.arange(box.shape[1]) + left - self.column) * width
        distance_mm = np.hypot(down[:, None], across[None])
        return np.asarray(box[distance_mm <= radius_mm])


def _place(volume: Volume, index: int, point: Point) -> _Place:
    in_plane = geometry.in_slice_plane(point, volume.affine)
    _, row, column = geometry.patient_to_voxel(volume.affine, in_plane).tolist()
    return _Place(volume.voxels[index], row, column, _pixel_mm(volume))


def _pixel_mm(volume: Volume) -> tuple[float, float]:
    """Return the distance between rows and between columns, mm."""
    height, width = np.linalg.norm(volume.affine[:3, 1:3], axis=0).tolist()
    return height, width


def _otsu(pixels: Pixels) -> float:
    """Return the threshold that parts pixels into two classes of largest variance between them."""
    top = max(float(np.percentile(pixels, 99.5)), float(pixels.min()) + 1e-6)
    counts, edges = np.histogram(pixels, HISTOGRAM_BINS, (float(pixels.min()), top))
    middles = (edges[1:] + edges[:-1]) / 2
    below, sum_below = np.cumsum(counts)[:-1], np.cumsum(counts * middles)[:-1]
    above = counts.sum() - below
    sum_above = (counts * middles).sum() - sum_below
    between = np.where(
        (below > 0) & (above > 0),
        below * above * (sum_above / np.maximum(above, 1) - sum_below / np.maximum(below, 1)) ** 2,
        0,
    )
    return float(edges[int(np.argmax(between)) + 1])
