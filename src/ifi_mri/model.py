"""The nouns of ``ifi_mri``, in the order in which the data meets them.  Read this first.

Positions are patient LPS in millimetres: +x to the patient's left, +y to the back, +z to the head.
Every noun is frozen; only :class:`Volume` holds an array (read-only), so all others compare, hash,
pickle and serialise.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.vocabulary import (
    Answer,
    FindingName,
    HipRotation,
    LandmarkName,
    MeasurementName,
    ObservationName,
    Role,
    Side,
    Status,
)

Point: TypeAlias = tuple[float, float, float]
"""A position in patient LPS, mm."""

Outline: TypeAlias = tuple[Point, ...]
"""Ordered vertices of a structure; a single vertex is a point."""

FloatArray: TypeAlias = npt.NDArray[np.float64]

Z_95: Final = 1.959964
"""Half-width of a 95 % interval in standard deviations of a normal distribution."""


# --- images -------------------------------------------------------------------------------------


def _fields_alone(noun: Any) -> dict[str, Any]:
    """Return what is pickled of a noun: not what it keeps of its fields, whose arrays would come
    back writable."""
    return {field.name: getattr(noun, field.name) for field in fields(noun)}


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a stack of parallel, evenly spaced slices lie.

    Attributes
    ----------
    rows_of_affine : tuple of 4 tuples of 4 floats
        The 4 x 4 matrix from ``(slice, row, column, 1)`` to patient LPS mm.
    shape : tuple of 3 ints
        Number of slices, rows and columns.
    """

    rows_of_affine: tuple[tuple[float, float, float, float], ...]
    shape: tuple[int, int, int]

    __getstate__ = _fields_alone

    @classmethod
    def from_affine(cls, affine: npt.ArrayLike, shape: Sequence[int]) -> "Grid":
        """Make a grid from a 4 x 4 affine and a (slices, rows, columns) shape."""
        rows = tuple(tuple(float(x) for x in row) for row in np.asarray(affine, dtype=np.float64))
        n_slices, n_rows, n_columns = (int(n) for n in shape)
        return cls(rows, (n_slices, n_rows, n_columns))  # type: ignore[arg-type]

    @cached_property
    def affine(self) -> FloatArray:
        """The 4 x 4 matrix from ``(slice, row, column, 1)`` to patient LPS mm (read-only)."""
        affine = np.array(self.rows_of_affine, dtype=np.float64)
        affine.flags.writeable = False
        return affine

    @cached_property
    def slice_spacing_mm(self) -> float:
        """Distance between the planes of neighbouring slices, mm."""
        row, column = self.affine[:3, 1], self.affine[:3, 2]
        normal = geometry.cross(row, column)
        return float(abs(normal @ self.affine[:3, 0]) / np.linalg.norm(normal))

    @cached_property
    def pixel_spacing_mm(self) -> tuple[float, float]:
        """Distance between neighbouring rows and between neighbouring columns, mm."""
        row, column = np.linalg.norm(self.affine[:3, 1:3], axis=0)
        return float(row), float(column)


@dataclass(frozen=True, slots=True)
class Instance:
    """One slice: a DICOM instance, a frame of a multi-frame one, or a slice of a NIfTI file.

    Attributes
    ----------
    path : pathlib.Path
        The file that holds it.
    sop_class_uid, sop_instance_uid : str or None
        None in files that are not DICOM.
    frame : int or None
        Index of the frame (DICOM) or slice (NIfTI) in the file, from 0; None in a single-frame
        file.
    position_mm : tuple of 3 floats
        Centre of the slice's first voxel, patient LPS.
    number : int or None
        DICOM InstanceNumber, what readers call the image number.
    header_digest : bytes
        What tells whether the file's header is still the one that was read; empty where whoever
        reads the pixels compares the header itself.
    """

    path: Path
    sop_class_uid: str | None
    sop_instance_uid: str | None
    frame: int | None
    position_mm: Point
    number: int | None = None
    header_digest: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True)
