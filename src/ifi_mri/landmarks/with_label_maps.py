"""Landmarks some of which come from label maps, and the maps that can give them again.

Outlines from a label map are cut on its own axial slices when it is read, so that a landmark set is
whole from the start; which slices are measured on is known only when the anatomy series is chosen.
So the maps stay with the set, and `placed_on` cuts them anew on the slices of that series.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Final

from ifi_mri.landmarks import merging
from ifi_mri.landmarks.label_masks import LabelMap
from ifi_mri.landmarks.proposing import Completed, complete
from ifi_mri.model import Landmark, LandmarkSet, Series

_NOTHING: Final = LandmarkSet(())

#: What says whose and of which study a set is, and where it was read; what a caller may restate.
_IDENTITY: Final = tuple(
    one.name for one in fields(LandmarkSet) if one.name not in ("landmarks", "status", "in_part")
)


@dataclass(frozen=True, slots=True)
class LandmarksWithLabelMaps(LandmarkSet):
    """Landmarks of a reader, and what label maps add to them.

    Attributes
    ----------
    own : LandmarkSet
        What the reader marked.
    label_maps : tuple of LabelMap
        What else was read.
    as_read : tuple of Landmark
        All landmarks, those from the maps on the maps' own axial slices.
    """

    own: LandmarkSet = field(default=_NOTHING, compare=False, repr=False)
    label_maps: tuple[LabelMap, ...] = field(default=(), compare=False, repr=False)
    as_read: tuple[Landmark, ...] = field(default=(), compare=False, repr=False)


def of_label_map(label_map: LabelMap) -> LandmarksWithLabelMaps:
    """Return the set of a label map by itself; `choose` makes landmarks of it."""
    own = LandmarkSet(
        (),
        study_uid=label_map.study_uid,
        frame_of_reference_uid=label_map.frame_of_reference_uid,
        sources=label_map.sources,
    )
    identity = {name: getattr(own, name) for name in _IDENTITY}
    return LandmarksWithLabelMaps((), own=own, label_maps=(label_map,), **identity)


def completed(own: LandmarkSet, label_maps: Sequence[LabelMap]) -> LandmarksWithLabelMaps:
    """Return a reader's landmarks with what label maps add, on the maps' own slices."""
    whole = complete(own, label_maps, None).landmarks
    return LandmarksWithLabelMaps(
        **{one.name: getattr(whole, one.name) for one in fields(LandmarkSet)},
        own=own,
        label_maps=tuple(label_maps),
        as_read=whole.landmarks,
    )


def choose(
    sets: Sequence[LandmarkSet],
    *,
    case_id: str | None = None,
    reader: str | None = None,
    read: int | None = None,
) -> LandmarkSet:
    """Return the sets that fit a case, reader and reading as one set; see `merging.choose`.

    A reader's marks and label maps go together: the maps add what the reader did not mark.
    """
    own = [one.own if isinstance(one, LandmarksWithLabelMaps) else one for one in sets]
    chosen = merging.choose(own, case_id=case_id, reader=reader, read=read)
    label_maps = _label_maps(sets)
    return completed(chosen, label_maps) if label_maps else chosen


def _label_maps(sets: Iterable[LandmarkSet]) -> list[LabelMap]:
    return [
        label_map
        for one in sets
        if isinstance(one, LandmarksWithLabelMaps)
        for label_map in one.label_maps
    ]


def tables_used(
    landmarks: LandmarkSet, label_maps: Sequence[LabelMap] = ()
) -> tuple[tuple[str, str], ...]:
    """Return which tables label maps were read with, and their versions, for a report's
    provenance."""
    maps = [*_label_maps([landmarks]), *label_maps]
    spoken = dict.fromkeys(label_map.table.spoken for label_map in maps)
    return (("label_table", "; ".join(spoken)),) if spoken else ()


def placed_on(
    landmarks: LandmarkSet, anatomy: Series | None, label_maps: Sequence[LabelMap] = ()
) -> Completed:
    """Return landmarks with those from label maps cut on the slices of a series.

    ``label_maps`` go beside those that were read with the landmarks.  What was added since they
    were read counts as the reader's; where something was taken out or moved, all stay as they are.

    Raises
    ------
    LandmarkMismatchError
        A label map does not lie where the series does.
    """
    if not isinstance(landmarks, LandmarksWithLabelMaps):
        return complete(landmarks, label_maps, anatomy)
    read = set(landmarks.as_read)
    if not read <= set(landmarks.landmarks):
        return complete(landmarks, label_maps, anatomy)
    added = tuple(mark for mark in landmarks.landmarks if mark not in read)
    restated = {name: getattr(landmarks, name) for name in _IDENTITY}
    own = replace(landmarks.own, landmarks=(*landmarks.own.landmarks, *added), **restated)
    return complete(own, (*landmarks.label_maps, *label_maps), anatomy)
