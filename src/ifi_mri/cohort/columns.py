"""The columns of a cohort's tables, each with its meaning: what ``dictionary.json`` says.

Three tidy tables (Wickham, *Tidy data*, doi:10.18637/jss.v059.i10): ``cases`` has one row a case,
reader and reading; ``measurements`` and ``findings`` one row for each of these, side and name.  A
case that failed has one row in each, with the status ``failed`` and the reason.  The dictionary is
laid out as the Brain Imaging Data Structure describes columns of its tables
(https://bids-specification.readthedocs.io, *Tabular files*).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ifi_mri.config import profiles
from ifi_mri.reports import words
from ifi_mri.vocabulary import FindingName, HipRotation, MeasurementName, Side, Status

Kind = Literal["text", "number", "whole number", "yes or no"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``levels`` are the values that a text may take, each with its meaning."""

    name: str
    kind: Kind
    description: str
    units: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)


#: What a row says of a case that gave no result.
FAILED: Final = "failed"
NOT_RUN: Final = "not run"

_NO_RESULT: Final = {
    FAILED: "the case stopped with an error; `reason` says which",
    NOT_RUN: "the case was not analysed yet",
}

_GROUP: Final = Column("group", "text", "Group of the case table")
_WHO: Final = (
    Column("case_id", "text", "Case, as in the case table"),
    Column("reader", "text", "Who placed the landmarks; blank where nothing says"),
    Column("read", "whole number", "Which reading by that reader: 1, 2, ..."),
    _GROUP,
    Column(
        "sex",
        "text",
        "Sex from the clinical intake, else from the images",
        levels={"female": "female", "male": "male", "other": "other"},
    ),
    Column("age_years", "number", "Age at scanning, likewise", "years"),
)
_PROVENANCE: Final = (
    Column("study_uid", "text", "StudyInstanceUID; for NIfTI a stable made-up UID"),
    Column("report_uid", "text", "UID of the report; the same inputs give the same"),
    Column("software_version", "text", "Version of ifi_mri"),
    Column("config_digest", "text", "SHA-256 of every setting and profile"),
)
_PROFILE: Final = Column("profile", "text", "Cut-off profile of the case")
_SIDES: Final = {side.value: f"{side.value} side of the patient" for side in Side}


def tables() -> dict[str, tuple[Column, ...]]:
    """Return the columns of every table, by its name."""
    return {"cases": _cases(), "measurements": _measurements(), "findings": _findings()}


def names(table: str) -> tuple[str, ...]:
    """Return the names of a table's columns."""
    return tuple(column.name for column in tables()[table])


def _cases() -> tuple[Column, ...]:
    return (
        *_WHO,
        Column(
            "status", "text", "How it ended", levels={"done": "a report was made", **_NO_RESULT}
        ),
        Column("error", "text", "Kind of error of a case that failed"),
        Column("reason", "text", "What it says"),
        Column("folder", "text", "Folder of the report, relative to the table"),
        Column(
            "hip_rotation",
            "text",
            "Rotation of the hips while scanning, as recorded",
            levels={rotation.value: rotation.value for rotation in HipRotation},
        ),
        Column("patient_position", "text", "DICOM PatientPosition"),
        Column(
            "landmarks_status", "text", "Status that the landmark file states: draft, final ..."
        ),
        Column("manufacturer", "text", "Manufacturer of the scanner"),
        Column("manufacturer_model", "text", "Its model"),
        Column("field_strength_t", "number", "Magnetic field strength", "T"),
        Column("anatomy_series", "text", "SeriesInstanceUID that the spaces were measured on"),
        Column("fluid_series", "text", "SeriesInstanceUID that oedema was measured on"),
        Column("pixel_mm", "number", "Distance between pixel rows of the anatomy series", "mm"),
        Column("slice_spacing_mm", "number", "Distance between its slices", "mm"),
        Column("n_measured", "whole number", "Measurements that were taken"),
        Column("n_cautions", "whole number", "Cautions of the report"),
        Column("cautions", "text", "Their codes, parted by blanks"),
        _PROFILE,
        Column(
            "inputs_sha256", "text", "SHA-256 over role and SHA-256 of every input of the report"
        ),
        *_PROVENANCE,
    )


def _measurements() -> tuple[Column, ...]:
    return (
        *_WHO,
        Column("side", "text", "Side", levels={**_SIDES, "both": "belongs to both sides together"}),
        Column(
            "measurement",
            "text",
            "Which measurement",
            levels={name.value: words.title(name) for name in MeasurementName},
        ),
        Column(
            "status",
            "text",
            "Whether it was taken",
            levels={"measured": "taken", "not measured": "`reason` says why not", **_NO_RESULT},
        ),
        Column("value", "number", "The measurement, in `unit`"),
        Column("unit", "text", "UCUM code: mm, mm2, ml, deg, or 1 for ratios and fractions"),
        Column("sd", "number", "Standard deviation of `value`, in `unit`"),
        Column("interval_low", "number", "Lower end of the 95 % interval, in `unit`"),
        Column("interval_high", "number", "Upper end of the 95 % interval, in `unit`"),
        Column(
            "reader_value", "number", "Value between the points as marked, where ends were moved"
        ),
        Column("refined_ends", "whole number", "Ends that lie on edges found in the picture"),
        Column("n_slices", "whole number", "Slices that were searched"),
        Column("reason", "text", "Why it was not measured, or why the case failed"),
        Column("method", "text", "How it was taken"),
        Column("series_uid", "text", "SeriesInstanceUID that was measured"),
        Column("sop_instance_uid", "text", "SOPInstanceUID of the slice; blank for NIfTI"),
        _PROFILE,
        *_PROVENANCE,
    )


def _findings() -> tuple[Column, ...]:
    known = {profile.id: profile.citation for profile in profiles()}
    return (
        *_WHO,
        Column("side", "text", "Side", levels=_SIDES),
        Column("finding", "text", "Which finding", levels={name.value: "" for name in FindingName}),
        Column(
            "status",
            "text",
            "How it stands",
            levels={**{status.value: "" for status in Status}, **_NO_RESULT},
        ),
        Column(
            "grade", "whole number", "Grade: oedema 0 to 3, fat 0 to 4, from the measured extent"
        ),
        Column("grade_low", "whole number", "Grade at the lower end of the extent's 95 % interval"),
        Column("grade_high", "whole number", "Grade at its upper end"),
        Column("reader_grade", "whole number", "Oedema grade that the reader gave by eye"),
        Column("agrees_with_reader", "yes or no", "Whether both grades are the same"),
        Column("cutoff", "number", "Largest width that the profile calls narrow", "mm"),
        Column("at_or_below_cutoff", "yes or no", "The plain comparison, at the printed precision"),
        Column("probability", "number", "That the true distance is at or below the cut-off", "1"),
        Column(
            "thresholds_validated", "yes or no", "Whether thresholds were validated on patients"
        ),
        Column("reason", "text", "Why, in a sentence"),
        Column(
            "profile",
            "text",
            "Cut-off profile that judged; of grades whose thresholds",
            levels=known,
        ),
        *_PROVENANCE,
    )


def dictionary() -> dict[str, Any]:
    """Return the data dictionary: by table's file name and column."""
    return {
        f"{table}.csv": {column.name: _described(column) for column in columns}
        for table, columns in tables().items()
    }


def _described(column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {"Description": column.description, "Type": column.kind}
    if column.units:
        described["Units"] = column.units
    if column.levels:
        described["Levels"] = dict(column.levels)
    return described
