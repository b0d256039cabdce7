"""A histogram of two structures as shapes: bars for one, a stepped line for the other, a threshold.

Coordinates are those of an SVG of `WIDTH` x `HEIGHT` units; the words beside it are the page's.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

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

#: Edges of the bins.
EDGES: Final = np.linspace(*RATIOS, round((RATIOS[1] - RATIOS[0]) / BIN) + 1)
EDGES.flags.writeable = False

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
    shares = [shares_of(part, EDGES) for part in values]
    highest = _round_share(max(float(part.max(initial=0.0)) for part in shares))
    drawn = [_steps(part, highest) for part in shares]
    n_ticks = next(n for n in (MOST_TICKS, 3, 2, 1) if round(highest * 100) % n == 0)
    return Histogram(
        muscle=f"{drawn[0]}Z",
        reference=drawn[1],
        threshold=_x(min(threshold_ratio, RATIOS[1])),
        threshold_ratio=threshold_ratio,
        across=_WHOLE_RATIOS,
        upright=tuple(
            Tick(_y(share, highest), f"{100 * share:.0f}")
            for share in np.linspace(0, highest, n_ticks + 1).tolist()
        ),
        n_muscle=len(values[0]),
        n_reference=len(values[1]),
    )


def shares_of(values: FloatArray, edges: FloatArray) -> FloatArray:
    """Return the share of values in each bin; those beyond the outer edges count to the outer
    bins."""
    ordered = np.sort(np.clip(values, edges[0], edges[-1]))
    n_below = ordered.searchsorted(edges)
    n_below[-1] = ordered.searchsorted(edges[-1], side="right")
    return np.asarray(np.diff(n_below) / max(1, len(values)), dtype=np.float64)


def _round_share(share: float) -> float:
    """Return a share rounded up to a whole multiple of 4 %, at least that."""
    return max(1, int(np.ceil(share / 0.04 - 1e-9))) * 0.04


def _x(ratio: float) -> float:
    low, high = RATIOS
    return LEFT + (ratio - low) / (high - low) * (WIDTH - LEFT - RIGHT)


_Share = TypeVar("_Share", float, FloatArray)


def _y(share: _Share, highest: float) -> _Share:
    return HEIGHT - BOTTOM - share / highest * (HEIGHT - TOP - BOTTOM)


def _steps(shares: FloatArray, highest: float) -> str:
    """Return the outline of bars from the axis and back to it."""
    floor = HEIGHT - BOTTOM
    steps = zip(_y(shares, highest).tolist(), _RIGHT_ENDS, strict=True)
    bars = "".join([f"V{y:.1f}{across}" for y, across in steps])
    return f"M{_x(EDGES[0]):.1f},{floor:.1f}{bars}V{floor:.1f}"


#: The numbers below the bars.
_WHOLE_RATIOS: Final = tuple(
    Tick(_x(ratio), f"{ratio:g}") for ratio in np.arange(RATIOS[0], RATIOS[1] + 0.5).tolist()
)

#: The way across each bar.
_RIGHT_ENDS: Final = tuple(f"H{_x(edge):.1f}" for edge in EDGES[1:].tolist())
