"""How names, values and statuses read in every report: said once, laid out by each format.

Sentences about a case come from the report itself; here stand only titles, units and the intended
use.
"""

import unicodedata
from collections.abc import Iterable
from typing import Final

from ifi_mri.model import Caution, Finding, Measurement, NotMeasured, Report, Series
from ifi_mri.vocabulary import (
    FindingName,
    LandmarkName,
    MeasurementName,
    Role,
    Side,
    Status,
    decimals_supported,
    printed,
    printed_to,
    spoken,
)

#: The six items that a statement of intended use names: indication, body part, population, user,
#: environment, operating principle (Insights Imaging 2024, doi:10.1186/s13244-024-01616-9).
INTENDED_USE: Final = (
    "For research. From hip MRI and the landmarks that a reader placed on it, this software "
    "measures the ischiofemoral space, the quadratus femoris space and the signal of the quadratus "
    "femoris muscle in people examined for buttock or hip pain, and compares them with published "
    "cut-offs. A radiologist or clinician interprets these measurements and features together "
    "with history and examination; they are not a diagnosis."
)

#: One line for places without room for the paragraph.
INTENDED_USE_SHORT: Final = (
    "Research use: measurements and features for a clinician to interpret, not a diagnosis."
)

TITLES: Final = {
    MeasurementName.ISCHIOFEMORAL_SPACE: "Ischiofemoral space (IFS)",
    MeasurementName.QUADRATUS_FEMORIS_SPACE: "Quadratus femoris space (QFS)",
    MeasurementName.ISCHIOFEMORAL_DISTANCE_3D: "Ischiofemoral distance in 3-D",
    MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO: "Signal ratio, QF to reference",
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION: "QF raised signal, share of the muscle",
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_LARGEST_FRACTION: "QF largest raised region",
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_VOLUME_ML: "QF raised volume",
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_CRANIOCAUDAL_EXTENT: "QF raised region, head to foot",
    MeasurementName.QUADRATUS_FEMORIS_PERIMUSCULAR_FRACTION: "Raised share of the rim around QF",
    MeasurementName.QUADRATUS_FEMORIS_FAT_FRACTION: "QF fat fraction",
    MeasurementName.QUADRATUS_FEMORIS_AREA_MM2: "QF area at the narrowest level",
    MeasurementName.QUADRATUS_FEMORIS_VOLUME_ML: "QF volume of the outlined slices",
    MeasurementName.HAMSTRING_TENDON_AREA_MM2: "Hamstring tendon area",
    MeasurementName.ISCHIAL_ANGLE: "Ischial angle",
    MeasurementName.NECK_SHAFT_ANGLE: "Neck-shaft angle",
    MeasurementName.INTERTUBEROUS_DISTANCE: "Intertuberous distance",
    MeasurementName.SIDE_DIFFERENCE_ISCHIOFEMORAL_SPACE: "IFS, left minus right",
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_SPACE: "QFS, left minus right",
    MeasurementName.SIDE_RATIO_QUADRATUS_FEMORIS_SIGNAL: "QF signal ratio, left over right",
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_AREA: "QF area, left minus right over mean",
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_VOLUME: (
        "QF volume, left minus right over mean"
    ),
    MeasurementName.SIDE_DIFFERENCE_LESSER_TROCHANTER_DIRECTION: (
        "Lesser trochanter direction, left minus right"
    ),
}

SHORT_TITLES: Final = {
    MeasurementName.ISCHIOFEMORAL_SPACE: "IFS",
    MeasurementName.QUADRATUS_FEMORIS_SPACE: "QFS",
    MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO: "Ratio",
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION: "Raised",
}

FINDING_TITLES: Final = {
    FindingName.ISCHIOFEMORAL_SPACE_NARROWING: "Ischiofemoral space (IFS)",
    FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING: "Quadratus femoris space (QFS)",
    FindingName.QUADRATUS_FEMORIS_OEDEMA: "Quadratus femoris (QF) signal",
    FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION: "Quadratus femoris (QF) fat",
}

#: The finding that judges a measurement; the others stand as numbers.
JUDGED_BY: Final = {
    MeasurementName.ISCHIOFEMORAL_SPACE: FindingName.ISCHIOFEMORAL_SPACE_NARROWING,
    MeasurementName.QUADRATUS_FEMORIS_SPACE: FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING,
}

#: The findings on the muscle, in the order of the report.
MUSCLE_FINDINGS: Final = (
    FindingName.QUADRATUS_FEMORIS_OEDEMA,
    FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION,
)

