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
from ifi_mri.signal.regions import CutOut, NotAssessable, cut_out, region
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
        """Return signal over that of the reference muscle at positions (..., 3); nan outside."""
        index = np.rint(geometry.patient_to_voxel(self.image.affine, points_mm)).astype(int)
        shape = np.array(self.image.voxels.shape)
        inside = ((index >= 0) & (index < shape)).all(axis=-1)
        k, row, column = np.moveaxis(np.clip(index, 0, shape - 1), -1, 0)
        return np.where(inside, self.image.voxels[k, row, column] / self.levels[k], np.nan)

    def is_muscle(self, points_mm: FloatArray) -> BoolArray:
        """Return whether positions (..., 3) are muscle."""
        over = self.over_muscle(points_mm)
        return np.asarray((over >= MUSCLE_RANGE[0]) & (over <= MUSCLE_RANGE[1]))

    def is_fat(self, points_mm: FloatArray) -> BoolArray:
        """Return whether positions (..., 3) are fat."""
        return np.asarray(self.over_muscle(points_mm) >= FAT_FROM)


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
    points = np.concatenate([mark.points_mm for mark in reference])
    image = cut_out(anatomy, points, radius_mm, "anatomy")
    inner = region("reference_muscle", reference, image, settings).inner
    drawn = np.flatnonzero(inner.any(axis=(1, 2)))
    found = np.array([grouped_median(image.voxels[k][inner[k]]) for k in drawn])
    if not len(found) or not (found > 0).all():
        raise NotAssessable("the reference_muscle region holds no signal on the anatomy series")
    nearest = np.abs(np.arange(len(inner))[:, None] - drawn[None]).argmin(axis=1)
    return Tissues(image, found[nearest])
