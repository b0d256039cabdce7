"""The straight line: study and landmarks in, report out.  Command line, batch, web and PACS call
the same functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ifi_mri import clinical as clinical_files
from ifi_mri import (
    findings,
    loaders,
    measurements,
    pictured,
    plausibility,
    provenance,
    refinement,
    reports,
    selection,
    summary,
)
from ifi_mri import landmarks as landmark_files
from ifi_mri._version import __version__
from ifi_mri.config import Config, CutoffProfile, find_profile, profiles
from ifi_mri.errors import StudyError
from ifi_mri.findings import AssessedHip, narrowing
from ifi_mri.landmarks import proposing
from ifi_mri.landmarks.label_masks import LabelMap
from ifi_mri.language import translated
from ifi_mri.model import (
    Caution,
    ClinicalIntake,
    Finding,
    Hip,
    LandmarkSet,
    Measurement,
    NotMeasured,
    OpenVolume,
    Report,
    Series,
    SeriesChoice,
    Study,
)
from ifi_mri.reports.json_keys import SCHEMA_VERSION
from ifi_mri.vocabulary import (
    FindingName,
    ObservationName,
    Role,
    Side,
)

read_landmarks = landmark_files.read
read_clinical = clinical_files.read
choose_series = selection.choose_both


def analyse(
    study: Study,
    landmarks: LandmarkSet,
    clinical: ClinicalIntake | None = None,
    config: Config | None = None,
    label_maps: Sequence[LabelMap] = (),
    open_volume: OpenVolume = loaders.load_volume,
) -> Report:
    """Measure both hips of a study, judge the numbers and say what they may mean.

    Parameters
    ----------
    study : Study
        From `ifi_mri.load_study`; pixels are read only where a number needs them.
    landmarks : LandmarkSet
        From `ifi_mri.read_landmarks`.
    clinical : ClinicalIntake or None
        From `ifi_mri.read_clinical`.
    config : Config or None
        Settings; None means the defaults.
    label_maps : sequence of LabelMap
        From `ifi_mri.landmarks.label_masks.read`: structures that the reader did not mark are
        taken from them, and the ischiofemoral space is proposed from whole bones.
    open_volume : callable
        Loads the slices of a series near points; `ifi_mri.loaders.kept_slices` reads each slice
        once for the numbers and for the pictures.

    Returns
    -------
    Report
        Plain values without pixels or the patient's name.

    Raises
    ------
    SeriesNotFoundError
        No axial series without fat suppression, or an override names no usable series.
    LandmarkMismatchError
        The landmarks do not belong to the study, its frame of reference or the stated side.
    GeometryError, UnreadableImageError
        The slices that are needed cannot be loaded.
    ConfigError
        The profile is not known.
    """
    config = config or Config()
    profile = find_profile(config.profile)
    language, words = summary.load_language(config.language)
    unfinished = summary.unfinished_language(config.language)
    landmarks = landmark_files.on_images(landmarks, study)
    choices = choose_series(study, landmarks, config)
    anatomy = selection.anatomy_of(choices, study.cautions)
    label_tables = landmark_files.tables_used(landmarks, label_maps)
    completed = landmark_files.placed_on(landmarks, anatomy, label_maps)
    landmarks = completed.landmarks
    cautions = [*study.cautions, *landmark_files.check(landmarks, study, anatomy)]
    cautions += _without_identity(completed.cautions, study)
    picture, picture_cautions = pictured.look_at(landmarks, anatomy, open_volume)
    cautions += picture_cautions
    dixon = selection.dixon_pair(study, config, anatomy)
    hips = [pictured.hip(side, completed, choices, dixon, open_volume) for side in Side]
    if config.refinement.enabled:
        hips, refinement_cautions = _refined(hips, anatomy, config, open_volume)
        cautions += refinement_cautions
    results = proposing.attributed(_measured(hips, config), completed.spaces)
    cautions += proposing.beside_the_reader(results, completed.spaces)
    intake = clinical or ClinicalIntake()
    age_years, sex = _person(study, intake)
    assessed = [
        _assessed(hip.side, results, landmarks, intake, age_years, profile, config) for hip in hips
    ]
    found = [finding for hip in assessed for finding in findings.assess(hip)]
    measured = [result for result in results if isinstance(result, Measurement)]
    not_measured = [result for result in results if isinstance(result, NotMeasured)]
    cautions += _cautions(choices, measured, found)
    cautions += refinement.cautions(measured, config.spaces.landmark_sd_mm)
    cautions += pictured.at_ends(measured, anatomy, open_volume)
    cautions += plausibility.of_person(age_years, profile)
    cautions += plausibility.of_intake(intake, study.patient)
    cautions += selection.cautions(choices, config)
    cautions += [unfinished] if unfinished else []
    inputs = provenance.inputs_of(study, landmarks, clinical, hips, measured, picture)
    diagnostic = summary.write(
        found, measured, not_measured, clinical, age_years=age_years, words=words
    )
    return Report(
        schema_version=SCHEMA_VERSION,
        report_uid=provenance.report_uid(study, landmarks, config, inputs, label_tables),
        case_id=config.case_id or landmarks.case_id or provenance.anonymous_case_id(study),
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        software_name="ifi_mri",
        software_version=__version__,
        profile=profile.id,
        config_digest=config.digest(),
        study_uid=study.study_uid,
        study_date=study.study_date.isoformat() if study.study_date else None,
        patient_age_years=age_years,
        patient_sex=sex,
        series=choices,
        reader=landmarks.reader,
        read=landmarks.read,
        landmarks_status=landmarks.status,
        position=summary.position(
            anatomy.patient_position, clinical, measured, profile, age_years=age_years, words=words
        ),
        landmarks=landmarks.landmarks,
        observations=landmarks.observations,
        measurements=tuple(measured),
        not_measured=tuple(not_measured),
        findings=tuple(found),
        profiles=tuple(flag for hip in assessed for flag in narrowing.flags(hip, profiles())),
        cautions=_without_repeats(cautions),
        impression=(
            *(translated(words, said) for said in proposing.statement(completed.spaces)),
            *summary.impression(found, measured, not_measured, diagnostic, words=words),
        ),
        summary=diagnostic,
        inputs=inputs,
        provenance=label_tables,
        spaces_from_bones=completed.spaces,
        language=language,
    )


def load_study(path: Path, config: Config) -> Study:
    """Return a study as the settings read it: a site's own words for fat suppression, and the
    volumes of 4-D NIfTI files that ``anatomy`` and ``fluid_sensitive`` name (``FILE#0``)."""
    study = loaders.load_study(path, words=config.series_words)
    for text in filter(None, (config.anatomy, config.fluid_sensitive)):
        study = loaders.with_named_volume(study, text, config.series_words)
    return study


def write_report(
    report: Report,
    study: Study,
    folder: Path | str,
    formats: Sequence[str] = ("json", "html", "text", "csv"),
    options: Mapping[str, Mapping[str, Any]] = reports.NO_OPTIONS,
    open_volume: OpenVolume = loaders.load_volume,
    *,
    sync: bool = True,
    language: str | None = None,
) -> list[Path]:
    """Write a report in the given formats into a folder and return the files' paths.

    ``language`` is the setting of that name, needed for headings where it names a site's own file.
    Files already there are moved to ``previous/``, never overwritten.  ``options`` are what was
    chosen about single formats, by their names; ``open_volume`` is that of `analyse`, ``sync`` that
    of `ifi_mri.files.write_atomically`.

    Raises
    ------
    ReportError
        A format is not known, or the folder cannot be written.
    """
    if language is not None:
        options = reports.in_language(options, language)
    return reports.write(report, study, Path(folder), formats, open_volume, options, sync=sync)


def check(
    study: Study, landmarks: LandmarkSet, config: Config
) -> tuple[Series, tuple[Caution, ...]]:
    """Return the anatomy series that landmarks belong to, with cautions.

    Raises the errors of `analyse` that concern series and belonging; nothing is measured.
    """
    landmarks = landmark_files.on_images(landmarks, study)
    anatomy = selection.anatomy_of(choose_series(study, landmarks, config), study.cautions)
    completed = landmark_files.placed_on(landmarks, anatomy)
    cautions = landmark_files.check(completed.landmarks, study, anatomy)
    _, picture_cautions = pictured.look_at(completed.landmarks, anatomy, loaders.load_volume)
    of_maps = _without_identity(completed.cautions, study)
    return anatomy, (*cautions, *of_maps, *picture_cautions)


def _refined(
    hips: list[Hip], anatomy: Series, config: Config, open_volume: OpenVolume
) -> tuple[list[Hip], list[Caution]]:
    """Return the hips with the ends of their spaces moved to the edges that the picture shows, and
    why that could not be done."""
    reach_mm = config.refinement.reach_mm
    gaps = {hip.side: measurements.gaps(hip, reach_mm) for hip in hips}
    near = [gap.slice_mm for of_hip in gaps.values() for gap in of_hip]
    if not near:
        return hips, []
    if evidence := selection.fat_suppression(anatomy, config):
        reason = f"{anatomy.label} is fat-suppressed ({evidence}): marrow is as dark as cortex"
        return hips, [_nothing_refined(reason)]
    try:
        volume = open_volume(anatomy, near)
    except StudyError:
        return hips, [_nothing_refined(f"the slices of {anatomy.label} could not be opened")]
    return [
        replace(hip, refined=refinement.refine(gaps[hip.side], volume, reach_mm)) for hip in hips
    ], []


def _measured(hips: Sequence[Hip], config: Config) -> list[Measurement | NotMeasured]:
    """Return every measurement of each hip and of both together."""
    left, right = hips
    results = [result for hip in hips for result in measurements.measure(hip, config)]
    return [*results, *measurements.measure_pair(left, right, results, config)]


def _assessed(
    side: Side,
    results: Sequence[Measurement | NotMeasured],
    landmarks: LandmarkSet,
    intake: ClinicalIntake,
    age_years: float | None,
    profile: CutoffProfile,
    config: Config,
) -> AssessedHip:
    """Return what the rules look at on one side."""
    grade = ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE
    return AssessedHip(
        side=side,
        results=results,
        profile=profile,
        signal=config.signal,
        age_years=age_years,
        hip_rotation=intake.hip_rotation,
        hip_adduction=intake.hip_adduction,
        reader_grade=landmarks.observed(grade, side),
    )


def _nothing_refined(reason: str) -> Caution:
    return Caution("nothing_refined", f"All points stay where they were marked: {reason}.")


def _person(study: Study, intake: ClinicalIntake) -> tuple[float | None, str | None]:
    """Return age and sex: the intake's where it states them, else the images'."""
    age_years = study.patient.age_years if intake.age_years is None else intake.age_years
    return age_years, intake.sex or study.patient.sex_in_words


def _cautions(
    choices: Sequence[SeriesChoice], measured: list[Measurement], found: Sequence[Finding]
) -> list[Caution]:
    cautions: list[Caution] = []
    for choice in choices:
        if choice.series is not None:
            cautions += plausibility.of_series(choice.series)
        elif choice.role is Role.FLUID_SENSITIVE:
            text = f"No fluid-sensitive series: {choice.reason}. Oedema was not measured."
            cautions.append(Caution("no_fluid_sensitive_series", text))
    for side in Side:
        cautions += plausibility.of_numbers(side, measured)
    for measurement in measured:
        cautions += plausibility.of_muscle_volume(measurement)
    for finding in found:
        if finding.name is FindingName.QUADRATUS_FEMORIS_OEDEMA:
            cautions += plausibility.of_oedema(finding)
    return cautions


def _without_identity(cautions: Iterable[Caution], study: Study) -> list[Caution]:
    """Return cautions about what label maps hold: a label may be named after the patient."""
    return [
        replace(one, text=loaders.without_identity(one.text, study.patient)) for one in cautions
    ]


def _without_repeats(cautions: Iterable[Caution]) -> tuple[Caution, ...]:
    return tuple(dict.fromkeys(cautions))