#: Readers think of these in per cent; their unit stays 1.
IN_PERCENT: Final = {
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION,
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_LARGEST_FRACTION,
    MeasurementName.QUADRATUS_FEMORIS_PERIMUSCULAR_FRACTION,
    MeasurementName.QUADRATUS_FEMORIS_FAT_FRACTION,
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_AREA,
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_VOLUME,
}

UNITS: Final = {"mm": "mm", "mm2": "mm²", "ml": "ml", "deg": "°", "1": ""}

OEDEMA_STATUS: Final = {
    Status.PRESENT: "oedema signal",
    Status.ABSENT: "no oedema signal",
    Status.INDETERMINATE: "equivocal",
    Status.NOT_ASSESSABLE: "not assessable",
}

FAT_STATUS: Final = {
    Status.PRESENT: "fatty infiltration",
    Status.ABSENT: "no fatty infiltration",
    Status.INDETERMINATE: "equivocal",
    Status.NOT_ASSESSABLE: "not assessable",
}

NARROWING_STATUS: Final = {
    Status.PRESENT: "narrowed",
    Status.ABSENT: "not narrowed",
    Status.INDETERMINATE: "indeterminate",
    Status.NOT_ASSESSABLE: "not assessable",
}

#: The short labels of the landmark files.
LANDMARK_TAGS: Final = {
    LandmarkName.ISCHIAL_TUBEROSITY: "IT",
    LandmarkName.LESSER_TROCHANTER: "LT",
    LandmarkName.HAMSTRING_ORIGIN: "HAM",
    LandmarkName.ILIOPSOAS_TENDON: "IPS",
    LandmarkName.QUADRATUS_FEMORIS: "QF",
    LandmarkName.REFERENCE_MUSCLE: "REF",
    LandmarkName.SUBCUTANEOUS_FAT: "FAT",
}

ROLE_TITLES: Final = {
    Role.ANATOMY: "Anatomy series",
    Role.FLUID_SENSITIVE: "Fluid-sensitive series",
    Role.DIXON_WATER: "Dixon water images",
    Role.DIXON_FAT: "Dixon fat images",
}

#: As the images are shown: the patient's right on the viewer's left.
SIDES_AS_SHOWN: Final = (Side.RIGHT, Side.LEFT)


