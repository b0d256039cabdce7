"""Which series plays which role: anatomy and fluid-sensitive.

Tags speak first (echo, repetition and inversion times, scan options, Dixon image types), words of
the description where tags are silent; whether a series is axial is decided from its geometry
alone.  The words are settings (`ifi_mri.config.SeriesWords`), the choice can be overridden, and
its reason is printed in the report.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.config import Config, SeriesRules, SeriesWords
from ifi_mri.errors import SeriesNotFoundError
from ifi_mri.model import Caution, LandmarkSet, Series, SeriesChoice, Study
from ifi_mri.vocabulary import Role

#: What the fat image of a Dixon method is called, beside its maker's name for the method.
DIXON_FAT_WORDS: Final = ("fat", "f", "fo", "fat only")


def choose(study: Study, role: Role, config: Config, drawn_on: str | None = None) -> SeriesChoice:
    """Return the series that plays a role, with the reason.

    Parameters
    ----------
    study : Study
    role : Role
    config : Config
        ``anatomy`` and ``fluid_sensitive`` override the choice.
    drawn_on : str or None
        UID of the series that the landmarks say they were drawn on; it is the anatomy when it is
        axial and usable.

    Raises
    ------
    SeriesNotFoundError
        An override names no series, several, or one that cannot be measured.
    """
    asked_for = config.anatomy if role is Role.ANATOMY else config.fluid_sensitive
    if asked_for:
        return _asked_for(study, role, asked_for, config)
    usable = [series for series in study.series if why_unusable(series, config) is None]
    if role is Role.ANATOMY:
        for series in usable:
            if drawn_on and series.series_uid == drawn_on:
                return SeriesChoice(role, series, f"{_plane(series)}, the landmarks' own series")
        choice = _first(
            role, _anatomy_candidates(usable, config), config.series_rules.anatomy_order
        )
    else:
        choice = _first(role, _fluid_candidates(usable, config), config.series_rules.fluid_order)
    return choice or _none(role, study, config)


def choose_both(
    study: Study, landmark_set: LandmarkSet | None, config: Config
) -> tuple[SeriesChoice, ...]:
    """Return the series for each role; the fluid-sensitive one must share the anatomy's frame of
    reference, or outlines cannot be carried over.

    Raises as `choose` does, which is told on which series the landmarks were drawn.
    """
    drawn_on = landmark_set.series_uid if landmark_set else None
    anatomy = choose(study, Role.ANATOMY, config, drawn_on)
    fluid = choose(study, Role.FLUID_SENSITIVE, config)
    if anatomy.series and fluid.series and not _share_frame(anatomy.series, fluid.series):
        reason = (
            f"{fluid.series.label} lies in another frame of reference than the anatomy series; "
            f"outlines cannot be carried over"
        )
        fluid = SeriesChoice(Role.FLUID_SENSITIVE, None, reason)
    return anatomy, fluid


def _share_frame(first: Series, second: Series) -> bool:
    frames = {first.frame_of_reference_uid, second.frame_of_reference_uid} - {None}
    return len(frames) < 2


def anatomy_of(choices: Sequence[SeriesChoice], of_study: Sequence[Caution]) -> Series:
    """Return the series that the spaces are measured on.

    ``of_study`` are the study's cautions: where a file cannot be read the series may be in it.

    Raises
    ------
    SeriesNotFoundError
        There is none.
    """
    for choice in choices:
        if choice.role is Role.ANATOMY and choice.series is not None:
            return choice.series
    reason = next(choice.reason for choice in choices if choice.role is Role.ANATOMY)
    unread = "".join(f" ({c.text.rstrip('.')})" for c in of_study if c.code == "unreadable_file")
    raise SeriesNotFoundError(
        f"the study: {reason}{unread}. See what it holds with `ifi-mri inspect`, and "
        f"choose a series with --anatomy."
    )


def cautions(choices: Sequence[SeriesChoice], config: Config) -> list[Caution]:
    """Return what the reader should know about which series were chosen."""
    chosen = {choice.role: choice.series for choice in choices}
    anatomy, fluid = chosen.get(Role.ANATOMY), chosen.get(Role.FLUID_SENSITIVE)
    found = []
    if anatomy and (evidence := fat_suppression(anatomy, config)):
        text = (
            f"The spaces were measured on a fat-suppressed series, {anatomy.label} ({evidence}); "
            f"most cut-offs come from series without fat suppression."
        )
        found.append(Caution("anatomy_fat_suppressed", text))
    if fluid and fat_suppression(fluid, config) is None:
        text = f"Nothing in the headers of {fluid.label} says that fat is suppressed."
        found.append(Caution("fat_suppression_not_stated", text))
    both = [series for series in (anatomy, fluid) if series and series.format == "dicom"]
    if len(both) == 2 and None in {series.frame_of_reference_uid for series in both}:
        text = (
            "A series does not state its frame of reference; outlines were carried over on the "
            "assumption that both series share it."
        )
        found.append(Caution("frame_assumed", text))
    return found


def why_unusable(series: Series, config: Config) -> str | None:
    """Return why a series plays no role, in words; None where it may."""
    if series.refusal:
        return series.refusal
    if series.grid is None:
        return "its slices form no stack"
    word = find_word(series, config.series_words.not_for_measuring)
    if word:
        return f"its description says {word!r}"
    n_slices, min_slices = series.grid.shape[0], config.series_rules.min_slices
    if n_slices < min_slices:
        return f"{n_slices} slices, at least {min_slices} are needed"
    return _why_not_axial(series)


def _why_not_axial(series: Series) -> str | None:
    if series.grid is None:
        return "its slices form no stack"
    tilt_deg = geometry.tilt_from_axial_deg(series.grid.affine)
    if tilt_deg > geometry.MAX_AXIAL_TILT_DEG:
        return f"{geometry.plane_name(series.grid.affine)}, {tilt_deg:.0f} degrees from axial"
    return None


def weighting(series: Series, config: Config) -> tuple[str, str] | None:
    """Return ``"T1"``, ``"T2"``, ``"PD"``, ``"STIR"`` or ``"Dixon water"`` and the evidence in
    words, or None where neither tags nor words tell."""
    words = config.series_words
    dixon = _dixon_water(series, words)
    if dixon:
        return "Dixon water", dixon
    by_tags = _weighting_from_tags(series, config.series_rules)
    return by_tags or _weighting_from_words(series, words)


def fat_suppression(series: Series, config: Config) -> str | None:
    """Return the evidence that fat is suppressed, in words, or None."""
    if series.fat_suppression:
        return series.fat_suppression
    if _is_stir(series, config.series_rules):
        return f"inversion time {series.inversion_time_ms:.0f} ms"
    words = config.series_words
    dixon = _dixon_water(series, words)
    if dixon:
        return dixon
    word = find_word(series, words.fat_suppressed)
    return f"{word!r} in the description" if word else None


def find_word(series: Series, words: Iterable[str]) -> str | None:
    """Return the first of the words that stands in a series' description, any case."""
    text = f" {_plain(series.description or series.label)} "
    return next((word for word in words if f" {_plain(word)} " in text), None)


