"""Real labelled bodies, changed in known ways, with their spaces from surfaces.

Each bone becomes a triangle surface (marching cubes of its label, smoothed by 0.7 voxels) that can
be moved; labels are made of the moved bones on any grid, and the true space is the smallest
distance between cuts through the moved surfaces - none of it by the code under test, but for the
place of the lesser trochanter in the unchanged body.
"""

from dataclasses import dataclass, replace

import bone_makers as make
import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from skimage.measure import marching_cubes

from ifi_mri.landmarks.bone_labels import pieces, proximal_femur
from ifi_mri.vocabulary import Side

SMOOTHING_VOXELS = 0.7
REACH_MM = 12.0


@dataclass(frozen=True)
class Bone:
    """The label of a bone as a field of 0 to 1, where it lies, and its surface."""

    values: np.ndarray
    affine: np.ndarray
    vertices: np.ndarray
    faces: np.ndarray

    @classmethod
    def of(cls, piece):
        values = gaussian_filter(np.pad(piece.voxels, 3).astype(np.float32), SMOOTHING_VOXELS)
        affine = np.array(piece.affine)
        affine[:3, 3] -= affine[:3, :3] @ (3, 3, 3)
        vertices, faces, _, _ = marching_cubes(values, 0.5)
        return cls(values, affine, vertices, faces)

    def moved(self, matrix):
        return replace(self, affine=matrix @ self.affine)

    def corners(self):
        ends = np.array(np.meshgrid(*[(0, n - 1) for n in self.values.shape])).reshape(3, -1).T
        return ends @ self.affine[:3, :3].T + self.affine[:3, 3]

    def inside(self, points):
        inverse = np.linalg.inv(self.affine)
        indices = points.reshape(-1, 3) @ inverse[:3, :3].T + inverse[:3, 3]
        values = map_coordinates(self.values, indices.T, order=1, cval=0.0)
        return values.reshape(points.shape[:-1]) > 0.5

    def cut(self, z):
        """Return points where edges of the surface cross a level, shape (n, 2)."""
        points = self.vertices @ self.affine[:3, :3].T + self.affine[:3, 3]
        height = points[:, 2] - z
        faces = self.faces[np.ptp(np.sign(height[self.faces]), axis=1) > 0]
        crossings = [np.zeros((0, 2))]
        for first, second in ((0, 1), (1, 2), (2, 0)):
            a, b = faces[:, first], faces[:, second]
            crosses = height[a] * height[b] < 0
            a, b = a[crosses], b[crosses]
            along = (height[a] / (height[a] - height[b]))[:, None]
            crossings.append((points[a] + along * (points[b] - points[a]))[:, :2])
        return np.vstack(crossings)


@dataclass(frozen=True)
class Body:
    """One hip of a real body."""

    side: Side
    hip_bone: Bone
    femur: Bone
    tip_mm: np.ndarray
    head_mm: np.ndarray
    shaft: np.ndarray

    def turned(self, axis, degrees):
        matrix = about(axis, degrees, self.head_mm)
        return replace(
            self,
            hip_bone=self.hip_bone.moved(matrix),
            femur=self.femur.moved(matrix),
            tip_mm=(matrix @ (*self.tip_mm, 1))[:3],
        )

    def with_femur(self, matrix):
        return replace(
            self, femur=self.femur.moved(matrix), tip_mm=(matrix @ (*self.tip_mm, 1))[:3]
        )

    def mirrored(self):
        matrix = np.diag([-1.0, 1, 1, 1])
        return replace(
            self,
            side=self.side.other,
            hip_bone=self.hip_bone.moved(matrix),
            femur=self.femur.moved(matrix),
            tip_mm=self.tip_mm * (-1, 1, 1),
            head_mm=self.head_mm * (-1, 1, 1),
        )

    def true_mm(self, heights=None):
        """Return the smallest distance between cuts, posterior of the head, near the tip."""
        if heights is None:
            heights = np.arange(self.tip_mm[2] - REACH_MM, self.tip_mm[2] + REACH_MM + 0.1, 1.0)
        found = [np.inf]
        for z in heights:
            if abs(z - self.tip_mm[2]) <= REACH_MM:
                hip_bone, femur = self.hip_bone.cut(z), self.femur.cut(z)
                ischium = hip_bone[hip_bone[:, 1] > self.head_mm[1]]
                if len(ischium) and len(femur):
                    found.append(cKDTree(ischium).query(femur)[0].min())
        return float(min(found))

    def labelled(self, voxel_mm, below_mm=75.0, above_mm=110.0):
        """Return labels on upright slices, and their affine."""
        corners = np.vstack([self.hip_bone.corners(), self.femur.corners()])
        low, high = corners.min(axis=0) - 4, corners.max(axis=0) + 4
        low[2] = max(low[2], self.tip_mm[2] - below_mm)
        high[2] = min(high[2], self.tip_mm[2] + above_mm)
        shape = np.ceil((high - low)[::-1] / voxel_mm).astype(int) + 1
        affine = np.eye(4)
        affine[:3, :3] = np.eye(3)[:, ::-1] * voxel_mm
        affine[:3, 3] = low
        labels = np.zeros(shape, dtype=np.int16)
        rows, columns = np.meshgrid(*map(np.arange, shape[1:]), indexing="ij")
        for k in range(shape[0]):
            indices = np.stack([np.full_like(rows, k), rows, columns], axis=-1)
            points = indices @ affine[:3, :3].T + affine[:3, 3]
            labels[k][self.hip_bone.inside(points)] = make.HIP_BONE[self.side]
            labels[k][self.femur.inside(points)] = make.FEMUR[self.side]
        return labels, affine


