"""Do landmarks and images belong together?

Landmarks of another study, another frame of reference or the other side give numbers that look
right and are wrong; whatever can be told from UIDs and positions alone stops the case here, in one
sentence.  What only deserves care becomes a caution.  (The body's midline needs pixels: `midline`.)
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ifi_mri import geometry
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.landmarks.inside import check_inside, edge_cautions, may_not_leave
from ifi_mri.landmarks.mark_words import by_side, files_of, listed, words_of
from ifi_mri.landmarks.merging import agreed_observations
from ifi_mri.landmarks.shapes import AXES
from ifi_mri.landmarks.sides import check_sides
from ifi_mri.landmarks.vertices import Vertices
from ifi_mri.model import (
    Caution,
    Grid,
    Landmark,
    LandmarkSet,
    Point,
    Series,
    Study,
)
from ifi_mri.vocabulary import LandmarkName, Side

#: Parts of the slice spacing: beyond a half a point lies on another slice, beyond a quarter it
#: lies nearer to the middle between two slices than to either.
ON_SLICE_FRACTION: Final = 0.5
BETWEEN_SLICES_FRACTION: Final = 0.25

#: A point marked twice lies within this of itself; further apart, one of the two was misplaced or
#: they mark different ends of the structure.
SAME_POINT_MM: Final = 3.0

#: What a space lies between: its ischial end, and those at its femoral end.
_ACROSS: Final = {
    LandmarkName.ISCHIAL_TUBEROSITY: (LandmarkName.LESSER_TROCHANTER,),
    LandmarkName.HAMSTRING_ORIGIN: (
        LandmarkName.ILIOPSOAS_TENDON,
        LandmarkName.LESSER_TROCHANTER,
    ),
}

#: A point on the outermost face of a voxel is inside whatever rounding says.
_ROUNDING_MM: Final = 1e-3


class _Drawn(NamedTuple):
    """A landmark, and the slice coordinates of its lowest point, its highest and its centre."""

    mark: Landmark
    low: float
    high: float
    middle: float


def check(landmarks: LandmarkSet, study: Study, anatomy: Series | None) -> tuple[Caution, ...]:
    """Return cautions about landmarks that belong to a study; refuse those that do not.

    Parameters
    ----------
    landmarks : LandmarkSet
    study : Study
    anatomy : Series or None
        The series they are measured on; None where there is none, then only UIDs are compared.

    Returns
    -------
    tuple of Caution
        Codes ``landmarks_not_final``, ``frame_not_stated``, ``landmark_between_slices``,
        ``landmark_near_edge``, ``points_apart``, ``space_marked_twice``,
        ``ischium_lateral_to_trochanter``.

    Raises
    ------
    LandmarkMismatchError
        Another study, series, frame of reference or slice; a point outside the volume; swapped
        sides; one side wider than a hip; an outline drawn across slices; two values judged by eye
        for one side.
    LandmarkFormatError
        An oedema grade outside 0 to 3.
    """
    agreed_observations([landmarks])
    cautions = [*_status_cautions(landmarks), *_frame_cautions(landmarks, study, anatomy)]
    _check_uids(landmarks, study, anatomy)
    vertices = may_not_leave(landmarks)
    if anatomy is not None and anatomy.grid is not None:
        check_inside(vertices, landmarks, anatomy, anatomy.grid)
    _check_named_slices(landmarks, study, anatomy)
    if anatomy is not None and anatomy.grid is not None:
        drawn = _drawn_on(anatomy, vertices, anatomy.grid)
        _check_outlines(drawn, landmarks, anatomy, anatomy.grid)
        cautions += _slice_cautions(drawn, anatomy.grid)
        cautions += edge_cautions(vertices, anatomy.grid)
        cautions += _apart_cautions(drawn, anatomy.grid)
    cautions += check_sides(landmarks, anatomy)
    return tuple(cautions)


# --- UIDs ---------------------------------------------------------------------------------------


def _has_uids(study: Study) -> bool:
    """Return whether the images carry UIDs of their own: DICOM does, NIfTI does not."""
    return any(one.sop_instance_uid for series in study.series for one in series.instances)


def _check_uids(landmarks: LandmarkSet, study: Study, anatomy: Series | None) -> None:
    """Compare study, series and frame of reference, as far as both sides state them."""
    if not _has_uids(study):
        return
    if landmarks.study_uid and study.study_uid and landmarks.study_uid != study.study_uid:
        raise LandmarkMismatchError(
            f"{files_of(landmarks)}: placed on study {landmarks.study_uid}, the images are of "
            f"study {study.study_uid}. Name the study that the landmarks were placed on."
        )
    by_uid = {series.series_uid: series for series in study.series}
    if landmarks.series_uid and landmarks.series_uid not in by_uid:
        raise LandmarkMismatchError(
            f"{files_of(landmarks)}: placed on series {landmarks.series_uid}, which is not among "
            f"the {len(by_uid)} series of the study. Name the study that holds it."
        )
    drawn_on = by_uid.get(landmarks.series_uid or "")
    frame = landmarks.frame_of_reference_uid or (drawn_on and drawn_on.frame_of_reference_uid)
    expected = anatomy.frame_of_reference_uid if anatomy else None
    if anatomy and frame and expected and frame != expected:
        raise LandmarkMismatchError(
            f"{files_of(landmarks)}: placed in frame of reference {frame}, series {anatomy.label} "
            f"has {expected}; positions in one say nothing about the other. Choose the series "
            "they were placed on with --anatomy."
        )


def _check_named_slices(landmarks: LandmarkSet, study: Study, anatomy: Series | None) -> None:
    """Compare the slices that landmarks name with the study's and with where the points lie."""
    if not _has_uids(study):
        return
    frame = anatomy.frame_of_reference_uid if anatomy else None
    vertices = Vertices.of(
        mark for mark in landmarks.landmarks if mark.sop_instance_uid is not None
    )
    shown = [
        _Shown.of(series, vertices)
        for series in study.series
        if frame is None or series.frame_of_reference_uid in (None, frame)
    ]
    for number, mark in enumerate(vertices.marks):
        assert mark.sop_instance_uid is not None
        holding = [one for one in shown if mark.sop_instance_uid in one.places]
        if not holding:
            raise LandmarkMismatchError(
                f"{files_of(landmarks)}: the {words_of(mark)} names slice {mark.sop_instance_uid}, "
                "which is not among the study's slices in this frame of reference. Name the study "
                "that the landmarks were placed on."
            )
        for one in holding:
            _check_on_slice(mark, one.off_mm(number, mark.sop_instance_uid), one.grid, landmarks)


