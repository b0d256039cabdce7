"""What a landmark set holds, for people: by side, structure and number of places."""

from typing import NamedTuple

from ifi_mri.model import LandmarkSet
from ifi_mri.vocabulary import LandmarkName, Side


class Marked(NamedTuple):
    """One structure of one side: how often it is marked, and the vertices of each outline."""

    side: Side
    name: LandmarkName
    n_marks: int
    n_vertices: tuple[int, ...]


def what_is_there(landmarks: LandmarkSet) -> tuple[Marked, ...]:
    """Return what is marked, right side first, structures in the order of their names' list.

    A structure is marked once a slice; ``n_vertices`` has one number for each outline and none
    for single points.
    """
    found = []
    for side in (Side.RIGHT, Side.LEFT):
        for name in LandmarkName:
            marks = [mark for mark in landmarks.on(side) if mark.name is name]
            outlines = tuple(len(mark.points_mm) for mark in marks if len(mark.points_mm) > 1)
            if marks:
                found.append(Marked(side, name, len(marks), outlines))
    return tuple(found)


def describe(landmarks: LandmarkSet) -> str:
    """Return a few lines for a terminal: whose landmarks, and what is marked on each side."""
    said = (
        ("case", landmarks.case_id),
        ("reader", landmarks.reader),
        ("read", landmarks.read),
        ("status", landmarks.status),
        ("study", landmarks.study_uid),
    )
    whose = ", ".join(f"{word} {value}" for word, value in said if value is not None)
    lines = [f"Landmarks{f' ({whose})' if whose else ''}:"]
    marked = what_is_there(landmarks)
    for side in (Side.RIGHT, Side.LEFT):
        on_side = [one for one in marked if one.side is side]
        texts = [_text(one) for one in on_side] or ["nothing marked"]
        lines += [f"  {side}: {texts[0]}", *(f"{'':9}{text}" for text in texts[1:])]
    lines += [f"  {seen.side}: {seen.name} {seen.value}" for seen in landmarks.observations]
    return "\n".join(lines)


def _text(marked: Marked) -> str:
    times = "once" if marked.n_marks == 1 else f"{marked.n_marks} times"
    if not marked.n_vertices:
        return f"{marked.name} {times}"
    vertices = ", ".join(str(number) for number in marked.n_vertices)
    return f"{marked.name} {times}, outlines of {vertices} vertices"
