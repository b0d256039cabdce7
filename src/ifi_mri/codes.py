"""Codes for what the reports say, and how far each one is known: DICOM SR, DICOM SEG and FHIR.

A code is a value, the scheme it belongs to and the meaning as that scheme words it (so "Edema" in
a code stands for what prose calls oedema).  Every code says how it is known:

- ``verified``: it stands in the dictionaries of pydicom, which are made from DICOM PS3.16; a test
  compares value, scheme and meaning.
- ``seen``: it was found in the templates of PS3.16 or in public files of other projects, but not in
  those dictionaries.
- ``private``: no public code was found.  Ours, in the scheme `PRIVATE_SCHEME`, which every file
  declares (DICOM PS3.3, section C.12.1.1.1).

No SNOMED CT code was found for ischiofemoral impingement, oedema of a muscle, or the origin tendon
of the hamstrings; none is invented.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class CodeStatus(StrEnum):
    """How a code is known."""

    VERIFIED = "verified"
    SEEN = "seen"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept: DICOM calls the scheme a coding scheme designator."""

    value: str
    scheme: str
    meaning: str
    status: CodeStatus

    def __str__(self) -> str:
        """The code as DICOM writes it: ``(55499008, SCT, "Lesser trochanter")``."""
        return f'({self.value}, {self.scheme}, "{self.meaning}")'


PRIVATE_SCHEME: Final = "99IFIMRI"
PRIVATE_SCHEME_NAME: Final = "ifi_mri local codes"
PRIVATE_SCHEME_VERSION: Final = "1"

#: The scheme as a system of FHIR: an OID made from its name (UUID version 5, ITU-T X.667).  There
#: the names of `ifi_mri.vocabulary` are codes of it too, as they stand.
PRIVATE_SYSTEM: Final = "urn:oid:2.25.59716893657050854348340216990900468579"

#: The systems of FHIR for DICOM's designators (HL7 terminology, "Using Codes in FHIR").
FHIR_SYSTEMS: Final = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "UCUM": "http://unitsofmeasure.org",
    "FMA": "urn:oid:2.16.840.1.113883.6.119",
    PRIVATE_SCHEME: PRIVATE_SYSTEM,
}


def _verified(value: str, scheme: str, meaning: str) -> Code:
    return Code(value, scheme, meaning, CodeStatus.VERIFIED)


def _seen(value: str, scheme: str, meaning: str) -> Code:
    return Code(value, scheme, meaning, CodeStatus.SEEN)


def _private(value: str, meaning: str) -> Code:
    return Code(value, PRIVATE_SCHEME, meaning, CodeStatus.PRIVATE)


# --- body ---------------------------------------------------------------------------------------

ISCHIUM: Final = _verified("85710004", "SCT", "Ischium")
LESSER_TROCHANTER: Final = _verified("55499008", "SCT", "Lesser trochanter")
HIP_JOINT: Final = _verified("24136001", "SCT", "Hip joint")
PELVIS: Final = _verified("816092008", "SCT", "Pelvis")
MUSCLE: Final = _verified("91727004", "SCT", "Muscle")
QUADRATUS_FEMORIS: Final = _verified("7:824", "MDC", "Musculus quadratus femoris")
QUADRATUS_FEMORIS_FMA: Final = _seen("22321", "FMA", "Quadratus femoris")
ISCHIAL_TUBEROSITY: Final = _seen("69030007", "SCT", "Ischial tuberosity")
TISSUE: Final = _verified("85756007", "SCT", "Tissue")

ARTIFICIAL_INTELLIGENCE: Final = _verified("123110", "DCM", "Artificial Intelligence")

FINDING_SITE: Final = _verified("363698007", "SCT", "Finding Site")
LATERALITY: Final = _verified("272741003", "SCT", "Laterality")
LEFT: Final = _verified("7771000", "SCT", "Left")
RIGHT: Final = _verified("24028007", "SCT", "Right")

# --- what was done ------------------------------------------------------------------------------

MRI: Final = _verified("25056-3", "LN", "MRI unspecified body region")
DIAGNOSTIC_IMAGING_REPORT: Final = _verified("18748-4", "LN", "Diagnostic Imaging Report")
MRI_OF_HIP: Final = _seen("241639000", "SCT", "MRI of hip")
MR_HIP_LEFT: Final = _seen("36020-6", "LN", "MR Hip - left")
MR_HIP_RIGHT: Final = _seen("36022-2", "LN", "MR Hip - right")
MR_HIP_BILATERAL: Final = _seen("36017-2", "LN", "MR Hip - bilateral")
MAGNETIC_RESONANCE: Final = _verified("MR", "DCM", "Magnetic Resonance")

# --- measurements -------------------------------------------------------------------------------

LENGTH: Final = _verified("410668003", "SCT", "Length")
DISTANCE: Final = _verified("121206", "DCM", "Distance")
LINE_SEGMENT_LENGTH: Final = _verified("121227", "DCM", "Line segment length")
PATH_LENGTH: Final = _verified("121211", "DCM", "Path length")
CENTER: Final = _verified("111010", "DCM", "Center")

