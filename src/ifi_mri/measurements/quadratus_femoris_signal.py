"""Quadratus femoris signal on the fluid-sensitive series, against reference muscle.

The reference is normal muscle on the same side and the same slices (gluteus maximus or obturator
externus), outlined by the reader.  Each voxel of quadratus femoris is compared with the reference
on its own slice, so that gain differing from slice to slice does not matter:

- signal ratio: median over voxels of signal / median reference signal of the slice;
- oedema fraction: voxels above mean + k SD of the slice's reference (k = 3), over all voxels;
- largest fraction: the largest connected group of those, over all voxels;
- oedema volume: on each slice that fraction of the whole outlined volume, ml (the outermost pixels
  are taken to be as the others).

A supra-threshold count against healthy muscle follows quantitative STIR (Sci Rep 2020;10:7246);
threshold and regions are our proposal and not validated.  Voxels count as independent in the
intervals, which interpolated images do not quite honour.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ifi_mri import geometry
from ifi_mri.config import Config, SignalSettings
from ifi_mri.measurements.in_plane_distance import Unmeasurable
from ifi_mri.model import Z_95, Hip, Landmark, Measurement, NotMeasured, Outline, SliceValue, Volume
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Role

NAMES = (
    MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO,
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION,
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_LARGEST_FRACTION,
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_VOLUME_ML,
)

#: Variance of a median over that of a mean, for normal data and many values.
MEDIAN_VARIANCE: Final = math.pi / 2

FloatVoxels = npt.NDArray[np.float64]


class Region(NamedTuple):
    """One structure on one slice: the pixels inside its outlines, those that are left without the
    outermost ones, and the largest outline."""

    whole: npt.NDArray[np.bool_]
    inner: npt.NDArray[np.bool_]
    outline: Outline


class SliceSignal(NamedTuple):
    """Both regions on one slice of the fluid-sensitive series."""

    slice_index: int
    muscle: npt.NDArray[np.bool_]
    n_whole: int
    values: FloatVoxels
    reference: FloatVoxels
    outline: Outline
    threshold_sd: float

    @property
    def threshold(self) -> float:
        """Signal above which a voxel counts as oedematous."""
        return float(self.reference.mean() + self.threshold_sd * self.reference.std(ddof=1))

    @property
    def ratios(self) -> FloatVoxels:
        """Signal over the median reference signal of the slice, one for each voxel of muscle."""
        return np.asarray(self.values / np.median(self.reference))

    @property
    def n_above(self) -> int:
        """Voxels of the muscle above the threshold."""
        return int((self.values > self.threshold).sum())


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return signal ratio (1), oedema fraction (1), largest fraction (1) and volume (ml)."""
    try:
        volume = fluid_volume(hip)
        slices = signal_by_slice(hip, volume, config.signal)
    except Unmeasurable as reason:
        return tuple(NotMeasured(name, hip.side, str(reason)) for name in NAMES)
    return (
        _ratio(hip, volume, slices, config.signal),
        *_fractions(hip, volume, slices, config.signal),
    )


def fluid_volume(hip: Hip) -> Volume:
    """Return the loaded slices of the fluid-sensitive series."""
    for name in (LandmarkName.QUADRATUS_FEMORIS, LandmarkName.REFERENCE_MUSCLE):
        if not hip.marked(name):
            raise Unmeasurable(f"no {name} outline")
    if Role.FLUID_SENSITIVE not in hip.volumes:
        raise Unmeasurable(hip.reasons.get(Role.FLUID_SENSITIVE, "no fluid-sensitive series"))
    return hip.volumes[Role.FLUID_SENSITIVE]


def signal_by_slice(hip: Hip, volume: Volume, settings: SignalSettings) -> list[SliceSignal]:
    """Return both regions on every slice of a volume that shows both, in slice order.

    Outlines drawn on the anatomy series are carried over by position: both series share the
    scanner's frame of reference.  Regions lose their outermost pixels (`erosion_pixels`).
    """
    muscle = region_by_slice(hip.marked(LandmarkName.QUADRATUS_FEMORIS), volume, settings)
    reference = region_by_slice(hip.marked(LandmarkName.REFERENCE_MUSCLE), volume, settings)
    both = sorted(muscle.keys() & reference.keys())
    if not both:
        raise Unmeasurable(
            "quadratus_femoris and reference_muscle are outlined on no common slice; "
            "the reference must lie on the muscle's own slices"
        )
    slices = []
    for index in both:
        if (muscle[index].whole & reference[index].whole).any():
            raise Unmeasurable(
                "the quadratus_femoris and reference_muscle outlines overlap; the reference must "
                "be another muscle"
            )
        voxels = volume.voxels[index].astype(np.float64)
        slices.append(
            SliceSignal(
                slice_index=index,
                muscle=muscle[index].inner,
                n_whole=int(muscle[index].whole.sum()),
                values=voxels[muscle[index].inner],
                reference=voxels[reference[index].inner],
                outline=muscle[index].outline,
                threshold_sd=settings.threshold_sd,
            )
        )
    return _measurable(slices, settings.min_pixels)


