"""Do landmarks lie inside the volume, and how far from its edge?

A point outside belongs to another study or another frame (RAS taken for LPS); one at the edge may
belong to a structure that the edge cuts.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.landmarks.mark_words import by_side, files_of, listed, words_of
from ifi_mri.landmarks.shapes import FEMORAL_AXES
from ifi_mri.model import Caution, FloatArray, Grid, Landmark, LandmarkSet, Series

#: Structures this near to the picture's edge may be cut by it, and coils and gradients distort.
NEAR_EDGE_MM: Final = 5.0

#: A point on the outermost face of a voxel is inside whatever rounding says.
ROUNDING_MM: Final = 1e-3


class NearestFace(NamedTuple):
    """The face of a volume that a landmark comes nearest to."""

    mark: Landmark
    inside_mm: float
    face: str


def nearest_faces(landmarks: LandmarkSet, grid: Grid) -> tuple[NearestFace, ...]:
    """Return for each landmark how far inside the volume its outermost point lies, mm (negative
    outside), and of which face; the faces are those of the outer voxels."""
    found = []
    for mark in landmarks.landmarks:
        depths = -_past_faces_mm(mark.points_mm, grid)
        face = int(np.argmin(depths.min(axis=0)))
        found.append(NearestFace(mark, float(depths.min()), face_words(grid, face)))
    return tuple(found)


def check_inside(landmarks: LandmarkSet, anatomy: Series, grid: Grid) -> None:
    """Refuse points outside the volume, and say when they would lie inside as RAS.  The femur's
    axes are drawn on coronal slices, which reach beyond the axial ones."""
    marks = [mark for mark in landmarks.landmarks if mark.name not in FEMORAL_AXES]
    if not marks or _beyond_mm(_vertices_mm(marks), grid).max() <= ROUNDING_MM:
        return
    beyond = [(_beyond_mm(mark.points_mm, grid), mark) for mark in marks]
    furthest, mark = max(beyond, key=lambda pair: pair[0].max())
    vertex, face = divmod(int(np.argmax(furthest)), 6)
    x, y, z = mark.points_mm[vertex]
    raise LandmarkMismatchError(
        f"{files_of(landmarks)}: the {words_of(mark)} at ({x:.1f}, {y:.1f}, {z:.1f}) mm lies "
        f"{furthest.max():.1f} mm outside series {anatomy.label}, beyond its "
        f"{face_words(grid, face)}. {_what_to_do_outside(landmarks, grid)}"
    )


def _vertices_mm(marks: Sequence[Landmark]) -> FloatArray:
    return np.concatenate([mark.vertices_mm for mark in marks])


def _past_faces_mm(points_mm: npt.ArrayLike, grid: Grid) -> FloatArray:
    """Return how far points lie past the faces of a volume, mm, shape (n, 6), negative inside:
    before the first and after the last slice, row and column.  The faces are those of the outer
    voxels, half a voxel outside their centres."""
    indices = geometry.patient_to_voxel(grid.affine, points_mm)
    before = -0.5 - indices
    after = indices - (np.asarray(grid.shape) - 0.5)
    # a step of one slice may be oblique to the slices: what counts is how far it leads off them
    inverse = np.linalg.inv(grid.affine[:3, :3])
    size_mm = 1 / np.linalg.norm(inverse, axis=1)
    past = np.stack([before * size_mm, after * size_mm], axis=-1).reshape(len(indices), 6)
    return np.asarray(past, dtype=np.float64)


def _beyond_mm(points_mm: npt.ArrayLike, grid: Grid) -> FloatArray:
    """Return how far points lie beyond the faces of a volume, mm, shape (n, 6), 0 inside."""
    return np.maximum(0, _past_faces_mm(points_mm, grid))


def face_words(grid: Grid, face: int) -> str:
    """Return where a face of a volume lies: ``last slice (towards the feet)``."""
    axis, is_last = divmod(face, 2)
    outwards = grid.affine[:3, axis] * (1 if is_last else -1)
    largest = int(np.argmax(np.abs(outwards)))
    words = (("right", "left"), ("front", "back"), ("feet", "head"))[largest]
    which = f"{'last' if is_last else 'first'} {('slice', 'row', 'column')[axis]}"
    return f"{which} (towards the {words[int(outwards[largest] > 0)]})"


def _what_to_do_outside(landmarks: LandmarkSet, grid: Grid) -> str:
    turned = [
        tuple(point @ geometry.LPS_FROM_RAS[:3, :3])
        for mark in landmarks.landmarks
        for point in np.asarray(mark.points_mm)
    ]
    if _beyond_mm(turned, grid).max() <= ROUNDING_MM:
        return (
            "With x and y negated every point lies inside: the positions are probably RAS and "
            "were taken for LPS, or the other way round. Correct the coordinate system that the "
            "file states."
        )
    return "Check that the landmarks were placed on this study."


def edge_cautions(landmarks: LandmarkSet, grid: Grid) -> Iterator[Caution]:
    """Yield a caution for each side where a landmark lies on the first or last slice, or less than
    `NEAR_EDGE_MM` from the picture's edge; the femur's axes may."""
    marks = [mark for mark in landmarks.landmarks if mark.name not in FEMORAL_AXES]
    near_edge = [
        mark
        for mark, to_end, to_edge_mm in zip(marks, *_to_faces(marks, grid), strict=True)
        if to_end < 1 or to_edge_mm < NEAR_EDGE_MM
    ]
    for side, found in by_side(near_edge):
        yield Caution(
            "landmark_near_edge",
            f"{listed(found)} on the first or last slice, or less than {NEAR_EDGE_MM:.0f} mm from "
            "the edge of the picture: the space may be narrower outside of what was scanned.",
            side,
        )


def _to_faces(marks: Sequence[Landmark], grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Return for each landmark how many slices lie between it and the nearest end of the stack (0
    on the first and last), and its smallest distance to the picture's edge, mm."""
    if not marks:
        return np.zeros(0), np.zeros(0)
    counts = [len(mark.points_mm) for mark in marks]
    starts = np.cumsum([0, *counts[:-1]])
    points_mm = _vertices_mm(marks)
    indices = geometry.patient_to_voxel(grid.affine, points_mm)
    last = np.asarray(grid.shape) - 1
    coordinates = geometry.slice_coordinate(grid.affine, points_mm)
    slices = np.rint(np.add.reduceat(coordinates, starts) / counts)
    in_plane = np.minimum(indices + 0.5, last + 0.5 - indices)[:, 1:]
    to_edge_mm = (in_plane * grid.pixel_spacing_mm).min(axis=1)
    return np.minimum(slices, last[0] - slices), np.minimum.reduceat(to_edge_mm, starts)
