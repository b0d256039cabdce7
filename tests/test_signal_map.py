"""The map that the report draws is the one that was measured, field and movement included."""

from dataclasses import replace

import numpy as np
import pytest
from hips import series
from signal_makers import T1, Oedema, Scan, make

from ifi_mri.config import Config
from ifi_mri.measurements import quadratus_femoris_signal as signal
from ifi_mri.model import Hip
from ifi_mri.reports.signal_map import moved_as_measured, signal_map
from ifi_mri.vocabulary import LandmarkName, Role, Side

FRACTION = signal.NAMES[1]
QF, REF = LandmarkName.QUADRATUS_FEMORIS, LandmarkName.REFERENCE_MUSCLE


def hip_of(scan, oedema=None, shift=(0.0, 0.0)):
    """Return a hip whose fluid-sensitive series shows everything shifted, and its toy."""
    made = make(replace(scan, shift_mm=shift), oedema)
    still = make(scan)
    anatomy = make(replace(scan, shading_deg=100.0, seed=9), contrast=T1).volume
    volumes = {Role.FLUID_SENSITIVE: made.volume, Role.ANATOMY: anatomy}
    landmarks = (*still.quadratus, *still.reference)
    return Hip(Side.LEFT, landmarks, {Role.ANATOMY: series()}, volumes), made


def again(hip, made, config):
    """Return what was measured, the measurement, and the map made from it."""
    measured = {m.name: m for m in signal.measure(hip, config)}[FRACTION]
    found = signal.signal_of(hip, made.volume, config)
    uids = [instance.sop_instance_uid for instance in made.volume.instances]
    indices = [uids.index(value.sop_instance_uid) for value in measured.per_slice]
    return found, measured, signal_map(measured, indices, hip.landmarks, made.volume)


def on_the_slice(part, drawn, volume):
    """Return an array of a map's window on the whole slice, zero beyond."""
    whole = np.zeros(volume.voxels.shape[1:], dtype=part.dtype)
    whole[drawn.window] = part
    return whole


@pytest.mark.parametrize(
    ("shading", "shift", "signal_settings"),
    [
        (0.5, (0.0, 0.0), {}),
        (0.0, (0.0, 0.0), {"shading_order": 0, "erosion_pixels": 2}),
        (0.4, (3.0, 2.0), {"apply_shift": True}),
    ],
)
def test_the_map_made_again_is_the_one_that_was_measured(shading, shift, signal_settings):
    scan = Scan(snr=22, shading=shading, level_mm=1.0, seed=4)
    hip, made = hip_of(scan, Oedema("focal", 2.4, 0.2), shift)
    config = Config.model_validate({"signal": signal_settings})
    found, measured, drawn = again(hip, made, config)

    assert found.shading.is_applied is (shading > 0)
    assert (found.moved_mm is not None) is bool(signal_settings.get("apply_shift"))
    assert set(drawn.slices) == set(found.slices)
    start = found.image.first
    for k, index in zip(found.relative.levels, found.slices, strict=True):
        one = drawn.slices[index]
        n_rows, n_columns = found.image.voxels.shape[1:]
        box = np.s_[start[1] : start[1] + n_rows, start[2] : start[2] + n_columns]
        muscle, reference, ratio, there = (
            on_the_slice(part, drawn, made.volume)[box]
            for part in (one.muscle, one.reference, one.ratio, np.ones_like(one.muscle))
        )
        assert (muscle == found.muscle.inner[k]).all()
        assert (reference == found.reference.inner[k]).all()
        assert there.any()
        assert ratio[there] == pytest.approx(found.relative.ratio[k][there], rel=1e-6)
        value = next(v for v in measured.per_slice if v.sop_instance_uid == f"1.2.{index}")
        assert drawn.above(index).sum() == value.detail("n_above")
    assert len(drawn.values(QF)) == measured.detail("n_pixels")
    assert len(drawn.values(REF)) == measured.detail("n_reference_pixels")


def test_z_counts_spreads_of_the_reference_above_its_level():
    hip, made = hip_of(Scan(snr=15, seed=6))
    _, _, drawn = again(hip, made, Config())
    z = np.concatenate([drawn.z(k)[one.reference] for k, one in drawn.slices.items()])

    assert np.median(z) == pytest.approx(0.0, abs=0.05)
    assert z.std() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("missing", ["reference_spread", "threshold_ratio"])
def test_a_measurement_that_kept_too_little_has_no_map(missing):
    hip, made = hip_of(Scan(snr=15, seed=6))
    measured = {m.name: m for m in signal.measure(hip, Config())}[FRACTION]
    bare = replace(measured, details=tuple((k, v) for k, v in measured.details if k != missing))
    shallow = replace(measured, per_slice=tuple(replace(v, details=()) for v in measured.per_slice))
    indices = range(len(measured.per_slice))

    assert signal_map(bare, indices, hip.landmarks, made.volume) is None
    assert signal_map(shallow, indices, hip.landmarks, made.volume) is None


def test_outlines_stay_where_nothing_was_moved():
    hip, _ = hip_of(Scan(snr=15, seed=6))
    measured = {m.name: m for m in signal.measure(hip, Config())}[FRACTION]

    assert moved_as_measured(measured, hip.landmarks) == hip.landmarks
