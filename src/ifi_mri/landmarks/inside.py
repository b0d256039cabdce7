"""Do landmarks lie inside the volume, and how far from its edge?

A point outside belongs to another study or another frame (RAS taken for LPS); one at the edge may
belong to a structure that the edge cuts.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.landmarks.mark_words import by_side, files_of, listed, words_of
from ifi_mri.landmarks.shapes import FEMORAL_AXES
from ifi_mri.landmarks.vertices import Vertices
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
    vertices = Vertices.of(landmarks.landmarks)
    past_mm = vertices.highest(_past_faces_mm(vertices.points_mm, grid))
    return tuple(
        NearestFace(mark, -float(past.max()), face_words(grid, int(past.argmax())))
        for mark, past in zip(vertices.marks, past_mm, strict=True)
    )


def may_not_leave(landmarks: LandmarkSet) -> Vertices:
    """Return the landmarks that must lie inside the volume: not the femur's axes, drawn on coronal
    slices, which reach beyond the axial ones."""
    return Vertices.of(mark for mark in landmarks.landmarks if mark.name not in FEMORAL_AXES)


def check_inside(vertices: Vertices, landmarks: LandmarkSet, anatomy: Series, grid: Grid) -> None:
    """Refuse points outside the volume, and say when they would lie inside as RAS.  ``vertices``
    are those of the landmarks that `may_not_leave` it."""
    if not vertices.marks:
        return
    past_mm = _past_faces_mm(vertices.points_mm, grid)
    vertex, face = divmod(int(past_mm.argmax()), 6)
    beyond_mm = float(past_mm[vertex, face])
    if beyond_mm <= ROUNDING_MM:
        return
    mark = vertices.marks[int(np.searchsorted(vertices.starts, vertex, side="right")) - 1]
    x, y, z = vertices.points_mm[vertex]
    raise LandmarkMismatchError(
        f"{files_of(landmarks)}: the {words_of(mark)} at ({x:.1f}, {y:.1f}, {z:.1f}) mm lies "
        f"{beyond_mm:.1f} mm outside series {anatomy.label}, beyond its "
        f"{face_words(grid, face)}. {_what_to_do_outside(landmarks, grid)}"
    )


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
    if _past_faces_mm(turned, grid).max() <= ROUNDING_MM:
        return (
            "With x and y negated every point lies inside: the positions are probably RAS and "
            "were taken for LPS, or the other way round. Correct the coordinate system that the "
            "file states."
        )
    return "Check that the landmarks were placed on this study."


def edge_cautions(vertices: Vertices, grid: Grid) -> Iterator[Caution]:
    """Yield a caution for each side where a landmark lies on the first or last slice, or less than
    `NEAR_EDGE_MM` from the picture's edge; the femur's axes may (`may_not_leave`)."""
    last_slice = grid.shape[0] - 1
    near_edge = []
    for mark, to_edge_mm in zip(vertices.marks, _to_edge_mm(vertices, grid).tolist(), strict=True):
        on_slice = round(geometry.slice_coordinate_of(grid.affine, mark.centre_mm))
        if to_edge_mm < NEAR_EDGE_MM or not 0 < on_slice < last_slice:
            near_edge.append(mark)
    for side, found in by_side(near_edge):
        yield Caution(
            "landmark_near_edge",
            f"{listed(found)} on the first or last slice, or less than {NEAR_EDGE_MM:.0f} mm from "
            "the edge of the picture: the space may be narrower outside of what was scanned.",
            side,
        )


def _to_edge_mm(vertices: Vertices, grid: Grid) -> FloatArray:
    """Return the smallest distance of each landmark to the picture's edge, mm."""
    indices = geometry.patient_to_voxel(grid.affine, vertices.points_mm)[:, 1:]
    last = np.asarray(grid.shape[1:]) - 1
    in_plane = np.minimum(indices + 0.5, last + 0.5 - indices)
    return vertices.lowest((in_plane * grid.pixel_spacing_mm).min(axis=1))