MEASUREMENT_METHOD: Final = _verified("370129005", "SCT", "Measurement Method")
DERIVATION: Final = _verified("121401", "DCM", "Derivation")
MINIMUM: Final = _verified("255605001", "SCT", "Minimum")
NORMALITY: Final = _verified("121402", "DCM", "Normality")
NORMAL: Final = _verified("17621005", "SCT", "Normal")
ABNORMALLY_LOW: Final = _verified("371880002", "SCT", "Abnormally Low")
NORMALITY_UNDETERMINED: Final = _verified("371934000", "SCT", "Normality Undetermined")
NORMAL_RANGE_LOWER_LIMIT: Final = _verified("385524004", "SCT", "Normal Range Lower Limit")
NORMAL_RANGE_DESCRIPTION: Final = _verified("121407", "DCM", "Normal Range description")
NORMAL_RANGE_AUTHORITY: Final = _verified("121408", "DCM", "Normal Range Authority")
UPPER_UNCERTAINTY: Final = _verified(
    "371886008", "SCT", "+, range of upper measurement uncertainty"
)
LOWER_UNCERTAINTY: Final = _verified(
    "371885007", "SCT", "-, range of lower measurement uncertainty"
)

NOT_ATTEMPTED: Final = _verified("114007", "DCM", "Measurement not attempted")
FAILURE: Final = _verified("114006", "DCM", "Measurement failure")

ISCHIOFEMORAL_SPACE: Final = _private("IFS", "Ischiofemoral space")
QUADRATUS_FEMORIS_SPACE: Final = _private("QFS", "Quadratus femoris space")
ISCHIOFEMORAL_SPACE_OF: Final = (
    _private("IFS-L", "Ischiofemoral space, left"),
    _private("IFS-R", "Ischiofemoral space, right"),
)
QUADRATUS_FEMORIS_SPACE_OF: Final = (
    _private("QFS-L", "Quadratus femoris space, left"),
    _private("QFS-R", "Quadratus femoris space, right"),
)
QUADRATUS_FEMORIS_SIGNAL: Final = _private("QF-SIGNAL", "Quadratus femoris signal")
SIGNAL_RATIO: Final = _private("QF-SIGNAL-RATIO", "Signal ratio, quadratus femoris to reference")
OEDEMA_FRACTION: Final = _private("QF-OEDEMA-FRACT", "Quadratus femoris above signal threshold")
OEDEMA_VOLUME: Final = _private("QF-OEDEMA-VOL", "Quadratus femoris volume above threshold")
BONE_TO_BONE: Final = _private("MIN-BONE-BONE", "Smallest in-plane distance, bone to bone")
HAMSTRING_TO_ILIOPSOAS: Final = _private(
    "MIN-HAM-IPS", "Smallest in-plane distance, hamstring origin to iliopsoas"
)
HAMSTRING_TO_TROCHANTER: Final = _private(
    "MIN-HAM-LT", "Smallest in-plane distance, hamstring origin to trochanter"
)

# --- judgements ---------------------------------------------------------------------------------

ISCHIOFEMORAL_SPACE_NARROWING: Final = _private("IFS-NARROW", "Ischiofemoral space narrowing")
QUADRATUS_FEMORIS_SPACE_NARROWING: Final = _private(
    "QFS-NARROW", "Quadratus femoris space narrowing"
)
EDEMA: Final = _verified("79654002", "SCT", "Edema")
EDEMA_BY_EYE: Final = _private("QF-EDEMA-BY-EYE", "Quadratus femoris edema, reader's visual grade")
T2_HYPERINTENSITY: Final = _verified("RID39467", "RADLEX", "T2 Hyperintensity")
IMAGE_QUALITY: Final = _verified("111101", "DCM", "Image Quality")

PRESENT: Final = _verified("52101004", "SCT", "Present")
ABSENT: Final = _verified("272519000", "SCT", "Absent")
UNDETERMINED: Final = _verified("373068000", "SCT", "Undetermined")
NONE: Final = _verified("260413007", "SCT", "None")
MILD: Final = _verified("255604002", "SCT", "Mild")
MODERATE: Final = _verified("6736007", "SCT", "Moderate")
SEVERE: Final = _verified("24484000", "SCT", "Severe")
DIAGNOSTIC_QUALITY: Final = _verified("RID12", "RADLEX", "Diagnostic quality")
LIMITED_QUALITY: Final = _verified("RID13", "RADLEX", "Limited quality")
NON_DIAGNOSTIC_QUALITY: Final = _verified("RID14", "RADLEX", "Non-diagnostic quality")

EDEMA_GRADE: Final = _private("QF-EDEMA-GRADE", "Quadratus femoris edema, grade by extent, 0 to 3")
FAT_GRADE: Final = _private("QF-FAT-GRADE", "Quadratus femoris fat, grade 0 to 4 after Goutallier")
PROBABILITY_OF_NARROWING: Final = _private(
    "P-AT-OR-BELOW", "Probability that the true width is at or below the cut-off"
)
INTERVAL_95: Final = _private("INTERVAL-95", "95 % interval of the measurement")

