"""Label maps as DICOM Segmentation objects (PS3.3 A.51, C.8.20).

A SEG holds frames in any order, each with its own position; frames without a voxel are usually
left out, so that the slices may have gaps.  Segments may overlap, and may be fractions.  Segment
numbers mean nothing; names, and the side that a modifier code states, do.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ifi_mri.errors import LandmarkError, LandmarkFormatError
from ifi_mri.landmarks.label_volumes import LabelVolume, Layer, Voxels, check_size, stacked
from ifi_mri.model import FloatArray

SEGMENTATION: Final = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_SEGMENTATION: Final = "1.2.840.10008.5.1.4.1.1.66.7"

#: Codes of a side, SNOMED CT and, before 2019, SNOMED RT (PS3.16 CID 244).
_SIDES: Final = {
    "7771000": "left", "G-A101": "left", "24028007": "right", "G-A100": "right",
}  # fmt: skip

#: Positions are decimal strings; frames of one slice agree to this, and slices are off even
#: spacing by no more.
_POSITION_MM: Final = 0.02

#: Directions of one stack agree to this (0.06 degrees).
_DIRECTION: Final = 1e-3

#: Slice spacing of a SEG of one slice that does not state one.
_SINGLE_SLICE_MM: Final = 1.0


def read(source: Path) -> LabelVolume:
    """Return the voxels of a DICOM SEG; see `label_files.read`."""
    import pydicom

    try:
        dataset = pydicom.dcmread(source)
        return _volume(dataset, source)
    except LandmarkError:
        raise
    except OSError as problem:
        raise LandmarkError(f"{source}: cannot be read ({problem}). Check the file.") from problem
    except Exception as problem:  # pydicom and its decoders raise whatever they meet
        raise LandmarkFormatError(
            f"{source}: cannot be read as DICOM SEG ({type(problem).__name__}: {problem}). Export "
            "the file again."
        ) from problem


def _volume(dataset: Any, source: Path) -> LabelVolume:
    kind = str(dataset.get("SOPClassUID", ""))
    if kind not in (SEGMENTATION, LABEL_MAP_SEGMENTATION):
        name = getattr(dataset.get("SOPClassUID"), "name", "") or "no SOP class"
        raise LandmarkFormatError(
            f"{source}: is {name}, a DICOM Segmentation was expected. Name the SEG file."
        )
    n_frames = int(dataset.get("NumberOfFrames", 1))
    check_size((n_frames, int(dataset.Rows), int(dataset.Columns)), source)
    frames = list(dataset.PerFrameFunctionalGroupsSequence)
    if len(frames) != n_frames:
        raise _wrong(source, f"{n_frames} frames and {len(frames)} descriptions of frames")
    slices, affine = _slices(dataset, frames, source)
    pixels = np.asarray(dataset.pixel_array).reshape(n_frames, dataset.Rows, dataset.Columns)
    layers = [
        Layer(voxels, names, value)
        for voxels, names, value in _layers(dataset, frames, pixels, slices, source)
    ]
    placed = [stacked(layer.voxels, affine, source) for layer in layers]
    return LabelVolume(
        grid=placed[0][1],
        layers=tuple(
            Layer(voxels, layer.names, layer.value)
            for (voxels, _), layer in zip(placed, layers, strict=True)
        ),
        sources=(source,),
        numbers_mean_something=False,
        study_uid=str(dataset.get("StudyInstanceUID", "")) or None,
        frame_of_reference_uid=str(dataset.get("FrameOfReferenceUID", "")) or None,
    )


# --- where the frames lie -----------------------------------------------------------------------


def _slices(
    dataset: Any, frames: Sequence[Any], source: Path
) -> tuple[npt.NDArray[np.int_], FloatArray]:
    """Return the slice that every frame lies on, and the affine from (slice, row, column, 1) to
    LPS mm."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    directions = [_numbers(one, shared, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
                  for one in frames]  # fmt: skip
    positions = np.array(
        [_numbers(one, shared, "PlanePositionSequence", "ImagePositionPatient", 3)
         for one in frames]
    )  # fmt: skip
    spacing = _numbers(frames[0], shared, "PixelMeasuresSequence", "PixelSpacing", 2)
    if np.abs(np.array(directions) - directions[0]).max() > _DIRECTION:
        raise _wrong(source, "frames that are not parallel")
    right, down = np.array(directions[0]).reshape(2, 3)
    normal = np.cross(right, down)
    along = (positions - positions[0]) @ normal
    beside = positions - positions[0] - along[:, None] * normal
    if np.abs(beside).max() > _POSITION_MM:
        raise _wrong(
            source, f"frames that lie up to {np.abs(beside).max():.2f} mm beside one another"
        )
    step_mm = _slice_step_mm(along, _stated_step_mm(frames[0], shared))
    slices = (along - along.min()) / step_mm
    numbers = np.rint(slices).astype(int)
    off_mm = np.abs(slices - numbers).max() * step_mm
    if off_mm > _POSITION_MM:
        raise _wrong(source, f"slices off even {step_mm:g} mm spacing by {off_mm:.2f} mm")
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = (
        normal * step_mm, down * spacing[0], right * spacing[1],
    )  # fmt: skip
    affine[:3, 3] = positions[int(np.argmin(along))]
    return numbers, affine


