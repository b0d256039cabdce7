"""Is left left?  The side of landmarks against the body in the picture.

A field of view of one hip shows no midline; which side of the picture cuts the body off then still
speaks for one side, weakly enough to be a caution only.
"""

from typing import Final

from ifi_mri import body
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.model import Caution, LandmarkSet
from ifi_mri.vocabulary import LandmarkName, Side

#: The structures of one side lie 30 mm and more from the midline; a patient lying askew moves the
#: middle of the extent by a few mm.
TOLERANCE_MM: Final = 10.0

#: Structures that lie off the midline, whatever a reader marked of them; subcutaneous fat may be
#: sampled anywhere.
OFF_MIDLINE: Final = frozenset(LandmarkName) - {LandmarkName.SUBCUTANEOUS_FAT}


def check_sides(landmarks: LandmarkSet, seen: body.Seen) -> tuple[Caution, ...]:
    """Check the side of landmarks against the body on an axial slice.

    Parameters
    ----------
    landmarks : LandmarkSet
    seen : Seen
        The body on a slice near the landmarks.

    Returns
    -------
    tuple of Caution
        ``side_doubtful`` where the picture of one hip looks like the other side.

    Raises
    ------
    LandmarkMismatchError
        A structure marked on one side lies on the other side of the body's midline.
    """
    found = body.extent(seen)
    midline_mm = body.midline_x_mm(found)
    if midline_mm is not None:
        _refuse_the_wrong_side_of(midline_mm, landmarks)
    shown = body.sides_shown(found)
    marked = {mark.side for mark in landmarks.landmarks if mark.name in OFF_MIDLINE}
    return tuple(_doubtful(side) for side in Side if len(shown) == 1 and side in marked - {*shown})


def _refuse_the_wrong_side_of(midline_mm: float, landmarks: LandmarkSet) -> None:
    for mark in landmarks.landmarks:
        if mark.name not in OFF_MIDLINE:
            continue
        middle_mm = sum(x for x, _, _ in mark.points_mm) / len(mark.points_mm)
        lateral_mm = mark.side.sign * (middle_mm - midline_mm)
        if lateral_mm < -TOLERANCE_MM:
            raise LandmarkMismatchError(
                f"{mark.name} marked {mark.side} lies {-lateral_mm:.0f} mm to the "
                f"{mark.side.other} of the body's midline (x = {midline_mm:.0f} mm in LPS). Check "
                f"the side, and whether the file is RAS and was read as LPS."
            )


def _doubtful(side: Side) -> Caution:
    return Caution(
        "side_doubtful",
        f"Landmarks are marked {side}, but the picture cuts the body off on its {side} side as a "
        f"picture of the {side.other} hip would. Check the side.",
        side,
    )