def about(axis, degrees, point):
    """Return the turn about an axis through a point."""
    matrix = np.eye(4)
    axis = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    matrix[:3, :3] = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
    matrix[:3, 3] = point - matrix[:3, :3] @ point
    return matrix


def shift(offset):
    matrix = np.eye(4)
    matrix[:3, 3] = offset
    return matrix


def bodies(label_map):
    """Return the hips of a label map."""
    found = []
    for side, bones in pieces.hips(label_map).items():
        femur = proximal_femur.find(bones.femur, side)
        found.append(
            Body(
                side,
                Bone.of(bones.hip_bone),
                Bone.of(bones.femur),
                femur.tip_mm,
                femur.head.centre_mm,
                femur.shaft.direction,
            )
        )
    return found


@dataclass(frozen=True)
class Case:
    """A changed body; ``truth_mm`` is None where it must be refused."""

    name: str
    side: Side
    labels: np.ndarray
    affine: np.ndarray
    truth_mm: float | None


def case(name, body, voxel_mm=(1.5, 1.5, 1.5)):
    labels, affine = body.labelled(voxel_mm)
    heights = make.heights_mm(labels, affine)
    return Case(name, body.side, labels, affine, body.true_mm(heights))


def with_space(body, width_mm):
    """Return a body whose femur was shifted sideways until the space is so wide."""
    low, high = -45.0, 45.0
    for _ in range(14):
        middle = (low + high) / 2
        moved = body.with_femur(shift((-body.side.sign * middle, 0, 0)))
        low, high = (middle, high) if moved.true_mm() > width_mm else (low, middle)
    return moved


def cropped(name, body, keep):
    """Return a body whose slices end where the trochanter is cut off; it must be refused."""
    labels, affine = body.labelled((1.5, 1.5, 1.5))
    kept = np.flatnonzero(keep(make.heights_mm(labels, affine) - body.tip_mm[2]))
    moved = np.array(affine)
    moved[:3, 3] += kept[0] * affine[:3, 0]
    return Case(name, body.side, labels[kept], moved, None)


def cases(label_map):
    """Yield the changes of every hip of a label map."""
    for body in bodies(label_map):
        yield case("1.5 mm cubes", body)
        yield case("0.8 x 0.8 x 5 mm", body, (5.0, 0.8, 0.8))
        yield case("mirrored", body.mirrored())
        for name, axis in (
            ("left-right", (1, 0, 0)),
            ("front-back", (0, 1, 0)),
            ("head-foot", (0, 0, 1)),
        ):
            for degrees in (-15, 15):
                yield case(f"turned by {degrees} degrees about {name}", body.turned(axis, degrees))
        for degrees in (-20, 20):
            turn = about(body.shaft, degrees, body.head_mm)
            yield case(f"femur turned by {degrees} degrees", body.with_femur(turn))
        for width_mm in (6, 12):
            yield case(f"femur moved to {width_mm} mm", with_space(body, width_mm))
        for end_mm in (-4, 0, 6):
            yield cropped(
                f"ends {end_mm:+d} mm of the tip, from below", body, lambda z, e=end_mm: z > e
            )
            yield cropped(
                f"ends {end_mm:+d} mm of the tip, from above", body, lambda z, e=end_mm: z < e
            )
