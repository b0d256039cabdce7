"""Do landmarks and images belong together?

Landmarks of another study, another frame of reference or the other side give numbers that look
right and are wrong; whatever can be told from UIDs and positions alone stops the case here, in one
sentence.  What only deserves care becomes a caution.  (The body's midline needs pixels: `midline`.)
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.landmarks.merging import agreed_observations
from ifi_mri.landmarks.shapes import AXES, FEMORAL_AXES
from ifi_mri.landmarks.text_files import named
from ifi_mri.model import (
    Caution,
    FloatArray,
    Grid,
    Instance,
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

#: Structures this near to the picture's edge may be cut by it, and coils and gradients distort.
NEAR_EDGE_MM: Final = 5.0

#: The ischium's lateral cortex lies medial to the trochanter's medial cortex in every hip; in a
#: narrow space the trochanter may lie in front of it, a few mm either way.
LATERAL_SLACK_MM: Final = 5.0

#: The hamstring origin lies medial to the trochanter and the iliopsoas tendon.  In a narrow space
#: the tendons bulge towards them, and slices may differ: only what neither explains is refused.
HAMSTRING_SLACK_MM: Final = 15.0

#: One hip's landmarks, ischium to the fat beside the trochanter, spread less; what lies further
#: apart lies on both sides.
WIDEST_HIP_MM: Final = 200.0

#: A point marked twice lies within this of itself; further apart, one of the two was misplaced or
#: they mark different ends of the structure.
SAME_POINT_MM: Final = 3.0

#: A point on the outermost face of a voxel is inside whatever rounding says.
_ROUNDING_MM: Final = 1e-3

_NAMES_LISTED: Final = 4


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
        ``landmark_near_edge``, ``points_apart``, ``ischium_lateral_to_trochanter``.

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
    if anatomy is not None and anatomy.grid is not None:
        _check_inside(landmarks, anatomy, anatomy.grid)
    _check_named_slices(landmarks, study, anatomy)
    if anatomy is not None and anatomy.grid is not None:
        _check_outlines(landmarks, anatomy, anatomy.grid)
        cautions += _slice_cautions(landmarks, anatomy, anatomy.grid)
        cautions += _edge_cautions(landmarks, anatomy.grid)
        cautions += _apart_cautions(landmarks, anatomy, anatomy.grid)
    _check_sides(landmarks, anatomy)
    _check_one_hip(landmarks)
    _check_hamstrings_medial(landmarks)
    cautions += _check_ischium_medial(landmarks)
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
            f"{_files(landmarks)}: placed on study {landmarks.study_uid}, the images are of study "
            f"{study.study_uid}. Name the study that the landmarks were placed on."
        )
    by_uid = {series.series_uid: series for series in study.series}
    if landmarks.series_uid and landmarks.series_uid not in by_uid:
        raise LandmarkMismatchError(
            f"{_files(landmarks)}: placed on series {landmarks.series_uid}, which is not among the "
            f"{len(by_uid)} series of the study. Name the study that holds it."
        )
    drawn_on = by_uid.get(landmarks.series_uid or "")
    frame = landmarks.frame_of_reference_uid or (drawn_on and drawn_on.frame_of_reference_uid)
    expected = anatomy.frame_of_reference_uid if anatomy else None
    if anatomy and frame and expected and frame != expected:
        raise LandmarkMismatchError(
            f"{_files(landmarks)}: placed in frame of reference {frame}, series {anatomy.label} "
            f"has {expected}; positions in one say nothing about the other. Choose the series "
            "they were placed on with --anatomy."
        )


def _check_named_slices(landmarks: LandmarkSet, study: Study, anatomy: Series | None) -> None:
    """Compare the slices that landmarks name with the study's and with where the points lie."""
    if not _has_uids(study):
        return
    frame = anatomy.frame_of_reference_uid if anatomy else None
    slices: dict[str | None, dict[Series, list[Instance]]] = {}
    for series in study.series:
        if frame is None or series.frame_of_reference_uid in (None, frame):
            for instance in series.instances:
                of_series = slices.setdefault(instance.sop_instance_uid, {})
                of_series.setdefault(series, []).append(instance)
    for mark in landmarks.landmarks:
        if mark.sop_instance_uid is None:
            continue
        if mark.sop_instance_uid not in slices:
            raise LandmarkMismatchError(
                f"{_files(landmarks)}: the {_words(mark)} names slice {mark.sop_instance_uid}, "
                "which is not among the study's slices in this frame of reference. Name the study "
                "that the landmarks were placed on."
            )
        for series, instances in slices[mark.sop_instance_uid].items():
            _check_on_slice(mark, series, instances, landmarks)


