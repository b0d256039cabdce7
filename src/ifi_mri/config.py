"""Settings and cut-off profiles: read from TOML, checked, unknown keys refused.

``configs/default.toml`` states every setting with its reason; the defaults here are the same (a
test compares them).  ``configs/profiles/*.toml`` hold the published cut-offs, one file a
publication.
"""

import hashlib
import json
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ifi_mri.errors import ConfigError, IfiMriError
from ifi_mri.vocabulary import HipRotation

DEFAULT_PROFILE: Final = "singer2015"

#: Age at which the adult profiles begin to apply (evidence document, section 9.2).
ADULT_FROM_YEARS: Final = 18.0

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

_Checked = TypeVar("_Checked", bound=BaseModel)


class Settings(BaseModel):
    """Base of everything read from a settings file: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class SeriesWords(Settings):
    """Words in a series' description that speak for a role where the tags are silent.

    Matched as whole words, any case; ``_``, ``-`` and blanks part words.
    """

    t1: tuple[str, ...] = ("t1", "t1w", "t1tse", "t1se", "t1fse")
    t2: tuple[str, ...] = ("t2", "t2w", "t2tse", "t2fse")
    proton_density: tuple[str, ...] = ("pd", "pdw", "dp", "proton", "intermediate")
    stir: tuple[str, ...] = ("stir", "tirm", "irfse")
    fat_suppressed: tuple[str, ...] = (
        "fs", "fatsat", "fat sat", "fatsup", "fat sup", "fat suppressed", "fsat", "spair",
        "spir", "chess", "stir", "tirm", "we", "t1fs", "t2fs", "pdfs", "t2wfs", "pdwfs",
    )  # fmt: skip
    dixon_water: tuple[str, ...] = ("water", "w", "wo")
    dixon: tuple[str, ...] = ("dixon", "ideal", "mdixon", "flex", "lava")
    not_for_measuring: tuple[str, ...] = (
        "localizer", "localiser", "scout", "survey", "loc", "calibration", "asset", "adc", "dwi",
        "diffusion", "trace", "perfusion", "mip", "subtraction", "subtr", "projection",
        "screenshot", "fat only", "in phase", "out phase", "opp phase", "mosaic",
    )  # fmt: skip


Weighting = Literal["T1", "PD", "T2", "STIR", "Dixon water"]


class SeriesRules(Settings):
    """What tags say about a series' weighting, and which weighting comes first for a role.

    Spin-echo weighting by times is textbook knowledge: short TR and TE weigh by T1, long TR with
    short TE by proton density, long TR and TE by T2.
    """

    t1_max_repetition_ms: Positive = 1000.0
    t1_max_echo_ms: Positive = 30.0
    t2_min_echo_ms: Positive = 45.0
    stir_inversion_ms: tuple[Positive, Positive] = (80.0, 260.0)
    """Inversion times that null fat: about 130 to 190 ms from 0.5 to 3 T, with room either side."""
    min_slices: Annotated[int, Field(ge=1)] = 3
    """Fewer slices are a localizer or a test shot, not a hip examination."""
    anatomy_order: Annotated[tuple[Weighting, ...], Field(min_length=1)] = ("T1", "PD", "T2")
    """T1 first, as the ischiofemoral space was defined on it."""
    fluid_order: Annotated[tuple[Weighting, ...], Field(min_length=1)] = (
        "STIR",
        "T2",
        "PD",
        "Dixon water",
    )

    @model_validator(mode="after")
    def _inversion_times_rise(self) -> "SeriesRules":
        if self.stir_inversion_ms[0] >= self.stir_inversion_ms[1]:
            raise ValueError("stir_inversion_ms must rise, as in [80, 260]")
        return self


class SpaceSettings(Settings):
    """How the spaces are measured."""

    landmark_sd_mm: Positive = 0.75
    """Standard deviation of a reader's click, per axis, mm.  No published SEM exists for this
    reading (evidence document, section 3); 0.75 mm gives the 2 mm half-width of section 9.3.
    ``ifi-mri agreement --write-config`` replaces it by the cohort's own."""


class RefinementSettings(Settings):
    """Whether and how the ends of the spaces are moved to the edges that the picture shows."""

    enabled: bool = False
    """What ``--refine`` turns on."""
    reach_mm: Annotated[float, Field(gt=0, le=5, allow_inf_nan=False)] = 3.0
    """How far from a marked point its edge may lie, mm: four times the default SD of a click;
    further away another structure may be meant."""


