"""How the phantom is scanned: slices, pixels, pose, noise, coil.

The slices are fixed to the phantom and both are turned together, as an oblique acquisition along
the patient's own axes: distances in the slices stay what they are in every pose.

The *slice frame* is x to the image's right (the patient's left), y to its bottom (the patient's
back), z towards the head, mm, from the middle of the body.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from ifi_mri.errors import ConfigError
from ifi_mri.model import FloatArray
from ifi_mri.phantom.shapes import Array
from ifi_mri.vocabulary import Side

Triple: TypeAlias = tuple[float, float, float]
FluidSequence: TypeAlias = Literal["stir", "t2_fs"]

#: What the slices show, mm: a pelvis 36 cm wide and 23 cm deep with some air around.
FIELD_X_MM: Final = (-184.0, 184.0)
FIELD_Y_MM: Final = (-108.0, 128.0)
#: One hip: from beyond the midline to the skin.
ONE_SIDED_X_MM: Final = (-16.0, 184.0)

#: Craniocaudal length that the stack covers unless told otherwise: quadratus femoris and a slice or
#: two above and below.
COVERED_MM: Final = 64.0

#: Share of the slice spacing that the slice is thick; the rest is the gap (4 / 0.8 and 5 / 1 mm in
#: published protocols, evidence document, section 8).
THICKNESS_SHARE: Final = 0.8

_LARGEST_ANGLE_DEG = 60.0
_LARGEST_OFFSET_MM = 2000.0
_MOST_VOXELS = 100_000_000


@dataclass(frozen=True, slots=True)
class Scan:
    """The settings of the scanner.

    Attributes
    ----------
    pixel_mm, fluid_pixel_mm : tuple of 2 floats
        Distance between rows and between columns, of the anatomy and the fluid-sensitive series.
    slice_spacing_mm, slice_thickness_mm : float
    n_slices : int
    pose_deg : tuple of 3 floats
        Turns about the patient's left, posterior and superior axes, in this order.
    offset_mm : tuple of 3 floats
        Where the middle of the body lies in patient LPS.
    snr : float or None
        Muscle signal over the standard deviation of the noise in either channel; None: no noise.
    shading : float
        Brightest less darkest coil sensitivity over the field, as a fraction of their mean.
    seed : int
        Of the noise.

    Raises
    ------
    ConfigError
        A setting is out of range.
    """

    pixel_mm: tuple[float, float] = (0.9, 0.9)
    fluid_pixel_mm: tuple[float, float] = (1.1, 1.1)
    slice_spacing_mm: float = 5.0
    slice_thickness_mm: float = 4.0
    n_slices: int = 14
    pose_deg: Triple = (0.0, 0.0, 0.0)
    offset_mm: Triple = (0.0, 0.0, 0.0)
    snr: float | None = 25.0
    shading: float = 0.2
    seed: int = 0
    fluid_sequence: FluidSequence = "stir"

    def __post_init__(self) -> None:
        _numbers("pixel size", self.pixel_mm, 2)
        _numbers("pixel size", self.fluid_pixel_mm, 2)
        _numbers("pose", self.pose_deg, 3)
        _numbers("offset", self.offset_mm, 3)
        for pixel in (*self.pixel_mm, *self.fluid_pixel_mm):
            _within("pixel size", pixel, 0.2, 4.0, " mm")
        check_spacing(self.slice_spacing_mm)
        _within("slice thickness", self.slice_thickness_mm, 0.5, self.slice_spacing_mm, " mm")
        _within("number of slices", self.n_slices, 3, 200, "")
        for angle in self.pose_deg:
            _within("pose", angle, -_LARGEST_ANGLE_DEG, _LARGEST_ANGLE_DEG, " deg")
        for offset in self.offset_mm:
            _within("offset", offset, -_LARGEST_OFFSET_MM, _LARGEST_OFFSET_MM, " mm")
        if self.snr is not None:
            _within("SNR", self.snr, 2.0, 1000.0, "")
        _within("shading", self.shading, 0.0, 1.0, "")
        _within("seed", self.seed, 0, 2**63, "")
        if self.fluid_sequence not in ("stir", "t2_fs"):
            raise ConfigError(
                f"phantom: fluid sequence {self.fluid_sequence!r} is not known. "
                "Choose stir or t2_fs."
            )
        self._check_size()

    def _check_size(self) -> None:
        area = (FIELD_X_MM[1] - FIELD_X_MM[0]) * (FIELD_Y_MM[1] - FIELD_Y_MM[0])
        smallest = min(math.prod(self.pixel_mm), math.prod(self.fluid_pixel_mm))
        if area / smallest * self.n_slices > _MOST_VOXELS:
            raise ConfigError(
                f"phantom: {self.n_slices} slices of {smallest:g} mm2 pixels make more than "
                f"{_MOST_VOXELS:,} voxels. Choose larger pixels or fewer slices."
            )

    @property
    def middle_slice(self) -> int:
        """Index of the slice through the middle of the body, z = 0."""
        return self.n_slices // 2

    def slice_z(self, index: int) -> float:
        """Return the position of a slice, mm along z."""
        return (index - self.middle_slice) * self.slice_spacing_mm


def check_spacing(slice_spacing_mm: float) -> None:
    """Raise ConfigError where slices would be too near or too far apart for the anatomy."""
    _within("slice spacing", slice_spacing_mm, 1.0, 12.0, " mm")


def _numbers(name: str, values: Sequence[float], count: int) -> None:
    if len(values) != count:
        raise ConfigError(
            f"phantom: {name} has {len(values)} numbers; expected {count}. Give one for each axis."
        )


def _within(name: str, value: float, low: float, high: float, unit: str) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ConfigError(
            f"phantom: {name} is {value:g}{unit}; expected {low:g} to {high:g}{unit}. "
            "Choose a value in that range."
        )


def patient_from_slice_frame(scan: Scan) -> FloatArray:
    """Return the 4 x 4 matrix from slice-frame mm to patient LPS mm."""
    about_x, about_y, about_z = (math.radians(angle) for angle in scan.pose_deg)
    matrix = np.eye(4)
    matrix[:3, :3] = _turn(2, about_z) @ _turn(1, about_y) @ _turn(0, about_x)
    matrix[:3, 3] = scan.offset_mm
    return matrix


def _turn(axis: int, angle: float) -> FloatArray:
    """Return a rotation about one of the axes, right-handed."""
    matrix = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[i, i] = matrix[j, j] = math.cos(angle)
    matrix[j, i] = math.sin(angle)
    matrix[i, j] = -math.sin(angle)
    return matrix


@dataclass(frozen=True, eq=False, slots=True)
class Raster:
    """Where voxel centres lie in the slice frame: z of slices, y of rows, x of columns, mm."""

    z: Array
    y: Array
    x: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of slices, rows, columns."""
        return len(self.z), len(self.y), len(self.x)

    def affine(self) -> FloatArray:
        """Return the 4 x 4 matrix from (slice, row, column, 1) to slice-frame mm."""
        matrix = np.zeros((4, 4))
        matrix[3, 3] = 1
        for index, (axis, centres_mm) in enumerate(((2, self.z), (1, self.y), (0, self.x))):
            matrix[axis, index] = centres_mm[1] - centres_mm[0] if len(centres_mm) > 1 else 1
            matrix[axis, 3] = centres_mm[0]
        return matrix


def axial_raster(scan: Scan, pixel_mm: tuple[float, float], only: Side | None) -> Raster:
    """Return the axial raster of a series; of one hip alone where ``only`` says which."""
    x_low, x_high = FIELD_X_MM if only is None else ONE_SIDED_X_MM
    if only is Side.RIGHT:
        x_low, x_high = -x_high, -x_low
    z = np.array([scan.slice_z(index) for index in range(scan.n_slices)])
    return Raster(z, centres(*FIELD_Y_MM, pixel_mm[0]), centres(x_low, x_high, pixel_mm[1]))


def centres(low: float, high: float, step: float) -> Array:
    """Return pixel centres that cover an interval, evenly about its middle."""
    n = math.ceil((high - low) / step)
    offsets = np.arange(n, dtype=np.float64) - (n - 1) / 2
    return (low + high) / 2 + offsets * step
