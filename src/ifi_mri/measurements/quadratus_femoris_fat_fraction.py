"""Fat fraction of quadratus femoris: from Dixon fat and water images where the study has them, else
on the anatomy series (T1) between the signal of reference muscle and that of subcutaneous fat.

The second is a signal fraction of its sequence, not a proton density fat fraction; how both are
taken is told in `ifi_mri.signal.fat`.  No cut-off is applied to the number.
"""

from collections.abc import Sequence

from ifi_mri.config import Config
from ifi_mri.model import Hip, Measurement, NotMeasured, Volume
from ifi_mri.signal import (
    FatFraction,
    MuscleSignalSettings,
    NotAssessable,
    fat_fraction_dixon,
    fat_fraction_t1,
)
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Role

NAMES = (MeasurementName.QUADRATUS_FEMORIS_FAT_FRACTION,)

METHODS = {
    "Dixon": "Dixon fat over fat and water, mean over quadratus femoris, noise floor taken off",
    "T1": (
        "mean signal of quadratus femoris between that of reference muscle (0) and of subcutaneous "
        "fat (1), on the anatomy series"
    ),
}


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return the fat fraction of quadratus femoris, 1."""
    (name,) = NAMES
    settings = MuscleSignalSettings.of(config.signal)
    dixon = [hip.volumes.get(role) for role in (Role.DIXON_WATER, Role.DIXON_FAT)]
    reasons = []
    if dixon[0] is not None and dixon[1] is not None:
        try:
            return (_measurement(hip, dixon[1], _on_dixon(hip, dixon[0], dixon[1], settings)),)
        except NotAssessable as reason:
            reasons.append(f"{reason} (Dixon)")
    if not hip.marked(LandmarkName.SUBCUTANEOUS_FAT):
        reasons.append("no subcutaneous_fat outline")
        return (NotMeasured(name, hip.side, "; ".join(reasons), optional=len(reasons) == 1),)
    try:
        volume = _anatomy(hip)
        return (_measurement(hip, volume, _on_t1(hip, volume, settings), reasons),)
    except NotAssessable as reason:
        return (NotMeasured(name, hip.side, "; ".join([*reasons, str(reason)])),)


def _anatomy(hip: Hip) -> Volume:
    if Role.ANATOMY not in hip.volumes:
        raise NotAssessable(hip.reasons.get(Role.ANATOMY, "the anatomy series was not opened"))
    return hip.volumes[Role.ANATOMY]


def _on_dixon(hip: Hip, water: Volume, fat: Volume, settings: MuscleSignalSettings) -> FatFraction:
    return fat_fraction_dixon(water, fat, hip.marked(LandmarkName.QUADRATUS_FEMORIS), settings)


def _on_t1(hip: Hip, anatomy: Volume, settings: MuscleSignalSettings) -> FatFraction:
    return fat_fraction_t1(
        anatomy,
        hip.marked(LandmarkName.QUADRATUS_FEMORIS),
        hip.marked(LandmarkName.REFERENCE_MUSCLE),
        hip.marked(LandmarkName.SUBCUTANEOUS_FAT),
        settings,
    )


def _measurement(
    hip: Hip, volume: Volume, found: FatFraction, dixon_reasons: Sequence[str] = ()
) -> Measurement:
    outline = hip.marked(LandmarkName.QUADRATUS_FEMORIS)[0]
    grades = (("grade_low", found.grade_range[0]), ("grade_high", found.grade_range[1]))
    details: list[tuple[str, float | int | str]] = [
        ("source", found.method),
        ("goutallier_like_grade", found.grade),
        *grades,
        ("n_pixels", found.n_voxels),
    ]
    if found.fat_over_muscle is not None:
        details.append(("fat_over_muscle", found.fat_over_muscle))
    details += [("dixon_not_used", reason) for reason in dixon_reasons]
    return Measurement(
        name=NAMES[0],
        side=hip.side,
        value=found.fraction.value,
        unit="1",
        sd=found.fraction.sd,
        interval_95=(found.fraction.low, found.fraction.high),
        method=METHODS[found.method],
        points_mm=outline.points_mm,
        sop_instance_uid=outline.sop_instance_uid,
        n_slices=found.n_slices,
        series_uid=volume.series_uid,
        details=tuple(details),
    )
