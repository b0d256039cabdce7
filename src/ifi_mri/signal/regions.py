"""Quadratus femoris and its reference muscle as pixels of one series.

Outlines come from wherever they were drawn - usually the anatomy series - and are laid on another
series by position: both share the scanner's frame of reference.  An outline belongs to the slice
whose plane is nearest, at most half a slice away.  The outermost pixels are *whole* but not
*inner*: they share fat and are never read.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.model import Landmark, Outline, Volume
from ifi_mri.signal.estimates import BoolArray, FloatArray
from ifi_mri.signal.settings import RegionSettings

#: Outlines this near to one another, in slices, lie in one plane.
SAME_PLANE: Final = 0.05

#: An outline whose signed area is less than this share of its pixels' is a bow.
LEAST_AREA: Final = 0.8

Box: TypeAlias = tuple[slice, slice, slice]
"""Part of an array: slices, rows, columns."""


class NotAssessable(Exception):  # noqa: N818 - an absence, not an error
    """Says in a sentence why a quantity has no value."""


@dataclass(frozen=True, eq=False)
class Region:
    """The pixels of one structure, shape (slices, rows, columns) of a cut-out.

    Attributes
    ----------
    whole : ndarray of bool
        Pixels whose centre lies inside an outline.
    inner : ndarray of bool
        Those that are left after erosion; only they are read.
    outlines : dict of int to Outline
        The largest outline on each slice of the cut-out, to draw.
    """

    whole: BoolArray
    inner: BoolArray
    outlines: dict[int, Outline]

    @cached_property
    def slices(self) -> tuple[int, ...]:
        """Slices of the cut-out that hold pixels of it."""
        return tuple(int(k) for k in np.flatnonzero(self.whole.any(axis=(1, 2))))

    def cropped(self, box: Box) -> "Region":
        """Return the region in a part of its cut-out that holds the same slices."""
        return Region(self.whole[box], self.inner[box], self.outlines)

    def on(self, slices: Iterable[int]) -> "Region":
        """Return the region on some of its slices alone."""
        slices = tuple(slices)
        if set(slices) == set(self.slices):
            return self
        kept = np.zeros(len(self.whole), dtype=np.bool_)
        kept[list(slices)] = True
        return Region(
            self.whole & kept[:, None, None],
            self.inner & kept[:, None, None],
            {k: outline for k, outline in self.outlines.items() if kept[k]},
        )


@dataclass(frozen=True, eq=False)
class CutOut:
    """The part of a volume around the regions, with its own affine.

    Attributes
    ----------
    voxels : ndarray of shape (slices, rows, columns)
        A view of the volume's: consecutive slices, whether or not each holds a region.
    affine : ndarray of shape (4, 4)
        From ``(slice, row, column, 1)`` of the cut-out to patient LPS mm.
    first : tuple of 3 ints
        Slice, row and column of the volume that its first voxel is.
    name : str
        What the series is called in reasons.
    """

    voxels: npt.NDArray[np.floating]
    affine: FloatArray
    first: tuple[int, int, int]
    name: str = "fluid-sensitive"

    def cropped(self, box: Box) -> "CutOut":
        """Return a part of the cut-out."""
        start = [span.start or 0 for span in box]
        affine = self.affine.copy()
        affine[:3, 3] = geometry.voxel_to_patient(self.affine, start)
        first = tuple(a + b for a, b in zip(self.first, start, strict=True))
        return replace(self, voxels=self.voxels[box], affine=affine, first=first)  # type: ignore[arg-type]

    @cached_property
    def pixel_mm(self) -> tuple[float, float]:
        """Distance between rows and between columns, mm."""
        row, column = np.linalg.norm(self.affine[:3, 1:3], axis=0)
        return float(row), float(column)

    @cached_property
    def slice_spacing_mm(self) -> float:
        """Distance between slices along their normal, mm."""
        return float(abs(geometry.slice_normal(self.affine) @ self.affine[:3, 0]))

    def place_of(self, other: "CutOut") -> Box:
        """Return where a smaller cut-out of the same volume lies in this one."""
        start = [b - a for a, b in zip(self.first, other.first, strict=True)]
        return tuple(  # type: ignore[return-value]
            slice(a, a + n) for a, n in zip(start, other.voxels.shape, strict=True)
        )

    def positions_mm(self, where: tuple[npt.NDArray[np.intp], ...]) -> FloatArray:
        """Return patient positions, shape (n, 3), of voxels as `numpy.nonzero` gives them."""
        return geometry.voxel_to_patient(self.affine, np.stack(where, axis=-1))


def box_around(mask: BoolArray, margin_mm: float, pixel_mm: tuple[float, float]) -> Box:
    """Return the rows and columns that hold a mask and a margin around it, on all slices."""
    spans = []
    anywhere = np.asarray(mask.any(axis=0))
    for axis, other, spacing in ((1, 1, pixel_mm[0]), (2, 0, pixel_mm[1])):
        there = np.flatnonzero(anywhere.any(axis=other))
        margin = math.ceil(margin_mm / spacing)
        low, high = (int(there[0]), int(there[-1])) if len(there) else (0, 0)
        spans.append(slice(max(0, low - margin), min(mask.shape[axis], high + margin + 1)))
    return slice(0, len(mask)), spans[0], spans[1]


def cut_out(
    volume: Volume, points_mm: npt.ArrayLike, margin_mm: float, name: str = "fluid-sensitive"
) -> CutOut:
    """Return the box of a volume that holds points and ``margin_mm`` around them in the plane.

    Raises
    ------
    NotAssessable
        None of the points lies on the volume's slices.
    """
    return cut_outs(volume, points_mm, (margin_mm,), name)[0]


def cut_outs(
    volume: Volume,
    points_mm: npt.ArrayLike,
    margins_mm: Sequence[float],
    name: str = "fluid-sensitive",
) -> tuple[CutOut, ...]:
    """Return what `cut_out` does for some margins, one by one, all on the same slices."""
    indices = geometry.patient_to_voxel(volume.affine, points_mm).reshape(-1, 3)
    indices[:, 0] = geometry.slice_coordinate(volume.affine, points_mm).ravel()
    on_slices = (indices[:, 0] >= -0.5) & (indices[:, 0] <= len(volume.voxels) - 0.5)
    if not on_slices.any():
        raise NotAssessable(f"the outlines lie beyond the slices of the {name} series")
    indices = indices[on_slices]
    low, high = indices.min(axis=0).tolist(), indices.max(axis=0).tolist()
    row_mm, column_mm = np.linalg.norm(volume.affine[:3, 1:3], axis=0).tolist()
    return tuple(
        _part(volume, low, high, (margin_mm / row_mm, margin_mm / column_mm), name)
        for margin_mm in margins_mm
    )


def _part(
    volume: Volume, low: list[float], high: list[float], margin: tuple[float, float], name: str
) -> CutOut:
    """Return the nearest slices, and the rows and columns with so many around, from the lowest to
    the highest of voxel coordinates."""
    beyond = (-0.5, *margin)  # slices from half-way on, pixels whole
    starts, stops = [], []
    for n, least, most, off in zip(volume.voxels.shape, low, high, beyond, strict=True):
        starts.append(min(max(math.floor(least - off), 0), n - 1))
        stops.append(min(max(math.ceil(most + 1 + off), starts[-1] + 1), n))
    affine = np.array(volume.affine, dtype=np.float64)
    affine[:3, 3] = geometry.voxel_to_patient(affine, starts)
    box = tuple(slice(a, b) for a, b in zip(starts, stops, strict=True))
    return CutOut(volume.voxels[box], affine, (starts[0], starts[1], starts[2]), name)


def region(
    name: str, outlines: Sequence[Landmark], image: CutOut, settings: RegionSettings
) -> Region:
    """Return the pixels of a structure in a cut-out.

    Where outlines of several slices of a finer series fall on one slice here, the nearest one
    counts; several outlines in the same plane are joined.

    Raises
    ------
    NotAssessable
        An outline is not a closed curve, crosses itself, or leaves the picture.
    """
    points = vertices_mm(outlines)
    corners = geometry.patient_to_voxel(image.affine, points)[:, 1:]
    ends = [0, *itertools.accumulate(len(mark.points_mm) for mark in outlines)]
    rings = [corners[first:end] for first, end in itertools.pairwise(ends)]
    sums = np.add.reduceat(geometry.slice_coordinate(image.affine, points), ends[:-1])
    chosen = _nearest(name, outlines, (sums / np.diff(ends)).tolist(), len(image.voxels))
    drawn = [rings[place] for place in chosen]
    _refuse_outside(name, drawn, image)
    inside = geometry.pixels_inside_each(drawn, image.voxels.shape)
    whole = np.zeros(image.voxels.shape, dtype=np.bool_)
    largest: dict[int, tuple[int, Outline]] = {}
    for (place, k), one in zip(chosen.items(), inside, strict=True):
        n_pixels = int(np.count_nonzero(one))
        _refuse_crossing(name, outlines[place], rings[place], image, n_pixels)
        whole[k] |= one
        if n_pixels > largest.get(k, (-1, ()))[0]:
            largest[k] = n_pixels, outlines[place].points_mm
    return Region(
        whole,
        geometry.eroded(whole, settings.erosion_pixels),
        {k: outline for k, (_, outline) in largest.items()},
    )


def _nearest(
    name: str, outlines: Sequence[Landmark], levels: Sequence[float], n_slices: int
) -> dict[int, int]:
    """Return which outlines count, with the slice that each lies on: the nearest ones to a slice,
    nearest first."""
    chosen: dict[int, int] = {}
    nearest: dict[int, float] = {}
    for place in sorted(range(len(levels)), key=lambda one: abs(levels[one] - round(levels[one]))):
        _refuse_open(name, outlines[place])
        k = geometry.nearest_slice(levels[place])
        off = abs(levels[place] - k)
        if 0 <= k < n_slices and off <= nearest.setdefault(k, off) + SAME_PLANE:
            chosen[place] = k
    return chosen


def _refuse_open(name: str, landmark: Landmark) -> None:
    if not landmark.closed or len(landmark.points_mm) < 3:
        raise NotAssessable(f"the {name} outline is not a closed curve")


def _refuse_crossing(
    name: str, landmark: Landmark, corners: FloatArray, image: CutOut, n_inside: int
) -> None:
    """Refuse a bow, whose lobes of opposite sense cancel in the shoelace formula; the small loop
    that a hand leaves at a sharp tip does no harm."""
    row, column = corners.T
    twice = row[:-1] @ column[1:] - column[:-1] @ row[1:]
    twice += row[-1] * column[0] - column[-1] * row[0]
    n_pixels = abs(float(twice)) / 2
    if n_pixels < LEAST_AREA * n_inside and geometry.crosses_itself(
        landmark.vertices_mm, image.affine
    ):
        raise NotAssessable(f"the {name} outline crosses itself; draw it again")


def _refuse_outside(name: str, corners: Sequence[FloatArray], image: CutOut) -> None:
    """A region cut off by the picture's edge would be a wrong number without a word."""
    if not corners:
        return
    every = np.concatenate(corners)
    (top, left), (bottom, right) = every.min(axis=0).tolist(), every.max(axis=0).tolist()
    _, n_rows, n_columns = image.voxels.shape
    if min(top, left) < -0.5 or bottom > n_rows - 0.5 or right > n_columns - 0.5:
        raise NotAssessable(f"the {name} outline leaves the {image.name} picture")


