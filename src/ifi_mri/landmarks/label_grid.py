"""Does a label map lie where the image lies?

A map drawn on an image has the image's voxels; then it must lie on them.  Where it does not, a
header was lost or changed on the way, and every outline would be shifted, flipped or turned: the
case stops with what differs, along which axis and by how many millimetres.  A map on a grid of its
own claims nothing of the kind; it must only overlap the image.
"""

from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.model import FloatArray, Grid

#: Headers round: 32-bit floats and decimal strings put a voxel off by some thousandths of a mm
#: over a field of view.  Anything a person could have moved is more.
ROUNDING_MM: Final = 0.02

_WORDS: Final = (("right", "left"), ("front", "back"), ("feet", "head"))
_AXES: Final = ("left-right", "front-back", "head-foot")


def check(label_grid: Grid, image_grid: Grid, label_name: str, image_name: str) -> None:
    """Refuse a label map that does not lie where the image does.

    Parameters
    ----------
    label_grid, image_grid : Grid
    label_name, image_name : str
        As messages call them.

    Raises
    ------
    LandmarkMismatchError
        The map has the image's voxels but lies elsewhere, or it does not overlap the image.
    """
    if sorted(label_grid.shape) == sorted(image_grid.shape):
        differences = _differences(label_grid, image_grid)
        if differences:
            raise LandmarkMismatchError(
                f"{label_name}: has as many voxels as series {image_name} but does not lie on "
                f"them: {'; '.join(differences)}. {_what_to_do(label_grid, image_grid)}"
            )
    _check_overlap(label_grid, image_grid, label_name, image_name)


def _differences(label_grid: Grid, image_grid: Grid) -> list[str]:
    """Return how a map lies off the voxels of an image, in words; nothing where it lies on them."""
    matched = _matching_axes(label_grid, image_grid)
    if matched is None:
        return ["its axes run in other directions than the image's"]
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


def _matching_axes(label_grid: Grid, image_grid: Grid) -> list[int] | None:
    """Return the axis of a map that runs along each axis of an image, or None where none does."""
    ours, theirs = _steps(label_grid), _steps(image_grid)
    cosines = np.abs(
        (theirs / np.linalg.norm(theirs, axis=1)[:, None])
        @ (ours / np.linalg.norm(ours, axis=1)[:, None]).T
    )
    matched = [int(np.argmax(row)) for row in cosines]
    return matched if sorted(matched) == [0, 1, 2] else None


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
    return "Check that it was drawn on this series, and save it again with the image's geometry."


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