@lru_cache(maxsize=1024)  # the words of the settings are looked for in every series
def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def _is_stir(series: Series, rules: SeriesRules) -> bool:
    low, high = rules.stir_inversion_ms
    return series.inversion_time_ms is not None and low <= series.inversion_time_ms <= high


def _dixon_water(series: Series, words: SeriesWords) -> str | None:
    image_type = {part.upper() for part in series.image_type}
    if image_type & {"WATER", "W", "DIXON_WATER"}:
        return "image type Dixon water"
    if find_word(series, words.dixon):
        word = find_word(series, words.dixon_water)
        return f"Dixon {word!r} in the description" if word else None
    return None


def _weighting_from_tags(series: Series, rules: SeriesRules) -> tuple[str, str] | None:
    if _is_stir(series, rules):
        return "STIR", f"inversion time {series.inversion_time_ms:.0f} ms"
    repetition, echo = series.repetition_time_ms, series.echo_time_ms
    if repetition is None or echo is None or "GR" in series.scanning_sequence:
        return None
    times = f"TR {repetition:.0f} ms, TE {echo:.0f} ms"
    if echo >= rules.t2_min_echo_ms:
        return "T2", times
    if repetition <= rules.t1_max_repetition_ms and echo <= rules.t1_max_echo_ms:
        return "T1", times
    return ("PD", times) if repetition > rules.t1_max_repetition_ms else None


def _weighting_from_words(series: Series, words: SeriesWords) -> tuple[str, str] | None:
    for name, known in (
        ("STIR", words.stir),
        ("T1", words.t1),
        ("T2", words.t2),
        ("PD", words.proton_density),
    ):
        word = find_word(series, known)
        if word:
            return name, f"{word!r} in the description"
    combined = find_word(series, words.fat_suppressed)
    for prefix, name in (("t1", "T1"), ("t2", "T2"), ("pd", "PD")):
        if combined and combined.startswith(prefix):
            return name, f"{combined!r} in the description"
    return None


def _anatomy_candidates(usable: Iterable[Series], config: Config) -> list[tuple[str, Series, str]]:
    found = []
    for series in usable:
        weighted = weighting(series, config)
        if weighted and fat_suppression(series, config) is None and _fat_only(series) is None:
            found.append((weighted[0], series, f"{weighted[1]}, no fat suppression"))
    return found


def _fluid_candidates(usable: Iterable[Series], config: Config) -> list[tuple[str, Series, str]]:
    found = []
    for series in usable:
        weighted, evidence = weighting(series, config), fat_suppression(series, config)
        if weighted and evidence:
            reasons = dict.fromkeys((weighted[1], f"fat-suppressed: {evidence}"))
            found.append((weighted[0], series, ", ".join(reasons)))
    return found


def _fat_only(series: Series) -> str | None:
    image_type = {part.upper() for part in series.image_type}
    return "Dixon fat" if image_type & {"FAT", "F", "DIXON_FAT"} else None


