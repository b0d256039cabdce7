"""Does a label map lie where the image lies?

A map drawn on an image has the image's voxels; then it must lie on them.  Where it does not, a
header was lost or changed on the way, and every outline would be shifted, flipped or turned: the
case stops with what differs, along which axis and by how many millimetres.  A map on a grid of its
own claims nothing of the kind: its outlines are in mm and are cut on the image's slices.  Then it
must overlap the image and lie in its frame of reference; where no file states the frame, the report
says so, and how far its voxels are off the image's.
"""

from collections.abc import Iterator
from itertools import permutations
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.model import Caution, FloatArray, Grid

#: Headers round: 32-bit floats and decimal strings put a voxel off by some thousandths of a mm
#: over a field of view.  Anything a person could have moved is more.
ROUNDING_MM: Final = 0.02

_WORDS: Final = (("right", "left"), ("front", "back"), ("feet", "head"))
_AXES: Final = ("left-right", "front-back", "head-foot")


def check(
    label_grid: Grid,
    image_grid: Grid,
    label_name: str,
    image_name: str,
    *,
    label_frame: str | None = None,
    image_frame: str | None = None,
) -> tuple[Caution, ...]:
    """Refuse a label map that does not lie where the image does.

    Parameters
    ----------
    label_grid, image_grid : Grid
    label_name, image_name : str
        As messages call them.
    label_frame, image_frame : str or None
        Frame of reference UIDs, None where a file does not state one.  A map that states the
        image's frame may have any grid.

    Returns
    -------
    tuple of Caution
        Code ``label_map_own_grid``: only the positions in the files say that both belong together.

    Raises
    ------
    LandmarkMismatchError
        The frames differ; the map has the image's voxels but lies elsewhere, or it does not
        overlap the image.
    """
    if label_frame and image_frame and label_frame != image_frame:
        raise LandmarkMismatchError(
            f"{label_name}: drawn in frame of reference {label_frame}, series {image_name} has "
            f"{image_frame}; positions in one say nothing about the other. Choose the series it "
            "was drawn on with --anatomy."
        )
    same_frame = bool(label_frame) and label_frame == image_frame
    if sorted(label_grid.shape) == sorted(image_grid.shape) and not same_frame:
        differences = _differences(label_grid, image_grid)
        if differences:
            raise LandmarkMismatchError(
                f"{label_name}: has as many voxels as series {image_name} but does not lie on "
                f"them: {'; '.join(differences)}. {_what_to_do(label_grid, image_grid)}"
            )
    _check_overlap(label_grid, image_grid, label_name, image_name)
    return () if same_frame else tuple(_own_grid_cautions(label_grid, image_grid, image_name))


def _own_grid_cautions(label_grid: Grid, image_grid: Grid, image_name: str) -> Iterator[Caution]:
    """Yield what a reader should know of a map whose voxels are not the image's."""
    lattice = _lattice_offset_mm(label_grid, image_grid)
    if lattice is not None and np.abs(lattice).max() <= ROUNDING_MM:
        return  # the image's voxels, or a box of them
    sizes = [
        f"{_times(grid.shape)} of {' x '.join(f'{size:.3g}' for size in _sizes(grid))} mm"
        for grid in (label_grid, image_grid)
    ]
    off = "" if lattice is None else f", and {_shift(lattice)[0]} of the nearest of them"
    yield Caution(
        "label_map_own_grid",
        f"The label map has voxels of its own ({sizes[0]}; series {image_name}: {sizes[1]}){off}. "
        "Its outlines were cut on the slices of the series; that both lie in one frame of "
        "reference is not stated and was taken from the positions in the files.",
    )


def _lattice_offset_mm(label_grid: Grid, image_grid: Grid) -> FloatArray | None:
    """Return how far the voxels of a map lie off the nearest of an image, patient mm; None where
    size or direction of the voxels differ."""
    matched = _matching_axes(label_grid, image_grid)
    to_image = np.linalg.inv(image_grid.affine) @ label_grid.affine
    steps = np.abs(to_image[:3, matched])
    reach = (np.array(label_grid.shape)[matched] - 1) * _sizes(image_grid)
    if (np.abs(steps - np.eye(3)).max(axis=0) * reach > ROUNDING_MM).any():
        return None
    first = to_image[:3, 3]
    return np.asarray(image_grid.affine[:3, :3] @ (first - np.rint(first)), dtype=np.float64)


