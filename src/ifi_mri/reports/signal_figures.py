"""The picture of quadratus femoris signal: the slice as acquired, the z-map on it, the histogram.

The map is made again from what the report holds and the pixels (`ifi_mri.reports.signal_map`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri.model import (
    FloatArray,
    Landmark,
    Measurement,
    OpenVolume,
    Point,
    Report,
    SliceValue,
    Study,
    Volume,
)
from ifi_mri.reports import pictures
from ifi_mri.reports.figures import (
    DETAIL_MM,
    SIGNAL_MARGIN_MM,
    SIGNAL_TYPE,
    Figure,
    Figures,
    NoPicture,
    figures_of,
    shown_slice,
    side_of,
    slice_index,
)
from ifi_mri.reports.histogram import histogram
from ifi_mri.reports.label_places import Box, Segment, Wanted
from ifi_mri.reports.pictures import GreySlice
from ifi_mri.reports.signal_map import (
    SignalMap,
    moved_as_measured,
    nearest_slices,
    signal_map,
)
from ifi_mri.reports.words import IN_ENGLISH, LANDMARK_TAGS, Words
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Side

#: The measurement that keeps what its picture needs.
SIGNAL: Final = MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION

#: Grey (0 black to 1 white) of the reference muscle in signal pictures.  A window tied to the
#: reference, not to the slice, lets both sides and all slices be compared by eye: a quarter leaves
#: room for signal up to four times as high.
REFERENCE_GREY: Final = 0.25

#: z that the ends of the colour scale stand for; the same in every report.
Z_SCALE: Final = (0.0, 10.0)

#: Colours of the scale, dark to bright: five places of the perceptually even map viridis (van der
#: Walt and Smith 2015, CC0).
VIRIDIS: Final = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))

#: Where they stand on the scale, 0 to 1.
PLACES: Final = tuple(k / (len(VIRIDIS) - 1) for k in range(len(VIRIDIS)))

#: How much of the grey picture the map covers.
OPACITY: Final = 0.8


def draw(
    report: Report, study: Study, open_volume: OpenVolume, words: Words = IN_ENGLISH
) -> Figures:
    """Return a figure of the slice that each side's signal measurement shows."""
    signals = [m for m in report.measurements if m.name is SIGNAL]
    return figures_of(report, study, open_volume, [(signals, _figures)], every_slice, words)


def every_slice(measurement: Measurement) -> Iterable[Point]:
    """Return points on every slice that a measurement was taken on: the histogram shows all."""
    return [point for value in measurement.per_slice for point in value.points_mm]


def _figures(
    report: Report, measurements: Sequence[Measurement], volume: Volume, words: Words
) -> list[Figure]:
    return [
        _figure(report, measurement, shown, volume, words)
        for measurement in measurements
        if (shown := shown_slice(measurement))
    ]


