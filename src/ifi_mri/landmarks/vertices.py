"""The vertices of many landmarks in one array: all are asked in the time that one takes."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri.model import FloatArray, Landmark


class Vertices(NamedTuple):
    """The vertices of landmarks behind one another.

    Attributes
    ----------
    marks : tuple of Landmark
    points_mm : numpy.ndarray of shape (n, 3)
        Patient LPS mm.
    starts : numpy.ndarray of shape (number of landmarks,)
        Where each landmark's begin.
    """

    marks: tuple[Landmark, ...]
    points_mm: FloatArray
    starts: npt.NDArray[np.intp]

    @classmethod
    def of(cls, marks: Iterable[Landmark]) -> "Vertices":
        """Put the vertices of landmarks, none of which is empty, behind one another."""
        marks = tuple(marks)
        points_mm = np.concatenate([np.empty((0, 3)), *(mark.vertices_mm for mark in marks)])
        counts = [len(mark.points_mm) for mark in marks]
        return cls(marks, points_mm, np.cumsum([0, *counts])[:-1])

    def lowest(self, values: FloatArray) -> FloatArray:
        """Return the lowest of the values of each landmark's vertices, along the first axis."""
        return np.minimum.reduceat(values, self.starts) if self.marks else values[:0]

    def highest(self, values: FloatArray) -> FloatArray:
        """Return the highest of the values of each landmark's vertices, along the first axis."""
        return np.maximum.reduceat(values, self.starts) if self.marks else values[:0]
