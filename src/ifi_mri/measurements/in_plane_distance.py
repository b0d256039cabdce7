"""The smallest distance between two structures in the plane of an axial slice.

Both spaces of the ischiofemoral passage are such distances: group the landmarks by slice, take the
smallest in-plane distance on each slice, headline the smallest over the slices.  The two ends must
lie on one slice: joining ends 6 mm apart across the slices adds 1.2 mm to a gap of 15 mm.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np

from ifi_mri import geometry
from ifi_mri.measurements import distance_uncertainty
from ifi_mri.measurements.distance_uncertainty import Budget
from ifi_mri.model import (
    Grid,
    Hip,
    Landmark,
    MarkedGap,
    Measurement,
    NotMeasured,
    Point,
    RefinedEnd,
    RefinedGap,
    Series,
    SliceValue,
)
from ifi_mri.segments import shortest_lines
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Role, at_printed_precision

MAX_TILT_DEG: Final = geometry.MAX_AXIAL_TILT_DEG


class Unmeasurable(Exception):  # noqa: N818 - an absence, not an error
    """Says in a sentence why there is no number; becomes a NotMeasured."""


class SpaceEnds(NamedTuple):
    """What a space lies between: the structure at the ischial end, and those at the femoral end,
    of which the nearest counts."""

    near: LandmarkName
    far: tuple[LandmarkName, ...]


class Gap(NamedTuple):
    """The smallest distance on one slice."""

    value: SliceValue
    marks: tuple[Landmark, Landmark]

    @property
    def far(self) -> LandmarkName:
        """The structure at the femoral end."""
        return self.marks[1].name


class _Pair(NamedTuple):
    """Two structures on one slice, and the shortest line between them as they were marked."""

    slice_index: int
    marks: tuple[Landmark, Landmark]
    distance_mm: float
    points_mm: tuple[Point, Point]


def smallest_over_slices(
    hip: Hip,
    name: MeasurementName,
    near: LandmarkName,
    far: Sequence[LandmarkName],
    landmark_sd_mm: float,
) -> Measurement | NotMeasured:
    """Return the smallest in-plane distance from ``near`` to any of ``far`` over the slices, mm.

    Parameters
    ----------
    hip : Hip
    name : MeasurementName
    near : LandmarkName
        The structure at the ischial end.
    far : sequence of LandmarkName
        The structures at the femoral end; on each slice the nearest of them counts.
    landmark_sd_mm : float
        Standard deviation of a placed point, per axis, mm.

    Returns
    -------
    Measurement or NotMeasured
        With its budget of uncertainty.  Where two slices tie, the one nearer the head wins.
    """
    try:
        series = axial_anatomy(hip)
        gaps = gaps_by_slice(hip, series, near, far)
    except Unmeasurable as reason:
        return NotMeasured(name, hip.side, str(reason))
    narrowest = min(gaps, key=lambda gap: (gap.value.value, -gap.value.slice_position_mm))
    budget = _budget(gaps, landmark_sd_mm)
    return Measurement(
        name=name,
        side=hip.side,
        value=narrowest.value.value,
        unit="mm",
        sd=budget.sd_mm,
        interval_95=budget.interval_95_mm(narrowest.value.value),
        method=(
            f"smallest in-plane distance from {near} to {narrowest.far} on one axial slice, "
            f"smallest of {len(gaps)} {'slice' if len(gaps) == 1 else 'slices'}"
            f"{_between_what(narrowest.value.refined_ends)}"
        ),
        points_mm=narrowest.value.points_mm,
        sop_instance_uid=narrowest.value.sop_instance_uid,
        n_slices=len(gaps),
        per_slice=tuple(gap.value for gap in gaps),
        series_uid=series.series_uid,
        details=(
            ("near_landmark", str(near)),
            ("far_landmark", str(narrowest.far)),
            ("landmark_sd_mm", landmark_sd_mm),
            ("slice_position_mm", narrowest.value.slice_position_mm),
        ),
        reader_value=_reader_value(gaps),
        refined_ends=narrowest.value.refined_ends,
        bias=budget.bias_mm,
        sources=budget.sources,
    )


def _budget(gaps: Sequence[Gap], landmark_sd_mm: float) -> Budget:
    values = [gap.value for gap in gaps]
    each = [
        distance_uncertainty.of_marks(
            value.value, value.points_mm, gap.marks, landmark_sd_mm, value.refined_ends
        )
        for gap, value in zip(gaps, values, strict=True)
    ]
    return distance_uncertainty.of_smallest(values, each)


def _reader_value(gaps: Sequence[Gap]) -> float | None:
    """Return the smallest over slices of the values between the points as they were marked; None
    where nothing was refined."""
    values = [gap.value for gap in gaps]
    if all(value.reader_value is None for value in values):
        return None
    return min(v.value if v.reader_value is None else v.reader_value for v in values)


def _between_what(ends: Sequence[RefinedEnd]) -> str:
    """Return what a distance was measured between, where edges were looked for."""
    if not ends:
        return ""
    if all(end.is_refined for end in ends):
        return ", between the edges found in the picture"
    if not any(end.is_refined for end in ends):
        return ", between the points as marked, since no edge was clear"
    on_edge, stayed = sorted(ends, key=lambda end: not end.is_refined)
    return (
        f", between the edge of {on_edge.landmark} found in the picture and the point of "
        f"{stayed.landmark} as marked"
    )


def axial_anatomy(hip: Hip) -> Series:
    """Return the anatomy series of a hip, which must be axial within `MAX_TILT_DEG`."""
    series = hip.series.get(Role.ANATOMY)
    if series is None or series.grid is None:
        raise Unmeasurable(hip.reasons.get(Role.ANATOMY, "no anatomy series"))
    tilt_deg = geometry.tilt_from_axial_deg(series.grid.affine)
    if tilt_deg > MAX_TILT_DEG:
        raise Unmeasurable(
            f"the anatomy series {series.label} is {geometry.plane_name(series.grid.affine)}, "
            f"{tilt_deg:.0f} degrees from axial; at most {MAX_TILT_DEG:.0f} are allowed"
        )
    return series


def gaps_by_slice(
    hip: Hip, series: Series, near: LandmarkName, far: Sequence[LandmarkName]
) -> list[Gap]:
    """Return the smallest gap of every slice that shows both ends, from foot to head of the
    stack."""
    ends = SpaceEnds(near, tuple(far))
    near_marks = hip.marked(near)
    far_marks = [mark for name in far for mark in hip.marked(name)]
    if not near_marks:
        raise Unmeasurable(f"no {near} landmark")
    if not far_marks:
        raise Unmeasurable(f"no {' or '.join(far)} landmark")
    return list(_gaps(tuple(near_marks), tuple(far_marks), series, hip.refined, ends))


@lru_cache(maxsize=4)  # the space itself, and what is measured at its level, ask for them
def _gaps(
    near_marks: tuple[Landmark, ...],
    far_marks: tuple[Landmark, ...],
    series: Series,
    refined: tuple[RefinedGap, ...],
    ends: SpaceEnds,
) -> tuple[Gap, ...]:
    near_on, far_on = by_slice(near_marks, series), by_slice(far_marks, series)
    pairs = _pairs(near_on, far_on)
    if not pairs:
        raise Unmeasurable(
            f"{ends.near} is marked on {slices_in_words(near_on, series)}, "
            f"{' or '.join(ends.far)} on {slices_in_words(far_on, series)}: both ends must lie on "
            f"one slice"
        )
    return tuple(
        _smallest_gap(refined, series, index, list(on_slice))
        for index, on_slice in groupby(_apart(pairs, series), key=lambda pair: pair.slice_index)
    )


def marked_gaps(hip: Hip, ends: SpaceEnds, within_mm: float) -> tuple[MarkedGap, ...]:
    """Return the shortest line between every two marked structures that a space may lie between,
    on every slice that shows both, unless it is longer by more than ``within_mm`` than the shortest
    on the slice; empty where the space cannot be measured."""
    try:
        series = axial_anatomy(hip)
        gaps_by_slice(hip, series, *ends)
    except Unmeasurable:
        return ()
    near_on = by_slice(hip.marked(ends.near), series)
    far_on = by_slice([mark for name in ends.far for mark in hip.marked(name)], series)
    return tuple(
        gap
        for index, on_slice in groupby(
            _apart(_pairs(near_on, far_on), series), key=lambda pair: pair.slice_index
        )
        for gap in _marked_gaps_on(list(on_slice), series, index, within_mm)
    )


def _marked_gaps_on(
    pairs: Sequence[_Pair], series: Series, index: int, within_mm: float
) -> Iterator[MarkedGap]:
    first_voxel = as_point(geometry.voxel_to_patient(_grid(series).affine, (index, 0, 0)))
    longest_mm = min(pair.distance_mm for pair in pairs) + within_mm
    for pair in pairs:
        if pair.distance_mm <= longest_mm:
            yield MarkedGap(*pair.marks, pair.points_mm, first_voxel)


def by_slice(landmarks: Iterable[Landmark], series: Series) -> dict[int, list[Landmark]]:
    """Return landmarks grouped by the slice of a series that they lie on: the nearest of those that
    the instance they name holds (several in a multi-frame file), of all where they name none.

    Half-way between two slices it is the first of them: structures that were drawn on one plane
    stay together, whatever the last digit of their mean is.
    """
    affine = _grid(series).affine
    uids = [instance.sop_instance_uid for instance in series.instances]
    grouped: dict[int, list[Landmark]] = {}
    for landmark in landmarks:
        uid = landmark.sop_instance_uid
        held = [k for k, one in enumerate(uids) if one == uid] if uid else []
        place = geometry.slice_coordinate_of(affine, landmark.centre_mm)
        index = min(
            held or range(len(uids)), key=lambda k: round(abs(k - place), geometry.SAME_PLACE)
        )
        grouped.setdefault(index, []).append(landmark)
    return grouped


def slice_position_mm(series: Series, index: int) -> float:
    """Return the position of a slice along the stack's normal, towards the head, mm."""
    return _slice_position_mm(_grid(series), index)