class Series:
    """One stack of slices as its headers describe it; holds no pixels.

    ``grid`` is None where the slices form no stack, and ``refusal`` then says why in a full
    sentence; a series with a refusal (also CT, localizers, mosaics ...) is never measured.
    ``cautions`` are sentences about what may be measured with care.

    Attributes
    ----------
    series_uid : str
        DICOM SeriesInstanceUID; for NIfTI a stable made-up UID of the file.
    label : str
        How a person names it: series number and description, or the file name.
    format : str
        Name of the loader that reads its pixels: ``"dicom"`` or ``"nifti"``.
    instances : sequence of Instance
        A tuple, or what is equal to it.  In the order of ``grid``'s slices.
    echo_time_ms, repetition_time_ms, inversion_time_ms : float or None
        None where the file does not say.
    fat_suppression : str or None
        The evidence that fat is suppressed, in words; None where there is none.
    laterality : Side or None
        The side that the file's tags state.
    """

    series_uid: str
    study_uid: str
    label: str
    description: str
    format: str
    modality: str
    frame_of_reference_uid: str | None
    grid: Grid | None
    instances: Sequence[Instance]
    number: int | None = None
    slice_thickness_mm: float | None = None
    echo_time_ms: float | None = None
    repetition_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_deg: float | None = None
    field_strength_t: float | None = None
    scanning_sequence: tuple[str, ...] = ()
    sequence_name: str = ""
    scan_options: tuple[str, ...] = ()
    image_type: tuple[str, ...] = ()
    contrast_agent: bool = False
    fat_suppression: str | None = None
    laterality: Side | None = None
    body_part: str = ""
    patient_position: str | None = None
    pixel_bandwidth_hz: float | None = None
    manufacturer: str = ""
    manufacturer_model: str = ""
    refusal: str | None = None
    cautions: tuple["Caution", ...] = ()


@dataclass(frozen=True, slots=True)
class Patient:
    """Who was scanned; read by the DICOM SR and FHIR writers alone, apart from age and sex.

    ``repr`` hides everything, so that no log line can carry it.  ``sex`` is DICOM's code (PS3.3
    C.7.1.1: F, M or O); `sex_in_words` is as the clinical intake says it.
    """

    name: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    birth_date: date | None = field(default=None, repr=False)
    sex: str | None = field(default=None, repr=False)
    age_years: float | None = field(default=None, repr=False)

    @property
    def sex_in_words(self) -> str | None:
        """``female``, ``male`` or ``other``; None where no known code is stated."""
        return {"F": "female", "M": "male", "O": "other"}.get(self.sex or "")


