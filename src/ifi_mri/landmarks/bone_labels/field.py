"""A bone as a field of distances to its edge, and rays cast through it.

The field lies on cubes of 1.5 mm along the patient's axes, whatever grid the label map has: coarse
enough to be fast, fine enough to find a head, a shaft and a trochanter.  Distances are measured on
the sections afterwards, on the label's own voxels.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.landmarks import contours
from ifi_mri.landmarks.contours import BoolArray
from ifi_mri.model import FloatArray

#: Edge of the field's cubes, mm: a sixth of the lesser trochanter's half height.
CUBE_MM: Final = 1.5

#: How far rays are followed, mm: no surface that matters is further from a femur's axis or centre.
RAY_REACH_MM: Final = 60.0

#: Distance between samples along a ray, mm; crossings are interpolated between them.
RAY_STEP_MM: Final = 0.75


@dataclass(frozen=True, eq=False)
class DistanceField:
    """Signed distances in mm to the edge of a bone, positive inside.

    Attributes
    ----------
    values : numpy.ndarray of shape (slices, rows, columns), float32
    affine : numpy.ndarray of shape (4, 4)
        From ``(slice, row, column, 1)`` to patient LPS mm; slices grow towards the head.
    """

    values: npt.NDArray[np.float32]
    affine: FloatArray

    @property
    def inside(self) -> BoolArray:
        """The cubes whose centre lies inside the bone."""
        return self.values > 0

    @property
    def z_mm(self) -> FloatArray:
        """The level of every slice, patient mm."""
        return np.asarray(self.affine[2, 3] + self.affine[2, 0] * np.arange(len(self.values)))

    @property
    def top_mm(self) -> float:
        """The highest level that shows the bone, patient mm."""
        return float(self.z_mm[self.inside.any(axis=(1, 2))].max())

    @property
    def bottom_mm(self) -> float:
        """The lowest level that shows the bone, patient mm."""
        return float(self.z_mm[self.inside.any(axis=(1, 2))].min())

    def at(self, points_mm: FloatArray) -> FloatArray:
        """Return the distances at points, shape (..., 3); far outside beyond the field."""
        from scipy.ndimage import map_coordinates

        indices = geometry.patient_to_voxel(self.affine, points_mm).reshape(-1, 3).T
        outside = float(self.values.min())
        sampled = map_coordinates(self.values, indices, order=1, mode="constant", cval=outside)
        return np.asarray(sampled, dtype=np.float64).reshape(points_mm.shape[:-1])

    def exits_mm(self, origins_mm: FloatArray, directions: FloatArray) -> FloatArray:
        """Return how far rays run before they first leave the bone.

        Parameters
        ----------
        origins_mm, directions : numpy.ndarray of shape (..., 3)
            Broadcast against one another; directions are unit vectors.

        Returns
        -------
        numpy.ndarray of shape (...)
            mm; 0 where a ray starts outside, `RAY_REACH_MM` where it does not leave before.
        """
        along = np.arange(0.0, RAY_REACH_MM, RAY_STEP_MM)
        rays = np.asarray(origins_mm)[..., None, :] + along[:, None] * directions[..., None, :]
        distance = self.at(rays)
        left = distance <= 0
        first = np.where(left.any(axis=-1), left.argmax(axis=-1), 1)
        after = np.maximum(first, 1)[..., None]
        a = np.take_along_axis(distance, after - 1, axis=-1)[..., 0]
        b = np.take_along_axis(distance, after, axis=-1)[..., 0]
        part = a / np.where(a - b > 1e-9, a - b, 1)
        exits = (after[..., 0] - 1 + np.clip(part, 0, 1)) * RAY_STEP_MM
        exits = np.where(first == 0, 0.0, exits)
        return np.where(left.any(axis=-1), exits, RAY_REACH_MM)


def of_bone(
    voxels: BoolArray, affine: FloatArray, low_mm: FloatArray, high_mm: FloatArray
) -> DistanceField:
    """Return the field of the part of a bone between two corners of a box, patient mm."""
    from scipy.ndimage import map_coordinates

    box = box_around(voxels.shape, affine, low_mm, high_mm)
    part = voxels[box]
    part_affine = shifted(affine, box)
    shape = np.ceil((high_mm - low_mm) / CUBE_MM).astype(int)[::-1] + 1
    cubes = np.eye(4)
    cubes[:3, :3] = CUBE_MM * np.eye(3)[:, ::-1]
    cubes[:3, 3] = low_mm
    distances = contours.edge_distance_mm(part, part_affine)
    to_voxel = np.linalg.inv(part_affine) @ cubes
    indices = np.indices(tuple(shape), dtype=np.float64).reshape(3, -1)
    sampled = map_coordinates(
        distances,
        to_voxel[:3, :3] @ indices + to_voxel[:3, 3:],
        order=1,
        mode="constant",
        cval=float(distances.min()),
    )
    return DistanceField(sampled.reshape(shape).astype(np.float32), cubes)


def box_around(
    shape: tuple[int, ...], affine: FloatArray, low_mm: FloatArray, high_mm: FloatArray
) -> tuple[slice, ...]:
    """Return the voxels around a box between two corners given in patient mm, one to spare."""
    corners = np.array(np.meshgrid(*zip(low_mm, high_mm, strict=True))).reshape(3, -1).T
    indices = geometry.patient_to_voxel(affine, corners)
    low = np.maximum(np.floor(indices.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(indices.max(axis=0)).astype(int) + 2, shape)
    return tuple(slice(int(a), int(max(a, b))) for a, b in zip(low, high, strict=True))


def shifted(affine: FloatArray, box: tuple[slice, ...]) -> FloatArray:
    """Return the affine of a box of voxels."""
    moved = np.array(affine)
    moved[:3, 3] = geometry.voxel_to_patient(affine, [side.start for side in box])
    return moved


def extent_mm(voxels: BoolArray, affine: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest patient coordinates of a bone, shape (3,) each, to a voxel:
    every second one is looked at."""
    indices = 2 * np.argwhere(voxels[::2, ::2, ::2])
    positions = geometry.voxel_to_patient(affine, indices)
    return np.asarray(positions.min(axis=0)), np.asarray(positions.max(axis=0))
