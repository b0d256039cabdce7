"""How names, values and statuses read in every report: said once, laid out by each format.

Sentences about a case come from the report itself, titles and headings from the catalogue of
`ifi_mri.language`; here stands what puts them together.
"""

import unicodedata
from collections.abc import Iterable
from typing import Final

from ifi_mri.language import ENGLISH, Catalogue, of_code, say, translated
from ifi_mri.language.report_messages import FINDING_TITLES as FINDING_TITLES
from ifi_mri.language.report_messages import ROLE_TITLES as ROLE_TITLES
from ifi_mri.language.report_messages import SHORT_TITLES as SHORT_TITLES
from ifi_mri.language.report_messages import TITLES as TITLES
from ifi_mri.model import Caution, Finding, Measurement, NotMeasured, Report, Series
from ifi_mri.vocabulary import (
    FindingName,
    LandmarkName,
    MeasurementName,
    Side,
    Status,
    decimals_supported,
    printed,
    printed_to,
    spoken,
)

#: One line for places without room for the paragraph.
INTENDED_USE_SHORT: Final = ENGLISH["report.use.short"]

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

#: The messages of a finding's status begin with this; narrowing where nothing else is said.
STATUS_MESSAGES: Final = {
    FindingName.QUADRATUS_FEMORIS_OEDEMA: "status.oedema",
    FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION: "status.fat",
}

OEDEMA_STATUS: Final = {status: ENGLISH[f"status.oedema.{status}"] for status in Status}

NARROWING_STATUS: Final = {status: ENGLISH[f"status.space.{status}"] for status in Status}

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

#: As the images are shown: the patient's right on the viewer's left.
SIDES_AS_SHOWN: Final = (Side.RIGHT, Side.LEFT)