@dataclass(frozen=True, slots=True)
class Study:
    """All series of one visit, headers only.

    Attributes
    ----------
    root : pathlib.Path
        The folder or file that was opened; reports show paths relative to it.
    n_ignored_files : int
        Files under ``root`` that are no image.
    """

    study_uid: str
    root: Path
    series: tuple[Series, ...]
    study_date: date | None = None
    accession_number: str = field(default="", repr=False)
    patient: Patient = field(default=Patient(), repr=False)
    n_ignored_files: int = 0
    cautions: tuple["Caution", ...] = ()


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels of a series, or of the run of its slices that somebody asked for.

    Attributes
    ----------
    voxels : numpy.ndarray of shape (n_slices, n_rows, n_columns), float32
        Read-only.
    affine : numpy.ndarray of shape (4, 4), float64
        From ``(slice, row, column, 1)`` of ``voxels`` to patient LPS mm; read-only.
    instances : tuple of Instance
        One for each slice of ``voxels``.
    """

    voxels: npt.NDArray[np.float32]
    affine: FloatArray
    frame_of_reference_uid: str | None
    series_uid: str
    instances: tuple[Instance, ...]


OpenVolume: TypeAlias = Callable[[Series, Sequence[Point]], Volume]
"""Loads the slices of a series that hold the given points; what the pictures of a report use."""


# --- what the reader says -----------------------------------------------------------------------


@dataclass(frozen=True)
class Landmark:
    """A structure marked on one side: a point, an open outline or a closed one, on one slice.

    ``sop_instance_uid`` names the slice where the file does; else the position decides.
    ``pixel_mm`` is the pixel size of the label map that it was taken from; None where a reader
    marked it.
    """

    name: LandmarkName
    side: Side
    points_mm: Outline
    closed: bool = False
    sop_instance_uid: str | None = None
    pixel_mm: float | None = None

    __getstate__ = _fields_alone

    @cached_property
    def vertices_mm(self) -> FloatArray:
        """``points_mm`` as an array of shape (n, 3), read-only."""
        vertices = np.array(self.points_mm, dtype=np.float64).reshape(-1, 3)
        vertices.flags.writeable = False
        return vertices

    @cached_property
    def centre_mm(self) -> Point:
        """Mean of ``points_mm``."""
        if len(self.points_mm) == 1:
            return self.points_mm[0]
        x, y, z = (math.fsum(values) / len(values) for values in zip(*self.points_mm, strict=True))
        return x, y, z


@dataclass(frozen=True, slots=True)
class Observation:
    """What a reader judged by eye, for example an oedema grade 0 to 3."""

    name: ObservationName
    side: Side
    value: int


@dataclass(frozen=True, slots=True)
class ImageMark:
    """A line, point or outline as a viewer stored it: in one image's coordinates, not in mm.

    Attributes
    ----------
    label : str
        What it is called, as in ``"IFS-L"``.
    sop_instance_uid : str
        The image it was drawn on.
    frame : int or None
        Index of the frame in a multi-frame file, from 0.
    column_row : tuple of (float, float)
        DICOM image coordinates: 0, 0 is the outer corner of the first pixel.
    closed : bool
        Whether the last vertex joins the first.
    stated_mm : float or None
        The length that the file states.
    where : str
        Names the file and the place in it, for messages.
    tool : str
        What drew it, as the file says; empty in files of our own.
    """

    label: str
    sop_instance_uid: str
    frame: int | None
    column_row: tuple[tuple[float, float], ...]
    closed: bool = False
    stated_mm: float | None = None
    where: str = ""
    tool: str = ""


@dataclass(frozen=True, slots=True)
class LandmarkSet:
    """All landmarks that one reader placed in one reading of one study.

    UIDs are None where the format cannot carry them.  ``sources`` are the files it was read from.
    ``image_marks`` are landmarks to be, until a study tells where their images lie.  ``in_part``
    are the structures whose outlines are known to be those of a part, as in `Hip`.
    """

    landmarks: tuple[Landmark, ...]
    observations: tuple[Observation, ...] = ()
    study_uid: str | None = None
    series_uid: str | None = None
    frame_of_reference_uid: str | None = None
    reader: str | None = None
    read: int | None = None
    placed_at: str | None = None
    status: str | None = None
    case_id: str | None = None
    sources: tuple[Path, ...] = ()
    image_marks: tuple[ImageMark, ...] = ()
    in_part: frozenset[tuple[LandmarkName, Side]] = frozenset()

    def on(self, side: Side) -> tuple[Landmark, ...]:
        """Return the landmarks of one side of the patient."""
        return tuple(landmark for landmark in self.landmarks if landmark.side is side)

    def observed(self, name: ObservationName, side: Side) -> int | None:
        """Return the last value a reader gave, or None."""
        values = [o.value for o in self.observations if o.name is name and o.side is side]
        return values[-1] if values else None


@dataclass(frozen=True, slots=True)
class SideIntake:
    """Answers of the clinical intake for one side."""

    # symptoms
    deep_buttock_pain: Answer = Answer.UNKNOWN
    burning_quality: Answer = Answer.UNKNOWN
    unloads_buttock_when_seated: Answer = Answer.UNKNOWN
    pain_on_long_stride: Answer = Answer.UNKNOWN
    groin_pain: Answer = Answer.UNKNOWN
    radiates_below_knee: Answer = Answer.UNKNOWN
    snapping: Answer = Answer.UNKNOWN
    # mechanism
    turnout_dancer: Answer = Answer.UNKNOWN
    hypermobility: Answer = Answer.UNKNOWN
    splits_slip: Answer = Answer.UNKNOWN
    forced_extension_slip: Answer = Answer.UNKNOWN
    fall_onto_buttock: Answer = Answer.UNKNOWN
    hip_surgery: Answer = Answer.UNKNOWN
    femoral_fracture: Answer = Answer.UNKNOWN
    # examination
    hamstring_loading_provokes: Answer = Answer.UNKNOWN
    pain_localised_by_palpation: Answer = Answer.UNKNOWN
    bent_knee_fall_out_provokes: Answer = Answer.UNKNOWN
    ischiofemoral_impingement_test: Answer = Answer.UNKNOWN
    long_stride_walking_test: Answer = Answer.UNKNOWN
    straight_leg_raise: Answer = Answer.UNKNOWN
    seated_piriformis_stretch: Answer = Answer.UNKNOWN
    active_piriformis_test: Answer = Answer.UNKNOWN
    puranen_orava: Answer = Answer.UNKNOWN
    bent_knee_stretch: Answer = Answer.UNKNOWN
    trochanteric_tenderness: Answer = Answer.UNKNOWN
    lumbar_signs: Answer = Answer.UNKNOWN
    # earlier treatment without relief
    epidural_injection: Answer = Answer.UNKNOWN
    eccentric_hamstring_training: Answer = Answer.UNKNOWN


@dataclass(frozen=True, slots=True)
class ClinicalIntake:
    """What the referring clinician knows: the person, the position at scanning, both sides."""

    age_years: float | None = None
    sex: str | None = None
    hip_rotation: HipRotation = HipRotation.NOT_RECORDED
    hip_rotation_deg: float | None = None
    hip_adduction: Answer = Answer.UNKNOWN
    knee_bolster: Answer = Answer.UNKNOWN
    left: SideIntake = SideIntake()
    right: SideIntake = SideIntake()
    sources: tuple[Path, ...] = ()

    def on(self, side: Side) -> SideIntake:
        """Return the answers for one side of the patient."""
        return self.left if side is Side.LEFT else self.right


# --- one hip, its numbers and what they mean ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class MarkedGap:
    """Two marked structures on one slice, and the shortest line between them as they were marked.

    ``points_mm`` are its ends, on ``near`` and on ``far``; ``slice_mm`` is the centre of the
    slice's first voxel, which says which slice it is.
    """

    near: Landmark
    far: Landmark
    points_mm: tuple[Point, Point]
    slice_mm: Point


@dataclass(frozen=True, slots=True)
class RefinedEnd:
    """One end of a distance after its edge was looked for in the picture.

    Attributes
    ----------
    reader_mm : tuple of 3 floats
        Where the structure was marked.
    point_mm : tuple of 3 floats
        Where the distance ends: on the edge, or where it was marked.
    edge_mm : tuple of points
        The edge as it was traced; empty where the end stayed.
    sd_mm : float or None
        Standard deviation of the edge across itself; None where the end stayed.
    reason : str
        Why the end stayed where it was marked; empty where it was refined.
    """

    landmark: LandmarkName
    reader_mm: Point
    point_mm: Point
    edge_mm: Outline = ()
    sd_mm: float | None = None
    reason: str = ""

    @property
    def is_refined(self) -> bool:
        """Whether the end lies on an edge that the picture shows."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class RefinedGap:
    """A marked gap after the edges at both of its ends were looked for."""

    marked: MarkedGap
    ends: tuple[RefinedEnd, RefinedEnd]