def _differences(label_grid: Grid, image_grid: Grid) -> list[str]:
    """Return how a map lies off the voxels of an image, in words; nothing where it lies on them."""
    matched = _matching_axes(label_grid, image_grid)
    counts = [label_grid.shape[axis] for axis in matched]
    if tuple(counts) != image_grid.shape:
        return [f"its axes have {_times(counts)} voxels, the image's {_times(image_grid.shape)}"]
    steps = _steps(label_grid)[matched]
    image_steps = _steps(image_grid)
    steps = steps * np.sign((steps * image_steps).sum(axis=1))[:, None]  # stored in either order
    extents = np.array(image_grid.shape) - 1.0
    found = [
        text
        for axis in range(3)
        for text in _axis_differences(steps[axis], image_steps[axis], extents[axis], axis)
    ]
    return found + _shift(_centre(label_grid) - _centre(image_grid))


def _axis_differences(
    step: FloatArray, image_step: FloatArray, extent: float, axis: int
) -> list[str]:
    """Return how one axis differs in spacing and in direction."""
    size, image_size = float(np.linalg.norm(step)), float(np.linalg.norm(image_step))
    name = f"{('slices', 'rows', 'columns')[axis]}"
    found = []
    if abs(size - image_size) * extent / 2 > ROUNDING_MM:
        found.append(f"its {name} are {size:.4g} mm apart, the image's {image_size:.4g} mm")
    chord = float(np.linalg.norm(step / size - image_step / image_size))
    if chord * image_size * extent / 2 > ROUNDING_MM:
        angle_deg = float(np.degrees(2 * np.arcsin(min(1.0, chord / 2))))
        found.append(
            f"its {name} run {angle_deg:.2f} degrees off the image's, "
            f"{chord * image_size * extent / 2:.1f} mm at the edge"
        )
    return found


def _shift(offset_mm: FloatArray) -> list[str]:
    """Return by how many mm the middle of a map is off, along the patient's axes."""
    parts = [
        f"{abs(offset):.2f} mm towards the {_WORDS[axis][int(offset > 0)]} ({_AXES[axis]})"
        for axis, offset in enumerate(offset_mm)
        if abs(offset) > ROUNDING_MM
    ]
    return [f"it lies {' and '.join(parts)}"] if parts else []


def _matching_axes(label_grid: Grid, image_grid: Grid) -> list[int]:
    """Return the axis of a map that runs along each axis of an image, as nearly as can be."""
    ours, theirs = _steps(label_grid), _steps(image_grid)
    cosines = np.abs(
        (theirs / np.linalg.norm(theirs, axis=1)[:, None])
        @ (ours / np.linalg.norm(ours, axis=1)[:, None]).T
    )
    orders = permutations(range(3))
    return list(max(orders, key=lambda order: sum(cosines[i, k] for i, k in enumerate(order))))


def _sizes(grid: Grid) -> FloatArray:
    """Return the size of a voxel along slices, rows and columns, mm."""
    return np.asarray(np.linalg.norm(grid.affine[:3, :3], axis=0), dtype=np.float64)


def _steps(grid: Grid) -> FloatArray:
    """Return the steps between slices, rows and columns, one a row, mm."""
    return grid.affine[:3, :3].T


def _centre(grid: Grid) -> FloatArray:
    return geometry.voxel_to_patient(grid.affine, (np.array(grid.shape) - 1) / 2)


def _what_to_do(label_grid: Grid, image_grid: Grid) -> str:
    turned = Grid.from_affine(geometry.LPS_FROM_RAS @ label_grid.affine, label_grid.shape)
    if not _differences(turned, image_grid):
        return (
            "With x and y negated it lies on the image: the file that made it took RAS for LPS or "
            "the other way round. Save it again with the image's orientation."
        )
    return (
        "Check that it was drawn on this series (--anatomy chooses another), and save it again "
        "with the image's geometry."
    )


def _check_overlap(label_grid: Grid, image_grid: Grid, label_name: str, image_name: str) -> None:
    """Refuse a map whose box of voxels does not meet the image's, seen along any axis of it."""
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in label_grid.shape])).reshape(3, -1).T
    positions = geometry.voxel_to_patient(label_grid.affine, corners)
    indices = geometry.patient_to_voxel(image_grid.affine, positions)
    sizes = np.linalg.norm(image_grid.affine[:3, :3], axis=0)
    below = (-0.5 - indices.max(axis=0)) * sizes
    above = (indices.min(axis=0) - (np.array(image_grid.shape) - 0.5)) * sizes
    beyond = np.maximum(below, above)
    axis = int(np.argmax(beyond))
    if beyond[axis] > 0:
        outwards = image_grid.affine[:3, axis] * (1 if above[axis] > 0 else -1)
        largest = int(np.argmax(np.abs(outwards)))
        word = _WORDS[largest][int(outwards[largest] > 0)]
        raise LandmarkMismatchError(
            f"{label_name}: lies {beyond[axis]:.1f} mm beyond series {image_name}, towards the "
            f"{word}; an overlap was expected. Check that it was made from this study."
        )


def _times(counts: list[int] | tuple[int, ...]) -> str:
    return " x ".join(map(str, counts))
