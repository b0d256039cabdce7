"""Where raised signal lies: narrowest place, myotendinous junction, beyond the muscle.

Oedema of ischiofemoral impingement is centred in the belly at the point of greatest narrowing;
that of a strain lies along the distal myotendinous junction near the posteromedial femur (evidence
document, section 5.1).  Place is measured from the line of the ischiofemoral space on its narrowest
slice, and along the muscle's own length in that line's direction: in a narrow space the line is a
fraction of the muscle.  Signal that takes up most of the muscle has no place.  The figures that
part the zones are ours.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ifi_mri import geometry
from ifi_mri.model import Point
from ifi_mri.signal.estimates import (
    BoolArray,
    Correlation,
    Estimate,
    FloatArray,
    normal_estimate,
    wilson_interval_95,
    without_chance,
)
from ifi_mri.signal.oedema import HALF, NOTHING, Oedema
from ifi_mri.signal.regions import Box, CutOut, Region, box_around
from ifi_mri.signal.relative import RelativeSignal
from ifi_mri.signal.settings import OedemaSettings, PlaceSettings


class Zone(StrEnum):
    """Where in the muscle raised signal is centred."""

    THROUGHOUT = "throughout the muscle"
    NARROWEST = "belly at the narrowest place"
    JUNCTION = "distal myotendinous junction"
    ELSEWHERE = "elsewhere in the muscle"


@dataclass(frozen=True, slots=True)
class Place:
    """Centre of the raised signal.

    Attributes
    ----------
    centre_mm : Point
        Patient LPS.
    distance_mm : Estimate
        From the line of the ischiofemoral space, in the plane of the slices.
    level_mm : float
        Above (towards the head) the slice of that line; below is negative.
    share_to_femur : float
        How far along the muscle, in the line's direction, from its ischial (0) to its femoral end
        (1).
    zone : Zone
    """

    centre_mm: Point
    distance_mm: Estimate
    level_mm: float
    share_to_femur: float
    zone: Zone


def place_of(
    oedema: Oedema,
    muscle: Region,
    correlation: Correlation,
    space_line_mm: npt.ArrayLike,
    settings: PlaceSettings,
) -> Place | None:
    """Return where the raised signal is centred, or None where there is no raised region.

    Parameters
    ----------
    oedema : Oedema
    muscle : Region
        On the compared slices, in the cut-out that the oedema was measured in.
    correlation : Correlation
        Of neighbouring voxels, for the uncertainty of the centre.
    space_line_mm : array_like of shape (2, 3)
        The ischiofemoral space on its narrowest slice, ischial end first, patient mm.
    settings : PlaceSettings
    """
    where = np.nonzero(oedema.share)
    if not len(where[0]):
        return None
    weights = oedema.share[where]
    positions = oedema.image.positions_mm(where)
    centre = weights @ positions / weights.sum()
    basis = geometry.plane_basis(oedema.image.affine)
    start, end = np.asarray(space_line_mm, dtype=np.float64) @ basis.T
    along = float(
        (centre @ basis.T - start) @ (end - start) / max(1e-9, (end - start) @ (end - start))
    )
    foot = start + min(max(along, 0.0), 1.0) * (end - start)
    offset = centre @ basis.T - foot
    distance = float(np.hypot(*offset))
    across = (positions @ basis.T - centre @ basis.T) @ (offset / max(distance, 1e-9))
    n_effective = correlation.effective_number(math.ceil(float(weights.sum())))
    sd = math.sqrt(float(weights @ across**2 / weights.sum()) / n_effective)
    level = geometry.position_along_normal_mm(oedema.image.affine, centre) - (
        geometry.position_along_normal_mm(
            oedema.image.affine, np.mean(np.asarray(space_line_mm, dtype=np.float64), axis=0)
        )
    )
    x, y, z = (float(value) for value in centre)
    share = _along_muscle(
        centre @ basis.T,
        oedema.image.positions_mm(np.nonzero(muscle.whole[oedema.box])) @ basis.T,
        end - start,
    )
    return Place(
        (x, y, z),
        normal_estimate(distance, sd, at_least=0.0),
        level,
        share,
        zone_of(oedema.extent.value, distance, level, share, settings),
    )


def _along_muscle(centre: FloatArray, muscle: FloatArray, direction: FloatArray) -> float:
    """Return how far along a muscle a point lies, 0 to 1, in a direction of the plane (mm)."""
    along = muscle @ direction
    low, high = float(along.min()), float(along.max())
    return (float(centre @ direction) - low) / max(1e-9, high - low)


def zone_of(
    extent: float,
    distance_mm: float,
    level_mm: float,
    share_to_femur: float,
    settings: PlaceSettings,
) -> Zone:
    """Return the zone of a centre; towards the femur the junction goes before the belly."""
    if extent > settings.most_of_muscle:
        return Zone.THROUGHOUT
    if share_to_femur > settings.junction_share:
        return Zone.JUNCTION
    near = distance_mm <= settings.belly_mm and abs(level_mm) <= settings.belly_levels_mm
    return Zone.NARROWEST if near else Zone.ELSEWHERE


# --- beyond the muscle --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spread:
    """Raised signal around the muscle that is one with raised signal in it.

    Attributes
    ----------
    fraction : Estimate
        Share of the rim around the muscle that it takes up.
    is_present : bool
    n_voxels : int
        Voxels of the rim; 0 where there is no raised region and it was not looked at.
    """

    fraction: Estimate
    is_present: bool
    n_voxels: int


def spread_beyond(
    image: CutOut,
    relative: RelativeSignal,
    muscle: Region,
    oedema: Oedema,
    settings: OedemaSettings,
    space_line_mm: npt.ArrayLike | None = None,
) -> Spread:
    """Return how much of the rim around the muscle shows raised signal that goes on from within.

    The rim begins one and a half pixels outside the outline - nearer, the muscle's own signal is
    blurred across - and is `perimuscular_mm` wide.  With the line of the ischiofemoral space it is
    limited to what lies between the two bones along that line.  A voxel of it counts where it is
    brighter than half of what the raised muscle is, and above the threshold; groups that do not
    touch raised muscle are vessels and nerves and do not count.
    """
    if oedema.ratio is None:
        return Spread(NOTHING, False, 0)
    gap_mm = 1.5 * max(image.pixel_mm)
    box = box_around(muscle.whole, gap_mm + settings.perimuscular_mm + 1, image.pixel_mm)
    part, whole = image.cropped(box), muscle.whole[box]
    outside_mm = _outside_mm(whole, image.pixel_mm)
    rim = (outside_mm > gap_mm) & (outside_mm <= gap_mm + settings.perimuscular_mm)
    if space_line_mm is not None:
        rim[rim] = _between(part.positions_mm(np.nonzero(rim)), part, space_line_mm)
    n_voxels = int(rim.sum())
    if n_voxels == 0:
        return Spread(NOTHING, False, n_voxels)
    raised = np.zeros(whole.shape, dtype=np.bool_)
    raised[_inside(oedema.box, box)] = oedema.share > HALF
    half_way = max(oedema.yardstick.threshold, 1 + (oedema.ratio.value - 1) / 2)
    bright = (outside_mm > 0) & (relative.ratio[box] > half_way)
    groups, n_groups = ndimage.label(bright | raised, structure=_in_plane())
    holds_raised = np.zeros(n_groups + 1, dtype=np.bool_)
    holds_raised[groups[raised]] = True
    joined = holds_raised[groups] & bright & rim
    seen = float(joined.sum()) / n_voxels
    n_effective = relative.correlation.effective_number(n_voxels)
    low, high = wilson_interval_95(seen, n_effective)
    value = without_chance(seen, oedema.yardstick.chance)
    sd = math.sqrt(seen * (1 - seen) / n_effective)
    return Spread(
        Estimate(value, sd, min(value, low), high),
        value >= settings.perimuscular_fraction,
        n_voxels,
    )


def _outside_mm(whole: BoolArray, pixel_mm: tuple[float, float]) -> FloatArray:
    """Return the distance to the muscle in the plane, mm; 0 inside, nowhere near on slices without
    it."""
    distance = np.full(whole.shape, np.inf)
    for k in np.flatnonzero(whole.any(axis=(1, 2))):
        distance[k] = ndimage.distance_transform_edt(~whole[k], sampling=pixel_mm)
    return distance


def _between(points_mm: FloatArray, image: CutOut, space_line_mm: npt.ArrayLike) -> BoolArray:
    """Return which points lie between the ends of a line, seen along it in the plane."""
    basis = geometry.plane_basis(image.affine)
    start, end = np.asarray(space_line_mm, dtype=np.float64) @ basis.T
    along = (points_mm @ basis.T - start) @ (end - start)
    return np.asarray((along >= 0) & (along <= (end - start) @ (end - start)))


def _inside(inner: Box, outer: Box) -> Box:
    """Return where one part of an array lies in a larger part of the same array."""
    return tuple(  # type: ignore[return-value]
        slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner, outer, strict=True)
    )


def _in_plane() -> BoolArray:
    structure = np.zeros((3, 3, 3), dtype=np.bool_)
    structure[1] = True
    return structure