@dataclass(frozen=True)
class Hip:
    """Everything that a measurement of one side may look at.

    ``series`` and ``volumes`` are by role.  A role is absent where the study has no such series;
    ``volumes`` hold only the slices near this side's landmarks, and only for roles whose pixels
    are measured.  ``reasons`` say why a role is absent.  ``refined`` are the gaps whose ends were
    looked for in the picture; empty where that was not asked for.  ``in_part`` are the structures
    whose outlines are known to be those of a part: their extent is not the structure's.
    """

    side: Side
    landmarks: tuple[Landmark, ...]
    series: Mapping[Role, Series]
    volumes: Mapping[Role, Volume]
    reasons: Mapping[Role, str] = field(default_factory=dict)
    refined: tuple[RefinedGap, ...] = ()
    in_part: frozenset[LandmarkName] = frozenset()

    def marked(self, name: LandmarkName) -> tuple[Landmark, ...]:
        """Return this hip's landmarks of one name, on whatever slices."""
        return tuple(landmark for landmark in self.landmarks if landmark.name is name)


@dataclass(frozen=True, slots=True)
class SliceValue:
    """The value of a measurement on one slice.

    ``slice_position_mm`` is the slice's position along the stack's normal, towards the head.
    Where ends were refined, ``refined_ends`` say how, and ``reader_value`` is the value between
    the points as they were marked.
    """

    value: float
    slice_position_mm: float
    sop_instance_uid: str | None
    points_mm: Outline
    instance_number: int | None = None
    details: tuple[tuple[str, float | int | str], ...] = ()
    reader_value: float | None = None
    refined_ends: tuple[RefinedEnd, ...] = ()

    def detail(self, key: str) -> float | int | str:
        """Return one of ``details``; KeyError where it is not there."""
        return dict(self.details)[key]


