"""The area inside closed outlines of one structure, slice by slice, and how sure it is.

Area by the shoelace formula in the plane of the slice.  Its standard deviation is exact to first
order for vertices placed independently with SD s per axis: s / 2 times the root of the sum of
squared distances between each vertex's two neighbours.  Vertices closer together than
`INDEPENDENT_MM` share their error - a mask's contour has hundreds, and no reader is that much
surer - so that along an outline of length P the SD is never below s sqrt(P x `INDEPENDENT_MM`).  An
outline drawn too wide or too narrow all around is not in it.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from ifi_mri import geometry
from ifi_mri.measurements.in_plane_distance import Unmeasurable, by_slice, slice_position_mm
from ifi_mri.model import Z_95, FloatArray, Hip, Landmark, Outline, Series, SliceValue
from ifi_mri.vocabulary import LandmarkName, Role

#: Length of outline within which a reader's error stays the same, mm.  No published figure exists;
#: about the length of one corrected stroke.
INDEPENDENT_MM: Final = 5.0

#: Of two series the one is taken whose slices the outlines lie on; a difference below this, mm,
#: does not tell them apart.
SAME_FIT_MM: Final = 0.1

#: Smaller outlines are a click that slipped.
SMALLEST_MM2: Final = 1.0


class OutlinedSlice(NamedTuple):
    """What is outlined on one slice: the area, its standard deviation, and the largest outline."""

    area_mm2: float
    sd_mm2: float
    outline: Outline
    n_outlines: int


def outlined_slices(
    hip: Hip, name: LandmarkName, landmark_sd_mm: float
) -> tuple[Series, dict[int, OutlinedSlice]]:
    """Return the areas of a structure by slice, with the series that it was outlined on.

    Outlines side by side on one slice add up.

    Raises
    ------
    Unmeasurable
        An outline is open, crosses itself or another, or encloses nothing; or the slices are not
        axial.
    """
    marks = hip.marked(name)
    series = outlined_series(hip, marks)
    return series, dict(_areas(tuple(marks), series, landmark_sd_mm))


@lru_cache(maxsize=4)  # area and volume of one hip ask for it
def _areas(
    marks: tuple[Landmark, ...], series: Series, landmark_sd_mm: float
) -> tuple[tuple[int, OutlinedSlice], ...]:
    return tuple(
        (index, _area(found, series, index, landmark_sd_mm))
        for index, found in sorted(by_slice(marks, series).items())
    )


def outlined_series(hip: Hip, marks: Sequence[Landmark]) -> Series:
    """Return the series whose slices the outlines name, else the one that they lie on best; the
    anatomy series where both fit alike.  It must be axial within
    `ifi_mri.geometry.MAX_AXIAL_TILT_DEG`."""
    found = [hip.series[role] for role in Role if role in hip.series]
    usable = [series for series in found if series.grid is not None]
    if not usable:
        raise Unmeasurable(hip.reasons.get(Role.ANATOMY, "no anatomy series"))
    named = {mark.sop_instance_uid for mark in marks} - {None}
    naming = [s for s in usable if named & {one.sop_instance_uid for one in s.instances}]
    series = min(naming or usable, key=lambda one: _misfit_mm(one, marks))
    assert series.grid is not None
    tilt_deg = geometry.tilt_from_axial_deg(series.grid.affine)
    if tilt_deg > geometry.MAX_AXIAL_TILT_DEG:
        raise Unmeasurable(
            f"the outlines lie on {series.label}, {tilt_deg:.0f} degrees from axial; at most "
            f"{geometry.MAX_AXIAL_TILT_DEG:.0f} are allowed"
        )
    return series


def _misfit_mm(series: Series, marks: Sequence[Landmark]) -> float:
    """Return how far outlines lie off a series' slices, mm, in steps of `SAME_FIT_MM`."""
    assert series.grid is not None
    affine = series.grid.affine
    slices = np.array([geometry.slice_coordinate_of(affine, mark.centre_mm) for mark in marks])
    nearest = np.clip(np.rint(slices), 0, series.grid.shape[0] - 1)
    off_mm = np.abs(slices - nearest).mean() * series.grid.slice_spacing_mm
    return round(float(off_mm) / SAME_FIT_MM) * SAME_FIT_MM


def slice_value(series: Series, index: int, value: float, outlined: OutlinedSlice) -> SliceValue:
    """Return what a slice adds to a measurement's evidence."""
    instance = series.instances[index]
    return SliceValue(
        value=value,
        slice_position_mm=slice_position_mm(series, index),
        sop_instance_uid=instance.sop_instance_uid,
        points_mm=outlined.outline,
        instance_number=instance.number,
        details=(("n_outlines", outlined.n_outlines),),
    )


def interval_95(value: float, sd: float) -> tuple[float, float]:
    """Return the 95 % interval of an area or volume, cut off at 0."""
    return max(0.0, value - Z_95 * sd), value + Z_95 * sd


def _area(
    marks: Sequence[Landmark], series: Series, index: int, landmark_sd_mm: float
) -> OutlinedSlice:
    """Return the area on one slice, after seeing that nothing is counted twice."""
    assert series.grid is not None
    affine = series.grid.affine
    basis = geometry.plane_basis(affine)
    where = f"on the slice at {slice_position_mm(series, index):.1f} mm"
    name = marks[0].name
    corners_mm = [mark.vertices_mm @ basis.T for mark in marks]
    for mark, corners in zip(marks, corners_mm, strict=True):
        if not mark.closed or len(corners) < 3:
            raise Unmeasurable(f"the {name} outline {where} is not a closed curve")
        if geometry.crosses_itself(mark.vertices_mm, affine):
            raise Unmeasurable(f"the {name} outline {where} crosses itself; draw it again")
    if any(_overlap(a, b, series) for i, a in enumerate(marks) for b in marks[:i]):
        raise Unmeasurable(f"two {name} outlines {where} overlap; keep one of them")
    areas = [geometry.outline_area_mm2(mark.vertices_mm, affine) for mark in marks]
    if min(areas) < SMALLEST_MM2:
        raise Unmeasurable(f"the {name} outline {where} encloses no area")
    sds = [area_sd_mm2(corners, landmark_sd_mm) for corners in corners_mm]
    largest = marks[areas.index(max(areas))]
    return OutlinedSlice(sum(areas), math.hypot(*sds), largest.points_mm, len(marks))


def _next(corners: FloatArray) -> FloatArray:
    """Return for each corner of a closed outline the one that follows."""
    return np.concatenate([corners[1:], corners[:1]])


def area_sd_mm2(corners_mm: FloatArray, landmark_sd_mm: float) -> float:
    """Return the standard deviation of the area inside vertices of shape (n, 2), mm2."""
    steps = _next(corners_mm) - corners_mm
    across = _next(steps) + steps  # from the corner before to the corner after each
    of_vertices = 0.5 * math.sqrt(float(np.square(across).sum()))
    length_mm = float(np.sqrt(np.square(steps).sum(axis=1)).sum())
    return landmark_sd_mm * max(of_vertices, math.sqrt(length_mm * INDEPENDENT_MM))


def _overlap(a: Landmark, b: Landmark, series: Series) -> bool:
    assert series.grid is not None
    affine = series.grid.affine
    apart_mm = geometry.closest_in_plane(
        a.points_mm, b.points_mm, affine, first_closed=True, second_closed=True
    ).distance_mm
    return (
        apart_mm == 0
        or geometry.encloses(a.points_mm, b.points_mm[0], affine)
        or geometry.encloses(b.points_mm, a.points_mm[0], affine)
    )
