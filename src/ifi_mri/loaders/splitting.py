"""One DICOM series into its volumes: by orientation, stack, echo, b-value, time point ...

A series may hold several images of the same place (echoes, phases, time points, diffusion
weightings), several stacks, or a localizer's three planes.  Slices are first parted where they
cannot belong to one stack (matrix, pixel spacing, orientation, stack ID).  Where positions still
repeat, the series' own tags part them: the first of `dicom_frames.distinctions` that varies between
volumes and not from slice to slice.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.loaders.dicom_frames import Distinction, Frame, distinctions
from ifi_mri.loaders.stack import PARALLEL_DEG, angle_between_deg, unit_directions

#: How parts of a localizer are told apart.
PLANE: Final = "plane"

#: Orientations this far apart are different planes of a localizer, not slices that are turned.
OTHER_PLANE_DEG: Final = 45.0

#: A tag parts volumes only where each part covers at least this share of the positions: one that
#: varies from slice to slice, or between two interleaved halves of a stack, does not.
LEAST_COVERAGE: Final = 0.75

#: Slices nearer than this along the normal are at one place: volumes of a series are placed alike
#: to a few hundredths of a millimetre, and no MR slices lie this close.
SAME_PLACE_MM: Final = 0.1


@dataclass(frozen=True, slots=True)
class Part:
    """Slices that should form one stack, and what tells them from the rest of their series."""

    frames: tuple[Frame, ...]
    told_by: tuple[str, ...] = ()
    by_order: bool = False


def split(frames: Sequence[Frame]) -> list[Part]:
    """Return the volumes of one series' slices, in the order in which they were stored."""
    parts = [Part(tuple(frames))]
    parts = _split_each(parts, _matrix, "matrix")
    parts = [piece for part in parts for piece in _by_frame_of_reference(part)]
    parts = [piece for part in parts for piece in _by_orientation(part)]
    parts = [piece for part in parts for piece in _by_stack(part)]
    return [piece for part in parts for piece in _by_tags(part)]


def _split_each(parts: Iterable[Part], key: Callable[[Frame], Hashable], name: str) -> list[Part]:
    pieces = []
    for part in parts:
        groups = _grouped(part.frames, key)
        for value, group in groups.items():
            told = (*part.told_by, f"{name} {value}") if len(groups) > 1 else part.told_by
            pieces.append(Part(group, told))
    return pieces


def _grouped(
    frames: Iterable[Frame], key: Callable[[Frame], Hashable]
) -> dict[Hashable, tuple[Frame, ...]]:
    groups: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return {value: tuple(group) for value, group in groups.items()}


def _matrix(frame: Frame) -> str:
    if frame.plane is None:
        return ""
    rows, columns = frame.plane.shape
    row_mm, column_mm = frame.plane.spacing_mm
    return f"{rows} x {columns} of {row_mm:.4g} x {column_mm:.4g} mm"


def _by_frame_of_reference(part: Part) -> list[Part]:
    groups = _grouped(part.frames, lambda frame: frame.frame_of_reference_uid)
    return [part] if len(groups) == 1 else _named(part, "frame of reference", groups, numbered=True)


def _by_orientation(part: Part) -> list[Part]:
    """Part planes that differ widely (localizers) and stacks of several slices each; a lone slice
    that is turned stays with the others, for the stack to be refused with its angle."""
    clusters: list[list[Frame]] = []
    for frame in part.frames:
        if frame.plane is None:
            return [part]
        directions = frame.plane.directions
        for cluster in clusters:
            first = cluster[0].plane
            if first and angle_between_deg(first.directions, directions) <= PARALLEL_DEG:
                cluster.append(frame)
                break
        else:
            clusters.append([frame])
        if len(clusters) > len(part.frames) // 2 + 3:
            return [part]
    if len(clusters) == 1:
        return [part]
    firsts = [cluster[0].plane for cluster in clusters]
    widely = all(
        angle_between_deg(a.directions, b.directions) > OTHER_PLANE_DEG
        for i, a in enumerate(firsts)
        for b in firsts[:i]
        if a and b
    )
    if not widely and min(len(cluster) for cluster in clusters) < 2:
        return [part]
    return [
        Part(tuple(cluster), (*part.told_by, f"{PLANE if widely else 'orientation'} {k}"))
        for k, cluster in enumerate(clusters, start=1)
    ]


