"""Quadratus femoris signal on the fluid-sensitive series, against reference muscle.

The reference is normal muscle on the same side and the same slices (gluteus maximus or obturator
externus), outlined by the reader.  What is measured, and how coils, noise, slices and readers are
kept out of it, is told in `ifi_mri.signal`; this file asks for it and words the result:

- signal ratio: median quadratus femoris over median reference, coil shading and noise floor out;
- oedema fraction: share of the muscle in regions of raised signal that hold together, and in
  scattered voxels above the reference level + k spreads, less those that chance puts there;
- largest fraction: the largest connected group of those, and its craniocaudal extent, mm;
- oedema volume: that fraction of the outlined volume, ml;
- perimuscular fraction: share of the rim around the muscle, within the ischiofemoral space, that
  raised signal goes on into.

A supra-threshold count against healthy muscle follows quantitative STIR (Sci Rep 2020;10:7246);
threshold and regions are our proposal and not validated.
"""

from typing import NamedTuple

import numpy as np

from ifi_mri import geometry
from ifi_mri.config import Config, SignalSettings
from ifi_mri.measurements.in_plane_distance import Unmeasurable
from ifi_mri.measurements.narrowest_level import narrowest_line_mm
from ifi_mri.model import Hip, Measurement, NotMeasured, SliceValue, Volume
from ifi_mri.signal import (
    Estimate,
    MuscleSignal,
    MuscleSignalSettings,
    NotAssessable,
    muscle_signal,
)
from ifi_mri.signal.details import Details, how_it_was_read, what_was_found
from ifi_mri.signal.estimates import median
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Role

NAMES = (
    MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO,
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION,
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_LARGEST_FRACTION,
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_VOLUME_ML,
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_CRANIOCAUDAL_EXTENT,
    MeasurementName.QUADRATUS_FEMORIS_PERIMUSCULAR_FRACTION,
)