class Words:
    """How names, values and statuses read in one language.

    Parameters
    ----------
    messages : mapping
        The catalogue of a language.
    language : str
        Its BCP 47 code.
    """

    def __init__(self, messages: Catalogue = ENGLISH, language: str = "en") -> None:
        self.messages = messages
        self.language = language

    def __call__(self, message: str, **values: object) -> str:
        """Return a message with its values filled in."""
        return say(self.messages, message, **values)

    def __getitem__(self, message: str) -> str:
        """Return a message without values; what a template asks for most is found fastest so."""
        return self.messages[message]

    def counted(self, message: str, number: int) -> str:
        """Return a message in its form for one or for several."""
        return self(f"{message}.{'one' if number == 1 else 'many'}", number=number)

    def number(self, text: str) -> str:
        """Return a printed number with the language's sign of decimals."""
        return text.replace(".", self.messages["decimal"])

    def said(self, text: str) -> str:
        """Return what a room below said as a sentence in this language, marked where it stays
        English."""
        return sentence(translated(self.messages, text))

    def clause(self, text: str) -> str:
        """Return what a room below said as part of a sentence, in this language or marked."""
        return spoken(translated(self.messages, text))

    def title(self, name: MeasurementName) -> str:
        """Return how a measurement is called."""
        return self.messages.get(f"title.{name}") or name.replace("_", " ").capitalize()

    def short_title(self, name: MeasurementName) -> str:
        """Return how a measurement is called where there is little room."""
        return self.messages.get(f"short.{name}") or self.title(name)

    def finding_title(self, name: FindingName) -> str:
        """Return how a finding is called."""
        return self(f"finding.{name}")

    def landmark(self, name: object) -> str:
        """Return a structure by the name of its landmark, with its short label: ``ischial
        tuberosity (IT)``."""
        called = self.messages.get(f"structure.{name}") or str(name).replace("_", " ")
        tags: dict[object, str] = {str(key): tag for key, tag in LANDMARK_TAGS.items()}
        return f"{called} ({tags[name]})" if name in tags else called

    def with_unit(self, name: MeasurementName, value: float, unit: str) -> str:
        """Return a value as it is printed, with its unit: ``25.5 mm``, ``0.5 %``, ``1.06``."""
        if name in IN_PERCENT:
            return self.number(f"{_percent(value)} %")
        return self.number(_in_unit(printed(value, unit), unit))

    def value_of(self, measurement: Measurement) -> str:
        """Return the value of a measurement with its unit, to the digits that its SD supports."""
        if measurement.name in IN_PERCENT:
            return self.with_unit(measurement.name, measurement.value, measurement.unit)
        decimals = decimals_supported(measurement.unit, measurement.sd)
        return self.number(_in_unit(printed_to(measurement.value, decimals), measurement.unit))

    def interval_of(self, measurement: Measurement) -> str:
        """Return the 95 % interval of a measurement with its unit: ``23.4 to 27.6 mm``."""
        low, high = measurement.interval_95
        if measurement.name in IN_PERCENT:
            return f"{self('value.interval', low=_percent(low), high=_percent(high))} %"
        decimals = decimals_supported(measurement.unit, measurement.sd)
        ends = (printed_to(end, decimals) for end in (low, high))
        text = self("value.interval", **dict(zip(("low", "high"), ends, strict=True)))
        return _in_unit(text, measurement.unit)

    def sd_of(self, mm: float) -> str:
        """Return a standard deviation or bias in mm as budgets print it: two decimals, so that
        their squares add up to what stands below them."""
        return self.number(printed_to(mm, 2))

    def definition_of(self, measurement: Measurement) -> str:
        """Return what stands beside a number whose name alone does not say what was measured, or
        from what."""
        details = dict(measurement.details)
        said = [self.clause(str(details[key])) for key in ("definition", "ends") if key in details]
        return ", ".join(filter(None, (*said, self.refinement_of(measurement))))

    def refinement_of(self, measurement: Measurement) -> str:
        """Return what was refined, and the value as it was marked: ``between edges found in the
        picture; as marked 25.5 mm``."""
        if measurement.reader_value is None or not measurement.refined_ends:
            return ""
        n_refined = sum(end.is_refined for end in measurement.refined_ends)
        between = self(f"refined.{('none', 'one', 'both')[min(n_refined, 2)]}")
        marked = self.with_unit(measurement.name, measurement.reader_value, measurement.unit)
        return self("refined", between=between, marked=marked)

    def status_of(self, finding: Finding) -> str:
        """Return how a finding stands, in words."""
        return self(f"{STATUS_MESSAGES.get(finding.name, 'status.space')}.{finding.status}")

    def chance(self, probability: float) -> str:
        """Return a probability without false certainty: never 0 or 100 %."""
        if probability < 0.01:
            return self("value.less_than_1")
        if probability > 0.99:
            return self("value.more_than_99")
        return f"{100 * probability:.0f} %"

    def reasons_by_measurement(
        self, results: Iterable[Measurement | NotMeasured]
    ) -> dict[str, tuple[str, ...]]:
        """Return each reason with the titles of the measurements that it prevented, without those
        that nobody marked anything for (`unmarked`)."""
        by_reason: dict[str, tuple[str, ...]] = {}
        for result in results:
            if isinstance(result, NotMeasured) and not result.optional:
                titles = by_reason.get(result.reason, ())
                by_reason[result.reason] = (*titles, self.title(result.name))
        return by_reason

    def unmarked(self, results: Iterable[Measurement | NotMeasured]) -> tuple[str, ...]:
        """Return the titles of measurements that nobody marked anything for."""
        return tuple(
            self.title(result.name)
            for result in results
            if isinstance(result, NotMeasured) and result.optional
        )

    def reader_of(self, report: Report) -> str:
        """Return who placed the landmarks: ``R1, read 2``."""
        parts = [report.reader or self("reader.unknown")]
        if report.read is not None:
            parts.append(self("reader.read", number=report.read))
        if report.landmarks_status:
            status = f"reader.landmarks.{report.landmarks_status}"
            known = status in self.messages
            parts.append(self(status) if known else f"landmarks {report.landmarks_status}")
        return ", ".join(parts)

    def person_of(self, report: Report) -> str:
        """Return age and sex as far as they are known, never a name."""
        age = report.patient_age_years
        years = self("person.age", age=f"{age:.0f}") if age is not None else ""
        sex = self.messages.get(f"person.{report.patient_sex}", report.patient_sex or "")
        return ", ".join(filter(None, (years, sex))) or self("person.unknown")

    def timings_of(self, series: Series) -> str:
        """Return repetition, echo and inversion times in ms, as far as the files say."""
        times = (
            ("TR", series.repetition_time_ms),
            ("TE", series.echo_time_ms),
            ("TI", series.inversion_time_ms),
        )
        known = [self.number(f"{name} {value:g}") for name, value in times if value is not None]
        return f"{', '.join(known)} ms" if known else self("series.not_recorded")

    def resolution_of(self, series: Series) -> str:
        """Return pixel spacing, slice spacing and thickness in mm."""
        if series.grid is None:
            return self("series.not_known")
        row, column = series.grid.pixel_spacing_mm
        parts = [self("series.pixels", row=f"{row:.2f}", column=f"{column:.2f}")]
        if series.grid.shape[0] > 1:
            parts.append(self("series.spacing", spacing=f"{series.grid.slice_spacing_mm:.1f}"))
        if series.slice_thickness_mm is not None:
            parts.append(self("series.thickness", thickness=f"{series.slice_thickness_mm:.1f}"))
        return ", ".join(parts)


def words_of(report: Report) -> Words:
    """Return the words of a report's language; English where it is of a site's own file."""
    language, messages = of_code(report.language)
    return Words(messages, language)


def _in_unit(text: str, unit: str) -> str:
    """Return numbers with their unit; the degree sign follows without a blank (ISO 80000-1)."""
    return f"{text}{'' if unit == 'deg' else ' '}{UNITS[unit]}".strip()


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def nobody_asked(finding: Finding) -> bool:
    """Return whether a finding is left out where people read: fat that could not be assessed; what
    it rests on is listed among what was not marked or not measured."""
    return (
        finding.name is FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION
        and finding.status is Status.NOT_ASSESSABLE
    )


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


def cautions_on(report: Report, side: Side | None) -> tuple[Caution, ...]:
    """Return the cautions of one side, or with None those of the whole study."""
    return tuple(caution for caution in report.cautions if caution.side is side)


#: English, which every other format speaks.
IN_ENGLISH: Final = Words()

title = IN_ENGLISH.title
short_title = IN_ENGLISH.short_title
with_unit = IN_ENGLISH.with_unit
value_of = IN_ENGLISH.value_of
status_of = IN_ENGLISH.status_of
chance = IN_ENGLISH.chance
reader_of = IN_ENGLISH.reader_of