@dataclass(frozen=True, slots=True)
class UncertaintySource:
    """One source of a measurement's uncertainty, in the measurement's unit.

    ``sd`` is its share of the standard deviation (shares add in squares), ``bias`` what it makes
    the measured value too large by on average (negative: too small).
    """

    name: str
    sd: float
    bias: float = 0.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number taken from one hip or both, with its unit, uncertainty and evidence.

    Attributes
    ----------
    side : Side or None
        None where the number belongs to both sides together.
    sd : float
        Standard deviation of ``value``, in its unit.
    interval_95 : tuple of 2 floats
        95 % interval of the true value.
    points_mm : tuple of points
        What to draw: the two ends of a distance, the vertices of an outline.
    sop_instance_uid : str or None
        The slice ``points_mm`` lie on.
    n_slices : int
        Slices that were searched.
    per_slice : tuple of SliceValue
        The value on each of them.
    details : tuple of (str, value) pairs
        What else the method settled: thresholds, counts, which landmark was nearer.
    reader_value : float or None
        The value that the points give as they were marked, where ends were refined.
    refined_ends : tuple of RefinedEnd
        Both ends of a distance whose edges were looked for in the picture.
    bias : float
        What ``value`` is too large by on average (negative: too small); the interval lies about
        ``value - bias``.
    sources : tuple of UncertaintySource
        What ``sd`` and ``bias`` are made of.
    """

    name: MeasurementName
    side: Side | None
    value: float
    unit: str
    sd: float
    interval_95: tuple[float, float]
    method: str
    points_mm: Outline
    sop_instance_uid: str | None
    n_slices: int
    per_slice: tuple[SliceValue, ...] = ()
    series_uid: str | None = None
    details: tuple[tuple[str, float | int | str], ...] = ()
    reader_value: float | None = None
    refined_ends: tuple[RefinedEnd, ...] = ()
    bias: float = 0.0
    sources: tuple[UncertaintySource, ...] = ()

    def detail(self, key: str) -> float | int | str:
        """Return one of ``details``; KeyError where it is not there."""
        return dict(self.details)[key]


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A number that could not be taken, and why.

    ``side`` is None where it belongs to both sides together.  ``optional`` is True where nobody
    marked what only this number is taken from: an absence that asks for nothing.
    """

    name: MeasurementName
    side: Side | None
    reason: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Caution:
    """Something the reader of a report should know; ``code`` is stable, ``text`` is a sentence.

    ``side`` is None where it concerns both sides or the study.
    """

    code: str
    text: str
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class SpaceFromBones:
    """What whole-bone labels say of the ischiofemoral space of a side; no reader has looked at it.

    Attributes
    ----------
    used : bool
        Whether the measurements rest on it; False where it was not found, or where the reader's
        own landmarks stand.
    reason : str
        Why it was not found or not used; empty where it is used.
    width_mm : float or None
        None where no space was found, and so for all that follow.
    points_mm : tuple of points
        Its end on the ischium and its end on the lesser trochanter.
    trochanter_tip_mm : point or None
        Tip of the lesser trochanter.
    searched_mm : tuple of 2 floats or None
        The slices that were searched, lowest and highest, from the trochanter's tip towards the
        head, mm.
    n_searched : int
        How many they were.
    n_slices : int
        How many of them show both bones.
    score : float or None
        0 to 1; from 0.5 on nothing about the labels is odd.
    doubts : tuple of str
        What lowers the score, the gravest first.
    """

    side: Side
    used: bool
    reason: str = ""
    width_mm: float | None = None
    points_mm: Outline = ()
    trochanter_tip_mm: Point | None = None
    searched_mm: tuple[float, float] | None = None
    n_searched: int = 0
    n_slices: int = 0
    score: float | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileFlag:
    """The plain comparison of one distance with one published cut-off.

    ``at_or_below_cutoff`` is None where the distance was not measured.
    """

    profile: str
    name: FindingName
    side: Side
    cutoff: float
    at_or_below_cutoff: bool | None
    citation: str
    applies_to: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule concludes about one hip.

    ``because`` is a sentence.  ``cutoff``, ``at_or_below_cutoff`` and ``probability`` (that the
    true distance is at or below the cut-off) belong to narrowing; ``grade`` and ``reader_grade``
    to oedema.  Grades come with the grades at both ends of the extent's 95 % interval
    (``grade_range``), whether the reader's is the same (``agrees_with_reader``), and whether the
    thresholds behind them were validated on patients (``thresholds_validated``).
    """

    name: FindingName
    side: Side
    status: Status
    because: str
    profile: str | None = None
    grade: int | None = None
    reader_grade: int | None = None
    cutoff: float | None = None
    at_or_below_cutoff: bool | None = None
    probability: float | None = None
    evidence: tuple[MeasurementName, ...] = ()
    grade_range: tuple[int, int] | None = None
    agrees_with_reader: bool | None = None
    thresholds_validated: bool | None = None


@dataclass(frozen=True, slots=True)
class CompetingSource:
    """Another source of the pain that the intake points to, and which answers do."""

    name: str
    because: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class SideSummary:
    """One side of the diagnostic summary: three axes kept apart, sentences, what is missing."""

    side: Side
    space: str
    muscle: str
    clinical: str
    sentences: tuple[str, ...]
    competing: tuple[CompetingSource, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DiagnosticSummary:
    """Both sides, and the limits that every summary states."""

    left: SideSummary
    right: SideSummary
    limits: tuple[str, ...]

    def on(self, side: Side) -> SideSummary:
        """Return the summary of one side of the patient."""
        return self.left if side is Side.LEFT else self.right


# --- the report ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeriesChoice:
    """Which series plays a role and why; ``series`` is None where none does."""

    role: Role
    series: Series | None
    reason: str


@dataclass(frozen=True, slots=True)
class Position:
    """How the patient lay."""

    patient_position: str | None
    hip_rotation: HipRotation
    hip_rotation_deg: float | None
    knee_bolster: Answer
    sentence: str


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that the report was made from; ``path`` is relative and holds no patient's name."""

    path: str
    sha256: str
    role: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is said about one case: plain values, no pixels, no patient's name."""

    schema_version: str
    report_uid: str
    case_id: str
    created_at: str
    software_name: str
    software_version: str
    profile: str
    config_digest: str
    study_uid: str
    study_date: str | None
    patient_age_years: float | None
    patient_sex: str | None
    series: tuple[SeriesChoice, ...]
    reader: str | None
    read: int | None
    landmarks_status: str | None
    position: Position
    landmarks: tuple[Landmark, ...]
    observations: tuple[Observation, ...]
    measurements: tuple[Measurement, ...]
    not_measured: tuple[NotMeasured, ...]
    findings: tuple[Finding, ...]
    profiles: tuple[ProfileFlag, ...]
    cautions: tuple[Caution, ...]
    impression: tuple[str, ...]
    summary: DiagnosticSummary
    inputs: tuple[InputFile, ...]
    provenance: tuple[tuple[str, str], ...] = ()
    spaces_from_bones: tuple[SpaceFromBones, ...] = ()
    language: str = "en"

    def measured(self, name: MeasurementName, side: Side | None) -> Measurement | None:
        """Return a measurement of a side (None: of both together), or None where it was not
        taken."""
        for measurement in self.measurements:
            if measurement.name == name and measurement.side == side:
                return measurement
        return None

    def finding(self, name: FindingName, side: Side) -> Finding | None:
        """Return a finding, or None where no rule asked for it."""
        for finding in self.findings:
            if finding.name == name and finding.side == side:
                return finding
        return None

    def chosen(self, role: Role) -> Series | None:
        """Return the series that plays a role, or None."""
        for choice in self.series:
            if choice.role == role:
                return choice.series
        return None
