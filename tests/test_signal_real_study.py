"""The signal of the real study beside the repository."""

import json

import numpy as np
import pytest
from signal_makers import real_landmarks, real_volume

from ifi_mri.signal.quadratus import muscle_signal
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.vocabulary import Status


@pytest.fixture(scope="module")
def study(shared):
    folder = shared / "real_mri" / "sts_001"
    marks = real_landmarks(json.loads((folder / "landmarks" / "native.json").read_text()))
    return real_volume(folder / "T1"), real_volume(folder / "T2_FS"), marks


@pytest.fixture(scope="module")
def found(study):
    anatomy, fluid, marks = study
    ends = [marks[name][-1].points_mm[0] for name in ("ischial_tuberosity", "lesser_trochanter")]
    return muscle_signal(
        fluid,
        marks["quadratus_femoris"],
        marks["reference_muscle"],
        anatomy=anatomy,
        space_line_mm=ends,
    )


def test_the_muscle_is_as_bright_as_its_reference(found):
    assert found.plain_ratio == pytest.approx(1.06, abs=0.02)
    assert found.ratio.value == pytest.approx(1.06, abs=0.02)
    assert found.ratio.low < 1.06 < found.ratio.high


def test_there_is_no_oedema(found):
    assert found.judgement.status is Status.ABSENT
    assert found.judgement.grade == 0
    assert found.oedema.extent.value < 0.01
    assert found.oedema.extent.low == 0 < found.oedema.extent.high
    assert found.oedema.fraction_above.value < 0.02
    assert found.place is None
    assert not found.spread.is_present


def test_the_patient_did_not_move_between_the_series(found):
    assert found.shift.length_mm < 0.5
    assert 0 < found.shift.right_sd_mm < 0.5
    assert not found.shift.is_significant


def test_only_the_outlined_slice_is_read_and_nothing_of_the_tumour_below(study, found):
    _, fluid, _ = study
    read = found.image.voxels[found.muscle.inner | found.reference.inner]

    assert found.slices == (3,)
    assert len(found.image.voxels) == 1
    assert found.image.first[0] == 3
    # the sarcoma from instance 7 down is several times as bright as anything read
    assert np.percentile(fluid.voxels[6:], 99.5) > 3 * np.percentile(read, 99.5)


def test_fat_is_hardly_suppressed_in_this_study_and_that_is_said(found):
    assert found.suppression.is_lost
    assert found.suppression.fat_over_muscle.value > 2


def test_the_fluid_sensitive_series_alone_gives_the_same_ratio(study, found):
    _, fluid, marks = study
    alone = muscle_signal(fluid, marks["quadratus_femoris"], marks["reference_muscle"])

    assert alone.ratio.value == pytest.approx(found.ratio.value, abs=0.03)
    assert alone.judgement.status is Status.ABSENT


def test_without_an_outline_of_fat_there_is_no_fat_fraction(study):
    from ifi_mri.signal.fat import fat_fraction_t1
    from ifi_mri.signal.settings import MuscleSignalSettings

    anatomy, _, marks = study
    with pytest.raises(NotAssessable, match="no subcutaneous_fat outline"):
        fat_fraction_t1(
            anatomy,
            marks["quadratus_femoris"],
            marks["reference_muscle"],
            (),
            MuscleSignalSettings(),
        )
