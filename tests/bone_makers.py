"""Synthetic hip bones and femora whose ischiofemoral space is known from the shapes themselves.

A body is a handful of implicit solids - spheres, capsules, ellipsoids, blended as bones are - in
patient LPS mm.  Its labels are the voxels whose centres lie inside; its true space is taken from
contours of the solids at a tenth of a millimetre, by no code that is under test.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from skimage.measure import find_contours

from ifi_mri.landmarks import label_masks
from ifi_mri.landmarks.label_tables import LabelTable
from ifi_mri.landmarks.label_volumes import LabelVolume, Layer, stacked
from ifi_mri.vocabulary import Side

#: Numbers of the labels in the maps made here.
HIP_BONE = {Side.LEFT: 1, Side.RIGHT: 2}
FEMUR = {Side.LEFT: 3, Side.RIGHT: 4}
BOTH_HIP_BONES, BOTH_FEMORA = 5, 6

TABLE = LabelTable.model_validate(
    {
        "id": "made",
        "title": "made for tests",
        "version": "1",
        "citation": "none",
        "labels": [
            *({"value": HIP_BONE[s], "structure": "hip_bone", "side": s} for s in Side),
            *({"value": FEMUR[s], "structure": "femur", "side": s} for s in Side),
            {"value": BOTH_HIP_BONES, "structure": "hip_bone"},
            {"value": BOTH_FEMORA, "structure": "femur"},
        ],
    }
)


# --- solids -------------------------------------------------------------------------------------


def ball(points, centre, radius):
    """Return signed distances, negative inside."""
    return np.linalg.norm(points - centre, axis=-1) - radius


def capsule(points, start, end, radius, radius_at_end=None):
    """Return signed distances to a rod with round ends."""
    start, end = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    axis = end - start
    along = np.clip(((points - start) @ axis) / (axis @ axis), 0, 1)
    thick = radius + along * ((radius if radius_at_end is None else radius_at_end) - radius)
    return np.linalg.norm(points - start - along[..., None] * axis, axis=-1) - thick


def egg(points, centre, half_axes, turn=None):
    """Return approximate signed distances to an ellipsoid; its surface is exact."""
    local = points - np.asarray(centre, dtype=float)
    if turn is not None:
        local = turn.inv().apply(local.reshape(-1, 3)).reshape(local.shape)
    scaled = local / np.asarray(half_axes, dtype=float)
    length = np.linalg.norm(scaled, axis=-1)
    gradient = np.linalg.norm(scaled / np.asarray(half_axes, dtype=float), axis=-1)
    return length * (length - 1) / np.maximum(gradient, 1e-9)


def blend(*distances, radius=4.0):
    """Return the union of solids with rounded creases."""
    joined = distances[0]
    for other in distances[1:]:
        part = np.clip(0.5 + (other - joined) / (2 * radius), 0, 1)
        joined = other + (joined - other) * part - radius * part * (1 - part)
    return joined


# --- a body -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hip:
    """One hip in its own frame: the left one, the head's centre at 0, x to the left.

    ``rotation_deg`` turns the femur about its shaft outwards; ``gap_mm`` is roughly the space.
    """

    gap_mm: float = 22.0
    head_radius_mm: float = 23.0
    shaft_radius_mm: float = 14.0
    offset_mm: float = 40.0
    neck_shaft_deg: float = 128.0
    trochanter_deg: float = 38.0
    trochanter_level: float = 1.16
    trochanter_mm: float = 13.0
    rotation_deg: float = 10.0
    shaft_tilt_deg: float = 6.0
    tuberosity_below_mm: float = 12.0
    shaft_mm: float = 120.0

    @cached_property
    def _turn(self):
        """From the femur's frame (shaft upright, neck to the right) to the hip's."""
        outwards = Rotation.from_euler("z", self.rotation_deg, degrees=True)
        return Rotation.from_euler("xy", [self.shaft_tilt_deg, 4.0], degrees=True) * outwards

    def tip_mm(self):
        """Return the tip of the lesser trochanter, roughly."""
        return self._turn.apply(self._tip_in_femur(self.shaft_radius_mm + self.trochanter_mm))

    def _tip_in_femur(self, reach):
        angle = np.radians(self.trochanter_deg)
        level = -self.trochanter_level * 2 * self.head_radius_mm
        return np.array([self.offset_mm - reach * np.cos(angle), reach * np.sin(angle), level])

    def femur(self, points):
        """Return signed distances to the femur."""
        p = self._turn.inv().apply(points.reshape(-1, 3)).reshape(points.shape)
        x, r, s = self.offset_mm, self.head_radius_mm, self.shaft_radius_mm
        drop = x / np.tan(np.radians(self.neck_shaft_deg - 90))
        base = np.array([x, 0.0, -drop * np.tan(np.radians(self.neck_shaft_deg - 90)) ** 2])
        base[2] = max(base[2], -1.0 * r - x * 0.55)
        bottom = np.array([x, 0.0, -2 * r * self.trochanter_level - self.shaft_mm])
        level = self._tip_in_femur(0.0)[2]
        root = np.add(self._tip_in_femur(s - 4.0), (0, 0, 4.0))
        peak = self._tip_in_femur(s + self.trochanter_mm - 7.0)
        return blend(
            ball(p, np.zeros(3), r),
            capsule(p, np.zeros(3), base, 0.68 * r, 0.75 * r),
            capsule(p, base, (x, 0.0, level), s + 4.0, s),
            capsule(p, (x, 0.0, level), bottom, s),
            egg(p, (x + 12.0, 6.0, base[2] + 18.0), (13.0, 16.0, 24.0)),
            capsule(p, root, peak, 11.0, 7.0),
            capsule(p, peak, np.add(self._tip_in_femur(s - 6.0), (0, 0, -19.0)), 7.0, 5.0),
            radius=3.0,
        )

    @cached_property
    def _tuberosity(self):
        """Middle and lower end of the ischial tuberosity."""
        tip = self.tip_mm()
        middle = (
            tip[0] - self.gap_mm * 0.94 - 9.0,
            tip[1] + self.gap_mm * 0.34 + 4.0,
            tip[2] + 6.0,
        )
        return np.array(middle), np.add(middle, (-8.0, 2.0, -self.tuberosity_below_mm - 6.0))

    @cached_property
    def _ischial_body(self):
        lateral = max(-14.0, self._tuberosity[0][0] - 2.0)  # its border never runs inwards upwards
        return np.array([lateral, self.head_radius_mm + 12.0, -self.head_radius_mm * 0.2])

    def ischium(self, points):
        """Return signed distances to the ischium below the socket."""
        middle, bottom = self._tuberosity
        return blend(
            capsule(points, self._ischial_body, middle, 11.0, 9.0),
            capsule(points, middle, bottom, 9.0, 7.0),
            egg(points, np.add(middle, (-8.0, 4.0, -2.0)), (12.0, 15.0, 18.0)),
            radius=4.0,
        )

    def hip_bone(self, points):
        """Return signed distances to the hip bone: socket, ischium, pubis and a part of ilium."""
        r = self.head_radius_mm
        bottom = self._tuberosity[1]
        ramus = np.add(bottom, (-14.0, -14.0, 2.0))
        pubis = np.array([-r - 40.0, -22.0, -12.0])
        shell = np.maximum(
            np.abs(ball(points, np.zeros(3), r + 7.5)) - 4.0,
            (points @ np.array([0.8, -0.1, -0.6])) - 0.35 * r,
        )
        others = blend(
            capsule(points, (-r - 8.0, -8.0, 0.0), pubis, 8.0),
            capsule(points, pubis, ramus, 6.0),
            capsule(points, ramus, bottom, 6.0, 7.0),
            egg(points, (-12.0, 20.0, r + 45.0), (10.0, 45.0, 50.0)),
            capsule(points, self._ischial_body, (-12.0, 18.0, r + 15.0), 12.0),
            radius=3.0,
        )
        clear = r + 3.0 - np.linalg.norm(points, axis=-1)  # the joint space
        return np.maximum(np.minimum(np.minimum(shell, self.ischium(points)), others), clear)


@dataclass(frozen=True)
class Body:
    """Two hips in patient LPS mm, turned and shifted as a whole."""

    left: Hip = Hip()
    right: Hip = Hip()
    between_heads_mm: float = 180.0
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    centre_mm: tuple[float, float, float] = (12.0, -30.0, 80.0)
    sides: tuple[Side, ...] = field(default=tuple(Side))

    def on(self, side):
        return self.left if side is Side.LEFT else self.right

    def mirrored(self):
        return replace(self, left=self.right, right=self.left)

    @cached_property
    def _turn(self):
        return Rotation.from_euler("xyz", self.turn_deg, degrees=True)

    def to_hip(self, points, side):
        """Return patient positions in the frame of a hip."""
        body = self._turn.inv().apply((points - self.centre_mm).reshape(-1, 3))
        body[:, 0] = side.sign * body[:, 0] - self.between_heads_mm / 2
        return body.reshape(points.shape)

    def from_hip(self, points, side):
        """Return positions in the frame of a hip as patient positions."""
        body = np.array(points, dtype=float).reshape(-1, 3)
        body[:, 0] = side.sign * (body[:, 0] + self.between_heads_mm / 2)
        return (self._turn.apply(body) + self.centre_mm).reshape(np.shape(points))

    def solid(self, points, side, bone):
        """Return signed distances to a bone or the ischium of a side, patient positions."""
        return getattr(self.on(side), bone)(self.to_hip(points, side))

    def tip_mm(self, side):
        return self.from_hip(self.on(side).tip_mm(), side)

    def head_mm(self, side):
        return self.from_hip(np.zeros(3), side)


def true_space_mm(body, side, reach_mm=12.0, step_mm=1.5, heights=None):
    """Return the smallest in-plane distance near the trochanter's tip, from the solids alone.

    ``heights`` are the z coordinates of the slices; None means every ``step_mm``.
    """
    tip, head = body.tip_mm(side), body.head_mm(side)
    if heights is None:
        heights = tip[2] + np.arange(-reach_mm, reach_mm + 1e-9, step_mm)
    near = [z for z in heights if abs(z - tip[2]) <= reach_mm + 1e-6]
    return min(_gap_mm(body, side, z, tip, head[1]) for z in near)


def _gap_mm(body, side, z, tip, front, pixel_mm=0.8):
    """Return the distance between the bones' contours on one plane, posterior of the head."""
    lines = []
    for bone, medial, lateral in (("ischium", 75, 15), ("femur", 15, 45)):
        x = tip[0] - side.sign * np.arange(-lateral, medial, pixel_mm)[:: -side.sign]
        y = tip[1] + np.arange(-45, 65, pixel_mm)
        rows, columns = np.meshgrid(y, x, indexing="ij")
        points = np.stack([columns, rows, np.full_like(rows, z)], axis=-1)
        found = find_contours(body.solid(points, side, bone), 0.0)
        line = np.vstack([_dense(one) for one in found]) if found else np.zeros((0, 2))
        lines.append(line * pixel_mm + (y[0], x[0]))
    ischium = lines[0][lines[0][:, 0] > front]
    if not len(ischium) or not len(lines[1]):
        return np.inf
    return float(cKDTree(ischium).query(lines[1])[0].min())


