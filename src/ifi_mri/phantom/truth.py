"""What is known about the phantom, as plain values for ``truth.json``.

Distances are those of the exact shapes on the slice planes of the anatomy series; the ischium is
the same on all slices, so the smallest distance in three dimensions is that of the narrowest slice.
"""

from typing import Any

import numpy as np

from ifi_mri.geometry import eroded, pixels_inside, position_along_normal_mm, tilt_from_axial_deg
from ifi_mri.model import FloatArray, Grid
from ifi_mri.phantom.readings import Level, PlacedHip
from ifi_mri.phantom.shapes import Gap

#: Written numbers are rounded here, far below what is measured, so that files do not differ in
#: the last bits between machines.
_DECIMALS = 6


def describe_hip(hip: PlacedHip, anatomy: Grid, fluid: Grid) -> dict[str, Any]:
    """Return the truth of one side: spaces on every slice, oedema, volumes."""
    levels = hip.trochanter_levels
    spec = hip.anatomy.spec
    inside = _extent_inside(hip, fluid)
    return {
        "ifs_mm": spec.ifs_mm,
        "qfs_mm": spec.qfs_mm,
        "narrowest_slice": next(_slice(level, anatomy) for level in levels if level.z == 0),
        "per_slice": [_slice(level, anatomy) | _spaces(hip, level) for level in levels],
        "oedema_ratio": spec.oedema_ratio if spec.extent else 1.0,
        "oedema_extent": spec.extent if spec.oedema_ratio > 1 else 0.0,
        "oedema_extent_one_pixel_inside": inside,
        "median_signal_ratio": spec.oedema_ratio if inside > 0.5 else 1.0,
        **_sizes(hip),
    }


def _slice(level: Level, grid: Grid) -> dict[str, Any]:
    first_voxel = grid.affine[:3, 3] + level.index * grid.affine[:3, 0]
    position = position_along_normal_mm(grid.affine, first_voxel)
    return {
        "index": level.index,
        "sop_instance_uid": level.sop_instance_uid,
        "position_mm": _rounded(position),
    }


def _spaces(hip: PlacedHip, level: Level) -> dict[str, Any]:
    bones = hip.anatomy.ischiofemoral_space(level.z)
    tendons, far = hip.anatomy.quadratus_femoris_space(level.z)
    return {
        "ifs_mm": _rounded(bones.distance_mm),
        "ifs_ends_mm": _ends(hip, bones, level),
        "qfs_mm": _rounded(tendons.distance_mm),
        "qfs_ends_mm": _ends(hip, tendons, level),
        "qfs_far_landmark": far.value,
    }


def _ends(hip: PlacedHip, space: Gap, level: Level) -> list[list[float]]:
    return [list(point) for point in hip.in_patient([space.start, space.end], level)]


def _sizes(hip: PlacedHip) -> dict[str, float]:
    """Return area and volumes; a volume is the sum of areas times the slice spacing."""
    area = hip.anatomy.quadratus.area_mm2()
    volume_ml = area * len(hip.quadratus_levels) * hip.scan.slice_spacing_mm / 1000
    oedema = hip.anatomy.oedema
    share = oedema.area_mm2() / area if oedema else 0.0
    return {
        "quadratus_femoris_area_mm2": _rounded(area),
        "quadratus_femoris_volume_ml": _rounded(volume_ml),
        "oedema_volume_ml": _rounded(share * volume_ml),
    }


def _extent_inside(hip: PlacedHip, fluid: Grid) -> float:
    """Return the oedematous share of the fluid-sensitive pixels whose centre lies in the muscle's
    outline and not among its outermost ones."""
    level = hip.quadratus_levels[0]
    outline = hip.in_patient(hip.anatomy.quadratus.vertices, level)
    inside = eroded(pixels_inside(outline, fluid.affine, fluid.shape[1:]), 1)
    oedema = hip.anatomy.oedema
    if oedema is None or not inside.any():
        return 0.0
    rows, columns = np.nonzero(inside)
    x, y = _in_frame(hip, fluid, rows, columns)
    across, behind = x - oedema.middle[0], y - oedema.middle[1]
    return _rounded(float(np.mean(across**2 + behind**2 <= oedema.radius**2)))


def _in_frame(
    hip: PlacedHip, grid: Grid, rows: np.ndarray, columns: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """Return the hip's own x and y of pixels."""
    indices = np.stack([np.zeros(len(rows)), rows, columns, np.ones(len(rows))])
    frame = np.linalg.inv(hip.patient_from_frame) @ grid.affine @ indices
    return hip.side.sign * frame[0], frame[1]


def describe_grid(grid: Grid) -> dict[str, Any]:
    """Return where a series lies: affine, shape, tilt."""
    return {
        "affine": [[_rounded(value) for value in row] for row in grid.rows_of_affine],
        "shape": list(grid.shape),
        "tilt_from_axial_deg": _rounded(tilt_from_axial_deg(grid.affine)),
    }


def _rounded(value: float) -> float:
    return round(value, _DECIMALS) + 0.0
