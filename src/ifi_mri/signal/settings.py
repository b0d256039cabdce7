"""Settings of the quadratus femoris signal, each with its reason.

What is marked *ours* was chosen by us and is not validated on patients; the others have a source.
"""

from functools import lru_cache
from typing import Annotated

from pydantic import Field, model_validator

from ifi_mri.config import Fraction, Positive, Settings, SignalSettings

Grades = tuple[Fraction, Fraction, Fraction]


class RegionSettings(Settings):
    """Which pixels count."""

    erosion_pixels: Annotated[int, Field(ge=0, le=5)] = 1
    """Outermost pixels left out of every region: they share fat, and chemical shift moves fat
    across them (evidence document, section 9.4)."""
    min_pixels: Annotated[int, Field(ge=1)] = 30
    """Fewest pixels of either region after erosion for a result; the spread of 30 independent
    values is known to 13 %, 1 / sqrt(2 (n - 1)).  Ours."""
    darkest_ratio: Fraction = 0.5
    """A region less than this many times as bright as the reference is no comparison of muscle with
    muscle: T2 of normal muscles gives ratios with an SD of some 0.15 (`OedemaSettings.min_excess`).
    Ours."""
    apply_shift: bool = False
    """Whether outlines drawn on the anatomy series are moved by the estimated in-plane shift
    before they are laid on the fluid-sensitive series.  It is reported either way."""


class ShadingSettings(Settings):
    """The smooth multiplicative field that coils lay over the image."""

    order: Annotated[int, Field(ge=0, le=2)] = 2
    """Highest order of the polynomial in log signal; 0 switches the field off.  The sensitivity of
    coils a hand's breadth away is smooth at the scale of a hip.  Ours."""
    radius_mm: Positive = 75.0
    """Muscle within this distance of the regions takes part in the fit: far enough to surround
    quadratus femoris by muscle, near enough for a low order.  Ours."""
    block_mm: Positive = 3.0
    """Side of the blocks whose mean log signal is fitted; averages noise before the logarithm."""
    gate: Annotated[float, Field(gt=1)] = 1.35
    """Blocks whose signal differs from the expected muscle signal by more than this factor are
    not taken for muscle.  Ours."""
    max_slices: Annotated[int, Field(ge=1)] = 5
    """Most slices that take part in the fit; the field is one for all of them."""
    max_leverage: Positive = 0.1
    """A lower order is taken where the largest leverage of quadratus femoris in the fit exceeds
    this: the field would be guessed there (extrapolated), not measured.  Ours."""


class OedemaSettings(Settings):
    """What counts as raised signal."""

    threshold_sd: Positive = 3.0
    """A voxel is raised above reference level + this many spreads (evidence document, 9.4)."""
    min_excess: Fraction = 0.15
    """...and above the reference level by at least this fraction.  Normal muscles differ: T2 of
    34 with SD 3 ms (Takamori 2019, doi:10.2463/mrms.mp.2018-0059) is a signal difference of
    exp(60 (1/34 - 1/37)) = 1.15 at an echo time of 60 ms for one standard deviation."""
    smoothing_mm: Annotated[float, Field(ge=0, le=3)] = 1.0
    """Standard deviation of the Gaussian that noise is reduced by before regions are sought; a
    fifth of the thickness of the muscle's belly.  Ours."""
    seed_sd: Positive = 4.0
    """A region of raised signal starts where the smoothed signal exceeds the reference level by
    this many of its own spreads: with 500 independent places in a muscle, chance makes one such
    place in 60 normal muscles.  Ours."""
    plateau_mm: Positive = 4.0
    """Distance over which the full signal of a raised region is taken as one level, for the share
    that an edge voxel has in it.  Ours."""
    perimuscular_mm: Positive = 5.0
    """Width of the rim around the muscle that is searched for spread.  Ours."""
    perimuscular_fraction: Fraction = 0.025
    """Share of that rim from which on spread is said to be there.  Ours."""
    grade_fractions: Grades = (0.025, 0.10, 0.50)
    """Fractions from which grades 1, 2 and (above it) 3 begin: 2.5 % from quantitative STIR (Sci
    Rep 2020;10:7246), 10 % and 50 % from the BAMIC extents; the mapping to this muscle is ours and
    not validated (evidence document, section 9.4)."""
    grade_1_ratio: Positive = 1.5
    """Ratio from which grade 1 counts as oedema signal (evidence document, section 9.4)."""

    @model_validator(mode="after")
    def _fractions_rise(self) -> "OedemaSettings":
        if list(self.grade_fractions) != sorted(set(self.grade_fractions)):
            raise ValueError("grade_fractions must rise, as in [0.025, 0.10, 0.50]")
        return self