def region_by_slice(
    outlines: tuple[Landmark, ...], volume: Volume, settings: SignalSettings
) -> dict[int, Region]:
    """Return the region of one structure on every slice of a volume that it is outlined on.

    An outline belongs to the slice whose centre plane is nearest, at most half a slice away.
    """
    n_slices, *shape = volume.voxels.shape
    regions: dict[int, Region] = {}
    for landmark in outlines:
        _refuse_no_area(landmark, volume)
        coordinate = geometry.slice_coordinate(volume.affine, landmark.points_mm).mean()
        index = int(np.rint(coordinate))
        if not 0 <= index < n_slices:
            continue
        _refuse_outside(landmark, volume)
        inside = geometry.pixels_inside(landmark.points_mm, volume.affine, shape)
        inner = geometry.eroded(inside, settings.erosion_pixels)
        region = Region(inside, inner, landmark.points_mm)
        regions[index] = _joined(regions[index], region) if index in regions else region
    return regions


def _joined(first: Region, second: Region) -> Region:
    larger = max(first, second, key=lambda region: int(region.whole.sum()))
    return Region(first.whole | second.whole, first.inner | second.inner, larger.outline)


def _refuse_no_area(landmark: Landmark, volume: Volume) -> None:
    if not landmark.closed or len(landmark.points_mm) < 3:
        raise Unmeasurable(f"the {landmark.name} outline is not a closed curve")
    if geometry.crosses_itself(landmark.points_mm, volume.affine):
        raise Unmeasurable(f"the {landmark.name} outline crosses itself; draw it again")


def _refuse_outside(landmark: Landmark, volume: Volume) -> None:
    """A region cut off by the picture's edge would be a wrong number without a word."""
    pixels = geometry.patient_to_voxel(volume.affine, landmark.points_mm)[:, 1:]
    last = np.array(volume.voxels.shape[1:]) - 1
    if (pixels < -0.5).any() or (pixels > last + 0.5).any():
        raise Unmeasurable(f"the {landmark.name} outline leaves the fluid-sensitive picture")


def _measurable(slices: list[SliceSignal], min_pixels: int) -> list[SliceSignal]:
    """Return the slices whose reference is large enough to know its spread; Unmeasurable where
    too little is left of either region, or the reference holds no signal."""
    kept = [signal for signal in slices if len(signal.reference) >= min_pixels]
    if not kept:
        largest = max(len(signal.reference) for signal in slices)
        raise Unmeasurable(
            f"the reference_muscle region holds {largest} pixels on its largest slice after "
            f"erosion; at least {min_pixels} are needed"
        )
    n_pixels = sum(len(signal.values) for signal in kept)
    if n_pixels < min_pixels:
        raise Unmeasurable(
            f"the quadratus_femoris region holds {n_pixels} pixels after erosion; "
            f"at least {min_pixels} are needed"
        )
    everything = np.concatenate([part for s in kept for part in (s.values, s.reference)])
    if not np.isfinite(everything).all():
        raise Unmeasurable("the outlined regions hold values that are no finite numbers")
    if any(np.median(signal.reference) <= 0 for signal in kept):
        raise Unmeasurable("the reference_muscle region holds no signal")
    if any(np.ptp(signal.reference) == 0 for signal in kept):
        raise Unmeasurable("the reference_muscle region has one value throughout; it is no image")
    return [signal for signal in kept if len(signal.values)]


def _ratio(
    hip: Hip, volume: Volume, slices: list[SliceSignal], settings: SignalSettings
) -> Measurement:
    ratios = np.concatenate([signal.ratios for signal in slices])
    value = float(np.median(ratios))
    sd = math.hypot(*(_median_sd(part) for part in (ratios, _reference_ratios(slices) * value)))
    return _measurement(
        hip,
        volume,
        slices,
        settings,
        name=MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO,
        value=value,
        unit="1",
        sd=sd,
        interval_95=(max(0.0, value - Z_95 * sd), value + Z_95 * sd),
        method=(
            "median quadratus femoris signal over median reference muscle signal, slice by slice"
        ),
        per_slice=[float(np.median(signal.ratios)) for signal in slices],
    )


def _reference_ratios(slices: list[SliceSignal]) -> FloatVoxels:
    return np.concatenate([signal.reference / np.median(signal.reference) for signal in slices])


def _median_sd(values: FloatVoxels) -> float:
    """Return the standard deviation of the median of values; their spread is taken robustly, from
    the median absolute deviation (x 1.4826 for normal data)."""
    spread = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return math.sqrt(MEDIAN_VARIANCE / len(values)) * spread


