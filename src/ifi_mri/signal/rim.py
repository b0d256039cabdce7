"""The rim of a muscle: pixels that its outline cuts, and what the muscle alone would show there.

How much of a pixel an outline takes in is known, so that a muscle is as large as its outlines and
not as many pixels as have their centre inside: a thin layer along the edge is mostly rim.

The signal of a rim pixel is that of muscle and surroundings by their parts in it.  With the signal
of the surroundings, seen near by beyond the blur, that of the muscle alone follows: the correction
of partial volume by a geometric transfer matrix (Rousset et al., J Nucl Med 1998;39:904), for two
tissues.  It is as good as the outline, and blind to a thin strip of a third tissue between both:
it says how far a raised region goes on into the rim, never that there is one.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.signal.estimates import BoolArray, FloatArray
from ifi_mri.signal.regions import CutOut, Region
from ifi_mri.signal.smoothing import smoothed

#: Lines per row of pixels on which an outline's area is summed; exact along the rows.
LINES: Final = 6

#: Decimals of a part: no rounding of sums is taken for a sliver of muscle.
ROUNDED: Final = 9

#: A pixel whose part inside an outline differs by more from being inside or not is not of it alone.
UNLIKE: Final = 0.9

#: Standard deviation of the scanner's blur, pixels: a full width at half maximum of 1.6 - 1.2 of
#: Fourier reconstruction alone, the rest for the usual filter against ringing.
BLUR_PIXELS: Final = 0.67

#: Pixels of which the blurred muscle makes up less than this show the surroundings: they begin 0.84
#: standard deviations of blur beyond the outline.  Seen from further out, a layer of fluid a few
#: pixels wide is taken for what lies behind it.
BEYOND: Final = 0.2

#: Standard deviation of the weights of surrounding pixels, pixels; they reach three of them.
AROUND_PIXELS: Final = 1.0

#: Surroundings of less weight than this are too far away to be seen.
LEAST_WEIGHT: Final = 1e-3

#: Least part of the muscle that its signal is divided by.
LEAST_PART: Final = 0.05

#: How far the part of the muscle in a pixel may be off: an outline by a tenth of a pixel.
PART_SD: Final = 0.1

#: How far the surroundings may be from what is seen of them, as a share of how much they differ
#: from muscle: a strip of fat or fascia that fills a third of what is not muscle in a pixel.
AROUND_SD: Final = 0.35


@dataclass(frozen=True, eq=False)
class Rim:
    """What the muscle alone shows, arrays of shape (slices, rows, columns).

    Attributes
    ----------
    ratio : ndarray
        Ratio to reference muscle, the surroundings taken out.
    seen : ndarray
        The same with them.
    part, around : ndarray
        Part of the muscle in a pixel's signal, and the ratio of its surroundings.
    is_told : ndarray of bool
        Pixels of the muscle with surroundings seen near by; elsewhere ``ratio`` is as ``seen``.
    """

    ratio: FloatArray
    seen: FloatArray
    part: FloatArray
    around: FloatArray
    is_told: BoolArray

    def sd(self, where: BoolArray, spread: float) -> FloatArray:
        """Return the standard deviation of ``ratio`` at some pixels, from outline, surroundings and
        the ``spread`` of a pixel's ratio."""
        part, around = self.part[where], self.around[where]
        of_outline = PART_SD * (self.seen[where] - around) / part**2
        of_surroundings = AROUND_SD * (around - 1) * (1 - part) / part
        return np.sqrt(of_outline**2 + of_surroundings**2 + (spread / part) ** 2)


def covered(muscle: Region, image: CutOut) -> FloatArray:
    """Return the part of each pixel that lies inside the muscle's outlines, 0 to 1.

    A slice whose pixels are not those of one outline (several joined there) counts whole pixels.
    """
    outlines = {k: muscle.outlines[k] for k in muscle.slices if k in muscle.outlines}
    numbers = itertools.chain.from_iterable(itertools.chain.from_iterable(outlines.values()))
    vertices = np.fromiter(numbers, dtype=np.float64).reshape(-1, 3)
    every_corner = geometry.patient_to_voxel(image.affine, vertices)[:, 1:]
    corners, n_before = {}, 0
    for k, outline in outlines.items():
        corners[k] = every_corner[n_before : n_before + len(outline)]
        n_before += len(outline)
    part = area_of_pixels(corners, muscle.whole.shape)
    unlike = np.any(np.abs(part - muscle.whole) > UNLIKE, axis=(1, 2))
    return np.where(np.reshape(unlike, (-1, 1, 1)), muscle.whole, part)