#: Severity of oedema by grade, 0 to 3.
SEVERITY_OF_GRADE: Final = (NONE, MILD, MODERATE, SEVERE)

# --- parts of a document ------------------------------------------------------------------------

IMAGING_MEASUREMENT_REPORT: Final = _verified("126000", "DCM", "Imaging Measurement Report")
PROCEDURE_REPORTED: Final = _verified("121058", "DCM", "Procedure reported")
IMAGE_LIBRARY: Final = _verified("111028", "DCM", "Image Library")
IMAGE_LIBRARY_GROUP: Final = _verified("126200", "DCM", "Image Library Group")
IMAGING_MEASUREMENTS: Final = _verified("126010", "DCM", "Imaging Measurements")
MEASUREMENT_GROUP: Final = _verified("125007", "DCM", "Measurement Group")
QUALITATIVE_EVALUATIONS: Final = _seen("C0034375", "UMLS", "Qualitative Evaluations")
TRACKING_IDENTIFIER: Final = _verified("112039", "DCM", "Tracking Identifier")
TRACKING_UID: Final = _verified("112040", "DCM", "Tracking Unique Identifier")
ACTIVITY_SESSION: Final = _seen("C67447", "NCIt", "Activity Session")
FINDING: Final = _verified("121071", "DCM", "Finding")
COMMENT: Final = _verified("121106", "DCM", "Comment")
IMPRESSION: Final = _verified("121073", "DCM", "Impression")
IMAGE_REGION: Final = _verified("111030", "DCM", "Image Region")
SOURCE_OF_MEASUREMENT: Final = _verified("121112", "DCM", "Source of Measurement")
SOURCE: Final = _seen("260753009", "SCT", "Source")
PERSON: Final = _verified("121006", "DCM", "Person")
DEVICE: Final = _verified("121007", "DCM", "Device")
ALGORITHM_NAME: Final = _verified("111001", "DCM", "Algorithm Name")
ALGORITHM_VERSION: Final = _verified("111003", "DCM", "Algorithm Version")
ALGORITHM_PARAMETERS: Final = _verified("111002", "DCM", "Algorithm Parameters")
PERSON_OBSERVER_NAME: Final = _verified("121008", "DCM", "Person Observer Name")
MODALITY: Final = _verified("121139", "DCM", "Modality")
FRAME_OF_REFERENCE_UID: Final = _verified("112227", "DCM", "Frame of Reference UID")
PIXEL_ROWS: Final = _verified("110910", "DCM", "Pixel Data Rows")
PIXEL_COLUMNS: Final = _verified("110911", "DCM", "Pixel Data Columns")
HORIZONTAL_SPACING: Final = _verified("111026", "DCM", "Horizontal Pixel Spacing")
VERTICAL_SPACING: Final = _verified("111066", "DCM", "Vertical Pixel Spacing")
SLICE_THICKNESS: Final = _verified("112225", "DCM", "Slice Thickness")
IMAGE_POSITION: Final = (
    _verified("110901", "DCM", "Image Position (Patient) X"),
    _verified("110902", "DCM", "Image Position (Patient) Y"),
    _verified("110903", "DCM", "Image Position (Patient) Z"),
)
IMAGE_ORIENTATION: Final = (
    _verified("110904", "DCM", "Image Orientation (Patient) Row X"),
    _verified("110905", "DCM", "Image Orientation (Patient) Row Y"),
    _verified("110906", "DCM", "Image Orientation (Patient) Row Z"),
    _verified("110907", "DCM", "Image Orientation (Patient) Column X"),
    _verified("110908", "DCM", "Image Orientation (Patient) Column Y"),
    _verified("110909", "DCM", "Image Orientation (Patient) Column Z"),
)

# --- units --------------------------------------------------------------------------------------

MILLIMETRE: Final = _verified("mm", "UCUM", "mm")
PERCENT: Final = _verified("%", "UCUM", "Percent")
RATIO: Final = _verified("{ratio}", "UCUM", "ratio")
MILLILITRE: Final = _seen("ml", "UCUM", "ml")
PIXELS: Final = _seen("{pixels}", "UCUM", "pixels")
DIRECTION_COSINE: Final = _seen("{-1:1}", "UCUM", "{-1:1}")
NO_UNITS: Final = _verified("1", "UCUM", "no units")

#: Codes that older files use for the same concept: SNOMED RT before 2018 (PS3.16, annex L).
RETIRED: Final = {
    ("G-D7FE", "SRT"): LENGTH,
    ("G-C0E3", "SRT"): FINDING_SITE,
    ("G-C171", "SRT"): LATERALITY,
    ("G-A101", "SRT"): LEFT,
    ("G-A100", "SRT"): RIGHT,
}


def table() -> tuple[Code, ...]:
    """Return every code of this module, in the order in which they stand."""
    return tuple(_codes(list(globals().values())))


def _codes(values: list[object]) -> Iterator[Code]:
    for value in values:
        if isinstance(value, Code):
            yield value
        elif isinstance(value, tuple) and value and isinstance(value[0], Code):
            yield from (code for code in value if code not in SEVERITY_OF_GRADE)