def _figure(
    report: Report, measurement: Measurement, shown: SliceValue, volume: Volume, words: Words
) -> Figure:
    index, side = slice_index(volume, shown), side_of(measurement)
    marks = _regions(report, side)
    moved = moved_as_measured(measurement, marks)
    outlines = [
        mark
        for mark, nearest in zip(moved, nearest_slices(volume, moved), strict=True)
        if nearest == index
    ]
    if not outlines:
        raise NoPicture("No picture: the report holds no outline on the slice that was measured.")
    indices = [slice_index(volume, value) for value in measurement.per_slice]
    found = signal_map(measurement, indices, marks, volume)
    grey = pictures.grey_slice(volume, index, _window(shown))
    drawn = [
        (LANDMARK_TAGS[mark.name], grey.view.to_picture(mark.vertices_mm)) for mark in outlines
    ]
    box = _box(grey, [points for _, points in drawn])
    n_above = int(found.above(index).sum()) if found else 0
    n_pixels = int(found.slices[index].muscle.sum()) if found else 0
    position = f"{shown.slice_position_mm:.1f}"
    where = words("figure.fluid_slice", hip=words(f"hip.{side}"), position=position)
    mapped = pictures.compose(
        grey,
        box,
        title=words("figure.map", where=where),
        description=words("figure.map.is", above=n_above, pixels=n_pixels),
        type_share=SIGNAL_TYPE,
        paths=[
            *_framed(found, index, grey),
            *(pictures.outline_path(tag.lower(), points, True) for tag, points in drawn),
        ],
        wanted=[_outline_label(tag, points) for tag, points in drawn],
        obstacles=_segments(points for _, points in drawn),
        overlay=_overlay(found, index, grey) if found else None,
    )
    plain = replace(
        mapped,
        title=words("figure.plain", where=where),
        description=words("figure.plain.is"),
        paths=(),
        labels=(),
        overlay=None,
    )
    return Figure(
        kind="signal",
        side=side,
        measurements=(measurement,),
        shown=shown,
        n_above=n_above,
        n_pixels=n_pixels,
        histogram=None
        if found is None
        else histogram(
            found.values(LandmarkName.QUADRATUS_FEMORIS),
            found.values(LandmarkName.REFERENCE_MUSCLE),
            found.threshold,
        ),
        panels=(plain, mapped),
    )


def _regions(report: Report, side: Side) -> list[Landmark]:
    """Return the closed outlines of muscle and reference of one side."""
    wanted = (LandmarkName.QUADRATUS_FEMORIS, LandmarkName.REFERENCE_MUSCLE)
    return [
        mark
        for mark in report.landmarks
        if mark.side is side and mark.closed and mark.name in wanted
    ]


def _framed(found: SignalMap | None, index: int, grey: GreySlice) -> list[pictures.Path]:
    """Return the border of the voxels above the threshold; their area shows the map."""
    if found is None:
        return []
    border = pictures.border_path("above-border", found.above(index), grey.view, found.first)
    return [border] if border else []


def _overlay(found: SignalMap, index: int, grey: GreySlice) -> pictures.Image | None:
    """Return the z-map of muscle and reference in colour, clear everywhere else."""
    one = found.slices[index]
    there = one.muscle | one.reference
    colours = np.zeros((*there.shape, 4), dtype=np.uint8)
    colours[there] = colours_of(found.z(index)[there])
    return pictures.overlay_of(colours, grey.view, found.first)


def colours_of(z: FloatArray) -> npt.NDArray[np.uint8]:
    """Return the colours of z-values on `Z_SCALE`, shape (..., 4): red, green, blue, opacity."""
    low, high = Z_SCALE
    place = np.fmin(np.fmax((z - low) / (high - low), 0), 1)  # 0 where z is no number
    colours = np.full((*z.shape, 4), round(255 * OPACITY), dtype=np.uint8)
    for channel, of_places in enumerate(zip(*VIRIDIS, strict=True)):
        colours[..., channel] = np.rint(np.interp(place, PLACES, of_places))
    return colours


def _window(shown: SliceValue) -> tuple[float, float] | None:
    level = dict(shown.details).get("reference_level")
    if not isinstance(level, int | float) or level <= 0:
        return None
    return 0.0, level / REFERENCE_GREY


def _box(grey: GreySlice, outlines: Sequence[FloatArray]) -> Box:
    held = pictures.around([pictures.bounds(points) for points in outlines], SIGNAL_MARGIN_MM)
    side = max(held.width, held.height, DETAIL_MM)
    return pictures.square_around(np.array([held.centre]), side, grey.box)


def _outline_label(tag: str, points: FloatArray) -> Wanted:
    """Return the name of an outline beside its topmost vertex."""
    x, y = points[int(np.argmin(points[:, 1]))]
    return Wanted(tag, f"{tag.lower()} outline", float(x), float(y), -math.pi / 2, 1.0)


def _segments(outlines: Iterable[FloatArray]) -> list[Segment]:
    return [part for points in outlines for part in pictures.outline_segments(points, True)]