@lru_cache(maxsize=256)  # every measurement says where its slices lie
def _slice_position_mm(grid: Grid, index: int) -> float:
    centre_mm = geometry.voxel_to_patient(grid.affine, (index, 0, 0))
    return geometry.position_along_normal_mm(grid.affine, centre_mm)


def _smallest_gap(
    refined: Iterable[RefinedGap], series: Series, index: int, pairs: Sequence[_Pair]
) -> Gap:
    """Return the smallest gap of a slice: between the edges that the picture shows where they were
    looked for, else as marked."""
    found = [_value_between(pair, refined, series) for pair in pairs]
    k = min(range(len(found)), key=lambda k: found[k][0])
    value_mm, ends = found[k]
    instance = series.instances[index]
    value = SliceValue(
        value=value_mm,
        slice_position_mm=slice_position_mm(series, index),
        sop_instance_uid=instance.sop_instance_uid,
        points_mm=(ends[0].point_mm, ends[1].point_mm) if ends else pairs[k].points_mm,
        instance_number=instance.number,
        reader_value=min(pair.distance_mm for pair in pairs) if ends else None,
        refined_ends=ends,
    )
    return Gap(value, pairs[k].marks)


def _value_between(
    pair: _Pair, refined: Iterable[RefinedGap], series: Series
) -> tuple[float, tuple[RefinedEnd, ...]]:
    ends = _refined_ends(*pair.marks, refined)
    if not ends:
        return pair.distance_mm, ()
    return _in_plane_mm((ends[0].point_mm, ends[1].point_mm), series), ends


