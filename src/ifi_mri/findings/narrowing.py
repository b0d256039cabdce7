"""Narrowing of the ischiofemoral and quadratus femoris spaces under a published cut-off.

Three states.  Narrowed where the 95 % interval of the distance lies below the cut-off, not narrowed
where it lies above, indeterminate where it holds the cut-off; beside it the plain d <= c of the
publications, and the probability that the true distance is at or below c.  All comparisons are of
the figures as printed, to 0.1 mm, so that a report never contradicts itself.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from ifi_mri.config import ADULT_FROM_YEARS, CutoffProfile
from ifi_mri.findings.assessed_hip import AssessedHip
from ifi_mri.model import Finding, Measurement, NotMeasured, ProfileFlag
from ifi_mri.vocabulary import (
    Answer,
    FindingName,
    HipRotation,
    MeasurementName,
    Status,
    at_printed_precision,
    printed,
)

#: The finding that each space answers.
SPACES: Final = {
    FindingName.ISCHIOFEMORAL_SPACE_NARROWING: MeasurementName.ISCHIOFEMORAL_SPACE,
    FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING: MeasurementName.QUADRATUS_FEMORIS_SPACE,
}

NAMES = tuple(SPACES)

STATUS_WORDS: Final = {
    Status.PRESENT: "narrowed",
    Status.ABSENT: "not narrowed",
    Status.INDETERMINATE: "within the uncertainty of the cut-off",
}


def assess(hip: AssessedHip) -> tuple[Finding, ...]:
    """Return narrowing of both spaces of one hip under the chosen profile."""
    return tuple(_assess_space(hip, name) for name in NAMES)


def flags(hip: AssessedHip, profiles: Sequence[CutoffProfile]) -> tuple[ProfileFlag, ...]:
    """Return the plain comparison of both spaces with every profile that applies to the hip."""
    return tuple(_flags(hip, profiles))


def _flags(hip: AssessedHip, profiles: Sequence[CutoffProfile]) -> Iterator[ProfileFlag]:
    for profile in profiles:
        if why_not_applied(profile, hip):
            continue
        for name, space in SPACES.items():
            cutoff = cutoff_mm(profile, name)
            if cutoff is None:
                continue
            result = hip.result(space)
            if _doubt(result) is not None:
                continue
            yield ProfileFlag(
                profile=profile.id,
                name=name,
                side=hip.side,
                cutoff=cutoff,
                at_or_below_cutoff=(
                    None
                    if isinstance(result, NotMeasured)
                    else is_at_or_below(result.value, cutoff)
                ),
                citation=profile.citation,
                applies_to=profile.applies_to,
                verified=profile.verified,
            )


def cutoff_mm(profile: CutoffProfile, name: FindingName) -> float | None:
    """Return the largest width that a profile calls narrow, mm; None where it has none."""
    if name is FindingName.ISCHIOFEMORAL_SPACE_NARROWING:
        return profile.cutoff_mm.ischiofemoral_space
    return profile.cutoff_mm.quadratus_femoris_space


def why_not_applied(profile: CutoffProfile, hip: AssessedHip) -> str | None:
    """Return why a profile must not be applied to a hip: age, or position; None where it may."""
    if not profile.holds_at(hip.age_years):
        age = f"{ADULT_FROM_YEARS:g} or older" if hip.age_years is None else f"{hip.age_years:g}"
        return f"profile {profile.id} holds {profile.applies_to}; the patient's age is {age}"
    rotation = profile.requires_hip_rotation
    if rotation is not None and rotation is not hip.hip_rotation:
        recorded = (
            "the rotation is not recorded"
            if hip.hip_rotation is HipRotation.NOT_RECORDED
            else f"the hip was scanned in {hip.hip_rotation} rotation"
        )
        return f"profile {profile.id} holds only in {rotation} rotation; {recorded}"
    if profile.requires_adduction and hip.hip_adduction is not Answer.YES:
        return f"profile {profile.id} holds only in adduction, which the intake does not state"
    return None


def is_at_or_below(distance_mm: float, cutoff: float) -> bool:
    """Return whether a distance, as printed, is at or below a cut-off."""
    return at_printed_precision(distance_mm, "mm") <= cutoff


def status_against(interval_95_mm: tuple[float, float], cutoff: float) -> Status:
    """Return what the interval, as it is printed, says of a cut-off."""
    low, high = (at_printed_precision(end, "mm") for end in interval_95_mm)
    if high < cutoff:
        return Status.PRESENT
    return Status.ABSENT if low > cutoff else Status.INDETERMINATE


def probability_at_or_below(
    distance_mm: float, sd_mm: float, cutoff: float, bias_mm: float = 0.0
) -> float:
    """Return the probability that the true distance is at or below a cut-off, for the distance as
    printed less its bias, a normal error of the given standard deviation and no knowledge
    beforehand."""
    distance = at_printed_precision(distance_mm, "mm") - bias_mm
    return 0.5 * (1 + math.erf((cutoff - distance) / (sd_mm * math.sqrt(2))))


def _assess_space(hip: AssessedHip, name: FindingName) -> Finding:
    profile, result = hip.profile, hip.result(SPACES[name])
    cutoff = cutoff_mm(profile, name)
    reason = why_not_applied(profile, hip)
    if reason is None and cutoff is None:
        reason = f"profile {profile.id} has no cut-off for this space"
    if isinstance(result, NotMeasured):
        reason = f"not measured: {result.reason}"
    elif reason is None and (doubt := _doubt(result)):
        reason = f"the ends are {doubt}"
    if reason is not None or cutoff is None or isinstance(result, NotMeasured):
        return Finding(
            name,
            hip.side,
            Status.NOT_ASSESSABLE,
            because=f"{reason}.",
            profile=profile.id,
            cutoff=cutoff,
        )
    status = status_against(result.interval_95, cutoff)
    return Finding(
        name=name,
        side=hip.side,
        status=status,
        because=_because(result, status, cutoff, profile),
        profile=profile.id,
        cutoff=cutoff,
        at_or_below_cutoff=is_at_or_below(result.value, cutoff),
        probability=probability_at_or_below(result.value, result.sd, cutoff, result.bias),
        evidence=(result.name,),
    )


def _doubt(result: Measurement | NotMeasured) -> str | None:
    """Return what keeps a width from being compared with cut-offs; None where nothing does."""
    details = dict(result.details) if isinstance(result, Measurement) else {}
    return (
        f"{details['ends']}, and doubtful: {details['doubtful']}" if "doubtful" in details else None
    )


def _because(result: Measurement, status: Status, cutoff: float, profile: CutoffProfile) -> str:
    low, high = (printed(end, "mm") for end in result.interval_95)
    relation = {
        Status.PRESENT: "lies below",
        Status.ABSENT: "lies above",
        Status.INDETERMINATE: "holds",
    }[status]
    return (
        f"{printed(result.value, 'mm')} mm; its 95 % interval of {low} to {high} mm {relation} the "
        f"cut-off of {printed(cutoff, 'mm')} mm ({profile.id}): {STATUS_WORDS[status]}."
    )
