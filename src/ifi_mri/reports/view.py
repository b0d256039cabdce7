"""How a slice lies on the screen: as radiologists look at it, from the feet, without resampling.

An axial slice is shown with the patient's right on the viewer's left and the front on top.  The
picture is the array itself, turned by right angles and mirrored until its edges come nearest to
that; what is left of an oblique slice's tilt shows in the letters.  Picture coordinates are mm from
the top left corner of the slice, x to the right and y down, so that a line in the plane of the
slice is as long on the picture as in the patient.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.model import FloatArray, Volume

#: Directions in patient LPS that the right and the lower edge of a picture should face.  Axial
#: slices are seen from the feet, coronal ones from the front, sagittal ones from the left.
FACING: Final = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}

#: Letters of growing and falling x, y, z in LPS (DICOM PS3.3 C.7.6.1.1.1).
LETTERS: Final = ("LR", "PA", "HF")

#: An edge that leans this far (sine of 15 degrees) towards a second axis carries its letter too.
LEANING: Final = 0.2588


@dataclass(frozen=True, eq=False)
class View:
    """One slice as it is shown.

    Attributes
    ----------
    affine : numpy.ndarray of shape (4, 4)
        From ``(0, row, column, 1)`` of the slice to patient LPS mm.
    index_to_picture : numpy.ndarray of shape (2, 3)
        From ``(row, column, 1)`` to picture ``(x, y)`` in mm; 0, 0 is the picture's corner.
    shape : tuple of 2 ints
        Rows and columns of the picture.
    spacing_mm : tuple of 2 floats
        Height and width of a pixel of the picture.
    transposed : bool
        Whether the array's rows run across the picture.
    flipped : tuple of 2 bools
        Whether the picture is turned upside down and mirrored, after transposing.
    edge_letters : tuple of 4 str
        The letters of the left, right, upper and lower edge of the picture.
    """

    affine: FloatArray
    index_to_picture: FloatArray
    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    transposed: bool
    flipped: tuple[bool, bool]
    edge_letters: tuple[str, str, str, str]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the picture, mm."""
        return self.shape[1] * self.spacing_mm[1], self.shape[0] * self.spacing_mm[0]

    def displayed(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return an array of the slice's rows and columns (and colours) as the picture shows it."""
        turned = pixels.swapaxes(0, 1) if self.transposed else pixels
        upside_down, mirrored = self.flipped
        return turned[:: -1 if upside_down else 1, :: -1 if mirrored else 1]

    def place_of(self, first: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int]:
        """Return row and column of the picture where a part of the slice, which starts at ``first``
        row and column and has so many, starts."""
        starts, sizes = (first[::-1], shape[1::-1]) if self.transposed else (first, shape[:2])
        row, column = (
            whole - start - size if flipped else start
            for whole, start, size, flipped in zip(
                self.shape, starts, sizes, self.flipped, strict=True
            )
        )
        return row, column

    def to_picture(self, points_mm: npt.ArrayLike) -> FloatArray:
        """Return picture coordinates in mm, shape (..., 2), of patient positions, seen along the
        slice's normal."""
        in_plane = geometry.in_slice_plane(points_mm, self.affine)
        row_column = geometry.patient_to_voxel(self.affine, in_plane)[..., 1:]
        return np.asarray(row_column @ self.index_to_picture[:, :2].T + self.index_to_picture[:, 2])

    def to_patient(self, picture_mm: npt.ArrayLike) -> FloatArray:
        """Return patient positions in mm, shape (..., 3), of picture coordinates."""
        offsets = np.asarray(picture_mm, dtype=np.float64) - self.index_to_picture[:, 2]
        row_column = offsets @ np.linalg.inv(self.index_to_picture[:, :2]).T
        slices = np.zeros((*row_column.shape[:-1], 1))
        return geometry.voxel_to_patient(self.affine, np.concatenate([slices, row_column], axis=-1))


class _Facing(NamedTuple):
    """How the slices of a stack are turned and mirrored, with size and edges of the picture."""

    transposed: bool
    flipped: tuple[bool, bool]
    spacing_mm: tuple[float, float]
    edge_letters: tuple[str, str, str, str]


def view_of_slice(volume: Volume, slice_index: int) -> View:
    """Return how a slice of a volume is shown."""
    affine = np.array(volume.affine, dtype=np.float64)
    facing = _facing(affine.tobytes())
    affine[:3, 3] = geometry.voxel_to_patient(affine, (slice_index, 0, 0))
    vertical, horizontal = (1, 0) if facing.transposed else (0, 1)
    height, width = facing.spacing_mm
    upside_down, mirrored = facing.flipped
    sizes = [int(n) for n in volume.voxels.shape[1:]]
    to_picture = np.zeros((2, 3))
    for line, axis, mm, flip in (
        (0, horizontal, width, mirrored),
        (1, vertical, height, upside_down),
    ):
        to_picture[line, axis] = -mm if flip else mm
        to_picture[line, 2] = (sizes[axis] - 0.5 if flip else 0.5) * mm
    return View(
        affine=affine,
        index_to_picture=to_picture,
        shape=(sizes[vertical], sizes[horizontal]),
        spacing_mm=facing.spacing_mm,
        transposed=facing.transposed,
        flipped=facing.flipped,
        edge_letters=facing.edge_letters,
    )


@lru_cache(maxsize=64)  # asked for anew with every slice of a stack
def _facing(affine: bytes) -> _Facing:
    """Return how the slices of a stack are shown; ``affine`` are its 4 x 4 numbers."""
    matrix = np.frombuffer(affine).reshape(4, 4)
    steps = matrix[:3, 1:3]
    spacing = np.linalg.norm(steps, axis=0)
    along_right, along_down = np.array(FACING[geometry.plane_name(matrix)]) @ (steps / spacing)
    transposed = abs(along_right[0]) + abs(along_down[1]) > abs(along_right[1]) + abs(along_down[0])
    vertical, horizontal = (1, 0) if transposed else (0, 1)
    upside_down, mirrored = bool(along_down[vertical] < 0), bool(along_right[horizontal] < 0)
    right = steps[:, horizontal] * (-1 if mirrored else 1)
    below = steps[:, vertical] * (-1 if upside_down else 1)
    return _Facing(
        bool(transposed),
        (upside_down, mirrored),
        (float(spacing[vertical]), float(spacing[horizontal])),
        (letters(-right), letters(right), letters(-below), letters(below)),
    )


def letters(direction: npt.ArrayLike) -> str:
    """Return the letters of a direction in patient LPS, the strongest first: ``"R"``, ``"RA"``."""
    along = np.asarray(direction, dtype=np.float64).tolist()
    least = LEANING * math.hypot(*along)
    strongest, *others = sorted(range(3), key=lambda axis: -abs(along[axis]))
    axes = [strongest, *(axis for axis in others if abs(along[axis]) > least)]
    return "".join([LETTERS[axis][0 if along[axis] > 0 else 1] for axis in axes])
