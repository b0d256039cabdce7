"""Label maps as DICOM Segmentation objects (PS3.3 A.51, C.8.20).

A SEG holds frames in any order, each with its own position; frames without a voxel are usually
left out, so that the slices may have gaps.  Segments may overlap, and may be fractions.  Segment
numbers mean nothing; names, and the side that a modifier code states, do.
"""

import re
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ifi_mri.errors import LandmarkError, LandmarkFormatError
from ifi_mri.landmarks.label_volumes import LabelVolume, Layer, check_size, stacked
from ifi_mri.landmarks.raw_voxels import LARGEST_BYTES
from ifi_mri.landmarks.text_files import named, read_whole, shown
from ifi_mri.model import FloatArray, Grid

SEGMENTATION: Final = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_SEGMENTATION: Final = "1.2.840.10008.5.1.4.1.1.66.7"

NAME: Final = "DICOM SEG"
SUFFIXES: Final = (".dcm",)

#: Codes of a side, SNOMED CT and, before 2019, SNOMED RT (PS3.16 CID 244).
_SIDES: Final = {
    "7771000": "left", "G-A101": "left", "24028007": "right", "G-A100": "right",
}  # fmt: skip

_DEFLATED: Final = b"1.2.840.10008.1.2.1.99"

#: File meta information ends well before this; behind the preamble stands its length in an element
#: of 12 bytes (PS3.10 section 7.1).
_FILE_META_BYTES: Final = 4096
_PREAMBLE_BYTES: Final = 132
_GROUP_LENGTH_BYTES: Final = 12

#: Shorter words of a patient's name stand inside too many others.
_SHORTEST_PRIVATE: Final = 3

#: Positions are decimal strings; frames of one slice agree to this, and slices are off even
#: spacing by no more.
_POSITION_MM: Final = 0.02

#: Directions of one stack agree to this (0.06 degrees).
_DIRECTION: Final = 1e-3

#: Slice spacing of a SEG of one slice that does not state one.
_SINGLE_SLICE_MM: Final = 1.0


Wanted = Callable[[tuple[str, ...]], bool]
"""Whether a segment with these names is worth decoding."""


def is_segmentation(head: bytes) -> bool:
    """Return whether the first bytes of a DICOM file say that it is a SEG."""
    meta = head[:_FILE_META_BYTES]
    return any(uid.encode() in meta for uid in (SEGMENTATION, LABEL_MAP_SEGMENTATION))