class _Shown(NamedTuple):
    """A series' slices by the instance that holds them (several in a multi-frame file), and from
    where to where landmarks reach across them: all in slice coordinates, nothing without a grid."""

    grid: Grid | None
    places: Mapping[str | None, Sequence[float]]
    low: Sequence[float]
    high: Sequence[float]

    @classmethod
    def of(cls, series: Series, vertices: Vertices) -> "_Shown":
        uids = [instance.sop_instance_uid for instance in series.instances]
        if series.grid is None:
            return cls(None, dict.fromkeys(uids, ()), (), ())
        affine = series.grid.affine
        origins = geometry.slice_coordinate(affine, [one.position_mm for one in series.instances])
        places: dict[str | None, list[float]] = {}
        for uid, place in zip(uids, origins.tolist(), strict=True):
            places.setdefault(uid, []).append(place)
        at = geometry.slice_coordinate(affine, vertices.points_mm)
        return cls(series.grid, places, vertices.lowest(at).tolist(), vertices.highest(at).tolist())

    def off_mm(self, number: int, uid: str) -> float:
        """Return how far a landmark lies off the slice of an instance; of several the nearest
        counts."""
        if self.grid is None:
            return 0.0
        low, high = self.low[number], self.high[number]
        return min(max(high - k, k - low) for k in self.places[uid]) * self.grid.slice_spacing_mm


def _check_on_slice(
    mark: Landmark, off_mm: float, grid: Grid | None, landmarks: LandmarkSet
) -> None:
    """Refuse a landmark off the slice it names."""
    if grid is None:
        return
    allowed_mm = ON_SLICE_FRACTION * grid.slice_spacing_mm
    if off_mm > allowed_mm + _ROUNDING_MM:
        raise LandmarkMismatchError(
            f"{files_of(landmarks)}: the {words_of(mark)} lies {off_mm:.1f} mm off the slice that "
            f"it names ({mark.sop_instance_uid}), at most {allowed_mm:.1f} mm, half the slice "
            "spacing, was expected. Check which frame (LPS or RAS) the positions are in."
        )


# --- where the points lie -----------------------------------------------------------------------


def _check_outlines(
    drawn: Iterable[_Drawn], landmarks: LandmarkSet, anatomy: Series, grid: Grid
) -> None:
    """Refuse outlines drawn across slices; axes may cross them."""
    for mark, low, high, _ in drawn:
        spread_mm = (high - low) * grid.slice_spacing_mm
        allowed_mm = ON_SLICE_FRACTION * grid.slice_spacing_mm
        if spread_mm > allowed_mm + _ROUNDING_MM:
            crossed = sorted({round(low), round(high)})
            places = " to ".join(f"{_slice_position_mm(grid, index):.1f} mm" for index in crossed)
            raise LandmarkMismatchError(
                f"{files_of(landmarks)}: the {words_of(mark)} outline spreads {spread_mm:.1f} mm "
                f"across the slices of series {anatomy.label} (at {places}), at most "
                f"{allowed_mm:.1f} mm was expected: an outline is drawn on one slice. Draw it "
                "again; where the slices are tilted, rotate the view to the volume plane first."
            )


