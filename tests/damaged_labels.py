"""Labels as models and hands make them: real bodies, varied at random and damaged.

Every case scales, tilts and turns a real hip, turns its femur, cuts it into voxels of some size and
then damages the labels in one of the ways below.  The truth is that of the undamaged surfaces
(`moved_bodies`).
"""

from dataclasses import replace

import bone_makers as make
import moved_bodies
import numpy as np
from scipy import ndimage

VOXELS_MM = (
    (1.5, 1.5, 1.5), (3, 1, 1), (5, 0.8, 0.8), (4, 0.7, 0.7), (2, 2, 2), (3, 1.5, 1.5),
    (5, 1.4, 1.4), (3, 3, 3),
)  # fmt: skip

#: Radius of a head with its socket, mm.
JOINT_MM = 32.0


def edge_mm(mask, voxel_mm):
    """Return the distance of voxels from the edge, positive inside."""
    inside = ndimage.distance_transform_edt(mask, sampling=voxel_mm)
    return inside - ndimage.distance_transform_edt(~mask, sampling=voxel_mm)


def _moved_edges(labels, voxel_mm, rng, length_mm, by_mm):
    """Return labels whose edges lie off by a random field."""
    moved = np.zeros_like(labels)
    for number in np.unique(labels[labels > 0]):
        mask = labels == number
        field = ndimage.gaussian_filter(rng.normal(size=mask.shape), length_mm / voxel_mm)
        moved[edge_mm(mask, voxel_mm) + field * by_mm / field.std() > 0] = number
    return moved


def nothing(labels, hip):
    return labels


def smoothed(labels, hip):
    out = np.zeros_like(labels)
    for number in np.unique(labels[labels > 0]):
        soft = ndimage.gaussian_filter((labels == number).astype(np.float32), 1.2 / hip.voxel_mm)
        out[soft > 0.5] = number
    return out


def rough(labels, hip):
    return _moved_edges(labels, hip.voxel_mm, hip.rng, 2.0, hip.rng.uniform(0.4, 0.8))


def patchy(labels, hip):
    """Edges that lie too far out or in over some centimetres."""
    return _moved_edges(labels, hip.voxel_mm, hip.rng, 8.0, 0.5)


def speckled(labels, hip):
    """A fifth of the edge voxels given to the wrong side of the edge."""
    bone = labels > 0
    edge = ndimage.binary_dilation(bone) & ~ndimage.binary_erosion(bone)
    flipped = edge & (hip.rng.random(labels.shape) < 0.2)
    nearest = ndimage.distance_transform_edt(~bone, return_distances=False, return_indices=True)
    out = np.where(flipped & ~bone, labels[tuple(nearest)], labels)
    out[flipped & bone] = 0
    return out


def with_islands(labels, hip):
    out = labels.copy()
    for _ in range(30):
        corner = [hip.rng.integers(2, n - 4) for n in labels.shape]
        box = out[tuple(slice(a, a + 3) for a in corner)]
        box[box == 0] = hip.rng.choice(np.unique(labels[labels > 0]))
    return out


def with_holes(labels, hip):
    out, bone = labels.copy(), np.argwhere(labels > 0)
    size = np.maximum(1, np.round(4.0 / hip.voxel_mm)).astype(int)
    for corner in bone[hip.rng.integers(0, len(bone), 60)]:
        out[tuple(slice(a, a + n) for a, n in zip(corner, size, strict=True))] = 0
    return out


def joint_filled(labels, hip):
    """The joint space labelled as hip bone: head and socket touch."""
    filled = ndimage.binary_closing(labels > 0, iterations=2) & (labels == 0)
    return np.where(filled & (hip.from_head_mm < JOINT_MM), make.HIP_BONE[hip.side], labels)


def head_in_socket(labels, hip):
    """A cap of the head labelled as hip bone."""
    cap = (labels == make.FEMUR[hip.side]) & (hip.above_head_mm > hip.rng.uniform(4, 14))
    return np.where(cap & (hip.from_head_mm < JOINT_MM), make.HIP_BONE[hip.side], labels)


def socket_in_head(labels, hip):
    """A shell of the socket labelled as femur."""
    shell = (labels == make.HIP_BONE[hip.side]) & (hip.from_head_mm < hip.rng.uniform(25, 29))
    return np.where(shell, make.FEMUR[hip.side], labels)


def shifted_slices(labels, hip):
    """Every slice off by up to a voxel, as where a patient moved."""
    return np.stack([np.roll(one, tuple(hip.rng.integers(-1, 2, 2)), (0, 1)) for one in labels])


def lost_slices(labels, hip):
    out = labels.copy()
    out[hip.rng.integers(5, len(labels) - 5, 2)] = 0
    return out


DAMAGES = (
    nothing, smoothed, rough, patchy, speckled, with_islands, with_holes, joint_filled,
    head_in_socket, socket_in_head, shifted_slices, lost_slices,
)  # fmt: skip


class Damaged:
    """What a damage may look at: where the voxels are from the head, and a random generator."""

    def __init__(self, body, labels, affine, rng):
        k, j, i = np.indices(labels.shape, sparse=True)
        offsets = [affine[a, 0] * k + affine[a, 1] * j + affine[a, 2] * i for a in range(3)]
        offsets = [one + affine[a, 3] - body.head_mm[a] for a, one in enumerate(offsets)]
        self.from_head_mm = np.sqrt(sum(one**2 for one in offsets))
        self.above_head_mm = offsets[2] - 0.4 * body.side.sign * offsets[0]
        self.voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)
        self.side, self.rng = body.side, rng


def varied(body, rng):
    """Return a hip of another size and pose, and whose femur lies differently."""
    size = np.eye(4)
    size[:3, :3] = np.diag(rng.uniform(0.8, 1.25) * rng.uniform(0.96, 1.04, 3))
    size[:3, 3] = body.head_mm - size[:3, :3] @ body.head_mm
    body = replace(
        body,
        hip_bone=body.hip_bone.moved(size),
        femur=body.femur.moved(size),
        tip_mm=(size @ (*body.tip_mm, 1))[:3],
    )
    for axis, most_deg in ((body.shaft, 22), ((1, 0, 0), 8), ((0, 1, 0), 5)):
        turn = moved_bodies.about(axis, rng.uniform(-most_deg, most_deg), body.head_mm)
        body = body.with_femur(turn)
    for axis, most_deg in (((1, 0, 0), 12), ((0, 1, 0), 6), ((0, 0, 1), 8)):
        body = body.turned(axis, rng.uniform(-most_deg, most_deg))
    return body


def cases(label_map, rng, count):
    """Yield hips of a label map, varied and damaged at random; ways and voxels take turns."""
    bodies = moved_bodies.bodies(label_map)
    for n in range(count):
        damage = DAMAGES[n % len(DAMAGES)]
        body = varied(bodies[rng.integers(len(bodies))], rng)
        voxel_mm = VOXELS_MM[rng.integers(len(VOXELS_MM))]
        labels, affine = body.labelled(voxel_mm, below_mm=rng.uniform(35, 80))
        truth_mm = body.true_mm(make.heights_mm(labels, affine))
        if np.isfinite(truth_mm):
            damaged = damage(labels, Damaged(body, labels, affine, rng))
            name = f"{damage.__name__.replace('_', ' ')}, {' x '.join(map(str, voxel_mm))} mm"
            yield moved_bodies.Case(name, body.side, damaged, affine, truth_mm)