def _refined_ends(
    near: Landmark, far: Landmark, refined: Iterable[RefinedGap]
) -> tuple[RefinedEnd, ...]:
    for gap in refined:
        if gap.marked.near == near and gap.marked.far == far:
            return gap.ends
    return ()


def _in_plane_mm(points: tuple[Point, Point], series: Series) -> float:
    first, second = points
    return geometry.closest_in_plane(first, second, _grid(series).affine).distance_mm


def _pairs(
    near_on: Mapping[int, Sequence[Landmark]], far_on: Mapping[int, Sequence[Landmark]]
) -> list[tuple[int, Landmark, Landmark]]:
    """Return every two structures that a space may lie between, slice by slice."""
    both = sorted(near_on.keys() & far_on.keys())
    return [(index, a, b) for index in both for a in near_on[index] for b in far_on[index]]


def _apart(pairs: Sequence[tuple[int, Landmark, Landmark]], series: Series) -> list[_Pair]:
    """Return the shortest line between the two structures of every pair.

    Bones and tendons do not overlap: outlines that touch, cross or enclose one another were drawn
    or named wrongly, and a distance of 0 would be a false alarm.
    """
    affine = _grid(series).affine
    marks = {id(mark): mark for _, *both in pairs for mark in both}
    drawn = {
        key: geometry.segments_in_plane(mark.vertices_mm, affine, closed=mark.closed)
        for key, mark in marks.items()
    }
    lines = shortest_lines([(drawn[id(a)], drawn[id(b)]) for _, a, b in pairs])
    for (index, a, b), line in zip(pairs, lines, strict=True):
        enclosed = (a.closed and drawn[id(a)].enclose(drawn[id(b)].seen[0, 0])) or (
            b.closed and drawn[id(b)].enclose(drawn[id(a)].seen[0, 0])
        )
        if enclosed or at_printed_precision(line.distance_mm, "mm") == 0:
            raise Unmeasurable(
                f"{a.name} and {b.name} touch or overlap on the slice at "
                f"{slice_position_mm(series, index):.1f} mm; correct the landmarks"
            )
    return [
        _Pair(index, (a, b), line.distance_mm, (as_point(line.start), as_point(line.end)))
        for (index, a, b), line in zip(pairs, lines, strict=True)
    ]


def slices_in_words(marked: Iterable[int], series: Series) -> str:
    """Return where slices lie: ``the slices at 68.8 mm, 73.9 mm``."""
    places = [f"{slice_position_mm(series, index):.1f} mm" for index in sorted(marked)]
    return f"the {'slice' if len(places) == 1 else 'slices'} at {', '.join(places)}"


def _grid(series: Series) -> Grid:
    assert series.grid is not None, "axial_anatomy() let a series without a grid through"
    return series.grid


def as_point(position: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Point:
    """Return an array of shape (3,) as a point."""
    x, y, z = position.tolist()
    return x, y, z
