"""The keys of ``report.json``, checked on the way out and in.

The contract that other programs rely on fixes the names; more may be added, none may change its
meaning.  Left out on purpose: the patient, and the paths of image files (folders are often named
after patients).  The nouns inside a report stand in `ifi_mri.reports.json_nouns`.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from ifi_mri import model
from ifi_mri.reports.json_nouns import (
    CautionKeys,
    FindingKeys,
    InputKeys,
    LandmarkKeys,
    MeasurementKeys,
    NotMeasuredKeys,
    ObservationKeys,
    PositionKeys,
    ProfileFlagKeys,
    SeriesChoiceKeys,
    SpaceFromBonesKeys,
    SummaryKeys,
)
from ifi_mri.reports.json_values import Keys, Names, Number, to_noun
from ifi_mri.reports.json_versions import SCHEMA_VERSION as SCHEMA_VERSION
from ifi_mri.vocabulary import Role


class SoftwareKeys(Keys):
    """What made the report."""

    name: str
    """Name of the software."""
    version: str
    """Its version."""


class ConfigKeys(Keys):
    """Under which settings."""

    profile: str
    """Id of the cut-off profile that the findings use."""
    digest: str
    """SHA-256 of all settings and profiles that shape the numbers."""


class SeriesUidKeys(Keys):
    """The series that were measured."""

    anatomy: str | None
    """SeriesInstanceUID of the anatomy series; null where there is none."""
    fluid_sensitive: str | None
    """SeriesInstanceUID of the fluid-sensitive series; null where there is none."""


class StudyKeys(Keys):
    """What was measured; the patient is known by the case id alone."""

    study_uid: str
    """StudyInstanceUID."""
    study_date: str | None
    """Date of the study, YYYY-MM-DD; null where the files do not say."""
    patient_age_years: Number | None
    """Age at the study, years."""
    patient_sex: str | None
    """F, M or O as in DICOM."""
    series: SeriesUidKeys
    """UIDs of the series used; `technique` describes them."""


class ReportKeys(Keys):
    """Everything that is said about one case: ischiofemoral and quadratus femoris spaces,
    quadratus femoris signal, what they mean under published rules, and where it all comes from.
    Positions are patient LPS in mm (+x left, +y back, +z head).  For research; not a diagnosis."""

    schema_version: Annotated[str, Field(pattern=r"^1\.\d{1,4}$")]
    """Version of these keys."""
    report_uid: str
    """Unique id of this report."""
    case_id: str
    """The case: the only identification of the patient."""
    created_at: str
    """When the report was made, ISO 8601, UTC."""
    software: SoftwareKeys
    """What made it."""
    config: ConfigKeys
    """Under which settings."""
    study: StudyKeys
    """What was measured."""
    reader: str | None
    """Who placed the landmarks."""
    read: int | None
    """Which reading of this reader, from 1."""
    landmarks_status: str | None
    """Status that the landmark file gives itself: draft, final, proposed."""
    position: PositionKeys
    """How the patient lay."""
    impression: tuple[str, ...]
    """The answer, in sentences."""
    summary: SummaryKeys
    """The diagnostic summary: per side the space, muscle and clinical axes."""
    findings: tuple[FindingKeys, ...]
    """What each rule concludes."""
    measurements: tuple[MeasurementKeys, ...]
    """Every number that was taken."""
    not_measured: tuple[NotMeasuredKeys, ...]
    """Every number that could not be taken, with the reason."""
    profiles: tuple[ProfileFlagKeys, ...]
    """The flag under every applicable published cut-off."""
    cautions: tuple[CautionKeys, ...]
    """What to keep in mind."""
    technique: tuple[SeriesChoiceKeys, ...]
    """Which series plays which role and why, with its technique."""
    landmarks: tuple[LandmarkKeys, ...]
    """What the reader marked."""
    observations: tuple[ObservationKeys, ...]
    """What the reader judged by eye."""
    inputs: tuple[InputKeys, ...]
    """The files that the report was made from."""
    provenance: Names
    """What else is known about how the report came about."""
    spaces_from_bones: tuple[SpaceFromBonesKeys, ...] = ()
    """What bone labels say of the ischiofemoral spaces, not reviewed; empty without such labels."""
    language: str = "en"
    """BCP 47 code of the language of `impression`, `summary` and `position.sentence`."""

    @model_validator(mode="after")
    def _one_account_of_the_series(self) -> Self:
        if self.study.series != _series_uids(self.technique):
            raise ValueError("study.series and technique name different series")
        return self

    @classmethod
    def from_report(cls, report: model.Report) -> Self:
        """Return the keys of a report; pydantic's ValidationError names a wrong value."""
        technique = tuple(SeriesChoiceKeys.model_validate(choice) for choice in report.series)
        same = (name for name in cls.model_fields if hasattr(report, name))
        return cls.model_validate(
            {name: getattr(report, name) for name in same}
            | {
                "software": {"name": report.software_name, "version": report.software_version},
                "config": {"profile": report.profile, "digest": report.config_digest},
                "study": {
                    "study_uid": report.study_uid,
                    "study_date": report.study_date,
                    "patient_age_years": report.patient_age_years,
                    "patient_sex": report.patient_sex,
                    "series": _series_uids(technique),
                },
                "technique": technique,
            }
        )

    def to_noun(self) -> model.Report:
        """Return the report; its series hold no files."""
        fields = self.fields("software", "config", "study", "technique")
        return model.Report(
            **fields,
            software_name=self.software.name,
            software_version=self.software.version,
            profile=self.config.profile,
            config_digest=self.config.digest,
            **self.study.fields("series"),
            series=to_noun(self.technique),
        )


def _series_uids(technique: tuple[SeriesChoiceKeys, ...]) -> SeriesUidKeys:
    uids = {choice.role: choice.series.series_uid for choice in technique if choice.series}
    return SeriesUidKeys(
        anatomy=uids.get(Role.ANATOMY), fluid_sensitive=uids.get(Role.FLUID_SENSITIVE)
    )
