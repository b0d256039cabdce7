"""A smooth field in the plane, as numbers: a polynomial in the logarithm of the signal.

Its few coefficients are kept by a report, so that pictures show the field that was taken out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.model import Point
from ifi_mri.signal.estimates import FloatArray


@dataclass(frozen=True, slots=True)
class Polynomial:
    """The logarithm of a field as a polynomial of the place in the plane: numbers that a report can
    keep, so that its pictures show the field that was taken out.

    Attributes
    ----------
    origin_mm : Point
        Patient position of the origin, on any slice.
    scale_mm : float
        Length of one unit along rows and columns.
    coefficients : tuple of floats
        Of u, v (along rows and columns), then of u^2, u v and v^2; one slice's field is all's.
    log_at_reference : float
        Logarithm of what the field is divided by to be 1 on average over the reference muscle.
    """

    origin_mm: Point
    scale_mm: float
    coefficients: tuple[float, ...]
    log_at_reference: float

    def on(self, affine: npt.ArrayLike, shape: Sequence[int]) -> FloatArray:
        """Return the field on the rows and columns of a slice of the series it was fitted on."""
        matrix = np.asarray(affine, dtype=np.float64)
        row, column = geometry.patient_to_voxel(matrix, self.origin_mm)[1:]
        spacing = np.linalg.norm(matrix[:3, 1:3], axis=0) / self.scale_mm
        v = (np.arange(shape[0])[:, None] - row) * spacing[0]
        u = (np.arange(shape[1])[None] - column) * spacing[1]
        along_u, along_v, *bends = self.coefficients
        bend_u, twist, bend_v = bends or (0.0, 0.0, 0.0)
        exponent = (along_u * u + bend_u * u * u) + (along_v * v + bend_v * v * v)
        return np.asarray(np.exp(exponent + (twist * v) * u - self.log_at_reference))


def terms_of(u: FloatArray, v: FloatArray, order: int) -> FloatArray:
    """Return the polynomial's terms without the constant, first axis."""
    return np.array([u, v] if order == 1 else [u, v, u * u, u * v, v * v])
