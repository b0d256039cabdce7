"""The patient's horizontal in the plane of axial slices: what angles on them are counted from.

Where the tuberosities of both sides are marked it is the line through their lateral cortices (the
bi-ischial line), which a patient lying askew takes along; else the patient's left-right axis, which
the scanner took from how the patient was said to lie.
"""

from typing import Final, NamedTuple

import numpy as np

from ifi_mri import geometry
from ifi_mri.measurements.in_plane_distance import by_slice
from ifi_mri.model import FloatArray, Hip, Series
from ifi_mri.vocabulary import LandmarkName

#: Tuberosities marked nearer to one another than this are not two of one pelvis.
SHORTEST_MM: Final = 30.0

LEFT = np.array([1.0, 0.0, 0.0])
BACK = np.array([0.0, 1.0, 0.0])


class Horizontal(NamedTuple):
    """A unit direction towards the patient's left in the plane of the slices, its standard
    deviation in that plane, and what it was taken from."""

    direction: FloatArray
    sd_rad: float
    name: str


def horizontal(left: Hip, right: Hip, series: Series, landmark_sd_mm: float) -> Horizontal:
    """Return the horizontal in the plane of a series' slices.

    The bi-ischial line runs through each side's most lateral marked point of the tuberosity, mean
    over the slices on which both are marked (over each side's own where none is common).
    """
    assert series.grid is not None
    normal = geometry.slice_normal(series.grid.affine)
    places = [lateral_points_by_slice(hip, series) for hip in (left, right)]
    patients_axis = Horizontal(in_plane(LEFT, normal), 0.0, "patient's left-right axis")
    if not all(places):
        return patients_axis
    common = places[0].keys() & places[1].keys()
    sides = [[at[k] for k in at if k in common or not common] for at in places]
    across = np.mean(sides[0], axis=0) - np.mean(sides[1], axis=0)
    length_mm = float(np.linalg.norm(across - (across @ normal) * normal))
    if length_mm < SHORTEST_MM:
        return patients_axis
    variance_mm2 = landmark_sd_mm**2 * sum(1 / len(points) for points in sides)
    return Horizontal(in_plane(across, normal), variance_mm2**0.5 / length_mm, "bi-ischial line")


def lateral_points_by_slice(hip: Hip, series: Series) -> dict[int, FloatArray]:
    """Return the most lateral marked point of the ischial tuberosity on each slice."""
    marked = by_slice(hip.marked(LandmarkName.ISCHIAL_TUBEROSITY), series)
    return {
        index: max(
            (np.asarray(point, dtype=np.float64) for mark in marks for point in mark.points_mm),
            key=lambda point: float(hip.side.sign * point[0]),
        )
        for index, marks in marked.items()
    }


def in_plane(direction: FloatArray, normal: FloatArray) -> FloatArray:
    """Return the unit direction in a plane that is nearest to a direction."""
    kept = direction - (direction @ normal) * normal
    return np.asarray(kept / np.linalg.norm(kept))


def backwards(across: FloatArray, normal: FloatArray) -> FloatArray:
    """Return the unit direction in a plane at a right angle to ``across``, towards the back."""
    down = geometry.cross(normal, across)
    return np.asarray(down if down @ BACK >= 0 else -down)
