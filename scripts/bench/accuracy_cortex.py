"""What could be known of a thin cortex at best: a section of ``accuracy.py``.

Two bounds for an observer of a straight edge on the phantom's pictures (``tests/bones.py``), whose
pixels hold independent normal noise of SD marrow / SNR.

*Told*: the power of the most powerful test (Neyman and Pearson, Philos Trans R Soc A 1933;231:289)
of a cortex against none at a false alarm of one in a thousand, ``Phi(d - z)``.  ``d``, the SD that
both lie apart, is that of what is left of their difference when the best edge without a cortex is
taken away: where all brightness and the point spread are known; where the brightness of marrow and
surroundings is not, as in a patient; and where, besides, the edge without a cortex may ring, for
the k-space may have been cut off without a filter.  For edges along the pixels' rows and halfway
between rows and columns, which ring with a shorter wave.

*SD*: the Cramér-Rao bound of the outer edge's place where the brightness of marrow and surroundings
is unknown, that of the cortex known to 0.08 of the marrow, and its thickness known or not.
"""

import numpy as np
from bones import CORTEX, MARROW, MUSCLE
from scipy.special import ndtr, sici
from scipy.stats import norm

#: In pixels: the phantom's point spread, and what the refinement looks at on both sides of an edge.
BLUR_PIXELS = 0.46
BESIDE_PIXELS = 2.5

FALSE_ALARM = 1e-3

#: What a refinement looks at, and what it has looked at when it has followed the bone to both
#: sides.
LENGTHS_PIXELS = (14, 42)

#: Half the shortest wave, in pixels: along rows, and halfway between rows and columns.
CUTOFFS = {"along": 1.0, "between": np.sqrt(0.5)}

PICTURES = ((1.2, 15, 1.0), (1.2, 40, 1.0), (0.8, 15, 1.0), (1.2, 15, 1.5))


def run(arguments):  # noqa: ARG001 - exact: no draws
    """Print the table."""
    print("\nWhat could be known at best of a cortex beside muscle\n")
    print(
        "| pixels, SNR, cortex, edge | told, all known | levels unknown "
        "| may ring, along / between | SD, thickness known | unknown |"
    )
    print("|---|---|---|---|---|---|")
    for pixel_mm, snr, cortex_mm in PICTURES:
        for length in LENGTHS_PIXELS:
            _row(pixel_mm, snr, cortex_mm, length * pixel_mm)


def _row(pixel_mm, snr, cortex_mm, length_mm):
    edge = Edge(pixel_mm, snr, cortex_mm, length_mm)
    ringing = " / ".join(
        f"{power(min(edge.apart(), edge.apart(cutoff=share))):.0%}" for share in CUTOFFS.values()
    )
    print(
        f"| {pixel_mm} mm, {snr}, {cortex_mm:g} mm, {length_mm:.0f} mm "
        f"| {power(edge.apart(levels_known=True)):.0%} | {power(edge.apart()):.0%} | {ringing} "
        f"| {edge.least_sd_mm(thickness_known=True):.2f} | {edge.least_sd_mm(False):.2f} |"
    )


def power(apart_sd):
    """Return the power of a test of two cases so many SD apart."""
    return norm.cdf(apart_sd - norm.isf(FALSE_ALARM))


class Edge:
    """A straight edge of bone with a cortex, beside muscle: heights outward, mm."""

    def __init__(self, pixel_mm, snr, cortex_mm, length_mm):
        """Take the picture's pixels and noise, the cortex, and how much of the edge is seen."""
        self.pixel_mm, self.cortex_mm = pixel_mm, cortex_mm
        reach = BESIDE_PIXELS * pixel_mm
        self.height = np.linspace(-cortex_mm - reach, reach, 2001)
        step = self.height[1] - self.height[0]
        self.weight = step * length_mm * (snr / MARROW / pixel_mm) ** 2  # of squared differences

    def blurred(self, height):
        """Return a step that does not ring."""
        return ndtr(height / (BLUR_PIXELS * self.pixel_mm))

    def profile(self, place=0.0, log_thickness=0.0, levels=(MARROW, CORTEX, MUSCLE)):
        """Return marrow, cortex and muscle, whose outer edge lies at a place."""
        outer = self.blurred(self.height - place)
        inner = 1 - self.blurred(self.height - place + self.cortex_mm * np.exp(log_thickness))
        return levels[0] * inner + levels[1] * (1 - inner - outer) + levels[2] * outer

    def apart(self, levels_known=False, cutoff=None):
        """Return how many SD a cortex and none lie apart; with a cutoff, none rings."""
        seen, best = self.profile(), np.inf
        for place in np.arange(-2 * self.cortex_mm, self.cortex_mm / 2, 0.01):
            height = self.height - place
            if cutoff is None:
                outer = self.blurred(height)
            else:
                outer = 0.5 + sici(np.pi * height / (cutoff * self.pixel_mm))[0] / np.pi
            sides = np.stack([1 - outer, outer], axis=1)
            levels = np.array([MARROW, MUSCLE])
            if not levels_known:
                levels = np.linalg.lstsq(sides, seen, rcond=None)[0]
            best = min(best, ((seen - sides @ levels) ** 2).sum() * self.weight)
        return np.sqrt(best)

    def least_sd_mm(self, thickness_known):
        """Return the Cramér-Rao bound of the outer edge's place, mm."""
        small = 1e-4
        slopes = [self._slope(place=small), *(self._slope(level=k) for k in range(3))]
        if not thickness_known:
            slopes.append(self._slope(log_thickness=small))
        information = np.array([[(a * b).sum() for b in slopes] for a in slopes]) * self.weight
        information[2, 2] += (0.08 * MARROW) ** -2  # as in the refinement
        return np.sqrt(np.linalg.inv(information)[0, 0])

    def _slope(self, place=0.0, log_thickness=0.0, level=None):
        small = place or log_thickness or 1e-4
        levels = np.array([MARROW, CORTEX, MUSCLE])
        if level is not None:
            levels[level] += small
        return (self.profile(place, log_thickness, levels) - self.profile()) / small
