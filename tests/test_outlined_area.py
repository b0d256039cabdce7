"""The SD of an area inside an outline, where it is known."""

import math

import numpy as np
import pytest

from ifi_mri.measurements.outlined_area import INDEPENDENT_MM, area_sd_mm2


def test_the_sd_of_few_vertices_is_that_of_their_neighbours_apart():
    kite = np.array([(0, 0), (30, 0), (50, 60), (0, 40)], dtype=np.float64)

    # the neighbours of every corner are the ends of one of two diagonals
    apart2 = 2 * (50**2 + 60**2) + 2 * (30**2 + 40**2)
    assert area_sd_mm2(kite, 0.5) == pytest.approx(0.5 / 2 * math.sqrt(apart2))


def test_the_sd_of_many_vertices_is_that_of_strokes_along_the_outline():
    angle = np.linspace(0, 2 * math.pi, 600, endpoint=False)
    circle = 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    expected = 0.5 * math.sqrt(2 * math.pi * 10 * INDEPENDENT_MM)
    assert area_sd_mm2(circle, 0.5) == pytest.approx(expected, rel=1e-4)
