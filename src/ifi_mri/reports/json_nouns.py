"""The nouns of a report as keys of ``report.json``: what each holds, in which unit.

One class for each noun of `ifi_mri.model`, with the noun's own field names, so that a noun becomes
keys and keys become the noun again without a translation table.
"""

from typing import ClassVar

from ifi_mri import model
from ifi_mri.reports.json_values import AffineRow, Details, Keys, Number, Point, Points
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

# --- where it comes from ------------------------------------------------------------------------


class CautionKeys(Keys):
    """Something the reader of the report should know."""

    NOUN: ClassVar = model.Caution
    code: str
    """Stable short name."""
    side: Side | None
    """Side of the patient; null where it concerns both or the study."""
    text: str
    """A sentence."""


class GridKeys(Keys):
    """Where the voxels lie."""

    NOUN: ClassVar = model.Grid
    rows_of_affine: tuple[AffineRow, AffineRow, AffineRow, AffineRow]
    """4 x 4 matrix from (slice, row, column, 1) to patient LPS, mm."""
    shape: tuple[int, int, int]
    """Number of slices, rows and columns."""


class SeriesKeys(Keys):
    """One stack of slices as its headers describe it."""

    series_uid: str
    """SeriesInstanceUID; for NIfTI a stable made-up UID of the file."""
    study_uid: str
    """StudyInstanceUID."""
    label: str
    """How a person names it: number and description, or the file name."""
    description: str
    """SeriesDescription."""
    format: str
    """File format that it was read from."""
    modality: str
    """DICOM Modality."""
    frame_of_reference_uid: str | None
    """FrameOfReferenceUID; null where the file does not say."""
    grid: GridKeys | None
    """Where the voxels lie; null where the slices form no stack."""
    number: int | None
    """SeriesNumber."""
    slice_thickness_mm: Number | None
    """Nominal slice thickness, mm; the spacing of the slices follows from `grid`."""
    echo_time_ms: Number | None
    """EchoTime, ms."""
    repetition_time_ms: Number | None
    """RepetitionTime, ms."""
    inversion_time_ms: Number | None
    """InversionTime, ms."""
    flip_angle_deg: Number | None
    """FlipAngle, degrees."""
    field_strength_t: Number | None
    """MagneticFieldStrength, tesla."""
    scanning_sequence: tuple[str, ...]
    """ScanningSequence."""
    sequence_name: str
    """SequenceName."""
    scan_options: tuple[str, ...]
    """ScanOptions."""
    image_type: tuple[str, ...]
    """ImageType."""
    contrast_agent: bool
    """Whether a contrast agent was given."""
    fat_suppression: str | None
    """The evidence that fat is suppressed; null where there is none."""
    laterality: Side | None
    """Side that the file's tags state."""
    body_part: str
    """BodyPartExamined."""
    patient_position: str | None
    """PatientPosition, for example HFS."""
    pixel_bandwidth_hz: Number | None
    """PixelBandwidth, Hz per pixel."""
    manufacturer: str
    """Manufacturer."""
    manufacturer_model: str
    """ManufacturerModelName."""
    refusal: str | None
    """Why the series cannot be measured; null where it can."""
    cautions: tuple[CautionKeys, ...]
    """What is to be kept in mind about this series."""

    def to_noun(self) -> model.Series:
        """Return the series; its instances (files) are not part of a report."""
        return model.Series(**self.fields(), instances=())


class SeriesChoiceKeys(Keys):
    """Which series plays a role, and why."""

    NOUN: ClassVar = model.SeriesChoice
    role: Role
    """What the series is used for."""
    series: SeriesKeys | None
    """The series; null where none fits the role."""
    reason: str
    """Why this series, or why none."""


class PositionKeys(Keys):
    """How the patient lay; the width of the spaces depends on it."""

    NOUN: ClassVar = model.Position
    patient_position: str | None
    """DICOM PatientPosition; null where the files do not say."""
    hip_rotation: HipRotation
    """Rotation of the hips as recorded in the clinical intake."""
    hip_rotation_deg: Number | None
    """The same in degrees."""
    knee_bolster: Answer
    """Whether a bolster lay under the knees."""
    sentence: str
    """The statement that the report prints."""


class LandmarkKeys(Keys):
    """A structure that the reader marked."""

    NOUN: ClassVar = model.Landmark
    name: LandmarkName
    """The structure."""
    side: Side
    """Side of the patient."""
    points_mm: Points
    """Vertices in patient LPS, mm; one vertex is a point."""
    closed: bool
    """Whether the last vertex joins the first."""
    sop_instance_uid: str | None
    """The slice that the landmark file names."""
    pixel_mm: Number | None = None
    """Pixel size of the label map it was taken from, mm; null where a reader marked it."""