def _check_on_slice(
    mark: Landmark, series: Series, instances: Sequence[Instance], landmarks: LandmarkSet
) -> None:
    """Refuse a landmark off the slice it names; of a multi-frame instance the nearest counts."""
    if series.grid is None:
        return
    normal = geometry.slice_normal(series.grid.affine)
    across = np.asarray(mark.points_mm) @ normal
    planes = np.asarray([instance.position_mm for instance in instances]) @ normal
    off_mm = float(np.abs(across - planes[:, None]).max(axis=1).min())
    allowed_mm = ON_SLICE_FRACTION * series.grid.slice_spacing_mm
    if off_mm > allowed_mm + _ROUNDING_MM:
        raise LandmarkMismatchError(
            f"{_files(landmarks)}: the {_words(mark)} lies {off_mm:.1f} mm off the slice that it "
            f"names ({mark.sop_instance_uid}), at most {allowed_mm:.1f} mm, half the slice "
            "spacing, was expected. Check which frame (LPS or RAS) the positions are in."
        )


# --- where the points lie -----------------------------------------------------------------------


def _check_inside(landmarks: LandmarkSet, anatomy: Series, grid: Grid) -> None:
    """Refuse points outside the volume, and say when they would lie inside as RAS.  The femur's
    axes are drawn on coronal slices, which reach beyond the axial ones."""
    beyond = [
        (_beyond_mm(mark.points_mm, grid), mark)
        for mark in landmarks.landmarks
        if mark.name not in FEMORAL_AXES
    ]
    furthest, mark = max(beyond, key=lambda pair: pair[0].max(), default=(np.zeros((1, 6)), None))
    if mark is None or furthest.max() <= _ROUNDING_MM:
        return
    vertex, face = divmod(int(np.argmax(furthest)), 6)
    x, y, z = mark.points_mm[vertex]
    raise LandmarkMismatchError(
        f"{_files(landmarks)}: the {_words(mark)} at ({x:.1f}, {y:.1f}, {z:.1f}) mm lies "
        f"{furthest.max():.1f} mm outside series {anatomy.label}, beyond its "
        f"{_face_words(grid, face)}. {_what_to_do_outside(landmarks, grid)}"
    )


def _beyond_mm(points_mm: Sequence[Sequence[float]], grid: Grid) -> FloatArray:
    """Return how far points lie beyond the faces of a volume, mm, shape (n, 6), 0 inside: before
    the first and after the last slice, row and column.  The faces are those of the outer voxels,
    half a voxel outside their centres."""
    indices = geometry.patient_to_voxel(grid.affine, points_mm)
    size_mm = np.linalg.norm(grid.affine[:3, :3], axis=0)
    before = (-0.5 - indices) * size_mm
    after = (indices - (np.asarray(grid.shape) - 0.5)) * size_mm
    beyond = np.stack([before, after], axis=-1).reshape(len(indices), 6)
    return np.asarray(np.maximum(0, beyond), dtype=np.float64)


