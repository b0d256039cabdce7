"""Muscle and fat as the anatomy series shows them.

Without fat suppression T1, PD and T2 images part muscle from fat by a factor of two to four, which
a fat-suppressed series does not.  So the anatomy series says which places are muscle (to fit coil
shading on) and which are fat (to see whether its suppression held), and the fluid-sensitive series
is read there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.model import Landmark, Volume
from ifi_mri.signal.estimates import BoolArray, FloatArray, grouped_median
from ifi_mri.signal.regions import CutOut, NotAssessable, cut_out, region, vertices_mm
from ifi_mri.signal.settings import RegionSettings

#: Signal over that of the reference muscle between which a place is muscle: fat lies at two to
#: four, cortex and tendon below a half; the rest is room for shading and noise.
MUSCLE_RANGE: Final = (0.6, 1.5)

#: ...and from which on it is fat.
FAT_FROM: Final = 1.9


@dataclass(frozen=True, eq=False)
class Tissues:
    """A series on which muscle and fat differ, with the signal of its reference muscle.

    Attributes
    ----------
    image : CutOut
        Around the regions, as wide as it will be asked about.
    levels : ndarray of shape (slices,)
        Median signal of the reference muscle; of the nearest slice that has one.
    """

    image: CutOut
    levels: FloatArray

    def over_muscle(self, points_mm: FloatArray) -> FloatArray:
        """Return signal over that of the reference muscle at positions (n, 3); nan outside."""
        index = np.rint(geometry.patient_to_voxel(self.image.affine, points_mm)).astype(np.intp)
        k, row, column = index.T
        n_slices, n_rows, n_columns = self.image.voxels.shape
        inside = (
            (k >= 0) & (k < n_slices) & (row >= 0) & (row < n_rows)
            & (column >= 0) & (column < n_columns)
        )  # fmt: skip
        k, row, column = (np.where(inside, places, 0) for places in (k, row, column))
        over: FloatArray = self.image.voxels[k, row, column] / self.levels[k]
        over[~inside] = np.nan
        return over

    def is_muscle(self, points_mm: FloatArray) -> BoolArray:
        """Return whether positions (n, 3) are muscle."""
        over = self.over_muscle(points_mm)
        return np.asarray((over >= MUSCLE_RANGE[0]) & (over <= MUSCLE_RANGE[1]))

    def is_fat(self, points_mm: FloatArray) -> BoolArray:
        """Return whether positions (n, 3) are fat."""
        return np.asarray(self.over_muscle(points_mm) >= FAT_FROM)


def throughout(
    is_tissue: Callable[[FloatArray], BoolArray],
    affine: FloatArray,
    centres: FloatArray,
    half: Sequence[float],
) -> BoolArray:
    """Return whether rectangles in the plane are of one tissue, at their centre and all four
    corners.

    Parameters
    ----------
    is_tissue : callable
        Says of patient positions, shape (n, 3), whether they are that tissue.
    affine : ndarray of shape (4, 4)
    centres : ndarray of shape (n, 3)
        Slice, row and column, with fractions.
    half : two floats
        Rows and columns from the centre to a corner.
    """
    found = np.ones(len(centres), dtype=np.bool_)
    for along_rows, along_columns in ((0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)):
        corner = np.array([0, along_rows * half[0], along_columns * half[1]])
        found[found] = is_tissue(geometry.voxel_to_patient(affine, centres[found] + corner))
    return found


def tissues(
    anatomy: Volume,
    reference: Sequence[Landmark],
    radius_mm: float,
    settings: RegionSettings,
) -> Tissues:
    """Return muscle and fat around the reference muscle on a series without fat suppression.

    Raises
    ------
    NotAssessable
        The reference outlines lie beyond the series, or hold no signal there.
    """
    points = vertices_mm(reference)
    of_reference = cut_out(anatomy, points, 0.0, "anatomy")  # on the slices of the wider one
    inner = region("reference_muscle", reference, of_reference, settings).inner
    drawn = np.flatnonzero(inner.any(axis=(1, 2)))
    found = np.array([grouped_median(of_reference.voxels[k][inner[k]]) for k in drawn])
    if not len(found) or not (found > 0).all():
        raise NotAssessable("the reference_muscle region holds no signal on the anatomy series")
    nearest = np.abs(np.arange(len(inner))[:, None] - drawn[None]).argmin(axis=1)
    return Tissues(cut_out(anatomy, points, radius_mm, "anatomy"), found[nearest])