class Quantity(NamedTuple):
    """One number of the signal: value, unit, method, and what stands beside it."""

    name: MeasurementName
    estimate: Estimate
    unit: str
    method: str
    details: Details
    by_slice: tuple[float, ...] = ()


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return the quantities of `NAMES`, in their order."""
    try:
        volume = fluid_volume(hip)
        found = signal_of(hip, volume, config)
        refuse_unsuppressed(hip, found)
    except (Unmeasurable, NotAssessable) as reason:
        return tuple(NotMeasured(name, hip.side, str(reason)) for name in NAMES)
    shown, slices = _slices(volume, found, config.signal)
    return tuple(
        _measurement(hip, volume, quantity, shown, slices)
        for quantity in _quantities(found, config.signal)
    )


def fluid_volume(hip: Hip) -> Volume:
    """Return the loaded slices of the fluid-sensitive series."""
    for name in (LandmarkName.QUADRATUS_FEMORIS, LandmarkName.REFERENCE_MUSCLE):
        if not hip.marked(name):
            raise Unmeasurable(f"no {name} outline")
    if Role.FLUID_SENSITIVE not in hip.volumes:
        raise Unmeasurable(hip.reasons.get(Role.FLUID_SENSITIVE, "no fluid-sensitive series"))
    return hip.volumes[Role.FLUID_SENSITIVE]


def signal_of(hip: Hip, volume: Volume, config: Config) -> MuscleSignal:
    """Return everything about the signal of one hip.

    Raises
    ------
    NotAssessable
        With the reason, where no signal can be measured.
    """
    return muscle_signal(
        volume,
        hip.marked(LandmarkName.QUADRATUS_FEMORIS),
        hip.marked(LandmarkName.REFERENCE_MUSCLE),
        MuscleSignalSettings.of(config.signal),
        anatomy=hip.volumes.get(Role.ANATOMY),
        fat=hip.marked(LandmarkName.SUBCUTANEOUS_FAT),
        space_line_mm=narrowest_line_mm(hip),
    )


def refuse_unsuppressed(hip: Hip, found: MuscleSignal) -> None:
    """Refuse a series that neither its header nor its own picture shows to be fat-suppressed.

    One of the two is enough: headers may say nothing, and suppression that failed at the muscle is
    cautioned.
    """
    series, suppression = hip.series.get(Role.FLUID_SENSITIVE), found.suppression
    if series is None or series.fat_suppression or suppression is None or not suppression.is_lost:
        return
    raise Unmeasurable(
        f"nothing in the header of {series.label} says that fat is suppressed, and fat near the "
        f"muscle is {suppression.fat_over_muscle.value:.1f} times as bright as muscle; oedema is "
        f"measured on fat-suppressed series only"
    )


def _quantities(found: MuscleSignal, settings: SignalSettings) -> tuple[Quantity, ...]:
    oedema, spread = found.oedema, found.spread
    raised = (
        f"regions of raised signal, and voxels above the reference level + "
        f"{settings.threshold_sd:g} spreads beyond chance"
    )
    shaded = "coil shading taken out" if found.shading.is_applied else "no coil shading taken out"
    ratio, fraction, largest, volume, height, perimuscular = NAMES
    read, seen = how_it_was_read(found, settings), what_was_found(found, settings)
    n_pixels: Details = (("n_pixels", oedema.n_voxels),)
    return (
        Quantity(
            ratio,
            found.ratio,
            "1",
            "median quadratus femoris signal over median reference muscle signal of the slice, "
            + shaded,
            read,
            tuple(
                median(found.relative.ratio[k][found.muscle.inner[k]])
                for k in found.relative.levels
            ),
        ),
        Quantity(
            fraction,
            oedema.extent,
            "1",
            f"share of quadratus femoris in {raised}",
            seen,
            tuple(_share_on(found, k) for k in found.relative.levels),
        ),
        Quantity(largest, oedema.largest, "1", f"largest connected group of {raised}", n_pixels),
        Quantity(
            volume, oedema.volume_ml, "ml", f"volume of {raised}, on the outlined slices", n_pixels
        ),
        Quantity(
            height,
            oedema.height_mm,
            "mm",
            "extent of the largest connected group of raised voxels across the slices",
            n_pixels,
        ),
        Quantity(
            perimuscular,
            spread.fraction,
            "1",
            "share of the rim around quadratus femoris, within the ischiofemoral space, that "
            "raised signal of the muscle goes on into",
            (
                ("n_pixels", spread.n_voxels),
                ("spread_beyond_muscle", "yes" if spread.is_present else "no"),
            ),
        ),
    )


def _share_on(found: MuscleSignal, k: int) -> float:
    """Return the raised share of the muscle on one slice."""
    return float(found.oedema.share[k].sum()) / int(np.count_nonzero(found.muscle.whole[k]))


def _slices(
    volume: Volume, found: MuscleSignal, settings: SignalSettings
) -> tuple[int, tuple[SliceValue, ...]]:
    """Return which of the compared slices has the most raised voxels, and what each needs for its
    picture."""
    slices = tuple(found.relative.levels)
    raised = [
        (
            _share_on(found, k),
            int(np.count_nonzero(found.oedema.above[k])),
            int(np.count_nonzero(found.muscle.inner[k])),
        )
        for k in slices
    ]
    shown = max(range(len(slices)), key=lambda place: raised[place])
    return shown, tuple(_slice_value(volume, found, k, settings) for k in slices)


def _slice_value(
    volume: Volume, found: MuscleSignal, k: int, settings: SignalSettings
) -> SliceValue:
    index = found.image.first[0] + k
    instance, level = volume.instances[index], found.relative.levels[k]
    first_voxel = geometry.voxel_to_patient(volume.affine, (index, 0, 0))
    return SliceValue(
        value=0.0,
        slice_position_mm=geometry.position_along_normal_mm(volume.affine, first_voxel),
        sop_instance_uid=instance.sop_instance_uid,
        points_mm=found.muscle.outlines[k],
        instance_number=instance.number,
        details=(
            ("reference_level", level),
            ("n_pixels", int(np.count_nonzero(found.muscle.inner[k]))),
            ("n_reference_pixels", int(np.count_nonzero(found.reference.inner[k]))),
            ("n_above", int(np.count_nonzero(found.oedema.above[k]))),
            ("erosion_pixels", settings.erosion_pixels),
        ),
    )


def _measurement(
    hip: Hip, volume: Volume, quantity: Quantity, shown: int, slices: tuple[SliceValue, ...]
) -> Measurement:
    """Return one measurement; what it draws is the slice with the most raised voxels."""
    return Measurement(
        name=quantity.name,
        side=hip.side,
        value=quantity.estimate.value,
        unit=quantity.unit,
        sd=quantity.estimate.sd,
        interval_95=(quantity.estimate.low, quantity.estimate.high),
        method=quantity.method,
        points_mm=slices[shown].points_mm,
        sop_instance_uid=slices[shown].sop_instance_uid,
        n_slices=len(slices),
        per_slice=tuple(
            SliceValue(
                value=value,
                slice_position_mm=one.slice_position_mm,
                sop_instance_uid=one.sop_instance_uid,
                points_mm=one.points_mm,
                instance_number=one.instance_number,
                details=one.details,
            )
            for one, value in zip(slices, quantity.by_slice, strict=False)
        ),
        series_uid=volume.series_uid,
        details=quantity.details,
    )
