"""What stands beside the numbers of quadratus femoris signal: how it was read, and what was found.

Plain values by name, so that a report holds everything its sentences and pictures need.
"""

import math
from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np

from ifi_mri.config import SignalSettings
from ifi_mri.signal.estimates import Estimate
from ifi_mri.signal.field import Polynomial
from ifi_mri.signal.place import Place
from ifi_mri.signal.quadratus import MuscleSignal
from ifi_mri.signal.settings import MuscleSignalSettings
from ifi_mri.signal.shift import Shift

Value: TypeAlias = float | int | str
Details: TypeAlias = tuple[tuple[str, Value], ...]

#: Names of the polynomial's coefficients, along rows (u) and columns (v).
COEFFICIENTS: Final = ("u", "v", "uu", "uv", "vv")


def how_it_was_read(found: MuscleSignal, settings: SignalSettings) -> Details:
    """Return regions, shading with its effect, noise with its floor, shift, fat suppression."""
    shading, relative, suppression = found.shading, found.relative, found.suppression
    snr = 1 / relative.noise if relative.noise else math.inf
    floor_below_snr = MuscleSignalSettings.of(settings).noise.floor_below_snr
    return _known(
        [
            ("n_pixels", found.oedema.n_voxels),
            ("n_reference_pixels", int(np.count_nonzero(found.reference.inner))),
            ("erosion_pixels", settings.erosion_pixels),
            ("plain_ratio", found.plain_ratio),
            ("shading_applied", _yes(shading.is_applied)),
            ("shading_order", shading.order),
            ("shading_gain", shading.gain),
            ("shading_gain_sd", shading.gain_sd),
            ("shading_blocks", shading.n_blocks),
            ("snr", None if math.isinf(snr) else snr),
            ("noise_floor_subtracted", _yes(snr < floor_below_snr)),
            ("pixels_per_independent", relative.correlation.voxels_per_independent),
            *_of_shift(found.shift, found.moved_mm),
            *_with_interval(
                "fat_over_muscle", suppression.fat_over_muscle if suppression else None
            ),
            ("fat_suppression_lost", _yes(suppression.is_lost) if suppression else None),
        ]
    )


def what_was_found(found: MuscleSignal, settings: SignalSettings) -> Details:
    """Return threshold, chance, raised region, grade, place, and what the picture needs: the field
    that was taken out and where the outlines were moved."""
    oedema, judgement = found.oedema, found.judgement
    return _known(
        [
            ("n_pixels", oedema.n_voxels),
            ("n_reference_pixels", int(np.count_nonzero(found.reference.inner))),
            ("erosion_pixels", settings.erosion_pixels),
            ("threshold_sd", settings.threshold_sd),
            ("threshold_ratio", oedema.yardstick.threshold),
            ("reference_spread", found.relative.spread),
            ("fraction_above_threshold", oedema.fraction_above.value),
            ("chance_fraction", oedema.yardstick.chance),
            *_with_interval("raised_ratio", oedema.ratio),
            ("grade", judgement.grade),
            ("grade_low", judgement.grade_range[0]),
            ("grade_high", judgement.grade_range[1]),
            ("grade_probability", judgement.probability),
            ("spread_beyond_muscle", _yes(found.spread.is_present)),
            *_of_place(found.place),
            *_of_field(found.shading.polynomial if found.shading.is_applied else None),
            *_vector("moved", found.moved_mm),
        ]
    )


def field_of(details: Iterable[tuple[str, Value]]) -> Polynomial | None:
    """Return the field that was taken out, from a measurement's details; None where none was."""
    found = dict(details)
    if "field_scale_mm" not in found:
        return None
    x, y, z, scale_mm, log_at_reference = (
        float(found[f"field_{key}"]) for key in ("x_mm", "y_mm", "z_mm", "scale_mm", "log_level")
    )
    keys = (f"field_{name}" for name in COEFFICIENTS)
    coefficients = tuple(float(found[key]) for key in keys if key in found)
    return Polynomial((x, y, z), scale_mm, coefficients, log_at_reference)


def _of_field(field: Polynomial | None) -> list[tuple[str, Value | None]]:
    if field is None:
        return []
    return [
        *_vector("field", field.origin_mm),
        ("field_scale_mm", field.scale_mm),
        ("field_log_level", field.log_at_reference),
        *(
            (f"field_{name}", value)
            for name, value in zip(COEFFICIENTS, field.coefficients, strict=False)
        ),
    ]


def _of_shift(
    shift: Shift | None, moved_mm: tuple[float, float, float] | None
) -> list[tuple[str, Value | None]]:
    if shift is None:
        return []
    return [
        ("shift_right_mm", shift.right_mm),
        ("shift_right_sd_mm", shift.right_sd_mm),
        ("shift_down_mm", shift.down_mm),
        ("shift_down_sd_mm", shift.down_sd_mm),
        *_vector("shift", shift.vector_mm),
        ("shift_significant", _yes(shift.is_significant)),
        ("shift_beyond_search", _yes(shift.at_the_edge)),
        ("shift_applied", _yes(moved_mm is not None)),
    ]


def _of_place(place: Place | None) -> list[tuple[str, Value | None]]:
    if place is None:
        return []
    return [
        ("zone", str(place.zone)),
        *_with_interval("distance_from_space_mm", place.distance_mm),
        ("level_above_space_mm", place.level_mm),
        ("share_to_femur", place.share_to_femur),
        *_vector("centre", place.centre_mm),
    ]


def _with_interval(name: str, estimate: Estimate | None) -> list[tuple[str, Value | None]]:
    if estimate is None:
        return []
    return [(name, estimate.value), (f"{name}_low", estimate.low), (f"{name}_high", estimate.high)]


def _vector(name: str, mm: tuple[float, float, float] | None) -> list[tuple[str, Value | None]]:
    return [] if mm is None else [(f"{name}_{a}_mm", x) for a, x in zip("xyz", mm, strict=True)]


def _known(pairs: Iterable[tuple[str, Value | None]]) -> Details:
    return tuple((name, value) for name, value in pairs if value is not None)


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"
