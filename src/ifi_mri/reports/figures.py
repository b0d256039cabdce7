"""What the pictures of a report show: the spaces on their slices; and how any figure is made.

Everything is drawn from what the report holds, the same points that the numbers come from; only
the grey values are read from the images again.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from ifi_mri import geometry
from ifi_mri.errors import IfiMriError
from ifi_mri.model import (
    FloatArray,
    Measurement,
    OpenVolume,
    Point,
    Report,
    Series,
    SliceValue,
    Study,
    Volume,
)
from ifi_mri.reports import pictures
from ifi_mri.reports.histogram import Histogram
from ifi_mri.reports.label_places import Wanted
from ifi_mri.reports.pictures import GreySlice, Panel
from ifi_mri.reports.words import IN_ENGLISH, LANDMARK_TAGS, Words
from ifi_mri.vocabulary import MeasurementName, Side

#: The distances that are drawn, in the order in which they are looked for.
SPACES: Final = (MeasurementName.ISCHIOFEMORAL_SPACE, MeasurementName.QUADRATUS_FEMORIS_SPACE)

#: Width of the magnified part, mm: both ends and the muscle between them, the same on both sides
#: so that they can be compared by eye; more only where a space is wider than this share of it.
DETAIL_MM: Final = 80.0
DETAIL_SHARE: Final = 0.65

#: Short labels by the names that a measurement's details use.
TAGS: Final[dict[object, str]] = {str(k): tag for k, tag in LANDMARK_TAGS.items()}

#: What is shown around the signal outlines, mm.
SIGNAL_MARGIN_MM: Final = 12.0

#: Height of the type as a share of the width: an overview is shown smaller than a detail.
OVERVIEW_TYPE: Final = 0.058
DETAIL_TYPE: Final = 0.042
SIGNAL_TYPE: Final = 0.054


@dataclass(frozen=True)
class Figure:
    """Pictures of one slice and what stands beneath them.

    ``n_above`` and ``n_pixels`` count the voxels of a signal figure on its slice, ``histogram``
    shows those of all slices.
    """

    kind: str
    side: Side
    measurements: tuple[Measurement, ...]
    shown: SliceValue
    panels: tuple[Panel, ...]
    n_above: int | None = None
    n_pixels: int | None = None
    histogram: Histogram | None = None


@dataclass(frozen=True)
class Figures:
    """All figures of a report; ``notes`` say which pictures could not be made, and why."""

    figures: tuple[Figure, ...]
    notes: tuple[str, ...]

    def on(self, side: Side) -> tuple[Figure, ...]:
        """Return the figures of one side of the patient."""
        return tuple(figure for figure in self.figures if figure.side is side)


MakeFigures: TypeAlias = Callable[[Report, Sequence[Measurement], Volume, Words], list[Figure]]
"""Makes the figures of measurements on one series."""


def draw(
    report: Report, study: Study, open_volume: OpenVolume, words: Words = IN_ENGLISH
) -> Figures:
    """Return the figures of a report's spaces.

    Each series is opened once, for the slices that are shown.  A picture that cannot be made
    becomes a note: the numbers do not depend on it.
    """
    spaces = [m for m in report.measurements if m.name in SPACES]
    return figures_of(report, study, open_volume, [(spaces, _space_figures)], words=words)


def figures_of(
    report: Report,
    study: Study,
    open_volume: OpenVolume,
    kinds: Iterable[tuple[Sequence[Measurement], MakeFigures]],
    points_of: Callable[[Measurement], Iterable[Point]] | None = None,
    words: Words = IN_ENGLISH,
) -> Figures:
    """Return the figures of measurements, each kind by its own maker.

    ``points_of`` says which slices are opened: those that hold its points; None means the slice
    that each measurement shows.
    """
    figures: list[Figure] = []
    notes: list[str] = []
    for measured, make in kinds:
        for series_uid in dict.fromkeys(m.series_uid for m in measured):
            of_series = [m for m in measured if m.series_uid == series_uid]
            try:
                points = [
                    point
                    for m in of_series
                    for point in (points_of(m) if points_of else m.points_mm)
                ]
                volume = open_volume(_series(report, study, series_uid), points)
                figures += make(report, of_series, volume, words)
            except NoPicture as problem:
                notes.append(str(problem))
            except IfiMriError as problem:
                notes.append(_not_opened(series_uid, problem))
    return Figures(tuple(figures), tuple(dict.fromkeys(notes)))


def shown_slice(measurement: Measurement) -> SliceValue | None:
    """Return the slice whose evidence a measurement shows; None where it kept none."""
    for value in measurement.per_slice:
        if value.points_mm == measurement.points_mm:
            return value
    return None


class NoPicture(IfiMriError):  # noqa: N818 - an absence, not an error
    """Says why a picture cannot be made; becomes a note in the report."""


def _not_opened(series_uid: str | None, problem: IfiMriError) -> str:
    """Return a note without the error's own words: they may name a folder, and folders are often
    named after patients."""
    return (
        f"No picture: the slices of series {series_uid} could not be opened again "
        f"({type(problem).__name__}). The numbers do not depend on it."
    )


def _series(report: Report, study: Study, series_uid: str | None) -> Series:
    """Return a series with its files: from the study, since a report that was read from JSON holds
    none."""
    chosen = (choice.series for choice in report.series if choice.series)
    for series in (*study.series, *chosen):
        if series.series_uid == series_uid and series.instances:
            return series
    raise NoPicture(f"No picture: series {series_uid} is not among the files of this study.")


def slice_index(volume: Volume, shown: SliceValue) -> int:
    """Return the slice of a volume that a value was taken on: the one it names, else where its
    points lie."""
    for index, instance in enumerate(volume.instances):
        if shown.sop_instance_uid and instance.sop_instance_uid == shown.sop_instance_uid:
            return index
    return _nearest_slice(volume, shown.points_mm)


def side_of(measurement: Measurement) -> Side:
    if measurement.side is None:
        raise NoPicture(f"No picture: the {IN_ENGLISH.title(measurement.name)} names no side.")
    return measurement.side


def _nearest_slice(volume: Volume, points_mm: Iterable[Point]) -> int:
    index = geometry.nearest_slice(
        float(geometry.slice_coordinate(volume.affine, list(points_mm)).mean())
    )
    if not 0 <= index < len(volume.voxels):
        raise NoPicture("No picture: the slice was not among those that were opened.")
    return index


# --- the spaces ---------------------------------------------------------------------------------


def _space_figures(
    report: Report,  # noqa: ARG001 - both kinds of figure are made by the same call
    measurements: Sequence[Measurement],
    volume: Volume,
    words: Words,
) -> list[Figure]:
    """Return a figure for each slice of each side that shows a headline distance."""
    by_slice: dict[tuple[Side, int], list[tuple[Measurement, SliceValue]]] = {}
    for measurement in measurements:
        if shown := shown_slice(measurement):
            key = side_of(measurement), slice_index(volume, shown)
            by_slice.setdefault(key, []).append((measurement, shown))
    greys = {index: pictures.grey_slice(volume, index) for index in {i for _, i in by_slice}}
    return [
        _space_figure(greys[index], [m for m, _ in drawn], drawn[0][1], words)
        for (_, index), drawn in by_slice.items()
    ]


def _space_figure(
    grey: GreySlice, measurements: Sequence[Measurement], shown: SliceValue, words: Words
) -> Figure:
    side = side_of(measurements[0])
    ends = [grey.view.to_picture(m.points_mm) for m in measurements]
    lines = [(_line_kind(m), points) for m, points in zip(measurements, ends, strict=True)]
    everything = np.concatenate(ends)
    extent = float(max(np.ptp(everything, axis=0)))
    detail = pictures.square_around(
        everything, max(DETAIL_MM, _rounded_up(extent / DETAIL_SHARE)), grey.box
    )
    overview = pictures.within(pictures.around([pictures.body(grey), detail]), grey.box)
    position = f"{shown.slice_position_mm:.1f}"
    where = words("figure.slice", hip=words(f"hip.{side}"), position=position)
    what = "; ".join(f"{words.title(m.name)} {words.value_of(m)}" for m in measurements)
    return Figure(
        kind="space",
        side=side,
        measurements=tuple(measurements),
        shown=shown,
        panels=(
            pictures.compose(
                grey,
                overview,
                title=words("figure.overview", where=where),
                description=words("figure.overview.is", what=what),
                type_share=OVERVIEW_TYPE,
                lines=lines,
                frame=detail,
                max_pixels=pictures.OVERVIEW_PIXELS,
            ),
            pictures.compose(
                grey,
                detail,
                title=words("figure.detail", where=where),
                description=words("figure.detail.is", what=what),
                type_share=DETAIL_TYPE,
                lines=lines,
                paths=[path for m in measurements for path in _refined_paths(grey, m)],
                wanted=[
                    label
                    for m, points in zip(measurements, ends, strict=True)
                    for label in _space_labels(m, points, words)
                ],
            ),
        ),
    )


def _refined_paths(grey: GreySlice, measurement: Measurement) -> Iterator[pictures.Path]:
    """Yield the edges found at the ends of a distance, and the line as it was marked."""
    ends = measurement.refined_ends
    for end in ends:
        if end.edge_mm:
            yield pictures.outline_path("edge", grey.view.to_picture(end.edge_mm), False)
    if any(end.is_refined for end in ends):
        marked = grey.view.to_picture([end.reader_mm for end in ends])
        yield pictures.outline_path("as-marked", marked, False)


def _rounded_up(mm: float) -> float:
    return math.ceil(mm / 10) * 10.0


def _line_kind(measurement: Measurement) -> str:
    return IN_ENGLISH.short_title(measurement.name).lower()


def _space_labels(measurement: Measurement, ends: FloatArray, words: Words) -> list[Wanted]:
    """Return the value beside the middle of a line, and what was marked beyond its ends."""
    kind = _line_kind(measurement)
    (x, y), (x_end, y_end) = ((float(a), float(b)) for a, b in ends)
    along = math.atan2(y_end - y, x_end - x)
    upwards = along - math.pi / 2 if math.cos(along) >= 0 else along + math.pi / 2
    text = f"{words.short_title(measurement.name)} {words.value_of(measurement)}"
    labels = [Wanted(text, f"{kind} value", (x + x_end) / 2, (y + y_end) / 2, upwards, 1.15)]
    details = dict(measurement.details)
    for key, at, direction in (
        ("near_landmark", (x, y), along + math.pi),
        ("far_landmark", (x_end, y_end), along),
    ):
        if tag := TAGS.get(details.get(key)):
            labels.append(Wanted(tag, f"{kind} end", *at, direction, 0.9))
    return labels