def _by_stack(part: Part) -> list[Part]:
    stacks = Counter(frame.stack_id for frame in part.frames)
    if len(stacks) == 1 or min(stacks.values()) < 2:
        return [part]
    return _split_each([part], lambda frame: frame.stack_id, "stack")


def _by_tags(part: Part) -> list[Part]:
    places = _places(part.frames)
    if places is None or len(set(places)) == len(places):
        return [part]
    n_places = len(set(places))
    for name, values in _varying(part.frames):
        groups: dict[Hashable, list[int]] = defaultdict(list)
        for k, value in enumerate(values):
            groups[value].append(k)
        if not _are_volumes([len({places[k] for k in at}) for at in groups.values()], n_places):
            continue
        members = {value: tuple(part.frames[k] for k in at) for value, at in groups.items()}
        return [smaller for piece in _named(part, name, members) for smaller in _by_tags(piece)]
    return _by_order(part, places)


def _are_volumes(covered: Sequence[int], n_places: int) -> bool:
    """Return whether parts that cover so many places each are volumes of one stack; a time series
    that was broken off has one incomplete volume behind several complete ones."""
    n_short = sum(n < LEAST_COVERAGE * n_places for n in covered)
    return n_short == 0 or (n_short == 1 and len(covered) > 2)


def _varying(frames: Sequence[Frame]) -> Iterator[tuple[str, list[Distinction]]]:
    """Yield each distinction that is not the same in all slices, with its values."""
    for named in zip(*map(distinctions, frames), strict=True):
        values = [value for _, value in named]
        if any(value != values[0] for value in values):
            yield named[0][0], values


def _named(
    part: Part, name: str, groups: dict[Hashable, tuple[Frame, ...]], *, numbered: bool = False
) -> list[Part]:
    """Name the pieces by their value where it can be read, else by their order."""
    numbered = numbered or not all(isinstance(value, (str, float, int)) for value in groups)
    pieces = []
    for k, (value, group) in enumerate(groups.items(), start=1):
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        pieces.append(Part(group, (*part.told_by, f"{name} {k if numbered else shown}")))
    return pieces


def _by_order(part: Part, places: Sequence[int]) -> list[Part]:
    """Part full repeats of a stack by their instance numbers, where these run through one stack
    after the other; else leave the slices for the stack to be refused as doubled."""
    numbers = [(frame.number, frame.index or 0) for frame in part.frames]
    counts = set(Counter(places).values())
    if len(counts) != 1 or None in {n for n, _ in numbers} or len(set(numbers)) < len(numbers):
        return [part]
    (n_volumes,) = counts
    order = sorted(range(len(places)), key=lambda k: numbers[k])
    volumes: list[list[Frame]] = [[] for _ in range(n_volumes)]
    seen: Counter[int] = Counter()
    for k in order:
        volumes[seen[places[k]]].append(part.frames[k])
        seen[places[k]] += 1
    return [
        Part(tuple(volume), (*part.told_by, f"volume {k}"), by_order=True)
        for k, volume in enumerate(volumes, start=1)
    ]


def _places(frames: Sequence[Frame]) -> list[int] | None:
    """Return for each slice which position of the stack it lies at, or None where a slice does
    not say."""
    planes = [frame.plane for frame in frames]
    first = planes[0]
    if first is None or any(plane is None for plane in planes):
        return None
    right, down = unit_directions(first.directions)
    along = np.array([plane.position_mm for plane in planes if plane]) @ geometry.cross(right, down)
    order = np.argsort(along, kind="stable")
    steps = np.diff(along[order]) >= SAME_PLACE_MM
    places = np.empty(len(frames), dtype=int)
    places[order] = np.concatenate([[0], np.cumsum(steps)])
    return [int(place) for place in places]