class NoiseSettings(Settings):
    """Noise and its floor."""

    correlation_mm: Positive = 6.0
    """Lags up to here enter the spatial correlation: several times the widest pixel."""
    floor_below_snr: Positive = 5.0
    """The Rician floor is taken off medians where the reference's signal is below this many noise
    standard deviations; at 5 it raises a signal by 2 %, 1 / (2 SNR^2)."""
    least_snr: Positive = 2.5
    """Below this many noise standard deviations in the reference nothing is measured: noise without
    any signal has a median of 1.8 of its own (Rayleigh distribution).  Ours."""
    coarsest_step: Fraction = 0.05
    """Largest step between stored values, as a share of the reference level: a third of the least
    excess that counts as raised (`OedemaSettings.min_excess`).  Ours."""


class FatSettings(Settings):
    """Fat in quadratus femoris, and fat suppression."""

    erosion_pixels: Annotated[int, Field(ge=0, le=5)] = 2
    """Outermost pixels of quadratus femoris left out when its mean fat is taken.  One more than
    for signal ratios: those are medians, which a rim of bright fat hardly moves; a mean it does."""
    goutallier_fractions: tuple[Fraction, Fraction, Fraction, Fraction] = (0.05, 0.15, 0.45, 0.55)
    """Fat fractions from which grades 1 to 4 begin.  Goutallier (Clin Orthop 1994;304:78) grades
    by eye: none, some streaks, less fat than muscle, as much, more; the fractions are ours."""
    suppression_limit: Positive = 1.5
    """Fat brighter than muscle by more than this on the fluid-sensitive series means that its
    suppression is lost: a tenth of fat would then raise muscle by 5 %.  Ours."""

    @model_validator(mode="after")
    def _fractions_rise(self) -> "FatSettings":
        if list(self.goutallier_fractions) != sorted(set(self.goutallier_fractions)):
            raise ValueError("goutallier_fractions must rise, as in [0.05, 0.15, 0.45, 0.55]")
        return self


class ShiftSettings(Settings):
    """In-plane shift between the anatomy and the fluid-sensitive series."""

    reach_mm: Positive = 6.0
    """Shifts up to here are sought, along both axes: more is no movement that outlines survive."""
    margin_mm: Positive = 25.0
    """Surroundings of the muscle that take part: bone edges and fascia."""


class PlaceSettings(Settings):
    """Where oedema lies; all ours, in the words of evidence document section 5.1."""

    belly_mm: Positive = 10.0
    """Oedema whose centre is this near to the line of the ischiofemoral space, in its plane, lies
    at the narrowest place."""
    belly_levels_mm: Positive = 10.0
    """...and at most this far above or below it: about two slices."""
    junction_share: Fraction = 0.75
    """Oedema whose centre lies beyond this share of the muscle's length from ischium to femur lies
    at the distal myotendinous junction."""
    most_of_muscle: Fraction = 0.5
    """Oedema that takes up more than this share of the muscle has no place."""


class MuscleSignalSettings(Settings):
    """Everything about the signal of quadratus femoris."""

    regions: RegionSettings = RegionSettings()
    noise: NoiseSettings = NoiseSettings()
    shading: ShadingSettings = ShadingSettings()
    oedema: OedemaSettings = OedemaSettings()
    fat: FatSettings = FatSettings()
    shift: ShiftSettings = ShiftSettings()
    place: PlaceSettings = PlaceSettings()

    @classmethod
    def of(cls, signal: SignalSettings) -> "MuscleSignalSettings":
        """Return the settings of this room that a settings file speaks of, the others as they
        are."""
        return _of(signal)


@lru_cache(maxsize=8)  # asked for with every hip
def _of(signal: SignalSettings) -> MuscleSignalSettings:
    return MuscleSignalSettings(
        regions=RegionSettings(
            erosion_pixels=signal.erosion_pixels,
            min_pixels=signal.min_pixels,
            apply_shift=signal.apply_shift,
        ),
        shading=ShadingSettings(order=signal.shading_order, radius_mm=signal.shading_radius_mm),
        oedema=OedemaSettings(
            threshold_sd=signal.threshold_sd,
            grade_fractions=signal.grade_fractions,
            grade_1_ratio=signal.grade_1_ratio,
            perimuscular_fraction=signal.perimuscular_fraction,
        ),
        fat=FatSettings(
            goutallier_fractions=signal.goutallier_fractions,
            suppression_limit=signal.fat_suppression_limit,
        ),
        place=PlaceSettings(
            belly_mm=signal.belly_mm,
            belly_levels_mm=signal.belly_mm,
            junction_share=signal.junction_share,
        ),
    )
