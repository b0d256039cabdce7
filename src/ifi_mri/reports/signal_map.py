"""The signal of quadratus femoris in units of normal muscle, made again from a report and pixels.

A report keeps what was settled - outlines, level of the reference on every slice, its spread, the
coil's field, the threshold - so that picture and histogram show exactly what was measured.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.model import FloatArray, Landmark, Measurement, Volume
from ifi_mri.signal.details import field_of
from ifi_mri.signal.regions import moved
from ifi_mri.vocabulary import LandmarkName

BoolArray = npt.NDArray[np.bool_]
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
    if not _is_number(spread) or not _is_number(threshold):
        return None
    closed = [mark for mark in moved_as_measured(measurement, outlines) if mark.closed]
    window = _window(closed, volume)
    even = _field(measurement, window, volume)
    inside = _inside(closed, window, volume)
    nothing = np.zeros(volume.voxels[0][window].shape, dtype=np.bool_)
    slices = {}
    for index, value in zip(indices, measurement.per_slice, strict=True):
        level, erosion = (dict(value.details).get(k) for k in ("reference_level", "erosion_pixels"))
        if not _is_number(level) or not isinstance(erosion, int):
            return None
        muscle, reference = (
            geometry.eroded(inside.get((index, name), nothing), erosion)
            for name in (LandmarkName.QUADRATUS_FEMORIS, LandmarkName.REFERENCE_MUSCLE)
        )
        ratio = volume.voxels[index][window].astype(np.float64) / even / level
        slices[index] = SliceMap(ratio, muscle, reference)
    return SignalMap(slices, float(spread), float(threshold), window)


def _window(marks: Sequence[Landmark], volume: Volume) -> Window:
    """Return the rows and columns of a volume's slices that hold all landmarks."""
    points = [point for mark in marks for point in mark.points_mm]
    if not points:
        return slice(0, 0), slice(0, 0)
    places = geometry.patient_to_voxel(volume.affine, points)[:, 1:]
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
    marks: Sequence[Landmark], window: Window, volume: Volume
) -> dict[tuple[int, LandmarkName], BoolArray]:
    """Return the pixels of a window that lie inside outlines, by slice and structure."""
    first = [part.start for part in window]
    corners = [
        geometry.patient_to_voxel(volume.affine, mark.vertices_mm)[:, 1:] - first for mark in marks
    ]
    inside: dict[tuple[int, LandmarkName], BoolArray] = {}
    pixels = geometry.pixels_inside_each(corners, volume.voxels[0][window].shape)
    for mark, part in zip(marks, pixels, strict=True):
        place = nearest_slice(volume, mark), mark.name
        inside[place] = inside[place] | part if place in inside else part
    return inside


def nearest_slice(volume: Volume, mark: Landmark) -> int:
    """Return the slice of a volume whose plane is nearest to a landmark."""
    return int(np.rint(geometry.slice_coordinate(volume.affine, mark.vertices_mm).mean()))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and value > 0