def _drawn_on(anatomy: Series, vertices: Vertices, grid: Grid) -> list[_Drawn]:
    """Return the landmarks that lie on slices of a series: without axes, which may cross slices,
    and without those that name a slice of another series."""
    own = {instance.sop_instance_uid for instance in anatomy.instances} | {None}
    at = geometry.slice_coordinate(grid.affine, vertices.points_mm)
    ranges = zip(vertices.marks, vertices.lowest(at), vertices.highest(at), strict=True)
    return [
        _Drawn(
            mark,
            float(low),
            float(high),
            geometry.slice_coordinate_of(grid.affine, mark.centre_mm),
        )
        for mark, low, high in ranges
        if mark.name not in AXES and (mark.sop_instance_uid in own or len(own) == 1)
    ]


def _slice_position_mm(grid: Grid, index: float) -> float:
    centre = geometry.voxel_to_patient(grid.affine, (index, 0, 0))
    return geometry.position_along_normal_mm(grid.affine, centre)


def _slice_cautions(drawn: Iterable[_Drawn], grid: Grid) -> Iterator[Caution]:
    limit_mm = BETWEEN_SLICES_FRACTION * grid.slice_spacing_mm + _ROUNDING_MM
    off = [
        (one.mark, off_mm)
        for one in drawn
        if (off_mm := abs(one.middle - round(one.middle)) * grid.slice_spacing_mm) > limit_mm
    ]
    for side, found in by_side([mark for mark, _ in off]):
        worst_mm = max(off_mm for mark, off_mm in off if mark.side is side)
        yield Caution(
            "landmark_between_slices",
            f"{listed(found)} up to {worst_mm:.1f} mm from the nearest slice, more than a quarter "
            f"of the {grid.slice_spacing_mm:.1f} mm between slices: the structure may not have "
            "been seen where it was marked.",
            side,
        )


def _apart_cautions(drawn: Iterable[_Drawn], grid: Grid) -> Iterator[Caution]:
    """Say where one structure was marked by single points at different places of one slice."""
    points: dict[tuple[Side, LandmarkName, int], list[Point]] = {}
    for mark, _, _, middle in drawn:
        if len(mark.points_mm) == 1:
            place = mark.side, mark.name, round(middle)
            points.setdefault(place, []).append(mark.points_mm[0])
    yield from _crossed_cautions(points, grid)
    for (side, name, level), on_slice in points.items():
        apart_mm = max(math.dist(a, b) for a in on_slice for b in on_slice)
        if apart_mm > SAME_POINT_MM + _ROUNDING_MM:
            yield Caution(
                "points_apart",
                f"The {side} {name} has {len(on_slice)} single points up to {apart_mm:.1f} mm "
                f"apart on the slice at {_slice_position_mm(grid, level):.1f} mm, at most "
                f"{SAME_POINT_MM:.0f} mm was expected: the shortest distance is taken from any of "
                "them, so one that is misplaced narrows the space.",
                side,
            )


def _crossed_cautions(
    points: Mapping[tuple[Side, LandmarkName, int], Sequence[Point]], grid: Grid
) -> Iterator[Caution]:
    """Say where both ends of a space were marked more than once on one slice."""
    twice = {place for place, on_slice in points.items() if len(set(on_slice)) > 1}
    for side, near, level in sorted(twice):
        for far in (far for far in _ACROSS.get(near, ()) if (side, far, level) in twice):
            yield Caution(
                "space_marked_twice",
                f"The {side} {near} and {far} both have several single points on the slice at "
                f"{_slice_position_mm(grid, level):.1f} mm: the shortest distance may join an end "
                "of one line and an end of another. Keep one point of each.",
                side,
            )


def _status_cautions(landmarks: LandmarkSet) -> Iterator[Caution]:
    if landmarks.status not in (None, "final"):
        yield Caution(
            "landmarks_not_final",
            f"The landmarks are marked as {landmarks.status}: a reader has yet to confirm them.",
        )


def _frame_cautions(
    landmarks: LandmarkSet, study: Study, anatomy: Series | None
) -> Iterator[Caution]:
    """Say when nothing but position ties the landmarks to the study."""
    same_study = landmarks.study_uid and landmarks.study_uid == study.study_uid
    frame = anatomy.frame_of_reference_uid if anatomy else None
    if same_study or (frame and landmarks.frame_of_reference_uid == frame):
        return
    if not _has_uids(study):
        reason = "the images carry no UIDs of the scanner"
    else:
        reason = "the landmark file names neither study nor frame of reference"
    yield Caution(
        "frame_not_stated",
        f"That the landmarks belong to this study was judged from their position only: {reason}.",
    )