class ObservationKeys(Keys):
    """What the reader judged by eye."""

    NOUN: ClassVar = model.Observation
    name: ObservationName
    """What was judged."""
    side: Side
    """Side of the patient."""
    value: int
    """The grade."""


class InputKeys(Keys):
    """A file that the report was made from."""

    NOUN: ClassVar = model.InputFile
    path: str
    """Path, relative; holds no patient's name."""
    sha256: str
    """SHA-256 of its bytes."""
    role: str
    """What it was used for."""


# --- numbers and what they mean -----------------------------------------------------------------


class RefinedEndKeys(Keys):
    """One end of a distance after its edge was looked for in the picture."""

    NOUN: ClassVar = model.RefinedEnd
    landmark: LandmarkName
    """The structure."""
    reader_mm: Point
    """Where it was marked, patient LPS, mm."""
    point_mm: Point
    """Where the distance ends: on the edge, or where it was marked."""
    edge_mm: Points
    """The edge as it was traced; empty where the end stayed."""
    sd_mm: Number | None
    """Standard deviation of the edge across itself, mm; null where the end stayed."""
    reason: str
    """Why the end stayed where it was marked; empty where it was refined."""


class UncertaintySourceKeys(Keys):
    """One source of a measurement's uncertainty."""

    NOUN: ClassVar = model.UncertaintySource
    name: str
    """The source."""
    sd: Number
    """Its share of `sd`; shares add in squares."""
    bias: Number
    """What it makes the value too large by on average; negative: too small."""


class SliceValueKeys(Keys):
    """The value of a measurement on one slice."""

    NOUN: ClassVar = model.SliceValue
    value: Number
    """In the unit of the measurement."""
    slice_position_mm: Number
    """Position of the slice along the stack's normal, towards the head, mm."""
    sop_instance_uid: str | None
    """SOPInstanceUID of the slice; null for NIfTI."""
    instance_number: int | None
    """InstanceNumber, what readers call the image number."""
    points_mm: Points
    """What was measured on this slice: patient LPS, mm."""
    details: Details
    """What else the method settled on this slice."""
    reader_value: Number | None = None
    """The value between the points as they were marked; null where nothing was refined."""
    refined_ends: tuple[RefinedEndKeys, ...] = ()
    """Both ends of a distance whose edges were looked for in the picture."""


class MeasurementKeys(Keys):
    """A number taken from one hip or both, with its unit, uncertainty and evidence."""

    NOUN: ClassVar = model.Measurement
    name: MeasurementName
    """Which measurement."""
    side: Side | None
    """Side of the patient; null where it belongs to both sides together."""
    value: Number
    """In `unit`."""
    unit: str
    """UCUM code: mm, mm2, ml, deg, or 1 for ratios and fractions."""
    sd: Number
    """Standard deviation of `value`, in `unit`."""
    interval_95: tuple[Number, Number]
    """95 % interval of the true value, in `unit`."""
    method: str
    """How it was taken."""
    points_mm: Points
    """What to draw, patient LPS, mm: the two ends of a distance, the vertices of an outline."""
    sop_instance_uid: str | None
    """The slice that `points_mm` lie on; null for NIfTI and for distances across slices."""
    n_slices: int
    """Number of slices that were searched."""
    per_slice: tuple[SliceValueKeys, ...]
    """The value on each of them."""
    series_uid: str | None
    """The series that was measured."""
    details: Details
    """What else the method settled."""
    reader_value: Number | None = None
    """The value between the points as they were marked; null where nothing was refined."""
    refined_ends: tuple[RefinedEndKeys, ...] = ()
    """Both ends of a distance whose edges were looked for in the picture."""
    bias: Number = 0.0
    """What `value` is too large by on average; the interval lies about value - bias."""
    sources: tuple[UncertaintySourceKeys, ...] = ()
    """What `sd` and `bias` are made of."""


