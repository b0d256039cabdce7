"""Slices that are read once while a case is worked on.

Checks, numbers and pictures ask for the same few slices one after another; each time a file is
opened, its header compared and, where it is compressed, decoded for milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ifi_mri import loaders
from ifi_mri.model import Grid, Point, Series, Volume


@dataclass(frozen=True, slots=True)
class _Kept:
    """The series itself, so that no other one takes its identity meanwhile, and what was read of
    it: runs of slices by their first one, and slices by number."""

    series: Series
    runs: dict[int, npt.NDArray[np.float32]] = field(default_factory=dict)
    slices: dict[int, npt.NDArray[np.float32]] = field(default_factory=dict)

    def keep(self, first: int, voxels: npt.NDArray[np.float32]) -> None:
        if len(voxels) > len(self.runs.get(first, ())):
            self.runs[first] = voxels
        self.slices.update(enumerate(voxels, start=first))

    def run(self, first: int, last: int) -> npt.NDArray[np.float32]:
        """Return slices that are all kept; without a copy where they were read together."""
        for start, voxels in self.runs.items():
            if start <= first and last < start + len(voxels):
                return voxels[first - start : last + 1 - start]
        voxels = np.stack([self.slices[k] for k in range(first, last + 1)])
        voxels.flags.writeable = False
        return voxels


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
        missing = [k for k in range(first, last + 1) if k not in kept.slices]
        if missing:
            ends = [series.instances[k].position_mm for k in (missing[0], missing[-1])]
            read = loaders.load_volume(series, ends)
            kept.keep(missing[0], read.voxels)
        return _volume(series, series.grid, first, kept.run(first, last))


def _volume(series: Series, grid: Grid, first: int, voxels: npt.NDArray[np.float32]) -> Volume:
    return Volume(
        voxels=voxels,
        affine=loaders.affine_from(grid, first),
        frame_of_reference_uid=series.frame_of_reference_uid,
        series_uid=series.series_uid,
        instances=tuple(series.instances[first : first + len(voxels)]),
    )
