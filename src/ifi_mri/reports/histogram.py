"""A histogram of two structures as shapes: bars for one, a stepped line for the other, a threshold.

Coordinates are those of an SVG of `WIDTH` x `HEIGHT` units; the words beside it are the page's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri.model import FloatArray

WIDTH: Final = 240.0
HEIGHT: Final = 132.0

#: Room for the numbers of the axes: left, right, top, bottom.
LEFT: Final = 26.0
RIGHT: Final = 8.0
TOP: Final = 8.0
BOTTOM: Final = 28.0

#: Ratios that are shown; what lies beyond counts to the outer bins.
RATIOS: Final = (0.0, 4.0)
BIN: Final = 0.1

#: Most numbers on the upright axis.
MOST_TICKS: Final = 4


@dataclass(frozen=True)
class Tick:
    """A number at an axis: where, and what."""

    at: float
    text: str


@dataclass(frozen=True)
class Histogram:
    """Shares of the pixels by ratio, as SVG path data; ``muscle`` filled, ``reference`` a line.

    ``threshold`` is where the upright line of the threshold stands, ``floor`` the axis's height.
    """

    muscle: str
    reference: str
    threshold: float
    threshold_ratio: float
    across: tuple[Tick, ...]
    upright: tuple[Tick, ...]
    n_muscle: int
    n_reference: int
    size: tuple[float, float] = (WIDTH, HEIGHT)
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    floor: float = HEIGHT - BOTTOM


def histogram(muscle: npt.ArrayLike, reference: npt.ArrayLike, threshold_ratio: float) -> Histogram:
    """Return the histogram of two structures' ratios to normal muscle."""
    values = [np.asarray(part, dtype=np.float64) for part in (muscle, reference)]
    edges = np.linspace(*RATIOS, round((RATIOS[1] - RATIOS[0]) / BIN) + 1)
    shares = [shares_of(part, edges) for part in values]
    highest = _round_share(max(float(part.max(initial=0.0)) for part in shares))
    drawn = [_steps(part, edges, highest) for part in shares]
    n_ticks = next(n for n in (MOST_TICKS, 3, 2, 1) if round(highest * 100) % n == 0)
    return Histogram(
        muscle=f"{drawn[0]}Z",
        reference=drawn[1],
        threshold=_x(min(threshold_ratio, RATIOS[1])),
        threshold_ratio=threshold_ratio,
        across=tuple(
            Tick(_x(ratio), f"{ratio:g}") for ratio in np.arange(RATIOS[0], RATIOS[1] + 0.5)
        ),
        upright=tuple(
            Tick(_y(share, highest), f"{100 * share:.0f}")
            for share in np.linspace(0, highest, n_ticks + 1)
        ),
        n_muscle=len(values[0]),
        n_reference=len(values[1]),
    )


def shares_of(values: FloatArray, edges: FloatArray) -> FloatArray:
    """Return the share of values in each bin; those beyond the outer edges count to the outer
    bins."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return np.asarray(counts / max(1, len(values)), dtype=np.float64)


def _round_share(share: float) -> float:
    """Return a share rounded up to a whole multiple of 4 %, at least that."""
    return max(1, int(np.ceil(share / 0.04 - 1e-9))) * 0.04


def _x(ratio: float) -> float:
    low, high = RATIOS
    return LEFT + (ratio - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def _y(share: float, highest: float) -> float:
    return HEIGHT - BOTTOM - share / highest * (HEIGHT - TOP - BOTTOM)


def _steps(shares: FloatArray, edges: FloatArray, highest: float) -> str:
    """Return the outline of bars from the axis and back to it."""
    floor = HEIGHT - BOTTOM
    first, *ends = edges.tolist()
    path = [f"M{_x(first):.1f},{floor:.1f}"]
    for share, end in zip(shares.tolist(), ends, strict=True):
        path.append(f"V{_y(share, highest):.1f}H{_x(end):.1f}")
    return f"{''.join(path)}V{floor:.1f}"