class SpaceFromBonesKeys(Keys):
    """The ischiofemoral space of one side from bone labels, not reviewed by a reader."""

    NOUN: ClassVar = model.SpaceFromBones
    side: Side
    """Side of the patient."""
    used: bool
    """Whether the measurements rest on it."""
    reason: str
    """Why it was not found or not used; empty where it is used."""
    width_mm: Number | None
    """The space, mm; null where none was found."""
    points_mm: Points
    """Its ends on ischium and lesser trochanter, patient LPS, mm."""
    trochanter_tip_mm: Point | None
    """Tip of the lesser trochanter, patient LPS, mm."""
    searched_mm: tuple[Number, Number] | None
    """Lowest and highest slice that was searched, mm from the tip towards the head."""
    n_searched: int
    """Number of slices that were searched."""
    n_slices: int
    """Number of them that show both bones."""
    score: Number | None
    """How far it can be trusted, 0 to 1; from 0.5 on nothing about the labels is odd."""
    doubts: tuple[str, ...]
    """What lowers the score, the gravest first."""


class NotMeasuredKeys(Keys):
    """A number that could not be taken."""

    NOUN: ClassVar = model.NotMeasured
    name: MeasurementName
    """Which measurement."""
    side: Side | None
    """Side of the patient; null where it belongs to both sides together."""
    reason: str
    """Why not."""
    optional: bool = False
    """True where nobody marked what only this number is taken from."""


class FindingKeys(Keys):
    """What a rule concludes about one hip."""

    NOUN: ClassVar = model.Finding
    name: FindingName
    """Which finding."""
    side: Side
    """Side of the patient."""
    status: Status
    """How it stands."""
    grade: int | None
    """Oedema grade 0 to 3 from the measured extent, fat grade 0 to 4 from the measured fraction;
    null elsewhere."""
    reader_grade: int | None
    """Oedema grade 0 to 3 that the reader gave by eye; neither grade overrides the other."""
    because: str
    """Why, in a sentence."""
    profile: str | None
    """Id of the cut-off profile; of grades, whose thresholds they are."""
    cutoff: Number | None
    """Largest width that the profile calls narrow, mm."""
    at_or_below_cutoff: bool | None
    """Whether the distance, as printed, is at or below the cut-off."""
    probability: Number | None
    """Probability, 0 to 1, that the true distance is at or below the cut-off, from the
    uncertainty of the measurement alone; not the probability of a disease."""
    evidence: tuple[MeasurementName, ...]
    """The measurements it rests on."""
    grade_range: tuple[int, int] | None = None
    """Grades at both ends of the 95 % interval of what is graded."""
    agrees_with_reader: bool | None = None
    """Whether the reader gave the same grade; null where one of the two is missing."""
    thresholds_validated: bool | None = None
    """Whether the thresholds of the grades were validated on patients; null without a grade."""


class ProfileFlagKeys(Keys):
    """The plain comparison of one distance with one published cut-off."""

    NOUN: ClassVar = model.ProfileFlag
    profile: str
    """Id of the cut-off profile."""
    name: FindingName
    """Which narrowing."""
    side: Side
    """Side of the patient."""
    cutoff: Number
    """Largest width that the profile calls narrow, mm."""
    at_or_below_cutoff: bool | None
    """Null where the distance was not measured."""
    citation: str
    """The publication."""
    applies_to: str
    """Ages for which it holds."""
    verified: bool
    """Whether the figure was read in the primary source itself."""


# --- summary ------------------------------------------------------------------------------------


class CompetingKeys(Keys):
    """Another source of the pain that the clinical intake points to."""

    NOUN: ClassVar = model.CompetingSource
    name: str
    """The source."""
    because: tuple[str, ...]
    """The answers of the intake that point to it."""
    sentence: str
    """The statement that the report prints."""


class SideSummaryKeys(Keys):
    """One side of the summary: three axes kept apart."""

    space: str
    """Width of the spaces."""
    muscle: str
    """Signal of quadratus femoris."""
    clinical: str
    """Symptoms and examination."""
    sentences: tuple[str, ...]
    """What they amount to; never a diagnosis."""
    competing: tuple[CompetingKeys, ...]
    """Other sources to consider."""
    missing: tuple[str, ...]
    """What was not available."""

    def of_side(self, side: Side) -> model.SideSummary:
        """Return the summary of one side."""
        return model.SideSummary(side=side, **self.fields())


class SummaryKeys(Keys):
    """Both sides and the limits that every summary states."""

    left: SideSummaryKeys
    """Left side of the patient."""
    right: SideSummaryKeys
    """Right side of the patient."""
    limits: tuple[str, ...]
    """What limits every statement."""

    def to_noun(self) -> model.DiagnosticSummary:
        """Return the diagnostic summary."""
        return model.DiagnosticSummary(
            self.left.of_side(Side.LEFT), self.right.of_side(Side.RIGHT), self.limits
        )