def vertices_mm(outlines: Iterable[Landmark]) -> FloatArray:
    """Return the vertices of all outlines, shape (n, 3)."""
    return np.concatenate([mark.vertices_mm for mark in outlines])


def moved(outlines: Iterable[Landmark], by_mm: npt.ArrayLike) -> tuple[Landmark, ...]:
    """Return outlines moved by a vector in patient mm."""
    step = np.asarray(by_mm, dtype=np.float64)
    return tuple(
        replace(mark, points_mm=tuple(tuple(point) for point in (mark.vertices_mm + step).tolist()))
        for mark in outlines
    )


def common_slices(muscle: Region, reference: Region, settings: RegionSettings) -> tuple[int, ...]:
    """Return the slices on which the muscle can be compared with its reference.

    Raises
    ------
    NotAssessable
        They share no slice or overlap, or too few pixels are left of either region.
    """
    both = sorted(set(muscle.slices) & set(reference.slices))
    if not both:
        raise NotAssessable(
            "quadratus_femoris and reference_muscle are outlined on no common slice; "
            "the reference must lie on the muscle's own slices"
        )
    if (muscle.whole & reference.whole).any():
        raise NotAssessable(
            "the quadratus_femoris and reference_muscle outlines overlap; the reference must be "
            "another muscle"
        )
    counts = {k: int(np.count_nonzero(reference.inner[k])) for k in both}
    kept = [k for k in both if counts[k] >= settings.min_pixels]
    if not kept:
        raise NotAssessable(
            f"the reference_muscle region holds {max(counts.values())} pixels on its largest "
            f"slice after erosion; at least {settings.min_pixels} are needed"
        )
    n_pixels = int(np.count_nonzero(muscle.inner[kept]))
    if n_pixels < settings.min_pixels:
        raise NotAssessable(
            f"the quadratus_femoris region holds {n_pixels} pixels after erosion; at least "
            f"{settings.min_pixels} are needed"
        )
    return tuple(k for k in kept if muscle.inner[k].any())


def slice_weights_mm(slices: Sequence[int], spacing_mm: float) -> FloatArray:
    """Return the length of the stack that each outlined slice stands for, mm.

    Cavalieri's principle (Gundersen and Jensen, J Microsc 1987;147:229): half-way to the outlined
    neighbour on either side, half a spacing beyond the ends.  Slices left out between two outlined
    ones are thereby interpolated.
    """
    places = np.asarray(sorted(slices), dtype=np.float64)
    if not len(places):
        return places
    halves = np.diff(places) / 2
    heights = np.append(0.5, halves) + np.append(halves, 0.5)
    return np.asarray(heights * spacing_mm, dtype=np.float64)