def area_of_pixels(corners: Mapping[int, FloatArray], shape: tuple[int, ...]) -> FloatArray:
    """Return the share of each pixel that closed outlines, one a slice, take in.

    Lines along the rows cross an outline; what lies to the right of crossings downwards less what
    lies to the right of those upwards is inside.

    Parameters
    ----------
    corners : dict of int to ndarray of shape (n, 2)
        Row and column of the vertices by slice.
    shape : tuple of 3 ints
        Slices, rows and columns.

    Returns
    -------
    ndarray of that shape
    """
    n_slices, n_rows, n_columns = shape
    area = np.zeros((n_slices, n_rows, n_columns + 2))
    if not corners:
        return area[..., :n_columns]
    start = np.concatenate([*corners.values()])
    end = np.concatenate([part for ring in corners.values() for part in (ring[1:], ring[:1])])
    level = np.repeat(list(corners), [len(ring) for ring in corners.values()])
    lines = np.ceil((np.array([start[:, 0], end[:, 0]]) + 0.5) * LINES - 0.5)
    lines = np.minimum(np.maximum(lines, 0), n_rows * LINES).astype(np.intp)
    above, below = lines.min(axis=0), lines.max(axis=0)
    edge = np.repeat(np.arange(len(start)), below - above)
    line = np.arange(len(edge)) - (np.cumsum(below - above) - below)[edge]
    (row, column), (rise, run) = start[edge].T, (end - start)[edge].T
    crossing = column + run * (((line + 0.5) / LINES - 0.5 - row) / rise)
    place = np.minimum(np.maximum(crossing + 0.5, 0), n_columns)
    first = place.astype(np.intp)
    flat = np.ravel_multi_index((level[edge], line // LINES, first), area.shape)
    sense = np.sign(rise) / LINES
    part_of_first = sense * (first + 1 - place)
    for at, step in ((flat, part_of_first), (flat + 1, sense - part_of_first)):
        area += np.bincount(at, step, minlength=area.size).reshape(area.shape)
    inside = np.abs(np.cumsum(area, axis=-1)[..., :n_columns])
    return np.asarray(np.minimum(np.round(inside, ROUNDED), 1.0))


def muscle_alone(ratio: FloatArray, cover: FloatArray) -> Rim:
    """Return what the muscle alone shows: (signal - (1 - part) x surroundings) / part.

    Some muscle is in what is seen of the surroundings, too, by a part q: both signals are mixtures
    of the same two.  Solved for muscle alone, a pixel's part p becomes (p - q) / (1 - q).

    Parameters
    ----------
    ratio : ndarray of shape (slices, rows, columns)
        Signal over that of reference muscle, inside and outside.
    cover : ndarray, same shape
        Of `covered`.
    """
    part, is_known = blurred(cover, BLUR_PIXELS), np.isfinite(ratio)
    beyond = (part < BEYOND) & is_known  # what is masked away around a muscle is no surroundings
    weight = blurred(beyond.astype(np.float64), AROUND_PIXELS)
    is_told = (weight > LEAST_WEIGHT) & (cover > 0) & is_known
    around, spilt = (
        blurred(np.where(beyond, values, 0.0), AROUND_PIXELS) / np.maximum(weight, LEAST_WEIGHT)
        for values in (ratio, part)
    )
    part = np.maximum((part - spilt) / (1 - spilt), LEAST_PART)
    alone = np.where(is_told, around + (ratio - around) / part, ratio)
    return Rim(alone, ratio, part, around, is_told)


def blurred(values: FloatArray, sd_pixels: float) -> FloatArray:
    """Return values blurred slice by slice with a Gaussian."""
    return smoothed(values, (sd_pixels, sd_pixels), truncate=3.0, mode="nearest")
