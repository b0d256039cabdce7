"""The voxels of a label map as its file holds them, before a table says what they mean.

Voxels leave here as (slice, row, column) in patient LPS: axes are permuted, never resampled, so
that the first one is the stack's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks.positions import FARTHEST_MM
from ifi_mri.landmarks.text_files import named
from ifi_mri.model import FloatArray, Grid

Voxels = npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_] | npt.NDArray[np.float32]

#: Voxels a map may claim: a CT of 512 x 512 x 2000.
MOST_VOXELS: Final = 2**29

#: Stored numbers this near to a whole one are labels in a file of floating-point numbers.
WHOLE_NUMBER: Final = 1e-3

#: Voxels longer than the next longest by this factor make the axis a stack of slices.
STACK_RATIO: Final = 1.2

#: Voxels of a body in a scanner: no map is finer than a micrometre or coarser than 10 cm.
VOXEL_MM: Final = (1e-3, 100.0)


@dataclass(frozen=True, eq=False)
class Layer:
    """Labels that do not overlap, or one segment.

    Attributes
    ----------
    voxels : numpy.ndarray of shape (slices, rows, columns)
        Integers: labels.  Bool or float32: the one segment ``value``, or how much of each voxel
        it fills.
    names : mapping of int to tuple of str
        Names of the labels, in formats that have names.
    value : int or None
        The segment, where ``voxels`` are no labels.
    """

    voxels: Voxels
    names: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    value: int | None = None

    @property
    def segment(self) -> npt.NDArray[np.bool_] | npt.NDArray[np.float32]:
        """The voxels of a layer that is one segment."""
        assert self.value is not None
        return cast("npt.NDArray[np.bool_] | npt.NDArray[np.float32]", self.voxels)


@dataclass(frozen=True, eq=False)
class LabelVolume:
    """A label map's file.

    Attributes
    ----------
    grid : Grid
    layers : tuple of Layer
    sources : tuple of pathlib.Path
        The files it was read from.
    numbers_mean_something : bool
        False where a file numbers its segments as they come (DICOM SEG): then only names count.
    study_uid, frame_of_reference_uid : str or None
        None where the format cannot carry them.
    unread : tuple of tuples of str
        Names of segments whose voxels nobody wanted.
    made_by_model : bool
        Whether the file says that an algorithm drew it.
    private_words : frozenset of str
        Words of the patient's name, in lower case, which no message may repeat.
    """

    grid: Grid
    layers: tuple[Layer, ...]
    sources: tuple[Path, ...]
    numbers_mean_something: bool = True
    study_uid: str | None = None
    frame_of_reference_uid: str | None = None
    unread: tuple[tuple[str, ...], ...] = ()
    made_by_model: bool = False
    private_words: frozenset[str] = frozenset()


def stacked(
    voxels: npt.NDArray[Any], affine: FloatArray, source: Path
) -> tuple[npt.NDArray[Any], Grid]:
    """Return voxels with their stack axis first, and the grid they lie on.

    The stack axis is the one with the longest voxels; where none stands out, the one nearest to
    the patient's head-foot axis.

    Parameters
    ----------
    voxels : numpy.ndarray of shape (slices, rows, columns)
    affine : numpy.ndarray of shape (4, 4)
        To patient LPS mm.
    source : pathlib.Path
        For messages.

    Raises
    ------
    LandmarkFormatError
        The affine is singular, sheared, not finite or no body's.
    """
    _check_affine(affine, source)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    longest, next_longest = np.argsort(sizes)[::-1][:2]
    if sizes[longest] > STACK_RATIO * sizes[next_longest]:
        first = int(longest)
    else:
        first = int(np.argmax(np.abs(affine[2, :3]) / sizes))
    order = [first, *(axis for axis in range(3) if axis != first)]
    turned = np.eye(4)
    turned[:3] = affine[:3, [*order, 3]]
    return voxels.transpose(order), Grid.from_affine(turned, [voxels.shape[i] for i in order])


def _check_affine(affine: FloatArray, source: Path) -> None:
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    sound = bool(np.isfinite(affine).all()) and bool(
        ((sizes >= VOXEL_MM[0]) & (sizes <= VOXEL_MM[1])).all()
    )
    if not sound or abs(np.linalg.det(affine[:3, :3] / np.where(sizes > 0, sizes, 1))) < 0.1:
        raise LandmarkFormatError(
            f"{named(source)}: does not say where its voxels lie: its directions and spacings are "
            f"{np.round(affine[:3, :3], 4).tolist()}. Save it again with its orientation."
        )
    if np.abs(affine[:3, 3]).max() > FARTHEST_MM:
        raise LandmarkFormatError(
            f"{named(source)}: its first voxel lies {np.abs(affine[:3, 3]).max():.0f} mm from the "
            f"scanner's centre, at most {FARTHEST_MM:.0f} mm are expected. Check its units."
        )
    if geometry.is_sheared(affine):
        raise LandmarkFormatError(
            f"{named(source)}: its axes are not at right angles to one another. Resample it onto "
            "the image it was drawn on."
        )


def check_size(shape: Sequence[int], source: Path) -> None:
    """Refuse what is not a volume of voxels, before memory is taken for it."""
    if len(shape) != 3 or any(n < 1 for n in shape):
        raise LandmarkFormatError(
            f"{named(source)}: has {' x '.join(map(str, shape)) or 'no'} voxels, a volume of three "
            "dimensions was expected. Name a label map."
        )
    if math.prod(shape) > MOST_VOXELS:
        raise LandmarkFormatError(
            f"{named(source)}: claims {' x '.join(map(str, shape))} voxels, at most "
            f"{MOST_VOXELS:,} are read. Crop it to the pelvis."
        )


def as_labels(stored: npt.NDArray[Any], source: Path) -> npt.NDArray[np.integer[Any]]:
    """Return stored numbers as labels; floating-point ones must be whole.

    Raises
    ------
    LandmarkFormatError
        There are fractions, which are no labels, or numbers that are not finite.
    """
    if np.issubdtype(stored.dtype, np.integer):
        return stored
    if not np.issubdtype(stored.dtype, np.floating):
        raise LandmarkFormatError(
            f"{named(source)}: holds {stored.dtype} voxels, whole numbers were expected. Name a "
            "label map."
        )
    whole = np.empty(stored.shape, dtype=np.int32)
    for slab, into in zip(stored, whole, strict=True):  # slice by slice: copies stay small
        rounded = np.rint(slab)
        off = ~(np.abs(slab - rounded) <= WHOLE_NUMBER)
        if off.any():
            raise LandmarkFormatError(
                f"{named(source)}: holds numbers such as {slab[off].flat[0]:g}, which are no "
                "labels; whole numbers were expected. Name a label map, not an image or a map of "
                "probabilities."
            )
        if rounded.size and np.abs(rounded).max() >= 2**31:
            raise LandmarkFormatError(
                f"{named(source)}: holds the number {np.abs(rounded).max():g}, which is no label. "
                "Name a label map."
            )
        into[...] = rounded
    return whole