class SignalSettings(Settings):
    """How quadratus femoris signal is measured and graded (evidence document, section 9.4)."""

    threshold_sd: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 3.0
    """A voxel counts as raised above the reference level + this many robust standard deviations."""
    erosion_pixels: Annotated[int, Field(ge=0, le=5)] = 1
    """Outermost pixels left out of both regions: fat edges and chemical shift."""
    min_pixels: Annotated[int, Field(ge=1)] = 30
    """Fewest pixels of either region for a result; below, the spread of the reference is not
    known to a tenth (SD of an SD is 1 / sqrt(2 (n - 1)), 13 % at 30)."""
    grade_fractions: tuple[Fraction, Fraction, Fraction] = (0.025, 0.10, 0.50)
    """Fractions from which grades 1, 2 and (above it) 3 begin: 2.5 % from quantitative STIR (Sci
    Rep 2020;10:7246), 10 % and 50 % from the BAMIC extents; the mapping to this muscle is ours
    and not validated."""
    grade_1_ratio: Positive = 1.5
    """Signal of the raised region over the reference from which grade 1 counts as oedema signal."""
    perimuscular_fraction: Fraction = 0.025
    """Raised share of the rim around the muscle from which oedema goes beyond it.  Ours."""
    shading_order: Annotated[int, Field(ge=0, le=2)] = 2
    """Highest order of the coil's field that is fitted on muscle and taken out; 0: none."""
    shading_radius_mm: Annotated[float, Field(ge=20, le=200)] = 75.0
    """Muscle within this distance of the regions takes part in that fit."""
    apply_shift: bool = False
    """Whether outlines follow the in-plane shift between the two series; it is reported anyway."""
    belly_mm: Positive = 10.0
    """Oedema centred this near to the ischiofemoral space's line, in its plane and across slices,
    lies in the belly at the narrowest place.  Ours."""
    junction_share: Fraction = 0.75
    """Oedema centred beyond this share of the muscle's length from ischium to femur lies along the
    distal myotendinous junction.  Ours."""
    goutallier_fractions: tuple[Fraction, Fraction, Fraction, Fraction] = (0.05, 0.15, 0.45, 0.55)
    """Fat fractions from which grades 1 to 4 begin.  Goutallier (Clin Orthop 1994;304:78) grades by
    eye: streaks, less fat than muscle, as much, more; the fractions are ours, not validated."""
    fat_suppression_limit: Annotated[float, Field(ge=0.1, le=100)] = 1.5
    """Fat brighter than this many times muscle on the fluid-sensitive series is not suppressed."""

    @model_validator(mode="after")
    def _fractions_rise(self) -> "SignalSettings":
        for name, example in (
            ("grade_fractions", "[0.025, 0.10, 0.50]"),
            ("goutallier_fractions", "[0.05, 0.15, 0.45, 0.55]"),
        ):
            fractions = getattr(self, name)
            if list(fractions) != sorted(set(fractions)):
                raise ValueError(f"{name} must rise, as in {example}")
        return self

    @property
    def thresholds_id(self) -> str:
        """Which thresholds the muscle's grades come from: this project's proposal, or a site's own;
        neither is validated on patients."""
        own = SignalSettings()
        graded = ("grade_fractions", "grade_1_ratio", "goutallier_fractions")
        same = all(getattr(self, name) == getattr(own, name) for name in graded)
        return "ifi_mri_proposal" if same else "site_settings"


class Config(Settings):
    """Every setting of an analysis.

    ``anatomy`` and ``fluid_sensitive`` override the choice of series: a series UID, a series
    number, a description, or a NIfTI file's path.
    """

    profile: str = DEFAULT_PROFILE
    anatomy: str | None = None
    fluid_sensitive: str | None = None
    case_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")] | None = None
    language: str = "en"
    """Of the impression and the diagnostic summary: an id of ``configs/languages`` or a file."""
    spaces: SpaceSettings = SpaceSettings()
    refinement: RefinementSettings = RefinementSettings()
    signal: SignalSettings = SignalSettings()
    series_words: SeriesWords = SeriesWords()
    series_rules: SeriesRules = SeriesRules()

    def digest(self) -> str:
        """Return the SHA-256 of everything that shapes the numbers: settings and the profiles."""
        return _digest(self.model_copy(update={"case_id": None, "language": ""}), profiles())