def _face_words(grid: Grid, face: int) -> str:
    """Return where a face of a volume lies: ``last slice (towards the feet)``."""
    axis, is_last = divmod(face, 2)
    outwards = grid.affine[:3, axis] * (1 if is_last else -1)
    largest = int(np.argmax(np.abs(outwards)))
    words = (("right", "left"), ("front", "back"), ("feet", "head"))[largest]
    which = f"{'last' if is_last else 'first'} {('slice', 'row', 'column')[axis]}"
    return f"{which} (towards the {words[int(outwards[largest] > 0)]})"


def _what_to_do_outside(landmarks: LandmarkSet, grid: Grid) -> str:
    turned = [
        tuple(point @ geometry.LPS_FROM_RAS[:3, :3])
        for mark in landmarks.landmarks
        for point in np.asarray(mark.points_mm)
    ]
    if _beyond_mm(turned, grid).max() <= _ROUNDING_MM:
        return (
            "With x and y negated every point lies inside: the positions are probably RAS and "
            "were taken for LPS, or the other way round. Correct the coordinate system that the "
            "file states."
        )
    return "Check that the landmarks were placed on this study."


def _check_outlines(landmarks: LandmarkSet, anatomy: Series, grid: Grid) -> None:
    """Refuse outlines drawn across slices; axes may cross them."""
    for mark in _drawn_on(anatomy, landmarks):
        slices = geometry.slice_coordinate(grid.affine, mark.points_mm)
        spread_mm = float(np.ptp(slices)) * grid.slice_spacing_mm
        allowed_mm = ON_SLICE_FRACTION * grid.slice_spacing_mm
        if spread_mm > allowed_mm + _ROUNDING_MM:
            crossed = np.unique(np.rint([slices.min(), slices.max()]))
            places = " to ".join(f"{_slice_position_mm(grid, index):.1f} mm" for index in crossed)
            raise LandmarkMismatchError(
                f"{_files(landmarks)}: the {_words(mark)} outline spreads {spread_mm:.1f} mm "
                f"across the slices of series {anatomy.label} (at {places}), at most "
                f"{allowed_mm:.1f} mm was expected: an outline is drawn on one slice. Draw it "
                "again; where the slices are tilted, rotate the view to the volume plane first."
            )


def _drawn_on(anatomy: Series, landmarks: LandmarkSet) -> list[Landmark]:
    """Return the landmarks that lie on slices of a series: without axes, which may cross slices,
    and without those that name a slice of another series."""
    own = {instance.sop_instance_uid for instance in anatomy.instances} | {None}
    return [
        mark
        for mark in landmarks.landmarks
        if mark.name not in AXES and (mark.sop_instance_uid in own or own == {None})
    ]


def _slice_position_mm(grid: Grid, index: float) -> float:
    centre = geometry.voxel_to_patient(grid.affine, (index, 0, 0))
    return geometry.position_along_normal_mm(grid.affine, centre)


def _slice_cautions(landmarks: LandmarkSet, anatomy: Series, grid: Grid) -> Iterator[Caution]:
    def off_slice(mark: Landmark) -> float:
        middle = geometry.slice_coordinate(grid.affine, mark.points_mm).mean()
        return float(abs(middle - np.rint(middle))) * grid.slice_spacing_mm

    limit_mm = BETWEEN_SLICES_FRACTION * grid.slice_spacing_mm
    marks = _drawn_on(anatomy, landmarks)
    for side, found in _by_side(marks, lambda mark: off_slice(mark) > limit_mm + _ROUNDING_MM):
        worst_mm = max(off_slice(mark) for mark in found)
        yield Caution(
            "landmark_between_slices",
            f"{_listed(found)} up to {worst_mm:.1f} mm from the nearest slice, more than a quarter "
            f"of the {grid.slice_spacing_mm:.1f} mm between slices: the structure may not have "
            "been seen where it was marked.",
            side,
        )


