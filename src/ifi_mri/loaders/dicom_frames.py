"""One slice as a DICOM header describes it, of classic and of Enhanced (multi-frame) MR alike.

A classic file holds one slice and says everything at its top level.  An Enhanced file holds many
and says what differs in an item per frame and what is common in a shared item (functional groups,
PS3.3 C.7.6.16); a value is looked for in the frame's item, then the shared one, then the top
level, where some vendors leave it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ifi_mri.loaders import dicom_tags as tag
from ifi_mri.loaders.dicom_values import Values
from ifi_mri.loaders.header_scan import Header
from ifi_mri.loaders.stack import Plane, plane_problem

#: No compressed frame takes fewer bytes of a file: the header of its fragment (PS3.5 annex A.4).
SMALLEST_FRAME_BYTES: Final = 8

#: Dimensions of a multi-frame file that are looked at; vendors declare up to five.
MOST_DIMENSIONS: Final = 8

Distinction = float | int | str | bytes | tuple[object, ...] | None


@dataclass(frozen=True, slots=True)
class Groups:
    """Looks values up in a frame's functional groups, the shared ones and the top level."""

    top: Values
    per_frame: Values | None = None
    shared: Values | None = None

    def of(self, sequence: int, wanted: int) -> Values:
        """Return the item of a group that holds a tag; the top level where none does."""
        for groups in (self.per_frame, self.shared):
            if groups is not None:
                item = groups.item(sequence)
                if wanted in item.elements:
                    return item
        return self.top


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One slice: a classic file, or a frame of an Enhanced one.

    Attributes
    ----------
    index : int or None
        From 0 in the file; None in a classic one.
    plane : Plane or None
        None where the header does not say where the slice lies; ``unplaced`` then says what is
        missing.
    """

    header: Header
    index: int | None
    groups: Groups
    plane: Plane | None
    unplaced: str

    @property
    def path(self) -> Path:
        """The file that holds it."""
        return self.header.path

    @property
    def sop_class_uid(self) -> str:
        """SOPClassUID."""
        return self.groups.top.text(tag.SOP_CLASS_UID)

    @property
    def sop_instance_uid(self) -> str:
        """SOPInstanceUID of the file."""
        return self.groups.top.text(tag.SOP_INSTANCE_UID)

    @property
    def frame_of_reference_uid(self) -> str:
        """FrameOfReferenceUID."""
        return self.groups.top.text(tag.FRAME_OF_REFERENCE_UID)

    @property
    def number(self) -> int | None:
        """InstanceNumber of the file."""
        return self.groups.top.integer(tag.INSTANCE_NUMBER)

    @property
    def stack_id(self) -> str:
        """StackID; empty in classic files."""
        return self.groups.of(tag.FRAME_CONTENT_SEQUENCE, tag.STACK_ID).text(tag.STACK_ID)

    @property
    def image_type(self) -> tuple[str, ...]:
        """FrameType, else ImageType."""
        frame_type = self.groups.of(tag.FRAME_TYPE_SEQUENCE, tag.FRAME_TYPE).texts(tag.FRAME_TYPE)
        return frame_type or self.groups.top.texts(tag.IMAGE_TYPE)

    @property
    def thickness_mm(self) -> float | None:
        """SliceThickness."""
        values = self.groups.of(tag.PIXEL_MEASURES_SEQUENCE, tag.SLICE_THICKNESS)
        return _positive(values.number(tag.SLICE_THICKNESS))

    @property
    def spacing_between_mm(self) -> float | None:
        """SpacingBetweenSlices, which is used for a stack of one slice alone."""
        values = self.groups.of(tag.PIXEL_MEASURES_SEQUENCE, tag.SPACING_BETWEEN_SLICES)
        return _positive(values.number(tag.SPACING_BETWEEN_SLICES))

    @property
    def echo_time_ms(self) -> float | None:
        """EffectiveEchoTime, else EchoTime."""
        values = self.groups.of(tag.ECHO_SEQUENCE, tag.EFFECTIVE_ECHO_TIME)
        effective = values.double(tag.EFFECTIVE_ECHO_TIME)
        return _positive(self.groups.top.number(tag.ECHO_TIME) if effective is None else effective)

    @property
    def inversion_time_ms(self) -> float | None:
        """The first of InversionTimes, else InversionTime."""
        times = self.groups.of(tag.MODIFIER_SEQUENCE, tag.INVERSION_TIMES).doubles(
            tag.INVERSION_TIMES
        )
        return _positive(times[0] if times else self.groups.top.number(tag.INVERSION_TIME))

    @property
    def repetition_time_ms(self) -> float | None:
        """RepetitionTime."""
        values = self.groups.of(tag.TIMING_SEQUENCE, tag.REPETITION_TIME)
        return _positive(values.number(tag.REPETITION_TIME))

    @property
    def flip_angle_deg(self) -> float | None:
        """FlipAngle."""
        return self.groups.of(tag.TIMING_SEQUENCE, tag.FLIP_ANGLE).number(tag.FLIP_ANGLE)

    @property
    def rescale(self) -> tuple[float, float]:
        """Slope and intercept from stored to real values; 1 and 0 where the header has none
        (PS3.3 C.11.1)."""
        values = self.groups.of(tag.PIXEL_VALUE_SEQUENCE, tag.RESCALE_SLOPE)
        slope, intercept = values.number(tag.RESCALE_SLOPE), values.number(tag.RESCALE_INTERCEPT)
        return (1.0 if slope is None else slope), (intercept or 0.0)


def frames_of(header: Header) -> list[Frame]:
    """Return the slices of a file in the order in which it stores them.

    A header may claim any number of frames; no more are made than the file has bytes for and says
    the place of."""
    n_frames = Values.of(header).integer(tag.NUMBER_OF_FRAMES) or 1
    if n_frames == 1 and tag.PER_FRAME_GROUPS not in header.elements:
        return [frame_of(header, None)]
    held = min(n_frames, _frames_held(header), _frames_described(header))
    return [frame_of(header, k) for k in range(max(1, held))]


def frames_missing(header: Header) -> str | None:
    """Return which of the frames that a header claims are not in its file, or None."""
    n_frames = Values.of(header).integer(tag.NUMBER_OF_FRAMES) or 1
    if n_frames == 1:
        return None
    n_held, n_described = _frames_held(header), _frames_described(header)
    if n_held < n_frames:
        return f"has pixels of at most {n_held} frames, expected {n_frames} (NumberOfFrames)"
    if n_described < n_frames:
        return (
            f"says where {n_described} frames lie (functional groups), expected {n_frames} "
            "(NumberOfFrames)"
        )
    return None


def _frames_held(header: Header) -> int:
    """Return how many frames the bytes of a file can hold."""
    if header.pixel_offset is None:
        return 0
    values, n_bytes = Values.of(header), header.size - header.pixel_offset
    if header.pixel_length is None:
        return n_bytes // SMALLEST_FRAME_BYTES
    pixels = (values.count(tag.ROWS) or 0) * (values.count(tag.COLUMNS) or 0)
    frame_bits = pixels * (values.count(tag.BITS_ALLOCATED) or 0)
    return 8 * min(header.pixel_length, n_bytes) // max(1, frame_bits)


def _frames_described(header: Header) -> int:
    """Return for how many frames a file has functional groups."""
    items = header.elements.get(tag.PER_FRAME_GROUPS)
    return len(items) if isinstance(items, list) else 0


def frame_of(header: Header, index: int | None) -> Frame:
    """Return one slice of a file: the frame of an index, or that of a classic file (None)."""
    top = Values.of(header)
    groups = Groups(top)
    if index is not None:
        items = header.elements.get(tag.PER_FRAME_GROUPS)
        item = items[index] if isinstance(items, list) and index < len(items) else {}
        per_frame = Values(item, top.little_endian, top.character_set)
        groups = Groups(top, per_frame, top.item(tag.SHARED_GROUPS))
    plane, unplaced = _plane(groups)
    return Frame(header, index, groups, plane, unplaced)


def _plane(groups: Groups) -> tuple[Plane | None, str]:
    """Return where a slice lies, or None and what is missing or impossible about it."""
    found = []
    for name, sequence, number, n_values in _PLACEMENT:
        values = groups.of(sequence, number)
        numbers = values.numbers(number)
        if len(numbers) != n_values:
            text = values.text(number)[:60]
            what = f'"{text}"' if text else "nothing"
            return None, f"{name} should hold {n_values} numbers, found {what}"
        found.append(numbers)
    rows, columns = groups.top.count(tag.ROWS), groups.top.count(tag.COLUMNS)
    if not rows or not columns:
        return None, f"Rows and Columns should be above 0, found {rows} and {columns}"
    (x, y, z), directions, (row_mm, column_mm) = found
    plane = Plane((x, y, z), directions, (row_mm, column_mm), (rows, columns))
    problem = plane_problem(plane)
    return (None, problem) if problem else (plane, "")


_PLACEMENT: Final = (
    ("ImagePositionPatient", tag.PLANE_POSITION_SEQUENCE, tag.IMAGE_POSITION, 3),
    ("ImageOrientationPatient", tag.PLANE_ORIENTATION_SEQUENCE, tag.IMAGE_ORIENTATION, 6),
    ("PixelSpacing", tag.PIXEL_MEASURES_SEQUENCE, tag.PIXEL_SPACING, 2),
)


def _positive(value: float | None) -> float | None:
    """Return a quantity that must be above zero; vendors write 0 for "does not apply"."""
    return value if value is not None and value > 0 else None


# --- what tells volumes of one series apart -----------------------------------------------------

_PRIVATE_B_VALUES: Final = (
    tag.SIEMENS_B_VALUE, tag.GE_B_VALUE, tag.UIH_B_VALUE, tag.PHILIPS_B_VALUE,
)  # fmt: skip
_PRIVATE_GRADIENTS: Final = (
    tag.SIEMENS_GRADIENT, *tag.GE_GRADIENT, tag.UIH_GRADIENT, tag.GRADIENT_ORIENTATION,
    *tag.PHILIPS_GRADIENT,
)  # fmt: skip


def distinctions(frame: Frame) -> Iterator[tuple[str, Distinction]]:
    """Yield what may tell volumes of one series apart, by name, the most telling first."""
    groups = frame.groups
    top = groups.top
    component = groups.of(tag.FRAME_TYPE_SEQUENCE, tag.COMPLEX_COMPONENT)
    diffusion = groups.of(tag.DIFFUSION_SEQUENCE, tag.B_VALUE)
    direction = groups.of(tag.DIFFUSION_SEQUENCE, tag.DIFFUSION_DIRECTION_SEQUENCE)
    content = groups.of(tag.FRAME_CONTENT_SEQUENCE, tag.TEMPORAL_POSITION_INDEX)
    echo_time = frame.echo_time_ms
    yield "image type", "\\".join((*frame.image_type, component.text(tag.COMPLEX_COMPONENT)))
    yield "component", top.exact(tag.GE_COMPONENT)
    yield "echo time", None if echo_time is None else round(echo_time, 2)
    yield "echo", top.text(tag.ECHO_NUMBER)
    yield "inversion time", frame.inversion_time_ms
    yield "b-value", diffusion.double(tag.B_VALUE)
    yield "b-value bytes", tuple(top.exact(number) for number in _PRIVATE_B_VALUES)
    yield (
        "gradient",
        (
            direction.item(tag.DIFFUSION_DIRECTION_SEQUENCE).exact(tag.GRADIENT_ORIENTATION),
            *(top.exact(number) for number in _PRIVATE_GRADIENTS),
        ),
    )
    yield "time point", top.text(tag.TEMPORAL_POSITION)
    yield "time index", content.exact(tag.TEMPORAL_POSITION_INDEX)
    yield from _dimensions(groups)
    yield "acquisition", top.text(tag.ACQUISITION_NUMBER)
    yield "trigger time", top.text(tag.TRIGGER_TIME)
    yield "repetition time", frame.repetition_time_ms
    yield "flip angle", frame.flip_angle_deg
    yield "acquisition time", top.text(tag.ACQUISITION_TIME)
    yield "content time", top.text(tag.CONTENT_TIME)


def _dimensions(groups: Groups) -> Iterator[tuple[str, Distinction]]:
    """Yield a frame's place along each dimension of its file (DimensionIndexValues, PS3.3
    C.7.6.17); vendors declare dimensions of their own for what no standard tag tells."""
    content = groups.of(tag.FRAME_CONTENT_SEQUENCE, tag.DIMENSION_INDEX_VALUES)
    values = content.counts(tag.DIMENSION_INDEX_VALUES)
    for k in range(MOST_DIMENSIONS):
        yield f"dimension {k + 1}", values[k] if k < len(values) else None
