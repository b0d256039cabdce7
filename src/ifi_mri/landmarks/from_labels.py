"""What a label map says as landmarks: outlines of structures, and spaces from whole bones.

The one place where masks, bones and the anatomy series come together.  What the labels mark
themselves is taken as it is; where they hold only the whole bones of a side, the two ends of its
ischiofemoral space are proposed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ifi_mri import geometry
from ifi_mri.landmarks import label_grid
from ifi_mri.landmarks.bone_labels import NotProposed, ProposedSpace, propose_both
from ifi_mri.landmarks.bone_labels.search import COARSE_MM
from ifi_mri.landmarks.label_masks import (
    LabelMap,
    axial_grid,
    beyond_picture,
    outlines,
)
from ifi_mri.landmarks.label_tables import Bone
from ifi_mri.model import Caution, Grid, Landmark, LandmarkSet, Series
from ifi_mri.vocabulary import LandmarkName, Side

#: The ends of the ischiofemoral space.
_ENDS = (LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER)

#: Structures that a space is measured between.
_SPACE_ENDS: Final = (*_ENDS, LandmarkName.HAMSTRING_ORIGIN, LandmarkName.ILIOPSOAS_TENDON)

#: A piece below this share of the largest on its slice is an island rather than a part.  Ours.
ISLAND_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class LabelReading:
    """Landmarks from a label map, and how those from bones came about.

    Attributes
    ----------
    landmarks : LandmarkSet
        Status ``proposed`` where a model made the labels or bones led to the ends.
    spaces : mapping of Side to ProposedSpace or NotProposed
        For the sides whose ends the labels do not mark themselves; empty without bones.
    cautions : tuple of Caution
        Codes ``space_from_bone_labels``, ``space_doubtful``, ``space_not_proposed``,
        ``space_from_coarse_labels``,
        ``label_also_contains``, ``label_with_islands``, and those of `label_grid.check` and
        `label_masks`.
    in_part : frozenset of (LandmarkName, Side)
        Structures of whose label only some slices were taken.
    """

    landmarks: LandmarkSet
    spaces: Mapping[Side, ProposedSpace | NotProposed]
    cautions: tuple[Caution, ...]
    in_part: frozenset[tuple[LandmarkName, Side]] = frozenset()


def read(label_map: LabelMap, anatomy: Series | None = None) -> LabelReading:
    """Return what a label map says as landmarks on the slices of a series.

    Parameters
    ----------
    label_map : LabelMap
        From `label_masks.read`.
    anatomy : Series or None
        The series that is measured; without it the map's own axial slices count.

    Raises
    ------
    LandmarkMismatchError
        The map does not lie where the series does.
    """
    grid = anatomy.grid if anatomy is not None else None
    cautions = [*label_map.cautions]
    if grid is not None and anatomy is not None:
        cautions += label_grid.check(
            label_map.grid,
            grid,
            label_map.name,
            anatomy.label,
            label_frame=label_map.frame_of_reference_uid,
            image_frame=anatomy.frame_of_reference_uid,
        )
        cautions += beyond_picture(label_map, grid)
    marked = outlines(label_map, anatomy)
    cautions += _island_cautions(marked, grid or axial_grid(label_map))
    spaces = _spaces(label_map, marked, grid)
    kept, in_part, shared = _without_neighbours(label_map, marked, spaces)
    cautions += [*_space_cautions(spaces), *shared]
    proposed = [
        mark
        for space in spaces.values()
        if isinstance(space, ProposedSpace)
        for mark in space.landmarks(anatomy)
    ]
    reading = LandmarkSet(
        landmarks=(*kept, *proposed),
        study_uid=label_map.study_uid,
        frame_of_reference_uid=label_map.frame_of_reference_uid,
        status="proposed" if proposed else label_map.table.status,
        sources=label_map.sources,
    )
    return LabelReading(reading, spaces, tuple(cautions), in_part)


def _island_cautions(marked: Sequence[Landmark], planes: Grid) -> Iterator[Caution]:
    """Yield where the label of an end of a space has a far smaller piece beside it on a slice: the
    shortest distance is taken from any piece."""
    areas: dict[tuple[Side, LandmarkName, int], list[float]] = {}
    for mark in marked:
        if mark.name in _SPACE_ENDS:
            level = round(float(geometry.slice_coordinate(planes.affine, mark.points_mm).mean()))
            area_mm2 = geometry.outline_area_mm2(mark.points_mm, planes.affine)
            areas.setdefault((mark.side, mark.name, level), []).append(area_mm2)
    islands: dict[tuple[Side, LandmarkName], list[float]] = {}
    for (side, name, _), on_slice in areas.items():
        if min(on_slice) < ISLAND_SHARE * max(on_slice):
            islands.setdefault((side, name), []).append(min(on_slice))
    for (side, name), smallest in islands.items():
        yield Caution(
            "label_with_islands",
            f"The label of the {side} {str(name).replace('_', ' ')} has islands of "
            f"{min(smallest):.0f} mm2 and more beside its largest piece on {len(smallest)} "
            f"slice{'' if len(smallest) == 1 else 's'}: distances are taken from any piece, so "
            "that one which is not of the structure narrows the space.",
            side,
        )


def _spaces(
    label_map: LabelMap, marked: Sequence[Landmark], grid: Grid | None
) -> dict[Side, ProposedSpace | NotProposed]:
    """Return the spaces from bones, for the sides whose ends are not marked."""
    if not any(label_map.of(bone) for bone in Bone):
        return {}
    names = {side: {mark.name for mark in marked if mark.side is side} for side in Side}
    wanted = [side for side in Side if not names[side].intersection(_ENDS)]
    both = propose_both(label_map, grid) if wanted else {}
    return {side: both[side] for side in wanted}


def _without_neighbours(
    label_map: LabelMap,
    marked: Sequence[Landmark],
    spaces: Mapping[Side, ProposedSpace | NotProposed],
) -> tuple[list[Landmark], frozenset[tuple[LandmarkName, Side]], list[Caution]]:
    """Return outlines without what a label holds besides its structure, as far as it can be told,
    and the structures that lost slices by that.

    The gemelli lie above quadratus femoris; on the slices that were searched for the space only
    the latter lies between the bones.  Without a space the whole label stays, with a caution.
    """
    kept, cautions = list(marked), []
    in_part: set[tuple[LandmarkName, Side]] = set()
    for label in dict.fromkeys(mask.label for mask in label_map.masks):
        side = label.side
        mine = [mark for mark in kept if mark.name is label.structure and mark.side is side]
        if not label.also_contains or side is None or not mine:
            continue
        space = spaces.get(side)
        name = str(label.structure).replace("_", " ")
        if isinstance(space, ProposedSpace):
            in_part.update((mark.name, side) for mark in mine)
            low, high = _heights(space)
            kept = [mark for mark in kept if mark not in mine or low <= _height(mark) <= high]
            text = (
                f"The label of the {side} {name} also contains {label.also_contains}; only the "
                "slices around the lesser trochanter are used, so its volume is not measured whole."
            )
        else:
            text = f"The label of the {side} {name} also contains {label.also_contains}."
        cautions.append(Caution("label_also_contains", text, side))
    return kept, frozenset(in_part), cautions


def _height(mark: Landmark) -> float:
    return sum(z for _, _, z in mark.points_mm) / len(mark.points_mm)


def _heights(space: ProposedSpace) -> tuple[float, float]:
    """Return the lowest and highest z coordinate of the slices searched, a little beyond."""
    heights = [one.ischium_mm[2] for one in space.slices]
    heights += [one.trochanter_mm[2] for one in space.slices]
    return min(heights) - 0.5, max(heights) + 0.5


def _space_cautions(spaces: Mapping[Side, ProposedSpace | NotProposed]) -> list[Caution]:
    cautions = []
    for side, space in spaces.items():
        if isinstance(space, NotProposed):
            text = f"No {side} ischiofemoral space was proposed from bone labels: {space.reason}."
            cautions.append(Caution("space_not_proposed", text, side))
            continue
        text = (
            f"The {side} ischiofemoral space is from bone labels, not reviewed (score "
            f"{space.score:.2f} of 1; {space.n_searched} slices searched, from "
            f"{space.searched_mm[0]:+.0f} to {space.searched_mm[1]:+.0f} mm of the lesser "
            f"trochanter's tip, of which {len(space.slices)} show both bones)."
        )
        cautions.append(Caution("space_from_bone_labels", text, side))
        if not space.sound:
            text = (
                f"The {side} ischiofemoral space from bone labels is doubtful: "
                f"{'; '.join(space.doubts[:3])}."
            )
            cautions.append(Caution("space_doubtful", text, side))
        if space.coarse:
            text = (
                f"The {side} ischiofemoral space is from bone labels with voxels of "
                f"{space.pixel_mm:.1f} mm in the slices; beyond {COARSE_MM:.1f} mm spaces were "
                "found off by more than 1 mm. Its SD is widened; label finer images."
            )
            cautions.append(Caution("space_from_coarse_labels", text, side))
    return cautions
