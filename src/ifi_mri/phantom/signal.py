"""How bright each tissue is on each sequence, and what the scanner adds: coil, noise.

Relative signals only have to look right, apart from oedema, whose ratio to muscle is the truth:
T1 shows fat and marrow bright and muscle grey; with fat suppressed and fluid bright, muscle is
brighter than fat and marrow.  Cortex, tendon and flowing blood are dark on both.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri.phantom.shapes import Array


class Tissue(Enum):
    """What a voxel can be made of."""

    AIR = auto()
    SKIN = auto()
    FAT = auto()
    MUSCLE = auto()
    TENDON = auto()
    CORTEX = auto()
    MARROW = auto()
    NERVE = auto()
    FLOW_VOID = auto()
    VEIN = auto()
    BOWEL = auto()
    MUCOSA = auto()


Signals = Mapping[Tissue, float]

MUSCLE_T1: Final = 220.0
MUSCLE_FLUID: Final = 160.0

T1: Final[Signals] = {
    Tissue.AIR: 0.0,
    Tissue.SKIN: 230.0,
    Tissue.FAT: 700.0,
    Tissue.MUSCLE: MUSCLE_T1,
    Tissue.TENDON: 35.0,
    Tissue.CORTEX: 25.0,
    Tissue.MARROW: 560.0,
    Tissue.NERVE: 300.0,
    Tissue.FLOW_VOID: 40.0,
    Tissue.VEIN: 120.0,
    Tissue.BOWEL: 250.0,
    Tissue.MUCOSA: 180.0,
}

FLUID: Final[Signals] = {
    Tissue.AIR: 0.0,
    Tissue.SKIN: 110.0,
    Tissue.FAT: 55.0,
    Tissue.MUSCLE: MUSCLE_FLUID,
    Tissue.TENDON: 22.0,
    Tissue.CORTEX: 14.0,
    Tissue.MARROW: 70.0,
    Tissue.NERVE: 220.0,
    Tissue.FLOW_VOID: 30.0,
    Tissue.VEIN: 430.0,
    Tissue.BOWEL: 200.0,
    Tissue.MUCOSA: 420.0,
}


#: Sizes in mm of the lobules that septa part subcutaneous fat into, and of patches in marrow.
_LOBULE_MM: Final = 8.0
_PATCH_MM: Final = 5.0


class Texture:
    """Uneven brightness of fat (thin septa) and marrow (patches); muscle is left even, so that its
    signals stay exact."""

    def __init__(self, y: Array, x: Array, septa: float, generator: np.random.Generator) -> None:
        self._y, self._x = y, x
        self._septa = septa
        self._generator = generator

    def next_slice(self) -> Mapping[Tissue, npt.NDArray[np.float32]]:
        """Return factors, shape (rows, columns), for the tissues that are uneven."""
        septa = np.clip(1 - np.abs(self._smooth(_LOBULE_MM)) / 0.12, 0, 1)
        fat = 1 + self._septa * septa + 0.02 * self._smooth(2 * _LOBULE_MM)
        marrow = 1 + 0.05 * self._smooth(_PATCH_MM)
        return {Tissue.FAT: fat.astype(np.float32), Tissue.MARROW: marrow.astype(np.float32)}

    def _smooth(self, scale_mm: float) -> Array:
        """Return Gaussian noise on a coarse lattice, smoothly interpolated to the pixels."""
        (row, down), (column, right) = (_on_lattice(a, scale_mm) for a in (self._y, self._x))
        knots = self._generator.standard_normal((int(row.max()) + 2, int(column.max()) + 2))
        lines = knots[row] + down[:, None] * (knots[row + 1] - knots[row])
        return np.asarray(lines[:, column] + right * (lines[:, column + 1] - lines[:, column]))


def _on_lattice(centres: Array, scale_mm: float) -> tuple[npt.NDArray[np.intp], Array]:
    """Return the lattice knot before each pixel, and how far on to the next it lies (smoothstep).

    Interpolated by hand: products of small matrices would wake the threads of the linear algebra
    library, and their last bits differ between machines.
    """
    position = (centres - centres.min()) / scale_mm
    knot = position.astype(np.intp)
    part = position - knot
    return knot, part * part * (3 - 2 * part)


def coil_sensitivity(y: Array, x: Array, shading: float) -> Array:
    """Return the coil's smooth sensitivity, shape (rows, columns), mean of extremes 1.

    Brighter on one side, at the back and near the surface, as with surface coils; the brightest
    pixel exceeds the darkest by ``shading``.
    """
    right = np.linspace(-1, 1, len(x))[None]
    down = np.linspace(-1, 1, len(y))[:, None]
    shape = 0.6 * right + 0.18 * down + 0.12 * (right * right + down * down)
    low, high = float(shape.min()), float(shape.max())
    return np.asarray(1 + shading * ((shape - low) / (high - low) - 0.5))


def with_rician_noise(
    signal: npt.NDArray[np.float32], sigma: float, generator: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return the magnitude of a real signal with complex Gaussian noise of SD ``sigma`` in either
    channel (Gudbjartsson and Patz, Magn Reson Med 1995;34:910, doi:10.1002/mrm.1910340618)."""
    real = generator.standard_normal(signal.shape, dtype=np.float32)
    real *= np.float32(sigma)
    real += signal
    imaginary = generator.standard_normal(signal.shape, dtype=np.float32)
    imaginary *= np.float32(sigma)
    real *= real
    imaginary *= imaginary
    real += imaginary
    return np.sqrt(real)
