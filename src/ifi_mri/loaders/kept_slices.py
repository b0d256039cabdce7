"""Slices that are read once while a case is worked on.

Checks, numbers and pictures ask for the same few slices one after another; each time a file is
opened, its header compared and, where it is compressed, decoded for milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ifi_mri import loaders
from ifi_mri.model import Grid, Point, Series, Volume

Voxels: TypeAlias = npt.NDArray[np.float32]
"""Slices one behind the other, shape (slices, rows, columns)."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """The series itself, so that no other one takes its identity meanwhile, and what was read of
    it: runs of slices by their first one, none of them part of another."""

    series: Series
    runs: dict[int, Voxels] = field(default_factory=dict)

    def run(self, first: int, last: int) -> Voxels | None:
        """Return a run of slices without a copy, None where it is not kept in one piece."""
        for start, voxels in self.runs.items():
            if start <= first and last < start + len(voxels):
                return voxels[first - start : last + 1 - start]
        return None

    def one(self, k: int) -> npt.NDArray[np.float32] | None:
        """Return a slice, None where it is not kept."""
        found = self.run(k, k)
        return None if found is None else found[0]

    def keep(self, first: int, voxels: Voxels) -> None:
        """Keep a run instead of those that are part of it."""
        end = first + len(voxels)
        for start in [k for k, run in self.runs.items() if first <= k and k + len(run) <= end]:
            del self.runs[start]
        self.runs[first] = voxels


class KeptSlices:
    """Reads volumes as `load_volume` does, each slice once; as long as it lives, so do they.

    Make one for each case: memory is that of the slices that the case needs, and files that change
    later are not looked at again.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def open_volume(self, series: Series, near: Sequence[Point]) -> Volume:
        """Return the run of slices of a series that lie nearest to points.

        Parameters and errors are those of `ifi_mri.loaders.load_volume`.
        """
        if series.grid is None or len(near) == 0:
            return loaders.load_volume(series, near)
        first, last = loaders.slices_near(series.grid, near, f"series {series.label}")
        kept = self._kept.setdefault(id(series), _Kept(series))
        voxels = kept.run(first, last)
        if voxels is None:
            voxels = _completed(kept, first, last)
            kept.keep(first, voxels)
        return _volume(series, series.grid, first, voxels)


def _completed(kept: _Kept, first: int, last: int) -> Voxels:
    """Return a run of slices of which some may be kept: the others are read, and all of them stand
    behind one another, so that no part of them has to be copied again."""
    slices = [kept.one(k) for k in range(first, last + 1)]
    missing = [k for k, one in enumerate(slices, start=first) if one is None]
    if missing:
        ends = [kept.series.instances[k].position_mm for k in (missing[0], missing[-1])]
        read = loaders.load_volume(kept.series, ends).voxels
        if len(read) == len(slices):
            return read
        wanted = range(missing[0] - first, missing[-1] + 1 - first)
        for place, one in zip(wanted, read, strict=True):
            slices[place] = one
    voxels = np.stack(slices)  # type: ignore[arg-type]  # none is missing any more
    voxels.flags.writeable = False
    return voxels


def _volume(series: Series, grid: Grid, first: int, voxels: Voxels) -> Volume:
    return Volume(
        voxels=voxels,
        affine=loaders.affine_from(grid, first),
        frame_of_reference_uid=series.frame_of_reference_uid,
        series_uid=series.series_uid,
        instances=tuple(series.instances[first : first + len(voxels)]),
    )
