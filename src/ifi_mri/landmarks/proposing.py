"""What label maps add to a reader's landmarks, and how numbers say that bones led to them.

A reader's own marks always win: an outline from labels is left out where the reader drew that
structure on that side, and the two ends of a space that bones suggest are left out where the reader
marked either of them; the report then says so and shows both widths.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ifi_mri.landmarks import from_labels
from ifi_mri.landmarks.bone_labels import NotProposed, ProposedSpace
from ifi_mri.landmarks.bone_labels.quality import SOUND
from ifi_mri.landmarks.from_labels import LabelReading
from ifi_mri.landmarks.label_masks import LabelMap
from ifi_mri.landmarks.merging import merged
from ifi_mri.model import (
    Caution,
    Landmark,
    LandmarkSet,
    Measurement,
    NotMeasured,
    Series,
    SpaceFromBones,
)
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Side, printed

#: What every number says that rests on ends which bones led to.
NOT_REVIEWED: Final = "from bone labels, not reviewed"

#: The ends of the ischiofemoral space.
ENDS: Final = (LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER)

#: Numbers of one side that rest on both ends, and numbers of both sides that rest on those.
_OF_ONE_SIDE: Final = (MeasurementName.ISCHIOFEMORAL_SPACE,)
_OF_BOTH_SIDES: Final = (MeasurementName.SIDE_DIFFERENCE_ISCHIOFEMORAL_SPACE,)

#: Numbers that the ends on each slice do not give, and what they are taken from.
_WANTS_MORE: Final = {
    MeasurementName.INTERTUBEROUS_DISTANCE: "outlines of both tuberosities",
    MeasurementName.ISCHIOFEMORAL_DISTANCE_3D: "outlines of tuberosity and trochanter",
}

#: Beyond this, mm, a reader's own space and the one from bones are not the same space: readers
#: differ among themselves by an SD of some 1.4 mm (evidence document, section 1.2), labels by less.
DIFFERENCE_MM: Final = 4.0


@dataclass(frozen=True, slots=True)
class Completed:
    """A reader's landmarks with what label maps add to them."""

    landmarks: LandmarkSet
    spaces: tuple[SpaceFromBones, ...]
    cautions: tuple[Caution, ...]

    @property
    def in_part(self) -> frozenset[tuple[LandmarkName, Side]]:
        """The structures of whose label only some slices were taken."""
        return self.landmarks.in_part

    def in_part_on(self, side: Side) -> frozenset[LandmarkName]:
        """Those of one side."""
        return frozenset(name for name, where in self.in_part if where is side)


def complete(
    landmarks: LandmarkSet, label_maps: Sequence[LabelMap], anatomy: Series | None
) -> Completed:
    """Return a reader's landmarks with what label maps add to them.

    Parameters
    ----------
    landmarks : LandmarkSet
        The reader's own; may be empty.
    label_maps : sequence of LabelMap
        From `label_masks.read`; where two of them speak of one structure, the first counts.
    anatomy : Series or None
        The series that is measured: its slices are the planes.

    Raises
    ------
    LandmarkMismatchError
        A map does not lie where the series does, or belongs to another study than the landmarks.
    """
    spaces: dict[Side, SpaceFromBones] = {}
    cautions: list[Caution] = []
    in_part = set(landmarks.in_part)
    for label_map in label_maps:
        reading = from_labels.read(label_map, anatomy)
        own = {(mark.name, mark.side) for mark in landmarks.landmarks}
        kept = tuple(mark for mark in reading.landmarks.landmarks if _is_new(mark, reading, own))
        status = reading.landmarks.status if kept else None
        added = replace(reading.landmarks, landmarks=kept, status=status)
        landmarks = merged([landmarks, added])
        in_part |= reading.in_part - own
        cautions += [caution for caution in reading.cautions if _still_holds(caution, own)]
        for side, found in reading.spaces.items():
            marked = [name for name in ENDS if (name, side) in own]
            spaces.setdefault(side, _as_noun(found, marked))
    if in_part != landmarks.in_part:
        landmarks = replace(landmarks, in_part=frozenset(in_part))
    return Completed(landmarks, tuple(spaces.values()), tuple(cautions))


def _is_new(mark: Landmark, reading: LabelReading, own: set[tuple[LandmarkName, Side]]) -> bool:
    """Return whether nobody marked a structure before; the two ends that bones lead to belong
    together."""
    if mark.name in ENDS and isinstance(reading.spaces.get(mark.side), ProposedSpace):
        return not any((name, mark.side) in own for name in ENDS)
    return (mark.name, mark.side) not in own


def _still_holds(caution: Caution, own: set[tuple[LandmarkName, Side]]) -> bool:
    """Return whether what a reading says of a space concerns the numbers."""
    of_space = caution.code.startswith("space_") and caution.side is not None
    return not of_space or not any((name, caution.side) in own for name in ENDS)


