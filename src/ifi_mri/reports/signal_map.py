"""The signal of quadratus femoris in units of normal muscle, made again from a report and pixels.

A report keeps what was settled - outlines, level of the reference on every slice, its spread, the
coil's field, the threshold - so that picture and histogram show exactly what was measured.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.model import FloatArray, Landmark, Measurement, Volume
from ifi_mri.signal.details import field_of
from ifi_mri.signal.regions import moved
from ifi_mri.vocabulary import LandmarkName

BoolArray = npt.NDArray[np.bool_]

#: What is compared: the muscle, then its reference.
STRUCTURES: Final = (LandmarkName.QUADRATUS_FEMORIS, LandmarkName.REFERENCE_MUSCLE)
Window: TypeAlias = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class SliceMap:
    """One slice, arrays of the rows and columns of the map's window.

    Attributes
    ----------
    ratio : ndarray
        Signal over that of normal muscle at the same place.
    muscle, reference : ndarray of bool
        Pixels that were read of quadratus femoris and of the reference muscle.
    """

    ratio: FloatArray
    muscle: BoolArray
    reference: BoolArray


@dataclass(frozen=True, eq=False)
class SignalMap:
    """The compared slices by their index in the volume that was opened.

    ``spread`` is the robust standard deviation of the reference's ratio, ``threshold`` the ratio
    above which a pixel counts as raised.  ``window`` are the rows and columns that hold all
    outlines: nothing is worked out beyond them.
    """

    slices: dict[int, SliceMap]
    spread: float
    threshold: float
    window: Window

    @property
    def first(self) -> tuple[int, int]:
        """Row and column of the window's first pixel."""
        rows, columns = self.window
        return rows.start, columns.start

    def z(self, index: int) -> FloatArray:
        """Return how many spreads the window's pixels of a slice lie above the reference level."""
        return (self.slices[index].ratio - 1) / self.spread

    def above(self, index: int) -> BoolArray:
        """Return the window's read pixels of quadratus femoris above the threshold on a slice."""
        one = self.slices[index]
        return one.muscle & (one.ratio > self.threshold)

    def values(self, structure: LandmarkName) -> FloatArray:
        """Return the ratio of all read pixels of the muscle or its reference, over the slices."""
        is_muscle = structure is LandmarkName.QUADRATUS_FEMORIS
        parts = [
            one.ratio[one.muscle if is_muscle else one.reference] for one in self.slices.values()
        ]
        return np.concatenate(parts) if parts else np.zeros(0)


def signal_map(
    measurement: Measurement,
    indices: Sequence[int],
    outlines: Iterable[Landmark],
    volume: Volume,
) -> SignalMap | None:
    """Return the map that a measurement of signal rests on; None where it kept too little.

    Parameters
    ----------
    measurement : Measurement
        The oedema fraction of one side.
    indices : sequence of int
        The slice of the volume that each of its per-slice values was taken on.
    outlines : iterable of Landmark
        As they were drawn; where the measurement moved them, they are moved again.
    volume : Volume
    """
    found = dict(measurement.details)
    spread, threshold = found.get("reference_spread"), found.get("threshold_ratio")
    of_slices = [dict(value.details) for value in measurement.per_slice]
    levels = [k for d in of_slices if _is_number(k := d.get("reference_level"))]
    erosions = [n for d in of_slices if isinstance(n := d.get("erosion_pixels"), int)]
    if not _is_number(spread) or not _is_number(threshold):
        return None
    if len(levels) < len(of_slices) or len(erosions) < len(of_slices):
        return None
    closed = [
        mark
        for mark in moved_as_measured(measurement, outlines)
        if mark.closed and mark.name in STRUCTURES
    ]
    corners = _corners(closed, volume)
    window = _window(corners)
    inside = _inside(closed, corners, indices, window, volume)
    for pixels in set(erosions):
        these = [k for k, of_slice in enumerate(erosions) if of_slice == pixels]
        inside[:, these] = geometry.eroded(inside[:, these], pixels)
    even = _field(measurement, window, volume)
    slices = {
        index: SliceMap(
            volume.voxels[index][window].astype(np.float64) / even / level, *inside[:, k]
        )
        for k, (index, level) in enumerate(zip(indices, levels, strict=True))
    }
    return SignalMap(slices, float(spread), float(threshold), window)


def _corners(marks: Sequence[Landmark], volume: Volume) -> list[FloatArray]:
    """Return row and column of the vertices of each landmark."""
    if not marks:
        return []
    vertices = [mark.vertices_mm for mark in marks]
    places = geometry.patient_to_voxel(volume.affine, np.concatenate(vertices))[:, 1:]
    return np.split(places, np.cumsum([len(part) for part in vertices])[:-1])


def _window(corners: Sequence[FloatArray]) -> Window:
    """Return the rows and columns of a slice that hold all outlines."""
    if not corners:
        return slice(0, 0), slice(0, 0)
    places = np.concatenate(corners)
    low = np.maximum(np.floor(places.min(axis=0)).astype(int), 0)
    high = np.maximum(np.ceil(places.max(axis=0)).astype(int) + 1, low)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def _field(measurement: Measurement, window: Window, volume: Volume) -> FloatArray | float:
    """Return the coil's field in a window; 1 where none was taken out."""
    field = field_of(measurement.details)
    if field is None:
        return 1.0
    affine = np.array(volume.affine, dtype=np.float64)
    affine[:3, 3] = geometry.voxel_to_patient(affine, (0, *(part.start for part in window)))
    return field.on(affine, volume.voxels[0][window].shape)


def moved_as_measured(
    measurement: Measurement, outlines: Iterable[Landmark]
) -> tuple[Landmark, ...]:
    """Return outlines where the measurement read them: moved by the shift, where that was asked."""
    found = dict(measurement.details)
    step = [float(found.get(f"moved_{axis}_mm", 0.0)) for axis in "xyz"]
    return moved(outlines, step) if any(step) else tuple(outlines)


def _inside(
    marks: Sequence[Landmark],
    corners: Sequence[FloatArray],
    indices: Sequence[int],
    window: Window,
    volume: Volume,
) -> BoolArray:
    """Return the pixels of a window that lie inside outlines, shape (`STRUCTURES`, slices, rows,
    columns)."""
    first = [part.start for part in window]
    shape = volume.voxels[0][window].shape
    parts = geometry.pixels_inside_each([places - first for places in corners], shape)
    inside = np.zeros((len(STRUCTURES), len(indices), *shape), dtype=np.bool_)
    for mark, index, part in zip(marks, nearest_slices(volume, marks), parts, strict=True):
        if index in indices:
            inside[STRUCTURES.index(mark.name), indices.index(index)] |= part
    return inside


def nearest_slices(volume: Volume, marks: Sequence[Landmark]) -> list[int]:
    """Return the slice of a volume whose plane is nearest to each landmark."""
    if not marks:
        return []
    vertices = [mark.vertices_mm for mark in marks]
    counts = [len(part) for part in vertices]
    coordinates = geometry.slice_coordinate(volume.affine, np.concatenate(vertices))
    starts = np.cumsum([0, *counts[:-1]])
    places = np.add.reduceat(coordinates, starts) / counts
    return [geometry.nearest_slice(place) for place in places.tolist()]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and value > 0
