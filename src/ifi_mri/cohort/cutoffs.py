"""Which distance tells affected hips from others, in this cohort and by every published cut-off.

The curve, its area and Youden's cut-off come from `roc`; each cut-off profile is then applied as
published.  A cut-off found and judged on the same hips flatters itself, and a label made from the
same images flatters every cut-off (incorporation bias; Whiting et al., Ann Intern Med 2004;140:189,
doi:10.7326/0003-4819-140-3-200402030-00010): both are said.  What a study report of this should
hold: STARD 2015 (Bossuyt et al., BMJ 2015;351:h5527, doi:10.1136/bmj.h5527).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ifi_mri.cohort.readings import HipId, Reading
from ifi_mri.cohort.reliability import Interval
from ifi_mri.cohort.roc import (
    BOOTSTRAP_DRAWS,
    AtCutoff,
    BestCutoff,
    Hips,
    area,
    at_cutoff,
    best_cutoff,
    drawn_patients,
    intervals_at,
)
from ifi_mri.config import CutoffProfile
from ifi_mri.vocabulary import MeasurementName

SPACES = (MeasurementName.ISCHIOFEMORAL_SPACE, MeasurementName.QUADRATUS_FEMORIS_SPACE)

#: With fewer hips in the smaller group an interval of sensitivity spans more than a third.
FEWEST_FOR_A_CUTOFF = 30


class LabelSource(StrEnum):
    """Where it is known from which hips are affected."""

    CLINICAL = "clinical"
    OTHER_IMAGING = "other_imaging"
    SAME_IMAGES = "same_images"
    NOT_STATED = "not_stated"


@dataclass(frozen=True, slots=True)
class Label:
    """Whether a hip is affected, whose hip it is, and from where that is known."""

    affected: bool
    patient: str
    source: LabelSource = LabelSource.NOT_STATED


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """A published cut-off on this cohort."""

    profile: CutoffProfile
    at: AtCutoff
    sensitivity: Interval
    specificity: Interval


@dataclass(frozen=True, slots=True)
class CutoffStudy:
    """One space against the labels.

    ``hips`` are those with both a distance and a label; ``reason`` says why there is no result
    where there is none.
    """

    name: MeasurementName
    prevalence: float
    n_without_distance: int
    n_without_label: int
    hips: Hips | None = None
    area: Interval | None = None
    best: BestCutoff | None = None
    at_best: AtCutoff | None = None
    profiles: tuple[ProfileResult, ...] = ()
    reason: str = ""

    @property
    def n_affected(self) -> int:
        """Affected hips."""
        return int(self.hips.affected.sum()) if self.hips else 0

    @property
    def n_others(self) -> int:
        """Hips without the condition."""
        return int((~self.hips.affected).sum()) if self.hips else 0

    @property
    def n_patients(self) -> int:
        """Patients that the hips are of."""
        return int(self.hips.patient.max()) + 1 if self.hips else 0


def study(
    name: MeasurementName,
    readings: Iterable[Reading],
    labels: dict[HipId, Label],
    profiles: Sequence[CutoffProfile],
    prevalence: float,
    draws: int = BOOTSTRAP_DRAWS,
) -> CutoffStudy:
    """Return how one space tells labelled hips apart.

    Parameters
    ----------
    name : MeasurementName
        `ischiofemoral_space` or `quadratus_femoris_space`.
    readings : iterable of Reading
        One reading of each hip.
    labels : dict
        By case and side.
    profiles : sequence of CutoffProfile
        Whose cut-offs are tried.
    prevalence : float
        For the predictive values: share of affected hips where the cut-off would be used.
    draws : int
        Bootstrap samples.

    Raises
    ------
    ValueError
        Two readings of one hip, or a prevalence outside 0 to 1.
    """
    distances: dict[HipId, float] = {}
    for reading in readings:
        if reading.name != name or reading.value is None:
            continue
        if reading.hip in distances:
            raise ValueError(f"{reading.case_id}, {reading.side}: two readings of {name}")
        distances[reading.hip] = float(reading.value)
    both = sorted(distances.keys() & labels.keys())
    lacking = (len(labels.keys() - distances.keys()), len(distances.keys() - labels.keys()))
    try:
        hips = Hips.of(
            [distances[hip] for hip in both],
            [labels[hip].affected for hip in both],
            [labels[hip].patient for hip in both],
        )
    except ValueError as problem:
        return CutoffStudy(name, prevalence, *lacking, reason=f"{len(both)} hips: {problem}")
    drawn = drawn_patients(hips, draws)
    best = best_cutoff(hips, drawn)
    return CutoffStudy(
        name,
        prevalence,
        *lacking,
        hips=hips,
        area=area(hips),
        best=best,
        at_best=at_cutoff(hips, best.cutoff_mm.value, prevalence),
        profiles=tuple(_of_profile(hips, one, name, prevalence, drawn) for one in profiles
                       if _cutoff_mm(one, name) is not None),
    )  # fmt: skip


def _of_profile(
    hips: Hips,
    profile: CutoffProfile,
    name: MeasurementName,
    prevalence: float,
    drawn: Sequence[Hips],
) -> ProfileResult:
    cutoff_mm = _cutoff_mm(profile, name)
    assert cutoff_mm is not None
    return ProfileResult(
        profile, at_cutoff(hips, cutoff_mm, prevalence), *intervals_at(hips, cutoff_mm, drawn)
    )


def _cutoff_mm(profile: CutoffProfile, name: MeasurementName) -> float | None:
    found: float | None = getattr(profile.cutoff_mm, str(name))
    return found


def warnings(studies: Sequence[CutoffStudy], labels: dict[HipId, Label]) -> list[str]:
    """Return what a reader of the figures must know: incorporation bias, hips without labels or
    distances, groups too small, one cohort both to find and to judge."""
    found = []
    sources = {label.source for label in labels.values()}
    if LabelSource.SAME_IMAGES in sources:
        found.append(
            "Labels were made from the same images as the distances (incorporation bias): "
            "sensitivity, specificity and area are too good, by an unknown amount."
        )
    if LabelSource.NOT_STATED in sources:
        found.append(
            "The labels do not all say where they come from (column label_source: clinical, "
            "other_imaging or same_images). Where they were made with these images in view, all "
            "figures are too good (incorporation bias)."
        )
    for one in studies:
        found += _about(one)
    if any(one.best for one in studies):
        found.append(
            "The cut-off was found and judged on the same hips; expect less of it on others."
        )
    return found


def _about(one: CutoffStudy) -> list[str]:
    found = []
    if one.n_without_distance:
        found.append(
            f"Labelled hips without {one.name}: {one.n_without_distance}; they are left out, which "
            "flatters the figures where the space could not be measured because it was narrow."
        )
    if one.n_without_label:
        found.append(f"Hips with {one.name} but no label: {one.n_without_label}; left out.")
    if one.area is not None and one.area.low == one.area.high:
        found.append(
            f"{one.name}: the interval of the area has no width, as where the groups do not "
            "overlap; it says nothing of how sure the area is (Obuchowski and Lieber, Acad Radiol "
            "2002;9:526)."
        )
    smaller = min(one.n_affected, one.n_others)
    if one.hips is not None and smaller < FEWEST_FOR_A_CUTOFF:
        found.append(
            f"{one.name}: only {smaller} hips in the smaller group; a cut-off from fewer than "
            f"{FEWEST_FOR_A_CUTOFF} will not hold elsewhere."
        )
    return found