def _edge_cautions(landmarks: LandmarkSet, grid: Grid) -> Iterator[Caution]:
    def near_edge(mark: Landmark) -> bool:
        to_slices, to_edge_mm = _to_faces(mark.points_mm, grid)
        return mark.name not in FEMORAL_AXES and (to_slices < 1 or to_edge_mm < NEAR_EDGE_MM)

    for side, found in _by_side(landmarks.landmarks, near_edge):
        yield Caution(
            "landmark_near_edge",
            f"{_listed(found)} on the first or last slice, or less than {NEAR_EDGE_MM:.0f} mm from "
            "the edge of the picture: the space may be narrower outside of what was scanned.",
            side,
        )


def _to_faces(points_mm: Sequence[Sequence[float]], grid: Grid) -> tuple[float, float]:
    """Return how many slices lie between the points and the nearest end of the stack (0 on the
    first and last), and the smallest distance to the picture's edge, mm."""
    indices = geometry.patient_to_voxel(grid.affine, points_mm)
    last = np.asarray(grid.shape) - 1
    slices = np.rint(geometry.slice_coordinate(grid.affine, points_mm).mean())
    in_plane = np.minimum(indices + 0.5, last + 0.5 - indices)[:, 1:]
    return float(min(slices, last[0] - slices)), float((in_plane * grid.pixel_spacing_mm).min())


def _apart_cautions(landmarks: LandmarkSet, anatomy: Series, grid: Grid) -> Iterator[Caution]:
    """Say where one structure was marked by single points at different places of one slice."""
    points: dict[tuple[Side, LandmarkName, int], list[Point]] = {}
    for mark in _drawn_on(anatomy, landmarks):
        if len(mark.points_mm) == 1:
            level = int(np.rint(geometry.slice_coordinate(grid.affine, mark.points_mm)).item())
            points.setdefault((mark.side, mark.name, level), []).append(mark.points_mm[0])
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


# --- sides --------------------------------------------------------------------------------------


def _check_sides(landmarks: LandmarkSet, anatomy: Series | None) -> None:
    """Refuse left landmarks to the right of right ones, and a side that the series denies."""
    left, right = landmarks.on(Side.LEFT), landmarks.on(Side.RIGHT)
    if left and right:
        innermost_left = min(left, key=_centre_x_mm)
        innermost_right = max(right, key=_centre_x_mm)
        left_mm, right_mm = _centre_x_mm(innermost_left), _centre_x_mm(innermost_right)
        if left_mm <= right_mm:
            raise LandmarkMismatchError(
                f"{_files(landmarks)}: the {_words(innermost_left)} (x = {left_mm:.1f} mm in LPS) "
                f"lies to the patient's right of the {_words(innermost_right)} (x = "
                f"{right_mm:.1f} mm). Check for swapped sides, and whether the file is RAS and "
                "was read as LPS."
            )
    denied = anatomy.laterality.other if anatomy and anatomy.laterality else None
    if anatomy and denied and landmarks.on(denied):
        raise LandmarkMismatchError(
            f"{_files(landmarks)}: the {_words(landmarks.on(denied)[0])} is marked on the "
            f"{denied}, the tags of series {anatomy.label} say it shows the {denied.other}. Check "
            "the sides of the landmarks and the laterality tag."
        )


def _check_one_hip(landmarks: LandmarkSet) -> None:
    """Refuse landmarks of one side that lie further apart across the body than one hip is wide."""
    for side in Side:
        marks = sorted(landmarks.on(side), key=_centre_x_mm)
        if not marks:
            continue
        right_mm, left_mm = _centre_x_mm(marks[0]), _centre_x_mm(marks[-1])
        if left_mm - right_mm > WIDEST_HIP_MM:
            raise LandmarkMismatchError(
                f"{_files(landmarks)}: the {_words(marks[0])} (x = {right_mm:.1f} mm in LPS) and "
                f"the {_words(marks[-1])} (x = {left_mm:.1f} mm) lie {left_mm - right_mm:.1f} mm "
                f"apart across the body, at most {WIDEST_HIP_MM:.0f} mm was expected in one hip. "
                "Check for a landmark that is named for the wrong side."
            )


