"""What the secondary measurements of a report were taken from, on their axial slices: the ischial
angle's arms, the outlines of the hamstring tendons and of quadratus femoris.

Drawn from the points that the report holds.  The neck-shaft angle has no axial slice; its lines
stand in ``report.json``.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from ifi_mri.model import FloatArray, Measurement, OpenVolume, Report, SliceValue, Study, Volume
from ifi_mri.reports import pictures
from ifi_mri.reports.figures import (
    DETAIL_MM,
    DETAIL_TYPE,
    SIGNAL_MARGIN_MM,
    Figure,
    Figures,
    figures_of,
    shown_slice,
    side_of,
    slice_index,
)
from ifi_mri.reports.label_places import Wanted
from ifi_mri.reports.pictures import GreySlice
from ifi_mri.reports.words import IN_ENGLISH, Words
from ifi_mri.vocabulary import MeasurementName, Side


class Drawing(NamedTuple):
    """How the points of a measurement are drawn: the kind of line, and whether it closes."""

    kind: str
    closed: bool


DRAWINGS: Final = {
    MeasurementName.ISCHIAL_ANGLE: Drawing("axis", False),
    MeasurementName.HAMSTRING_TENDON_AREA_MM2: Drawing("tendon", True),
    MeasurementName.QUADRATUS_FEMORIS_AREA_MM2: Drawing("qf", True),
}

#: Drawn only beside others: the outline of the muscle stands on the signal's picture already.
NEVER_ALONE: Final = MeasurementName.QUADRATUS_FEMORIS_AREA_MM2


def draw(
    report: Report, study: Study, open_volume: OpenVolume, words: Words = IN_ENGLISH
) -> Figures:
    """Return a figure for each slice of each side that a secondary measurement was taken on."""
    measured = [m for m in report.measurements if m.name in DRAWINGS]
    sides = {m.side for m in measured if m.name is not NEVER_ALONE}
    shown = [m for m in measured if m.side in sides]
    return figures_of(report, study, open_volume, [(shown, _figures)], words=words)


def _figures(
    report: Report,  # noqa: ARG001 - all kinds of figure are made by the same call
    measurements: Sequence[Measurement],
    volume: Volume,
    words: Words,
) -> list[Figure]:
    by_slice: dict[tuple[Side, int], list[tuple[Measurement, SliceValue]]] = {}
    for measurement in measurements:
        if shown := shown_slice(measurement):
            key = side_of(measurement), slice_index(volume, shown)
            by_slice.setdefault(key, []).append((measurement, shown))
    return [
        _figure(pictures.grey_slice(volume, index), [m for m, _ in drawn], drawn[0][1], words)
        for (_, index), drawn in by_slice.items()
        if any(m.name is not NEVER_ALONE for m, _ in drawn)
    ]


def _figure(
    grey: GreySlice, measurements: Sequence[Measurement], shown: SliceValue, words: Words
) -> Figure:
    side = side_of(measurements[0])
    drawn = [(m, grey.view.to_picture(m.points_mm)) for m in measurements]
    everything = np.concatenate([points for _, points in drawn])
    extent = float(max(np.ptp(everything, axis=0))) + 2 * SIGNAL_MARGIN_MM
    box = pictures.square_around(everything, max(DETAIL_MM, extent), grey.box)
    return Figure(
        kind="secondary",
        side=side,
        measurements=tuple(measurements),
        shown=shown,
        panels=(
            pictures.compose(
                grey,
                box,
                title=words(
                    "figure.slice",
                    hip=words(f"hip.{side}"),
                    position=f"{shown.slice_position_mm:.1f}",
                ),
                description="; ".join(
                    f"{words.title(m.name)} {words.value_of(m)}" for m in measurements
                ),
                type_share=DETAIL_TYPE,
                paths=[
                    pictures.outline_path(DRAWINGS[m.name].kind, points, DRAWINGS[m.name].closed)
                    for m, points in drawn
                ],
                wanted=[_label(m, points, words) for m, points in drawn],
                obstacles=[
                    segment
                    for m, points in drawn
                    for segment in pictures.outline_segments(points, DRAWINGS[m.name].closed)
                ],
            ),
        ),
    )


def _label(measurement: Measurement, points: FloatArray, words: Words) -> Wanted:
    """Return the value beside the topmost point of what is drawn."""
    x, y = points[int(np.argmin(points[:, 1]))]
    kind = f"{DRAWINGS[measurement.name].kind} outline"
    text = words.value_of(measurement)
    return Wanted(text, kind, float(x), float(y), -math.pi / 2, 1.0)