def title(name: MeasurementName) -> str:
    """Return how a measurement is called."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def short_title(name: MeasurementName) -> str:
    """Return how a measurement is called where there is little room."""
    return SHORT_TITLES.get(name, title(name))


def with_unit(name: MeasurementName, value: float, unit: str) -> str:
    """Return a value as it is printed, with its unit: ``25.5 mm``, ``0.5 %``, ``1.06``."""
    if name in IN_PERCENT:
        return f"{_percent(value)} %"
    return _in_unit(printed(value, unit), unit)


def value_of(measurement: Measurement) -> str:
    """Return the value of a measurement with its unit, to the digits that its SD supports."""
    if measurement.name in IN_PERCENT:
        return with_unit(measurement.name, measurement.value, measurement.unit)
    decimals = decimals_supported(measurement.unit, measurement.sd)
    return _in_unit(printed_to(measurement.value, decimals), measurement.unit)


def interval_of(measurement: Measurement) -> str:
    """Return the 95 % interval of a measurement with its unit: ``23.4 to 27.6 mm``."""
    low, high = measurement.interval_95
    if measurement.name in IN_PERCENT:
        return f"{_percent(low)} to {_percent(high)} %"
    decimals = decimals_supported(measurement.unit, measurement.sd)
    text = f"{printed_to(low, decimals)} to {printed_to(high, decimals)}"
    return _in_unit(text, measurement.unit)


def sd_of(mm: float) -> str:
    """Return a standard deviation or bias in mm as budgets print it: two decimals, so that their
    squares add up to what stands below them."""
    return printed_to(mm, 2)


def definition_of(measurement: Measurement) -> str:
    """Return what stands beside a number whose name alone does not say what was measured, or from
    what."""
    details = dict(measurement.details)
    said = [str(details[key]) for key in ("definition", "ends") if key in details]
    return ", ".join(filter(None, (*said, refinement_of(measurement))))


def refinement_of(measurement: Measurement) -> str:
    """Return what was refined, and the value as it was marked: ``between edges found in the
    picture; as marked 25.5 mm``."""
    if measurement.reader_value is None or not measurement.refined_ends:
        return ""
    n_refined = sum(end.is_refined for end in measurement.refined_ends)
    what = ("no edge was clear", "one end on an edge found in the picture")
    between = what[n_refined] if n_refined < 2 else "between edges found in the picture"
    marked = with_unit(measurement.name, measurement.reader_value, measurement.unit)
    return f"{between}; as marked {marked}"


def _in_unit(text: str, unit: str) -> str:
    """Return numbers with their unit; the degree sign follows without a blank (ISO 80000-1)."""
    return f"{text}{'' if unit == 'deg' else ' '}{UNITS[unit]}".strip()


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def status_of(finding: Finding) -> str:
    """Return how a finding stands, in words."""
    if finding.name is FindingName.QUADRATUS_FEMORIS_OEDEMA:
        return OEDEMA_STATUS[finding.status]
    if finding.name is FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION:
        return FAT_STATUS[finding.status]
    return NARROWING_STATUS[finding.status]


def nobody_asked(finding: Finding) -> bool:
    """Return whether a finding is left out where people read: fat that could not be assessed; what
    it rests on is listed among what was not marked or not measured."""
    return (
        finding.name is FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION
        and finding.status is Status.NOT_ASSESSABLE
    )


def chance(probability: float) -> str:
    """Return a probability without false certainty: never 0 or 100 %."""
    if probability < 0.01:
        return "less than 1 %"
    if probability > 0.99:
        return "more than 99 %"
    return f"{100 * probability:.0f} %"


def sentence(text: str) -> str:
    """Return a clause as a sentence: capital first letter, full stop, landmarks as spoken."""
    text = spoken(text.strip())
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def printable(text: str) -> str:
    """Return text with every control character as a blank; tags of a file may hold any."""
    if text.isprintable():
        return text
    return "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in text)


def results(report: Report) -> list[Measurement | NotMeasured]:
    """Return what was measured, then what could not be measured."""
    return [*report.measurements, *report.not_measured]


def results_on(report: Report, side: Side | None) -> list[Measurement | NotMeasured]:
    """Return what was measured and what could not be measured on one side, or with None what
    belongs to both together."""
    return [result for result in results(report) if result.side is side]


def reasons_by_measurement(
    results: Iterable[Measurement | NotMeasured],
) -> dict[str, tuple[str, ...]]:
    """Return each reason with the titles of the measurements that it prevented, without those that
    nobody marked anything for (`unmarked`)."""
    by_reason: dict[str, tuple[str, ...]] = {}
    for result in results:
        if isinstance(result, NotMeasured) and not result.optional:
            by_reason[result.reason] = (*by_reason.get(result.reason, ()), title(result.name))
    return by_reason


def unmarked(results: Iterable[Measurement | NotMeasured]) -> tuple[str, ...]:
    """Return the titles of measurements that nobody marked anything for."""
    return tuple(
        title(result.name)
        for result in results
        if isinstance(result, NotMeasured) and result.optional
    )


def cautions_on(report: Report, side: Side | None) -> tuple[Caution, ...]:
    """Return the cautions of one side, or with None those of the whole study."""
    return tuple(caution for caution in report.cautions if caution.side is side)


def reader_of(report: Report) -> str:
    """Return who placed the landmarks: ``R1, read 2``."""
    parts = [report.reader or "reader not recorded"]
    if report.read is not None:
        parts.append(f"read {report.read}")
    if report.landmarks_status:
        parts.append(f"landmarks {report.landmarks_status}")
    return ", ".join(parts)


def person_of(report: Report) -> str:
    """Return age and sex as far as they are known, never a name."""
    age = report.patient_age_years
    parts = [f"{age:.0f} years" if age is not None else "", report.patient_sex or ""]
    return ", ".join(part for part in parts if part) or "age and sex not recorded"


def timings_of(series: Series) -> str:
    """Return repetition, echo and inversion times in ms, as far as the files say."""
    times = (
        ("TR", series.repetition_time_ms),
        ("TE", series.echo_time_ms),
        ("TI", series.inversion_time_ms),
    )
    known = [f"{name} {value:g}" for name, value in times if value is not None]
    return f"{', '.join(known)} ms" if known else "not recorded"


def resolution_of(series: Series) -> str:
    """Return pixel spacing, slice spacing and thickness in mm."""
    if series.grid is None:
        return "not known"
    row, column = series.grid.pixel_spacing_mm
    parts = [f"pixels {row:.2f} x {column:.2f} mm"]
    if series.grid.shape[0] > 1:
        parts.append(f"slices {series.grid.slice_spacing_mm:.1f} mm apart")
    if series.slice_thickness_mm is not None:
        parts.append(f"{series.slice_thickness_mm:.1f} mm thick")
    return ", ".join(parts)