def dixon_pair(study: Study, config: Config, anatomy: Series) -> tuple[Series, Series] | None:
    """Return the water and the fat images of a Dixon series in the anatomy's frame of reference;
    None where the study has no such pair on one grid."""
    usable = [
        series
        for series in study.series
        if series.refusal is None
        and series.grid is not None
        and series.frame_of_reference_uid == anatomy.frame_of_reference_uid
        and _why_not_axial(series) is None
    ]
    for water in (one for one in usable if _dixon_water(one, config.series_words)):
        for fat in (one for one in usable if _dixon_fat(one, config.series_words)):
            if fat.series_uid != water.series_uid and _share_grid(water, fat):
                return water, fat
    return None


def _share_grid(first: Series, second: Series) -> bool:
    assert first.grid is not None
    assert second.grid is not None
    return first.grid.shape == second.grid.shape and np.allclose(
        first.grid.affine, second.grid.affine, atol=1e-3
    )


def _dixon_fat(series: Series, words: SeriesWords) -> str | None:
    """Return the evidence that a series is the fat image of a Dixon method: its image type, or
    words such as ``mDixon fat``."""
    if find_word(series, words.dixon) and find_word(series, DIXON_FAT_WORDS):
        return "Dixon fat in the description"
    return _fat_only(series)


def _first(
    role: Role, found: list[tuple[str, Series, str]], order: tuple[str, ...]
) -> SeriesChoice | None:
    """Return the candidate whose weighting stands first in the order; among equals without
    contrast agent before with, finer pixels before coarser, then more slices."""
    ranked = sorted(
        (candidate for candidate in found if candidate[0] in order),
        key=lambda candidate: (order.index(candidate[0]), *_quality(candidate[1])),
    )
    if not ranked:
        return None
    name, series, reason = ranked[0]
    others = f"; first of {len(ranked)} candidates" if len(ranked) > 1 else ""
    return SeriesChoice(role, series, f"{_plane(series)}, {name} ({reason}){others}")


def _none(role: Role, study: Study, config: Config) -> SeriesChoice:
    """Return that no series plays a role, with the series that would have but for a problem."""
    rules, suppressed = config.series_rules, role is Role.FLUID_SENSITIVE
    order = rules.fluid_order if suppressed else rules.anatomy_order
    wanted = (
        f"no axial fat-suppressed {' or '.join(order)} series"
        if suppressed
        else f"no axial {' or '.join(order)} series without fat suppression"
    )
    passed_over = [
        f"{series.label} was passed over: {why}"
        for series in study.series
        if (why := why_unusable(series, config)) is not None
        and (weighting(series, config) or ("",))[0] in order
        and (fat_suppression(series, config) is not None) is suppressed
    ]
    return SeriesChoice(role, None, "; ".join([wanted, *(why.rstrip(".") for why in passed_over)]))


def _quality(series: Series) -> tuple[bool, float, int, int]:
    assert series.grid is not None
    return (
        series.contrast_agent,
        round(max(series.grid.pixel_spacing_mm), 2),
        -series.grid.shape[0],
        series.number if series.number is not None else 10**9,
    )


def _plane(series: Series) -> str:
    assert series.grid is not None
    tilt_deg = geometry.tilt_from_axial_deg(series.grid.affine)
    return f"{geometry.plane_name(series.grid.affine)} (tilted {tilt_deg:.0f} degrees)"


def _asked_for(study: Study, role: Role, text: str, config: Config) -> SeriesChoice:
    """Return the one series that an override names, if it can serve.

    Words of the description do not count against a series that was asked for; its geometry does,
    and evidence that fat is not suppressed does against a fluid-sensitive one.
    """
    option = "--anatomy" if role is Role.ANATOMY else "--fluid"
    named = [series for series in study.series if is_named(series, text)]
    if len(named) != 1:
        known = "; ".join(series.label for series in study.series) or "none"
        what = "names no series" if not named else f"names {len(named)} series"
        raise SeriesNotFoundError(
            f"{option} {text!r} {what} of the study. Give a series UID, a series number, a "
            f"description or a NIfTI path; the study holds: {known}."
        )
    series = named[0]
    problem = series.refusal or _why_not_axial(series)
    if problem:
        raise SeriesNotFoundError(
            f"{option} {text!r} names a series that cannot be measured: {problem}"
        )
    weighted = weighting(series, config)
    if role is Role.FLUID_SENSITIVE and weighted and fat_suppression(series, config) is None:
        reason = (
            f"{series.label} was asked for, but it is {weighted[0]} ({weighted[1]}) without fat "
            f"suppression; oedema is measured on fat-suppressed series only"
        )
        return SeriesChoice(role, None, reason)
    return SeriesChoice(role, series, f"asked for as {text!r}")


def is_named(series: Series, text: str) -> bool:
    """Return whether a person's words name a series: UID, number, description or file."""
    if text == series.series_uid or text == str(series.number):
        return True
    if _plain(text) and _plain(text) == _plain(series.description):
        return True
    paths = {instance.path for instance in series.instances}
    asked = Path(text)
    return len(paths) == 1 and any(
        path.name == text or path.resolve() == asked.resolve() for path in paths
    )