def read(source: Path, wanted: Wanted | None = None) -> LabelVolume:
    """Return the voxels of a DICOM SEG; see `label_files.read`.

    ``wanted`` says by its names which segment is read; None reads all.  The names of the others are
    kept without voxels.
    """
    content = _inflated(read_whole(source, LARGEST_BYTES), source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's quote what the file says of the patient
            import pydicom

            dataset = pydicom.dcmread(BytesIO(content))
            return _volume(dataset, source, wanted)
    except LandmarkError:
        raise
    except Exception as problem:  # pydicom and its decoders raise whatever they meet
        what = str(problem) if isinstance(problem, AttributeError) else type(problem).__name__
        raise LandmarkFormatError(
            f"{named(source)}: cannot be read as DICOM SEG ({what}). Export the file again."
        ) from problem


def _inflated(content: bytes, source: Path) -> bytes:
    """Return a file; refuse a deflated one that would inflate beyond what is read."""
    if _DEFLATED not in content[:_FILE_META_BYTES]:
        return content
    after_length = _PREAMBLE_BYTES + _GROUP_LENGTH_BYTES
    length = int.from_bytes(content[after_length - 4 : after_length], "little")
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        n_bytes = len(stream.decompress(content[after_length + length :], LARGEST_BYTES + 1))
    except zlib.error as problem:
        raise _damaged_deflate(source) from problem
    if n_bytes > LARGEST_BYTES:
        raise _wrong(source, f"more than {LARGEST_BYTES} bytes when it is inflated")
    if not stream.eof:
        raise _damaged_deflate(source)
    return content


def _damaged_deflate(source: Path) -> LandmarkFormatError:
    return LandmarkFormatError(
        f"{named(source)}: its deflated content is damaged or truncated. Copy it again."
    )


def _volume(dataset: Any, source: Path, wanted: Wanted | None) -> LabelVolume:
    kind = str(dataset.get("SOPClassUID", ""))
    if kind not in (SEGMENTATION, LABEL_MAP_SEGMENTATION):
        name = getattr(dataset.get("SOPClassUID"), "name", "") or "no SOP class"
        raise LandmarkFormatError(
            f"{named(source)}: is {name}, a DICOM Segmentation was expected. Name the SEG file."
        )
    n_frames = int(dataset.get("NumberOfFrames", 1))
    frames = list(dataset.PerFrameFunctionalGroupsSequence)
    if len(frames) != n_frames:
        raise _wrong(source, f"{n_frames} frames and {len(frames)} descriptions of frames")
    segments = {int(one.SegmentNumber): one for one in dataset.SegmentSequence}
    names = {number: tuple(_names(one)) for number, one in segments.items()}
    chosen = {number for number, of_one in names.items() if wanted is None or wanted(of_one)}
    layers, grid = _layers(dataset, frames, names, chosen, source)
    automatic = any(
        str(segments[number].get("SegmentAlgorithmType", "")).upper() == "AUTOMATIC"
        for number in chosen
    )
    return LabelVolume(
        grid=grid,
        layers=tuple(layers),
        sources=(source,),
        numbers_mean_something=False,
        study_uid=str(dataset.get("StudyInstanceUID", "")) or None,
        frame_of_reference_uid=str(dataset.get("FrameOfReferenceUID", "")) or None,
        unread=tuple(of_one for number, of_one in names.items() if number not in chosen),
        made_by_model=automatic,
        private_words=_private_words(dataset),
    )


def _private_words(dataset: Any) -> frozenset[str]:
    """Return the words of the patient's name and number, which no message may repeat."""
    texts = (str(dataset.get(keyword, "")) for keyword in ("PatientName", "PatientID"))
    words = re.split(r"[\W_]+", " ".join(texts).casefold())
    return frozenset(word for word in words if len(word) >= _SHORTEST_PRIVATE)


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
    names: dict[int, tuple[str, ...]],
    chosen: set[int],
    source: Path,
) -> tuple[list[Layer], Grid]:
    """Return the layers of the chosen segments, and the grid they share."""
    kind = str(dataset.get("SegmentationType", "")).upper()
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise _wrong(source, f"segmentation type {shown(kind)}")
    is_map = kind == "LABELMAP"
    owners = [0 if is_map else _segment_number(frame, dataset) for frame in frames]
    mine = [k for k, owner in enumerate(owners) if is_map or owner in chosen]
    if not mine:  # nothing that anybody wants: the grid alone
        mine = [0]
    slices, affine = _slices(dataset, [frames[k] for k in mine], source)
    shape = (int(slices.max()) + 1, int(dataset.Rows), int(dataset.Columns))
    layers = [0] if is_map else sorted({owners[k] for k in mine} & chosen)
    check_size((max(1, len(layers)) * shape[0], *shape[1:]), source)
    pixels = _pixels(dataset, mine)
    dtype: Any = {"BINARY": np.bool_, "FRACTIONAL": np.float32}.get(kind, np.uint16)
    voxels = {number: np.zeros(shape, dtype=dtype) for number in layers}
    largest = np.float32(dataset.get("MaximumFractionalValue", 255))
    filled: set[tuple[int, int]] = set()
    for k, level, picture in zip(mine, slices.tolist(), pixels, strict=True):
        if owners[k] not in voxels:
            continue
        if (owners[k], level) in filled:
            raise _wrong(source, f"two frames of segment {owners[k]} at one position")
        filled.add((owners[k], level))
        picture = np.asarray(picture).reshape(shape[1:])
        voxels[owners[k]][level] = picture / largest if kind == "FRACTIONAL" else picture
    turned, grid = stacked(np.zeros(shape, dtype=np.bool_), affine, source)
    del turned
    return [
        Layer(
            stacked(one, affine, source)[0],
            names if is_map else {number: names.get(number, ())},
            None if is_map else number,
        )
        for number, one in voxels.items()
    ], grid


def _pixels(dataset: Any, wanted: Sequence[int]) -> Iterator[npt.NDArray[Any]]:
    """Yield the pixels of some frames, one after the other.

    Frames of one bit a pixel follow one another without a gap, so that a frame need not begin
    with a byte (PS3.5 section 8.1.1).
    """
    from pydicom.pixels.utils import iter_pixels

    n_pixels = int(dataset.Rows) * int(dataset.Columns)
    if int(dataset.BitsAllocated) != 1:
        yield from iter_pixels(dataset, indices=list(wanted), raw=True)
    elif dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        yield from dataset.pixel_array.reshape(-1, n_pixels)[list(wanted)]
    else:
        packed = np.frombuffer(dataset.PixelData, dtype=np.uint8)
        for frame in wanted:
            first = frame * n_pixels
            of_frame = packed[first // 8 : -(-(first + n_pixels) // 8)]
            bits = np.unpackbits(of_frame, bitorder="little")
            yield bits[first % 8 : first % 8 + n_pixels]


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
        f"{named(source)}: has {found}, one stack of parallel slices with their segments was "
        "expected. Export the file again."
    )
