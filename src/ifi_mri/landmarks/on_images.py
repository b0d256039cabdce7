"""Marks in the coordinates of an image, placed in the patient by the study that holds the image.

A viewer's structured report says *column 120.3, row 88.1 of image so-and-so*.  Where that lies, its
own length can be checked against: a viewer that took the spacing of rows for that of columns, or
another file for this one, gives itself away.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.landmarks.landmarks_of_markups import landmarks_of
from ifi_mri.landmarks.markups import markup_of
from ifi_mri.landmarks.with_label_maps import LandmarksWithLabelMaps, completed
from ifi_mri.model import Grid, ImageMark, Instance, Landmark, LandmarkSet, Point, Series, Study

#: Coordinates are stored with 32 bits and lengths with some digits; what differs by more than the
#: 0.1 mm that is printed was measured with another spacing or on another image.
LENGTH_TOLERANCE_MM: Final = 0.1

#: How the tracking identifiers of Cornerstone's tools begin, in any case.
_CORNERSTONE: Final = "cornerstone"

#: Viewers let the ends of a line lie on the very edge of the picture, and round.
_EDGE_PIXELS: Final = 0.5


def on_images(landmarks: LandmarkSet, study: Study) -> LandmarkSet:
    """Return landmarks with their image marks placed in patient mm.

    Raises
    ------
    LandmarkMismatchError
        The marks were drawn on another study, image or frame; they lie outside their image;
        their length in the patient is not the length that the file states; or one image has two
        lines of one space.
    LandmarkFormatError
        The ends of a line cannot be told apart.
    """
    if not landmarks.image_marks:
        return landmarks
    if isinstance(landmarks, LandmarksWithLabelMaps):
        return completed(_placed(landmarks.own, study), landmarks.label_maps)
    return _placed(landmarks, study)


def _placed(landmarks: LandmarkSet, study: Study) -> LandmarkSet:
    if landmarks.study_uid and landmarks.study_uid != study.study_uid:
        raise LandmarkMismatchError(
            f"{landmarks.image_marks[0].where}: drawn on study {landmarks.study_uid}, the images "
            f"are of study {study.study_uid}. Name the study that was measured."
        )
    drawn = [(mark, _landmarks(mark, study)) for mark in landmarks.image_marks]
    _check_square(landmarks.image_marks, study)
    _check_drawn_once(drawn)
    placed = [one for _, found in drawn for one in found]
    once = tuple(dict.fromkeys((*landmarks.landmarks, *placed)))
    return replace(landmarks, landmarks=once, image_marks=())


def _landmarks(mark: ImageMark, study: Study) -> tuple[Landmark, ...]:
    series, instance = _image(mark, study)
    grid = _grid(mark, series)
    column_row = np.asarray(mark.column_row)
    points_mm = geometry.image_to_patient(column_row, instance.position_mm, grid.affine)
    points = [(float(x), float(y), float(z)) for x, y, z in points_mm]
    if mark.stated_mm is not None:
        check_length(points, mark.stated_mm, mark.where, grid, column_row)
    _check_inside(mark, grid, series)
    markup = markup_of(mark.label, points, mark.closed, mark.where)
    return tuple(
        replace(one, sop_instance_uid=mark.sop_instance_uid) for one in landmarks_of(markup)
    )


def _image(mark: ImageMark, study: Study) -> tuple[Series, Instance]:
    """Return the image, or the frame of it, that a mark was drawn on."""
    frames = [
        (series, instance)
        for series in study.series
        for instance in series.instances
        if instance.sop_instance_uid == mark.sop_instance_uid
    ]
    if not frames:
        raise LandmarkMismatchError(
            f"{mark.where}: {mark.label} was drawn on image {mark.sop_instance_uid}, which is not "
            f"among the study's images. Name the study that was measured, with all its series."
        )
    if mark.frame is None and len(frames) == 1:
        return frames[0]
    wanted = mark.frame
    single = len(frames) == 1 and frames[0][1].frame is None and wanted == 0
    found = frames if single else [pair for pair in frames if pair[1].frame == wanted]
    if len(found) != 1:
        said = "names no frame" if wanted is None else f"names frame {wanted + 1}"
        raise LandmarkMismatchError(
            f"{mark.where}: {mark.label} {said} of image {mark.sop_instance_uid}, which has "
            f"{len(frames)} usable frames; one of them was expected. Export the measurement again."
        )
    return found[0]


def _grid(mark: ImageMark, series: Series) -> Grid:
    if series.grid is None:
        raise LandmarkMismatchError(
            f"{mark.where}: {mark.label} was drawn on {series.label}, which cannot be measured: "
            f"{series.refusal or 'its slices form no stack'}. Measure on another series."
        )
    return series.grid


def _check_drawn_once(drawn: Sequence[tuple[ImageMark, tuple[Landmark, ...]]]) -> None:
    """Refuse two lines of one space on one image: as points alone, an end of one and an end of the
    other would make a line that nobody drew."""
    first: dict[tuple[object, ...], tuple[ImageMark, tuple[Landmark, ...]]] = {}
    for mark, found in drawn:
        names = {(one.name, one.side) for one in found}
        if len(names) < 2:
            continue
        key = (frozenset(names), mark.sop_instance_uid, mark.frame or 0)
        earlier, same = first.setdefault(key, (mark, found))
        if set(same) != set(found):
            raise LandmarkMismatchError(
                f"{earlier.where} and {mark.where}: both draw {mark.label} on image "
                f"{mark.sop_instance_uid}, one line of a space was expected on an image. Delete "
                "the one that is wrong."
            )


def _check_inside(mark: ImageMark, grid: Grid, series: Series) -> None:
    _, n_rows, n_columns = grid.shape
    for column, row in mark.column_row:
        beyond = max(-column, column - n_columns, -row, row - n_rows)
        if not beyond <= _EDGE_PIXELS:
            raise LandmarkMismatchError(
                f"{mark.where}: {mark.label} lies at column {column:g}, row {row:g}, but images of "
                f"{series.label} have {n_columns} columns and {n_rows} rows. Check that it was "
                "measured on these images."
            )


# --- lengths ------------------------------------------------------------------------------------


def check_length(
    points_mm: Sequence[Point],
    stated_mm: float,
    where: str,
    grid: Grid | None = None,
    column_row: geometry.FloatArray | None = None,
) -> None:
    """Refuse a line whose length in the patient is not what its file states.

    Raises
    ------
    LandmarkMismatchError
        They differ by more than `LENGTH_TOLERANCE_MM`; the sentence says why, where pixels that
        are not square explain it.
    """
    found_mm = float(np.linalg.norm(np.subtract(points_mm[1], points_mm[0])))
    if abs(found_mm - stated_mm) <= LENGTH_TOLERANCE_MM:
        return
    cause = "the viewer measured with another spacing or on another image"
    if grid is not None and column_row is not None:
        cause = _cause(grid, column_row[1] - column_row[0], stated_mm) or cause
    raise LandmarkMismatchError(
        f"{where}: the line is {found_mm:.2f} mm long on this study's images, the file states "
        f"{stated_mm:.2f} mm, at most {LENGTH_TOLERANCE_MM:g} mm apart was expected: {cause}. "
        "Measure again in a viewer that knows the pixel spacing."
    )


def _check_square(marks: Sequence[ImageMark], study: Study) -> None:
    """Refuse what Cornerstone drew on pixels that are not square, unless a length vouches for it.

    Cornerstone takes the spacing between rows for the distance along a row (its
    ``worldToImageCoords`` of version 5.14) and so stores other coordinates than were drawn.  A
    length tells which of both it was, unless the line runs in a direction that both agree on; a
    point has none.
    """
    in_doubt = []
    for mark in marks:
        if not mark.tool.lower().startswith(_CORNERSTONE):
            continue
        grid = _grid(mark, _image(mark, study)[0])
        if _moved_mm(mark, grid) > LENGTH_TOLERANCE_MM:
            if mark.stated_mm is not None and _tells(mark.column_row, mark.stated_mm, grid):
                return
            in_doubt.append((mark, grid))
    for mark, grid in in_doubt[:1]:
        row_mm, column_mm = grid.pixel_spacing_mm
        raise LandmarkMismatchError(
            f"{mark.where}: {mark.label} was drawn with {mark.tool.split(':')[0]} on pixels that "
            f"are not square ({row_mm:.3f} mm between rows, {column_mm:.3f} columns), which that "
            f"program is known to misplace, here by {_moved_mm(mark, grid):.1f} mm, and no length "
            "in the file tells. Mark it in Slicer, or as lines with the length tool."
        )


def _moved_mm(mark: ImageMark, grid: Grid) -> float:
    """Return how far a mark would lie from where it says, had its viewer confused the spacings."""
    row_mm, column_mm = grid.pixel_spacing_mm
    from_corner = np.abs(np.asarray(mark.column_row) - 0.5) * abs(row_mm - column_mm)
    return float(np.linalg.norm(from_corner, axis=-1).max())


def _tells(column_row: Sequence[tuple[float, float]], stated_mm: float, grid: Grid) -> bool:
    """Return whether a line's length would be another one, had its viewer confused the spacings."""
    row_mm, column_mm = grid.pixel_spacing_mm
    steps = np.subtract(column_row[1], column_row[0])
    confused_mm = float(np.linalg.norm(steps * (row_mm, column_mm)))
    return abs(confused_mm - stated_mm) > LENGTH_TOLERANCE_MM


def _cause(grid: Grid, steps: geometry.FloatArray, stated_mm: float) -> str | None:
    """Return which confusion of pixel spacings explains a stated length."""
    row_mm, column_mm = grid.pixel_spacing_mm
    if abs(row_mm - column_mm) * float(np.abs(steps).max()) <= LENGTH_TOLERANCE_MM:
        return None
    square = f"the pixels are not square ({row_mm:.3f} mm between rows, {column_mm:.3f} columns)"
    confusions = {
        "took one for the other": (row_mm, column_mm),
        "used the spacing of rows for both": (row_mm, row_mm),
        "used the spacing of columns for both": (column_mm, column_mm),
    }
    for words, spacing in confusions.items():
        if abs(float(np.linalg.norm(steps * spacing)) - stated_mm) <= LENGTH_TOLERANCE_MM:
            return f"{square} and the viewer {words}"
    return square
