"""Area and volume of a muscle from its outlines.

Atrophy is only ever said as a difference between the sides; no cut-off is published for this
muscle and none is made up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.model import Landmark
from ifi_mri.signal.estimates import Estimate, normal_estimate
from ifi_mri.signal.regions import NotAssessable, slice_weights_mm
from ifi_mri.signal.settings import BulkSettings


@dataclass(frozen=True, slots=True)
class Bulk:
    """Size of a muscle.

    Attributes
    ----------
    area_mm2 : Estimate
        Largest cross-section over the outlined slices.
    volume_ml : Estimate
        Over the outlined slices; of the whole muscle only where it is outlined from end to end.
    areas_mm2 : tuple of (int, float)
        Slice and area, every outlined slice.
    n_interpolated : int
        Slices between outlined ones that are not outlined themselves.
    """

    area_mm2: Estimate
    volume_ml: Estimate
    areas_mm2: tuple[tuple[int, float], ...]
    n_interpolated: int


def bulk(outlines: Sequence[Landmark], affine: npt.ArrayLike, settings: BulkSettings) -> Bulk:
    """Return area and volume of the structure that closed outlines bound.

    Parameters
    ----------
    outlines : sequence of Landmark
    affine : array_like of shape (4, 4)
        Of the series they were drawn on.
    settings : BulkSettings

    Raises
    ------
    NotAssessable
        There is no closed outline.

    Notes
    -----
    Areas are those of the polygons, volume is Cavalieri's.  An outline that errs by SD s, to the
    same side over a length l, gives an area of perimeter p the variance s^2 p l.  Volume adds what
    the two ends leave open, each anywhere within a slice spacing.
    """
    areas: dict[int, float] = {}
    perimeters: dict[int, float] = {}
    for landmark in outlines:
        if not landmark.closed or len(landmark.points_mm) < 3:
            raise NotAssessable(f"the {landmark.name} outline is not a closed curve")
        k = int(np.rint(geometry.slice_coordinate(affine, landmark.points_mm).mean()))
        areas[k] = areas.get(k, 0.0) + geometry.outline_area_mm2(landmark.points_mm, affine)
        perimeters[k] = perimeters.get(k, 0.0) + _perimeter_mm(landmark, affine)
    if not areas:
        raise NotAssessable("no outline")
    slices = sorted(areas)
    spacing_mm = float(abs(geometry.slice_normal(affine) @ np.asarray(affine)[:3, 0]))
    heights = slice_weights_mm(slices, spacing_mm)
    values = np.array([areas[k] for k in slices])
    sds = settings.outline_sd_mm * np.sqrt(
        [perimeters[k] * settings.outline_length_mm for k in slices]
    )
    ends_sd = spacing_mm / math.sqrt(12) * math.hypot(values[0], values[-1])
    volume_sd = math.hypot(float(np.linalg.norm(heights * sds)), ends_sd)
    largest = int(np.argmax(values))
    return Bulk(
        normal_estimate(float(values[largest]), float(sds[largest]), at_least=0.0),
        normal_estimate(float(heights @ values) / 1000, volume_sd / 1000, at_least=0.0),
        tuple((k, areas[k]) for k in slices),
        slices[-1] - slices[0] + 1 - len(slices),
    )


def side_difference(left: Estimate, right: Estimate) -> Estimate:
    """Return how much smaller the left is than the right, as a share of their mean; positive
    where the right is larger."""
    mean = (left.value + right.value) / 2
    if mean <= 0:
        raise NotAssessable("neither side has a size to compare")
    value = (right.value - left.value) / mean
    slope = (right.value / mean / mean, left.value / mean / mean)
    return normal_estimate(value, math.hypot(slope[0] * left.sd, slope[1] * right.sd))


def _perimeter_mm(landmark: Landmark, affine: npt.ArrayLike) -> float:
    corners = np.asarray(landmark.points_mm) @ geometry.plane_basis(affine).T
    return float(np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).sum())
