"""The space from the bone labels of real bodies: as they are, moved, and damaged."""

import bone_makers as make
import damaged_labels
import moved_bodies
import numpy as np
import pytest
from test_bone_labels import assert_right

from ifi_mri.landmarks import label_masks
from ifi_mri.landmarks.bone_labels import NotProposed, ProposedSpace, propose, propose_both
from ifi_mri.landmarks.bone_labels.quality import SOUND
from ifi_mri.vocabulary import Side

LEFT, RIGHT = Side

PELVIC = label_masks.find(
    make.LabelTable.model_validate(
        {
            "id": "pelvic",
            "title": "pelvic-annonation",
            "version": "1",
            "citation": "yuta-hi/pelvic-annonation",
            "labels": [
                {"value": 1, "structure": "hip_bone"},
                {"value": 2, "structure": "femur"},
            ],
        }
    )
)

#: The figures of the README beside the files, mm; within 0.5 mm of the truth themselves.
REAL = {
    "musclemap": ("musclemap/map_test_dseg.nii.gz", "musclemap", {LEFT: 31.8, RIGHT: 35.6}),
    "pelvic": ("pelvic_ref_002/label.mhd", PELVIC, {LEFT: 29.1, RIGHT: 25.1}),
}


@pytest.mark.parametrize(("name", "table", "expected"), REAL.values(), ids=REAL)
def test_real_bodies_are_measured_within_a_millimetre(name, table, expected, shared):
    found = propose_both(label_masks.read(shared / "geometry" / name, table))

    for side, width_mm in expected.items():
        assert_right(found[side], width_mm, 0.7)
        assert abs(found[side].ischium_mm[2] - found[side].trochanter_tip_mm[2]) <= 12


@pytest.mark.long
@pytest.mark.parametrize(("name", "table", "expected"), REAL.values(), ids=REAL)
def test_real_bodies_changed_in_known_ways_are_measured_or_refused(name, table, expected, shared):
    """Resampled, turned, mirrored, with the femur moved; cropped ones are refused."""
    for case in moved_bodies.cases(label_masks.read(shared / "geometry" / name, table)):
        found = propose(make.label_map(case.labels, case.affine), case.side)
        if case.truth_mm is None:
            assert isinstance(found, NotProposed), f"{case.side} {case.name}: {found.width_mm}"
        else:
            assert isinstance(found, ProposedSpace), f"{case.side} {case.name}: {found.reason}"
            within_mm = 1.0 if found.score >= SOUND else 1.5
            assert found.width_mm == pytest.approx(case.truth_mm, abs=within_mm), case.name


@pytest.mark.long
@pytest.mark.parametrize(("name", "table", "expected"), REAL.values(), ids=REAL)
def test_damaged_labels_are_measured_or_refused_but_never_soundly_wrong(
    name, table, expected, shared
):
    label_map = label_masks.read(shared / "geometry" / name, table)
    near = total = 0
    for case in damaged_labels.cases(label_map, np.random.default_rng(3), 24):
        found = propose(make.label_map(case.labels, case.affine), case.side)
        total += 1
        if isinstance(found, ProposedSpace):
            error_mm = abs(found.width_mm - case.truth_mm)
            near += error_mm < 1
            assert error_mm < 3 or found.score < SOUND, f"{case.name}: {found.width_mm}"
    assert near >= 0.75 * total