def _dense(line, step=0.15):
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.arange(0, lengths[-1], step)
    return np.column_stack([np.interp(at, lengths, line[:, i]) for i in range(2)])


# --- label maps ---------------------------------------------------------------------------------


def labelled(
    body, voxel_mm=(1.5, 1.5, 1.5), grid_turn_deg=(0.0, 0.0, 0.0), below_mm=75.0, above_mm=105.0
):
    """Return labels and their affine, (slice, row, column) to LPS mm; a femur wins over a hip
    bone.

    ``voxel_mm`` are slices, rows, columns; the stack runs from ``below_mm`` under the lower tip
    to ``above_mm`` over the upper one.
    """
    tips = np.array([body.tip_mm(side) for side in body.sides])
    heads = np.array([body.head_mm(side) for side in body.sides])
    low = np.array([heads[:, 0].min() - 95, heads[:, 1].min() - 75, tips[:, 2].min() - below_mm])
    high = np.array([heads[:, 0].max() + 95, heads[:, 1].max() + 110, tips[:, 2].max() + above_mm])
    turn = Rotation.from_euler("xyz", grid_turn_deg, degrees=True).as_matrix()
    sizes = np.asarray(voxel_mm, dtype=float)
    shape = np.ceil((high - low)[::-1] / sizes).astype(int) + 1
    affine = np.eye(4)
    affine[:3, :3] = turn[:, ::-1] * sizes
    affine[:3, 3] = (low + high) / 2 - affine[:3, :3] @ ((shape - 1) / 2)
    labels = np.zeros(shape, dtype=np.int16)
    indices = np.moveaxis(np.indices(tuple(shape)), 0, -1)
    points = (indices @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)
    for side in body.sides:
        local = body.to_hip(points, side)
        for bone, numbers in (("hip_bone", HIP_BONE), ("femur", FEMUR)):
            labels[_inside(getattr(body.on(side), bone), local, max(sizes))] = numbers[side]
    return labels, affine


def _inside(solid, points, voxel_mm, step=4):
    """Return which voxels lie inside a solid; only those near its surface are looked at one by
    one."""
    coarse = solid(points[::step, ::step, ::step])
    for axis in range(3):
        coarse = coarse.repeat(step, axis)
    distances = coarse[: points.shape[0], : points.shape[1], : points.shape[2]]
    near = np.abs(distances) < 2.2 * step * voxel_mm
    inside = distances < 0
    inside[near] = solid(points[near]) <= 0
    return inside


def label_map(labels, affine, table=TABLE):
    """Return labels as a label map."""
    voxels, grid = stacked(labels, affine, Path("made.nii"))
    return label_masks.from_volume(LabelVolume(grid, (Layer(voxels),), (Path("made.nii"),)), table)


def heights_mm(labels, affine):
    """Return the z coordinates of upright slices."""
    return affine[2, 3] + affine[2, 0] * np.arange(len(labels))
