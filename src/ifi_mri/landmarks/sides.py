"""Are the sides that landmarks name those of the body?

What a swapped side or a swapped axis breaks: left lies to the left, one hip's structures lie
together, the ischium and the hamstrings lie medial to the trochanter.
"""

import math
from collections.abc import Iterator
from typing import Final

from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.landmarks.mark_words import files_of, words_of
from ifi_mri.model import Caution, Landmark, LandmarkSet, Series
from ifi_mri.vocabulary import LandmarkName, Side

#: The ischium's lateral cortex lies medial to the trochanter's medial cortex in every hip; in a
#: narrow space the trochanter may lie in front of it, a few mm either way.
LATERAL_SLACK_MM: Final = 5.0

#: The hamstring origin lies medial to the trochanter and the iliopsoas tendon.  In a narrow space
#: the tendons bulge towards them, and slices may differ: only what neither explains is refused.
HAMSTRING_SLACK_MM: Final = 15.0

#: One hip's landmarks, ischium to the fat beside the trochanter, spread less; what lies further
#: apart lies on both sides.
WIDEST_HIP_MM: Final = 200.0


def check_sides(landmarks: LandmarkSet, anatomy: Series | None) -> tuple[Caution, ...]:
    """Refuse landmarks of a side that positions or the series deny; return a caution about an
    ischium beside its trochanter.

    Raises
    ------
    LandmarkMismatchError
        Swapped sides, or one side wider than a hip.
    """
    _check_left_and_right(landmarks, anatomy)
    _check_one_hip(landmarks)
    _check_hamstrings_medial(landmarks)
    return tuple(_check_ischium_medial(landmarks))


def _check_left_and_right(landmarks: LandmarkSet, anatomy: Series | None) -> None:
    """Refuse left landmarks to the right of right ones, and a side that the series denies."""
    left, right = landmarks.on(Side.LEFT), landmarks.on(Side.RIGHT)
    if left and right:
        innermost_left = min(left, key=_centre_x_mm)
        innermost_right = max(right, key=_centre_x_mm)
        left_mm, right_mm = _centre_x_mm(innermost_left), _centre_x_mm(innermost_right)
        if left_mm <= right_mm:
            raise LandmarkMismatchError(
                f"{files_of(landmarks)}: the {words_of(innermost_left)} (x = {left_mm:.1f} mm in "
                f"LPS) lies to the patient's right of the {words_of(innermost_right)} (x = "
                f"{right_mm:.1f} mm). Check for swapped sides, and whether the file is RAS and "
                "was read as LPS."
            )
    denied = anatomy.laterality.other if anatomy and anatomy.laterality else None
    if anatomy and denied and landmarks.on(denied):
        raise LandmarkMismatchError(
            f"{files_of(landmarks)}: the {words_of(landmarks.on(denied)[0])} is marked on the "
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
                f"{files_of(landmarks)}: the {words_of(marks[0])} (x = {right_mm:.1f} mm in LPS) "
                f"and the {words_of(marks[-1])} (x = {left_mm:.1f} mm) lie "
                f"{left_mm - right_mm:.1f} mm apart across the body, at most {WIDEST_HIP_MM:.0f} "
                "mm was expected in one hip. Check for a landmark that is named for the wrong side."
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
                    f"{files_of(landmarks)}: the {side} hamstring_origin lies {lateral_mm:.1f} mm "
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
                f"{files_of(landmarks)}: the {side} ischial_tuberosity lies {lateral_mm:.1f} mm "
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
    return math.fsum(found) / len(found) if found else None


def _centre_x_mm(mark: Landmark) -> float:
    return mark.centre_mm[0]