@lru_cache(maxsize=64)  # the cases of a batch are asked for it several times each
def _digest(config: Config, known: tuple["CutoffProfile", ...]) -> str:
    content = {
        "settings": config.model_dump(mode="json", exclude={"case_id", "language"}),
        "profiles": [profile.model_dump(mode="json") for profile in known],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Cutoffs(Settings):
    """Largest widths, mm, that a profile calls narrow; None where it has none for that space."""

    ischiofemoral_space: Positive | None = None
    quadratus_femoris_space: Positive | None = None


class CutoffProfile(Settings):
    """The cut-offs of one publication, and for whom and in what position they hold.

    ``verified`` says whether the figures were read in the primary source itself.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: str
    cutoff_mm: Cutoffs
    min_age_years: Annotated[float, Field(ge=0)]
    max_age_years: Annotated[float, Field(gt=0)] | None = None
    """Ages from ``min_age_years`` up to, not including, this."""
    population: str
    position: str
    requires_hip_rotation: HipRotation | None = None
    """The profile holds only where this rotation was recorded."""
    requires_adduction: bool = False
    requires_muscle_change: bool = False
    """The publication calls the narrowing a sign of impingement only beside oedema, fatty change
    or atrophy of quadratus femoris."""
    combine: Literal["each", "either"] = "each"
    performance: str = ""
    citation: str
    verified: bool
    note: str = ""

    def holds_at(self, age_years: float | None) -> bool:
        """Return whether the profile's age range holds; an unknown age counts as adult."""
        age = ADULT_FROM_YEARS if age_years is None else age_years
        return self.min_age_years <= age and (
            self.max_age_years is None or age < self.max_age_years
        )

    @property
    def applies_to(self) -> str:
        """The ages in words."""
        if self.max_age_years is None:
            return f"from {self.min_age_years:g} years"
        return f"{self.min_age_years:g} to under {self.max_age_years:g} years"


def configs_folder() -> Path:
    """Return the folder of the shipped settings: in the checkout, or beside the installed code."""
    here = Path(__file__).resolve()
    checkout = here.parents[2] / "configs"
    return checkout if checkout.is_dir() else here.parent / "configs"


@cache
def profiles() -> tuple[CutoffProfile, ...]:
    """Return every shipped cut-off profile, the default first, then by id."""
    files = sorted((configs_folder() / "profiles").glob("*.toml"))
    found = [read_settings(file, CutoffProfile) for file in files]
    return tuple(sorted(found, key=lambda profile: (profile.id != DEFAULT_PROFILE, profile.id)))


def find_profile(profile_id: str) -> CutoffProfile:
    """Return a profile by its id; ConfigError lists the known ones."""
    for profile in profiles():
        if profile.id == profile_id:
            return profile
    known = ", ".join(profile.id for profile in profiles())
    raise ConfigError(f"profile {profile_id!r} is not known. Choose one of: {known}.")


def load_config(path: Path | None = None, **overrides: Any) -> Config:
    """Return the settings of a TOML file (or the defaults) with overrides that are not None.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or holds an unknown key or a value out of range; or the
        profile is not known.
    """
    config = read_settings(path, Config) if path else Config()
    given = {key: value for key, value in overrides.items() if value is not None}
    content = config.model_dump()
    for key, value in given.items():  # a section is changed, not replaced
        content[key] = content[key] | value if isinstance(value, dict) else value
    config = check_settings(content, Config, "the command line")
    find_profile(config.profile)
    return config


def read_settings(
    path: Path, kind: type[_Checked], error: type[IfiMriError] = ConfigError
) -> _Checked:
    """Return a TOML or JSON file as checked settings; anything wrong raises ``error``."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = (
            json.loads(text, object_pairs_hook=_without_repeats)
            if path.suffix.lower() == ".json"
            else tomllib.loads(text)
        )
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror}). Check the path.") from problem
    except UnicodeDecodeError as problem:
        raise error(f"{path}: is not UTF-8 text. Save it as UTF-8.") from problem
    except (ValueError, RecursionError) as problem:  # both decoders', and integers past any range
        form = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise error(f"{path}: is not valid {form}: {problem}. Correct that place.") from problem
    return check_settings(content, kind, str(path), error)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; a key that stands twice is refused, where JSON would drop the first."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {repeated!r} stands twice in one object")
    return content


def check_settings(
    content: Any, kind: type[_Checked], source: str, error: type[IfiMriError] = ConfigError
) -> _Checked:
    """Return content as checked settings; a wrong one raises ``error`` naming every wrong key."""
    try:
        return kind.model_validate(content)
    except ValidationError as problem:
        raise error(f"{source}: {describe(problem)}") from problem


def describe(problem: ValidationError) -> str:
    """Return the problems that pydantic found in one sentence: which key, what is wrong, found."""
    parts = []
    for item in problem.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"]) or "the whole"
        if item["type"] == "extra_forbidden":
            parts.append(f"{key!r} is not a known key")
        elif item["type"] == "missing":
            parts.append(f"{key!r} is missing")
        else:
            parts.append(f"{key!r}: {item['msg']}, found {_short(item['input'])}")
    shown = "; ".join(parts[:5]) + (f"; and {len(parts) - 5} more" if len(parts) > 5 else "")
    return f"{shown}. Correct the file (`ifi-mri schema` prints what is allowed)."


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
