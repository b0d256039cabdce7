"""Muscle and fat as the anatomy series shows them.

Without fat suppression T1, PD and T2 images part muscle from fat by a factor of two to four, which
a fat-suppressed series does not.  So the anatomy series says which places are muscle (to fit coil
shading on) and which are fat (to see whether its suppression held), and the fluid-sensitive series
is read there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

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


#: Corners of a rectangle in the plane, in halves of its sides along rows and columns.
CORNERS: Final = ((-1, -1), (-1, 1), (1, -1), (1, 1))


@dataclass(frozen=True, eq=False)
class Places:
    """Where a series shows one tissue.

    Attributes
    ----------
    image : CutOut
        What is asked about; beyond it there is no tissue.
    least, below : ndarrays of shape (slices,)
        Signal from which on, and below which, a voxel of a slice is of that tissue.
    """

    image: CutOut
    least: npt.NDArray[np.floating]
    below: npt.NDArray[np.floating]

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
        turn, start = _between(affine, self.image.affine)
        here = turn @ centres.T + start[:, None]
        found = self._shown(here)
        along_rows, along_columns = (np.array(CORNERS) * half).T
        corners = along_rows * turn[:, 1:2] + along_columns * turn[:, 2:]
        at_corners = here.compress(found, axis=1)[:, None] + corners[..., None]
        found[found] = self._shown(at_corners.reshape(3, -1)).reshape(len(CORNERS), -1).all(axis=0)
        return found

    def _shown(self, places: FloatArray) -> BoolArray:
        """Return whether the voxels nearest to places, shape (3, n), are of the tissue."""
        voxels = self.image.voxels
        k, row, column = index = np.rint(places).astype(np.intp)
        shape = np.reshape(voxels.shape, (3, 1))
        beyond = (index < 0) | (index >= shape)
        if beyond.any():
            np.minimum(np.maximum(index, 0, out=index), shape - 1, out=index)
        values = voxels[k, row, column]
        shown = (values >= self.least.take(k)) & (values < self.below.take(k))
        return np.asarray(shown & ~np.logical_or.reduce(beyond))


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
        return Places(self.image, *(self._times(share) for share in MUSCLE_RANGE))

    @property
    def fat(self) -> Places:
        """Where it shows fat."""
        return Places(self.image, self._times(FAT_FROM), self._times(math.inf))

    def _times(self, share: float) -> npt.NDArray[np.floating]:
        """Return so many times the signal of the reference muscle, in the digits of the picture."""
        return (share * self.levels).astype(self.image.voxels.dtype)


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