def _fractions(
    hip: Hip, volume: Volume, slices: list[SliceSignal], settings: SignalSettings
) -> tuple[Measurement, ...]:
    n_pixels = sum(len(signal.values) for signal in slices)
    n_above = sum(signal.n_above for signal in slices)
    n_largest = largest_connected(volume, slices)
    above = f"voxels above reference mean + {settings.threshold_sd:g} SD"
    made = []
    for name, n_voxels, method, per_slice in (
        (
            MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION,
            n_above,
            f"{above} over all voxels of quadratus femoris",
            [signal.n_above / len(signal.values) for signal in slices],
        ),
        (
            MeasurementName.QUADRATUS_FEMORIS_OEDEMA_LARGEST_FRACTION,
            n_largest,
            f"largest connected group of {above} over all voxels of quadratus femoris",
            [],
        ),
    ):
        fraction = n_voxels / n_pixels
        made.append(
            _measurement(
                hip,
                volume,
                slices,
                settings,
                name=name,
                value=fraction,
                unit="1",
                sd=math.sqrt(fraction * (1 - fraction) / n_pixels),
                interval_95=wilson_interval_95(n_voxels, n_pixels),
                method=method,
                per_slice=per_slice,
            )
        )
    return (*made, _volume(hip, volume, slices, settings))


def _volume(
    hip: Hip, volume: Volume, slices: list[SliceSignal], settings: SignalSettings
) -> Measurement:
    voxel_ml = abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1000
    by_slice = [s.n_above / len(s.values) * s.n_whole * voxel_ml for s in slices]
    n_above, n_pixels = sum(s.n_above for s in slices), sum(len(s.values) for s in slices)
    whole_ml = sum(s.n_whole for s in slices) * voxel_ml
    low, high = (whole_ml * bound for bound in wilson_interval_95(n_above, n_pixels))
    value = sum(by_slice)
    fraction = n_above / n_pixels
    return _measurement(
        hip,
        volume,
        slices,
        settings,
        name=MeasurementName.QUADRATUS_FEMORIS_OEDEMA_VOLUME_ML,
        value=value,
        unit="ml",
        sd=math.sqrt(fraction * (1 - fraction) / n_pixels) * whole_ml,
        interval_95=(min(low, value), max(high, value)),
        method=(
            f"fraction of voxels above reference mean + {settings.threshold_sd:g} SD times the "
            f"volume inside the outlines, slice by slice, on the outlined slices"
        ),
        per_slice=by_slice,
    )


def largest_connected(volume: Volume, slices: list[SliceSignal]) -> int:
    """Return the number of voxels in the largest group of supra-threshold voxels that touch by
    their faces, in the plane or across neighbouring slices."""
    above = np.zeros(volume.voxels.shape, dtype=np.bool_)
    for signal in slices:
        above[signal.slice_index] = signal.muscle & (
            volume.voxels[signal.slice_index] > signal.threshold
        )
    groups, n_groups = ndimage.label(above)
    return int(np.bincount(groups.ravel())[1:].max()) if n_groups else 0


def wilson_interval_95(n_hits: int, n_tries: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion (Wilson, J Am Stat Assoc 1927;22:209)."""
    p, z2 = n_hits / n_tries, Z_95**2
    centre = p + z2 / (2 * n_tries)
    half = Z_95 * math.sqrt(p * (1 - p) / n_tries + z2 / (4 * n_tries**2))
    scale = 1 + z2 / n_tries
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def _measurement(
    hip: Hip,
    volume: Volume,
    slices: list[SliceSignal],
    settings: SignalSettings,
    *,
    name: MeasurementName,
    value: float,
    unit: str,
    sd: float,
    interval_95: tuple[float, float],
    method: str,
    per_slice: list[float],
) -> Measurement:
    """Return a signal measurement; what it draws is the slice with the most voxels above."""
    shown = max(slices, key=lambda signal: (signal.n_above, len(signal.values)))
    return Measurement(
        name=name,
        side=hip.side,
        value=value,
        unit=unit,
        sd=sd,
        interval_95=interval_95,
        method=method,
        points_mm=shown.outline,
        sop_instance_uid=volume.instances[shown.slice_index].sop_instance_uid,
        n_slices=len(slices),
        per_slice=tuple(
            _slice_value(volume, signal, slice_value, settings)
            for signal, slice_value in zip(slices, per_slice, strict=False)
        ),
        series_uid=volume.series_uid,
        details=(
            ("n_pixels", sum(len(signal.values) for signal in slices)),
            ("n_reference_pixels", sum(len(signal.reference) for signal in slices)),
            ("threshold_sd", settings.threshold_sd),
            ("erosion_pixels", settings.erosion_pixels),
        ),
    )


def _slice_value(
    volume: Volume, signal: SliceSignal, value: float, settings: SignalSettings
) -> SliceValue:
    first_voxel = geometry.voxel_to_patient(volume.affine, (signal.slice_index, 0, 0))
    instance = volume.instances[signal.slice_index]
    return SliceValue(
        value=value,
        slice_position_mm=geometry.position_along_normal_mm(volume.affine, first_voxel),
        sop_instance_uid=instance.sop_instance_uid,
        points_mm=signal.outline,
        instance_number=instance.number,
        details=(
            ("threshold", signal.threshold),
            ("reference_mean", float(signal.reference.mean())),
            ("reference_sd", float(signal.reference.std(ddof=1))),
            ("n_pixels", len(signal.values)),
            ("n_reference_pixels", len(signal.reference)),
            ("n_above", signal.n_above),
            ("erosion_pixels", settings.erosion_pixels),
        ),
    )