def _as_noun(found: ProposedSpace | NotProposed, marked: Sequence[LandmarkName]) -> SpaceFromBones:
    """Return what bones say of one side; ``marked`` are the ends that the reader marked."""
    kept = f"the reader's own {' and '.join(marked)} counts" if marked else ""
    if isinstance(found, NotProposed):
        return SpaceFromBones(found.side, used=False, reason=kept or found.reason)
    return SpaceFromBones(
        side=found.side,
        used=not marked,
        reason=kept,
        width_mm=found.width_mm,
        points_mm=(found.ischium_mm, found.trochanter_mm),
        trochanter_tip_mm=found.trochanter_tip_mm,
        searched_mm=found.searched_mm,
        n_searched=found.n_searched,
        n_slices=len(found.slices),
        score=found.score,
        doubts=found.doubts,
    )


# --- what the numbers say -----------------------------------------------------------------------


def attributed(
    results: Iterable[Measurement | NotMeasured], spaces: Sequence[SpaceFromBones]
) -> list[Measurement | NotMeasured]:
    """Return results that say which of them rest on bone labels, and why bones gave none.

    What wants more than the two ends of the space on each slice is taken back.
    """
    by_side = {space.side: space for space in spaces}
    return [_attributed(result, by_side) for result in results]


def _attributed(
    result: Measurement | NotMeasured, spaces: Mapping[Side, SpaceFromBones]
) -> Measurement | NotMeasured:
    sides = tuple(Side) if result.side is None else (result.side,)
    used = [spaces[side] for side in sides if side in spaces and spaces[side].used]
    if isinstance(result, NotMeasured):
        return _with_reason(result, spaces)
    if used and result.name in _WANTS_MORE:
        reason = (
            "the points from bone labels are the ends of the space on each slice; "
            f"{_WANTS_MORE[result.name]} are needed"
        )
        return NotMeasured(result.name, result.side, reason, optional=True)
    rests = _OF_BOTH_SIDES if result.side is None else _OF_ONE_SIDE
    on_trochanter = dict(result.details).get("far_landmark") == LandmarkName.LESSER_TROCHANTER
    if not used or not (result.name in rests or on_trochanter):
        return result
    details = list(result.details)
    if result.name is MeasurementName.ISCHIOFEMORAL_SPACE:
        details += _details(used[0])
    details += [("doubtful", _doubts(space)) for space in used if _is_doubtful(space)][:1]
    return replace(
        result,
        method=f"{result.method}; {NOT_REVIEWED}",
        details=(*details, ("ends", NOT_REVIEWED)),
    )


def _details(space: SpaceFromBones) -> Iterable[tuple[str, float | int | str]]:
    """Yield score and slice range of a space from bones."""
    if space.score is not None and space.searched_mm is not None:
        low, high = space.searched_mm
        yield "bone_label_score", space.score
        yield "searched_from_tip_low_mm", low
        yield "searched_from_tip_high_mm", high


def _with_reason(result: NotMeasured, spaces: Mapping[Side, SpaceFromBones]) -> NotMeasured:
    """Return what was not measured with the reason why bones gave no ends, where that is why."""
    space = spaces.get(result.side) if result.side is not None else None
    if result.name not in _OF_ONE_SIDE or space is None or space.used:
        return result
    return replace(result, reason=f"{result.reason}; bone labels: {space.reason}")


def beside_the_reader(
    results: Iterable[Measurement | NotMeasured], spaces: Iterable[SpaceFromBones]
) -> Iterator[Caution]:
    """Yield what the report says where a reader's own space stands beside one from bones."""
    own = {
        result.side: result.value
        for result in results
        if isinstance(result, Measurement) and result.name is MeasurementName.ISCHIOFEMORAL_SPACE
    }
    for space in spaces:
        if space.used or space.width_mm is None or space.side not in own:
            continue
        text = (
            f"The {space.side} ischiofemoral space is the reader's own, "
            f"{printed(own[space.side], 'mm')} mm; bone labels alone give "
            f"{printed(space.width_mm, 'mm')} mm (score {space.score:.2f} of 1), which is not used."
        )
        yield Caution("reader_before_bone_labels", text, space.side)
        if abs(own[space.side] - space.width_mm) > DIFFERENCE_MM:
            text = (
                f"The reader's {space.side} ischiofemoral space and the one from bone labels are "
                f"more than {DIFFERENCE_MM:.0f} mm apart. Check the landmarks and the labels."
            )
            yield Caution("reader_and_bone_labels_differ", text, space.side)


def statement(spaces: Iterable[SpaceFromBones]) -> tuple[str, ...]:
    """Return the sentence that an impression begins with where its spaces are not a reader's, and
    one for each that is doubtful."""
    used = [space for space in spaces if space.used]
    if not used:
        return ()
    noun = "ischiofemoral space is" if len(used) == 1 else "ischiofemoral spaces are"
    sides = " and the ".join(str(space.side) for space in used)
    doubtful = (
        f"The {space.side} ischiofemoral space is doubtful and not judged: {_doubts(space)}."
        for space in used
        if _is_doubtful(space)
    )
    return (f"The {sides} {noun} {NOT_REVIEWED}.", *doubtful)


def _is_doubtful(space: SpaceFromBones) -> bool:
    return space.score is not None and space.score < SOUND


def _doubts(space: SpaceFromBones) -> str:
    return "; ".join(space.doubts[:3])
