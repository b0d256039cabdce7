"""Hand-built hips for the tests of measurements and findings: truths one can check by eye."""

from pathlib import Path

import numpy as np

from ifi_mri.model import Grid, Hip, Instance, Landmark, Series, Volume
from ifi_mri.vocabulary import LandmarkName, Role, Side

#: Oblique by 9 and 14 degrees, columns running to the patient's right, 0.4 x 0.8 mm pixels, slices
#: stacked towards the feet, 5 mm apart.
A, B = np.radians(9), np.radians(14)
TURN = np.array([[1, 0, 0], [0, np.cos(A), -np.sin(A)], [0, np.sin(A), np.cos(A)]]) @ np.array(
    [[np.cos(B), -np.sin(B), 0], [np.sin(B), np.cos(B), 0], [0, 0, 1]]
)
AFFINE = np.eye(4)
AFFINE[:3, :3] = TURN @ np.array([[0, 0, -0.8], [0, 0.4, 0], [-5, 0, 0]])
AFFINE[:3, 3] = (130.0, -60.0, 40.0)
SHAPE = (6, 300, 250)


def series(role=Role.ANATOMY, affine=AFFINE, shape=SHAPE, **fields) -> Series:
    """Return a series on the awkward grid, with one instance for each slice."""
    instances = tuple(
        Instance(
            path=Path(f"{role}-{k}.dcm"),
            sop_class_uid=None,
            sop_instance_uid=f"1.2.{1 if role is Role.ANATOMY else 2}.{k}",
            frame=None,
            position_mm=tuple((affine @ (k, 0, 0, 1))[:3]),
            number=k + 1,
        )
        for k in range(shape[0])
    )
    defaults = {
        "series_uid": f"9.{len(role)}",
        "study_uid": "9",
        "label": f"series {role}",
        "description": "ax t1" if role is Role.ANATOMY else "ax stir",
        "format": "dicom",
        "modality": "MR",
        "frame_of_reference_uid": "9.9",
        "grid": Grid.from_affine(affine, shape),
        "instances": instances,
    }
    return Series(**(defaults | fields))


def at(slice_index: float, right_mm: float, down_mm: float, affine=AFFINE):
    """Return the position in a slice, in mm from its first voxel to the image's right and down."""
    row, column = down_mm / 0.4, right_mm / 0.8
    return tuple(float(x) for x in (affine @ (slice_index, row, column, 1))[:3])


def mark(name, *points, side=Side.LEFT, closed=False, uid=None) -> Landmark:
    """Return a landmark from short words."""
    return Landmark(LandmarkName(name), side, tuple(points), closed, uid)


def box(name, slice_index, left_mm, top_mm, width_mm, height_mm, side=Side.LEFT) -> Landmark:
    """Return a closed rectangular outline on a slice."""
    corners = [
        (left_mm, top_mm),
        (left_mm + width_mm, top_mm),
        (left_mm + width_mm, top_mm + height_mm),
        (left_mm, top_mm + height_mm),
    ]
    return mark(name, *(at(slice_index, *corner) for corner in corners), side=side, closed=True)


def hip(*landmarks, side=Side.LEFT, anatomy=None, fluid=None, reasons=None) -> Hip:
    """Return a hip with the anatomy series on the awkward grid, and a fluid volume if given."""
    found = {Role.ANATOMY: anatomy or series()}
    volumes = {}
    if fluid is not None:
        fluid_series = series(Role.FLUID_SENSITIVE)
        found[Role.FLUID_SENSITIVE] = fluid_series
        volumes[Role.FLUID_SENSITIVE] = Volume(
            fluid.astype(np.float32), AFFINE, "9.9", fluid_series.series_uid, fluid_series.instances
        )
    return Hip(side, landmarks, found, volumes, reasons or {})
