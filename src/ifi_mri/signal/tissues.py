"""Muscle and fat as the anatomy series shows them.

Without fat suppression T1, PD and T2 images part muscle from fat by a factor of two to four, which
a fat-suppressed series does not.  So the anatomy series says which places are muscle (to fit coil
shading on) and which are fat (to see whether its suppression held), and the fluid-sensitive series
is read there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.model import Landmark, Volume
from ifi_mri.signal.estimates import BoolArray, FloatArray, grouped_median
from ifi_mri.signal.regions import CutOut, NotAssessable, cut_outs, region, vertices_mm
from ifi_mri.signal.settings import RegionSettings

#: Signal over that of the reference muscle between which a place is muscle: fat lies at two to
#: four, cortex and tendon below a half; the rest is room for shading and noise.
MUSCLE_RANGE: Final = (0.6, 1.5)

#: ...and from which on it is fat.
FAT_FROM: Final = 1.9


@dataclass(frozen=True, eq=False)
class Places:
    """Where a series shows one tissue.

    Attributes
    ----------
    shown : ndarray of bool, shape (slices + 2, rows + 2, columns + 2)
        Voxels of that tissue, within a border of others.
    affine : ndarray of shape (4, 4)
        Of the voxels without that border.
    """

    shown: BoolArray
    affine: FloatArray

    @classmethod
    def of(cls, shown: BoolArray, affine: FloatArray) -> "Places":
        """Return the places of voxels (slices, rows, columns) that are of a tissue."""
        return cls(np.pad(shown, 1), affine)

    def throughout(
        self, affine: FloatArray, centres: FloatArray, half: Sequence[float]
    ) -> BoolArray:
        """Return whether rectangles in the plane of another series are of the tissue, at their
        centre and all four corners.

        Parameters
        ----------
        affine : ndarray of shape (4, 4)
            Of the other series.
        centres : ndarray of shape (n, 3)
            Slice, row and column in it, with fractions.
        half : two floats
            Rows and columns from the centre to a corner.
        """
        turn, start = _between(affine, self.affine)
        _, of_rows, of_columns = turn.T
        here, left = turn @ centres.T + start[:, None], np.arange(len(centres))
        for along_rows, along_columns in ((0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)):
            corner = along_rows * half[0] * of_rows + along_columns * half[1] * of_columns
            voxels = np.rint(here + corner[:, None]).astype(np.intp) + 1  # for the border
            at = np.ravel_multi_index(tuple(voxels), self.shown.shape, mode="clip")
            is_shown = self.shown.ravel()[at]
            here, left = here.compress(is_shown, axis=1), left[is_shown]
        found = np.zeros(len(centres), dtype=np.bool_)
        found[left] = True
        return found


def _between(affine: FloatArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the matrix and the offset that lead from voxels of one grid to those of another."""
    start = geometry.patient_to_voxel(other, affine[:3, 3])
    return (geometry.patient_to_voxel(other, affine[:3, :3].T + affine[:3, 3]) - start).T, start


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

    @property
    def muscle(self) -> Places:
        """Where it shows muscle."""
        least, most = MUSCLE_RANGE
        return Places.of(self._from(least) & ~self._from(most), self.image.affine)

    @property
    def fat(self) -> Places:
        """Where it shows fat."""
        return Places.of(self._from(FAT_FROM), self.image.affine)

    def _from(self, share: float) -> BoolArray:
        """Return which voxels have so many times the signal of the reference muscle, or more."""
        least = (share * self.levels[:, None, None]).astype(self.image.voxels.dtype)
        return np.asarray(self.image.voxels >= least)


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
    of_reference, wide = cut_outs(anatomy, points, (0.0, radius_mm), "anatomy")
    inner = region("reference_muscle", reference, of_reference, settings).inner
    drawn = np.flatnonzero(inner.any(axis=(1, 2)))
    found = np.array([grouped_median(of_reference.voxels[k][inner[k]]) for k in drawn])
    if not len(found) or not (found > 0).all():
        raise NotAssessable("the reference_muscle region holds no signal on the anatomy series")
    nearest = np.abs(np.arange(len(inner))[:, None] - drawn[None]).argmin(axis=1)
    return Tissues(wide, found[nearest])
