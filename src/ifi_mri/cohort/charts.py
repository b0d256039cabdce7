"""Small charts of a cohort as SVG that stands in a page: differences against means, ROC curves.

Drawn by hand rather than by a plotting library: a page of fifty charts takes milliseconds, its
text can be searched and its marks carry the hip they stand for as a tooltip.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from ifi_mri.cohort.cutoffs import CutoffStudy
from ifi_mri.cohort.readings import HipId
from ifi_mri.cohort.reliability import LimitsOfAgreement
from ifi_mri.cohort.roc import curve

WIDTH: Final = 440
HEIGHT: Final = 300
LEFT: Final = 52
RIGHT: Final = 84
TOP: Final = 12
BOTTOM: Final = 44

#: About as many ticks on an axis.
TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """A straight scale from values to places, with ticks at round values."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Iterable[float], start: float, end: float) -> "Axis":
        """Return an axis that shows all values, widened to round ends."""
        found = [value for value in values if math.isfinite(value)]
        low, high = min(found), max(found)
        step = _round_step((high - low) or 1.0)
        return cls(math.floor(low / step) * step, math.ceil(high / step) * step, start, end)

    def at(self, value: float) -> float:
        """Return where a value lies."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[float]:
        """Round values along the axis."""
        step = _round_step((self.high - self.low) or 1.0)
        n = round((self.high - self.low) / step)
        return [self.low + k * step for k in range(n + 1)]


def _round_step(span: float) -> float:
    """Return 1, 2 or 5 times a power of ten that parts a span into about `TICKS`."""
    rough = span / TICKS
    power = 10 ** math.floor(math.log10(rough))
    return float(next(f * power for f in (1, 2, 5, 10) if f * power >= rough * 0.999))


def differences(
    title: str,
    unit: str,
    hips: Sequence[HipId],
    first: Sequence[float],
    second: Sequence[float],
    limits: LimitsOfAgreement,
) -> str:
    """Return differences of two readings against their means, with bias and limits of agreement
    (Bland and Altman 1986)."""
    means = [(a + b) / 2 for a, b in zip(first, second, strict=True)]
    gaps = [a - b for a, b in zip(first, second, strict=True)]
    bands = (limits.lower, limits.bias, limits.upper)
    x = Axis.over(means, LEFT, WIDTH - RIGHT)
    y = Axis.over([*gaps, *(e for b in bands for e in (b.low, b.high))], HEIGHT - BOTTOM, TOP)
    parts = [_frame(x, y, f"Mean of both, {unit}", f"Difference, {unit}")]
    names = ("lower limit", "bias", "upper limit")
    for name, band in zip(names, bands, strict=True):
        kind = "bias" if name == "bias" else "limit"
        top = y.at(band.high)
        parts.append(
            f'<rect class="band {kind}" x="{LEFT}" y="{top}" width="{WIDTH - RIGHT - LEFT}" '
            f'height="{round(y.at(band.low) - top, 1)}"/>'
            f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(band.value)}" '
            f'y2="{y.at(band.value)}"/>'
            f'<text x="{WIDTH - RIGHT + 6}" y="{y.at(band.value) - 3}">{name}</text>'
            f'<text x="{WIDTH - RIGHT + 6}" y="{y.at(band.value) + 11}">{band.value:+.2f}</text>'
        )
    for hip, mean, gap in zip(hips, means, gaps, strict=True):
        label = escape(f"{hip[0]}, {hip[1]}: {gap:+.2f} {unit}")
        parts.append(
            f'<circle cx="{x.at(mean)}" cy="{y.at(gap)}" r="3"><title>{label}</title></circle>'
        )
    return _svg(title, parts)


def roc_chart(title: str, study: CutoffStudy) -> str:
    """Return the ROC curve of a space with Youden's cut-off and every profile's."""
    assert study.hips is not None
    assert study.at_best is not None
    x = Axis(0, 100, LEFT, WIDTH - RIGHT)
    y = Axis(0, 100, HEIGHT - BOTTOM, TOP)
    _, sensitivity, specificity = curve(study.hips)
    corners = [
        (x.at(100 * (1 - spec)), y.at(100 * sens))
        for sens, spec in zip(sensitivity.tolist(), specificity.tolist(), strict=True)
    ]
    path = "M" + " L".join(f"{px} {py}" for px, py in _steps(corners))
    parts = [
        _frame(x, y, "1 - specificity, %", "Sensitivity, %"),
        f'<line class="chance" x1="{x.at(0)}" y1="{y.at(0)}" x2="{x.at(100)}" y2="{y.at(100)}"/>',
        f'<path class="curve" d="{path}"/>',
    ]
    marks = [("best", "here", study.at_best), *(
        ("profile", one.profile.title, one.at) for one in study.profiles
    )]  # fmt: skip
    for kind, label, at in marks:
        text = escape(f"{label}: at or below {at.cutoff_mm:.1f} mm")
        place = f'cx="{x.at(100 * (1 - at.specificity))}" cy="{y.at(100 * at.sensitivity)}"'
        parts.append(f'<circle class="{kind}" {place} r="5"><title>{text}</title></circle>')
    parts.append(
        f'<circle class="best" cx="{WIDTH - RIGHT + 12}" cy="20" r="5"/>'
        f'<text x="{WIDTH - RIGHT + 22}" y="24">Youden</text>'
        f'<circle class="profile" cx="{WIDTH - RIGHT + 12}" cy="38" r="5"/>'
        f'<text x="{WIDTH - RIGHT + 22}" y="42">profiles</text>'
    )
    return _svg(title, parts)


def _steps(corners: Sequence[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    """Yield the corners of a curve; tied values make slanted pieces, as the area counts them."""
    last = None
    for corner in corners:
        if corner != last:
            yield corner
        last = corner


def _frame(x: Axis, y: Axis, x_title: str, y_title: str) -> str:
    """Return both axes with ticks and titles."""
    parts = [
        f'<line class="axis" x1="{LEFT}" x2="{x.end}" y1="{y.start}" y2="{y.start}"/>',
        f'<line class="axis" x1="{LEFT}" x2="{LEFT}" y1="{y.start}" y2="{y.end}"/>',
    ]
    parts += [
        f'<text class="tick" x="{x.at(tick)}" y="{y.start + 15}" text-anchor="middle">'
        f"{round(tick, 6):g}</text>"
        for tick in x.ticks
    ]
    parts += [
        f'<text class="tick" x="{LEFT - 6}" y="{y.at(tick) + 4}" text-anchor="end">'
        f"{round(tick, 6):g}</text>"
        for tick in y.ticks
    ]
    middle = (y.start + y.end) / 2
    parts.append(
        f'<text x="{(x.start + x.end) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(x_title)}</text>"
        f'<text transform="translate(13 {middle}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_title)}</text>"
    )
    return "".join(parts)


def _svg(title: str, parts: Iterable[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