def _numbers(frame: Any, shared: Any, group: str, keyword: str, count: int) -> list[float]:
    """Return numbers of a frame's functional group, or of the one all frames share."""
    sequence = frame.get(group) or shared.get(group)
    numbers = [float(value) for value in getattr(sequence[0], keyword)]
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise ValueError(f"{keyword} has {len(numbers)} numbers, {count} were expected")
    return numbers


def _stated_step_mm(frame: Any, shared: Any) -> float | None:
    measures = (frame.get("PixelMeasuresSequence") or shared.get("PixelMeasuresSequence"))[0]
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        value = measures.get(keyword)
        if value is not None and float(value) > 0:
            return float(value)
    return None


def _slice_step_mm(along: FloatArray, stated_mm: float | None) -> float:
    """Return the distance between slices: the smallest between frames, unless all of them are
    whole multiples of a smaller one that the file states."""
    places = np.unique(np.round(along / _POSITION_MM) * _POSITION_MM)
    if len(places) == 1:
        return stated_mm or _SINGLE_SLICE_MM
    smallest = float(np.diff(places).min())
    exact = float((along.max() - along.min()) / np.rint((along.max() - along.min()) / smallest))
    if stated_mm is None or stated_mm > 0.75 * exact:
        return exact
    steps = (places - places[0]) / stated_mm
    fits = np.abs(steps - np.rint(steps)).max() * stated_mm <= _POSITION_MM
    return stated_mm if fits else exact


# --- segments -----------------------------------------------------------------------------------


def _layers(
    dataset: Any,
    frames: Sequence[Any],
    pixels: npt.NDArray[Any],
    slices: npt.NDArray[np.int_],
    source: Path,
) -> Iterator[tuple[Voxels, dict[int, tuple[str, ...]], int | None]]:
    """Yield voxels, names and segment number of every layer."""
    names = {
        int(segment.SegmentNumber): tuple(_names(segment)) for segment in dataset.SegmentSequence
    }
    shape = (int(slices.max()) + 1, *pixels.shape[1:])
    check_size(shape, source)
    kind = str(dataset.get("SegmentationType", "")).upper()
    if kind == "LABELMAP":
        labels = np.zeros(shape, dtype=pixels.dtype)
        labels[slices] = pixels
        yield labels, names, None
        return
    if kind not in ("BINARY", "FRACTIONAL"):
        raise _wrong(source, f"segmentation type {kind!r}")
    owners = np.array([_segment_number(frame, dataset) for frame in frames])
    for number in sorted(set(owners.tolist())):
        mine = owners == number
        if len(set(slices[mine].tolist())) < mine.sum():
            raise _wrong(source, f"two frames of segment {number} at one position")
        if kind == "BINARY":
            voxels: Voxels = np.zeros(shape, dtype=np.bool_)
            voxels[slices[mine]] = pixels[mine] > 0
        else:
            voxels = np.zeros(shape, dtype=np.float32)
            largest = float(dataset.get("MaximumFractionalValue", 255))
            voxels[slices[mine]] = pixels[mine] / np.float32(largest)
        yield voxels, {number: names.get(number, ())}, number


def _segment_number(frame: Any, dataset: Any) -> int:
    shared = dataset.SharedFunctionalGroupsSequence[0]
    sequence = frame.get("SegmentIdentificationSequence") or shared.get(
        "SegmentIdentificationSequence"
    )
    return int(sequence[0].ReferencedSegmentNumber)


def _names(segment: Any) -> Iterator[str]:
    """Yield what a segment may be called: its label, and the meaning of its type, with the side
    that a modifier states."""
    kinds = list(segment.get("SegmentedPropertyTypeCodeSequence") or [])
    regions = list(segment.get("AnatomicRegionSequence") or [])
    modifiers = [
        *(item for kind in kinds for item in
          kind.get("SegmentedPropertyTypeModifierCodeSequence") or []),
        *(item for region in regions for item in
          region.get("AnatomicRegionModifierSequence") or []),
    ]  # fmt: skip
    sides = {_SIDES[code] for code in _codes(modifiers) if code in _SIDES}
    side = f" {sides.pop()}" if len(sides) == 1 else ""
    label = str(segment.get("SegmentLabel", "")).strip()
    for name in (label, *(str(kind.get("CodeMeaning", "")).strip() for kind in kinds)):
        if name:
            yield name
            if side:
                yield name + side


def _codes(items: Iterable[Any]) -> Iterator[str]:
    for item in items:
        yield str(item.get("CodeValue", ""))


def _wrong(source: Path, found: str) -> LandmarkFormatError:
    return LandmarkFormatError(
        f"{source}: has {found}, one stack of parallel slices with their segments was expected. "
        "Export the file again."
    )
