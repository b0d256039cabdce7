"""What the pictures of a case add to its points: the slices that the numbers need, and what can be
seen on them of sides, metal, and the ends of the spaces."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ifi_mri import body, geometry, plausibility, tissue_at_ends
from ifi_mri.errors import StudyError
from ifi_mri.landmarks import midline
from ifi_mri.landmarks.proposing import Completed
from ifi_mri.model import (
    Caution,
    Hip,
    Landmark,
    LandmarkSet,
    Measurement,
    OpenVolume,
    Point,
    Series,
    SeriesChoice,
    Volume,
)
from ifi_mri.vocabulary import LandmarkName, Role, Side

#: Structures whose signal is measured: the slices of the fluid-sensitive series they lie on are
#: the only pixels that the numbers need.
SIGNAL_REGIONS: Final = (
    LandmarkName.QUADRATUS_FEMORIS,
    LandmarkName.REFERENCE_MUSCLE,
    LandmarkName.SUBCUTANEOUS_FAT,
)


def hip(
    side: Side,
    completed: Completed,
    choices: Sequence[SeriesChoice],
    dixon: tuple[Series, Series] | None,
    open_volume: OpenVolume,
) -> Hip:
    """Return one hip with the slices that its signal regions lie on: of the fluid-sensitive series,
    of the anatomy (where muscle and fat are, and whether the patient moved) and of Dixon images."""
    marks = completed.landmarks.on(side)
    series = {choice.role: choice.series for choice in choices if choice.series is not None}
    reasons = {choice.role: choice.reason for choice in choices if choice.series is None}
    volumes: dict[Role, Volume] = {}
    points = _signal_points(marks)
    measured = dict(series)
    if dixon is not None:
        measured |= zip((Role.DIXON_WATER, Role.DIXON_FAT), dixon, strict=True)
    for role, one in measured.items() if points else ():
        near, reason = _inside(points, one)
        if not near:
            reasons[role] = reason
            continue
        try:
            volumes[role] = open_volume(one, near)
        except StudyError as problem:
            if role is Role.FLUID_SENSITIVE:
                raise
            reasons[role] = f"{one.label} could not be opened there ({type(problem).__name__})"
    return Hip(side, marks, series, volumes, reasons, in_part=completed.in_part_on(side))


def _signal_points(marks: Sequence[Landmark]) -> list[Point]:
    """Return the centres of the outlines whose signal is measured; none without the muscle."""
    if not any(mark.name is LandmarkName.QUADRATUS_FEMORIS for mark in marks):
        return []
    return [mark.centre_mm for mark in marks if mark.name in SIGNAL_REGIONS]


def look_at(
    landmark_set: LandmarkSet, anatomy: Series, open_volume: OpenVolume
) -> tuple[Volume | None, tuple[Caution, ...]]:
    """Return the slice of the first landmark, with what it says of sides and metal."""
    marks = [mark for mark in landmark_set.landmarks if mark.name in midline.OFF_MIDLINE]
    near, _ = _inside([mark.points_mm[0] for mark in marks[:1]], anatomy)
    if not near:
        return None, ()
    volume = open_volume(anatomy, near)
    seen = body.look_at(volume.voxels[0], volume.affine)
    return volume, (
        *midline.check_sides(landmark_set, seen),
        *plausibility.of_picture(seen, anatomy),
    )


def at_ends(
    measured: Iterable[Measurement], anatomy: Series, open_volume: OpenVolume
) -> Iterator[Caution]:
    """Yield what the picture says of the ends of the spaces, side by side.  Slices that cannot be
    opened stop no case: the numbers come from the points."""
    for side in Side:
        spaces = [m for m in measured if m.side is side and m.name in tissue_at_ends.SPACES]
        points = [point for space in spaces for one in space.per_slice for point in one.points_mm]
        if not points:
            continue
        try:
            volume = open_volume(anatomy, points)
        except StudyError:
            yield Caution(
                "ends_not_looked_at",
                f"The slices of {anatomy.label} that the spaces were measured on could not be "
                f"opened; whether their ends lie on cortex and tendon was not looked at.",
                side,
            )
            continue
        yield from tissue_at_ends.cautions(spaces, volume)


def _inside(points: Sequence[Point], series: Series) -> tuple[list[Point], str]:
    """Return the points that lie on a series' slices, and why there are none."""
    assert series.grid is not None
    if not points:
        return [], "nothing is marked"
    last = series.grid.shape[0] - 0.5
    places = [geometry.slice_coordinate_of(series.grid.affine, point) for point in points]
    beyond = [max(-0.5 - place, place - last) for place in places]
    near = [point for point, by in zip(points, beyond, strict=True) if by <= 0]
    gap_mm = min(beyond) * series.grid.slice_spacing_mm
    return near, f"the outlines lie {gap_mm:.0f} mm beyond the slices of {series.label}"