def _check_hamstrings_medial(landmarks: LandmarkSet) -> None:
    """Refuse a hamstring origin far lateral to the iliopsoas tendon or trochanter of its side."""
    for side in Side:
        hamstrings = _mean_x_mm(landmarks, side, LandmarkName.HAMSTRING_ORIGIN)
        for name in (LandmarkName.ILIOPSOAS_TENDON, LandmarkName.LESSER_TROCHANTER):
            femoral = _mean_x_mm(landmarks, side, name)
            if hamstrings is None or femoral is None:
                continue
            lateral_mm = side.sign * (hamstrings - femoral)
            if lateral_mm > HAMSTRING_SLACK_MM:
                raise LandmarkMismatchError(
                    f"{_files(landmarks)}: the {side} hamstring_origin lies {lateral_mm:.1f} mm "
                    f"lateral to the {name}, medial was expected. Check for swapped sides or "
                    "names, and whether the file is RAS and was read as LPS."
                )


def _check_ischium_medial(landmarks: LandmarkSet) -> Iterator[Caution]:
    """Refuse an ischial tuberosity lateral to the lesser trochanter of its side."""
    for side in Side:
        ischium = _mean_x_mm(landmarks, side, LandmarkName.ISCHIAL_TUBEROSITY)
        trochanter = _mean_x_mm(landmarks, side, LandmarkName.LESSER_TROCHANTER)
        if ischium is None or trochanter is None:
            continue
        lateral_mm = side.sign * (ischium - trochanter)
        if lateral_mm > LATERAL_SLACK_MM:
            raise LandmarkMismatchError(
                f"{_files(landmarks)}: the {side} ischial_tuberosity lies {lateral_mm:.1f} mm "
                "lateral to the lesser_trochanter, medial was expected. Check for swapped sides or "
                "names, and whether the file is RAS and was read as LPS."
            )
        if lateral_mm > 0:
            yield Caution(
                "ischium_lateral_to_trochanter",
                f"The {side} ischial_tuberosity lies {lateral_mm:.1f} mm lateral to the "
                "lesser_trochanter: a very narrow space, or swapped names.",
                side,
            )


def _mean_x_mm(landmarks: LandmarkSet, side: Side, name: LandmarkName) -> float | None:
    found = [_centre_x_mm(mark) for mark in landmarks.on(side) if mark.name is name]
    return float(np.mean(found)) if found else None


def _centre_x_mm(mark: Landmark) -> float:
    return float(np.mean([x for x, _, _ in mark.points_mm]))


# --- what the file says of itself ---------------------------------------------------------------


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


# --- words --------------------------------------------------------------------------------------


def _by_side(
    marks: Iterable[Landmark], wanted: Callable[[Landmark], bool]
) -> Iterator[tuple[Side, list[Landmark]]]:
    found = [mark for mark in marks if wanted(mark)]
    for side in Side:
        on_side = [mark for mark in found if mark.side is side]
        if on_side:
            yield side, on_side


def _listed(marks: Sequence[Landmark]) -> str:
    """Return ``Left hamstring_origin and lesser_trochanter lie``, each name once."""
    names = list(dict.fromkeys(str(mark.name) for mark in marks))
    shown = names[:_NAMES_LISTED]
    more = len(names) - len(shown)
    text = ", ".join(shown) + (f" and {more} more" if more else "")
    return f"{marks[0].side.value.capitalize()} {text} {'lie' if len(names) > 1 else 'lies'}"


def _words(mark: Landmark) -> str:
    return f"{mark.side} {mark.name}"


def _files(landmarks: LandmarkSet) -> str:
    if not landmarks.sources:
        return "the landmarks"
    more = len(landmarks.sources) - 1
    return f"{named(landmarks.sources[0])}{f' and {more} more' if more else ''}"
