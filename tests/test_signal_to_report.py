"""Quadratus femoris signal from files to report: shading, shift, place, fat.

The toy's ischium lies to the patient's left of its femur: a right hip, and so it is moved there.
"""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from signal_makers import FLUID, T1, Oedema, Scan, make

from ifi_mri.cli import main
from ifi_mri.landmarks import native_json
from ifi_mri.model import Landmark, LandmarkSet, Observation
from ifi_mri.signal.regions import moved
from ifi_mri.vocabulary import LandmarkName, ObservationName, Side

WATER = FLUID | {"fat": 0.0, "marrow": 0.05, "skin": 0.3}
DIXON_FAT = {
    "muscle": 0.0, "fat": 1.0, "marrow": 0.9, "cortex": 0.05, "nerve": 0.2, "vein": 0.0, "skin": 0.3
}  # fmt: skip
TO_THE_RIGHT_MM = np.array([-190.0, 0.0, 0.0])
SCAN = Scan(snr=20, shading=0.4, texture=0.02, seed=5)


def written(volume, path):
    """Write a volume as NIfTI: arrays (slice, row, column), positions RAS."""
    affine = volume.affine.copy()
    affine[:3, 3] += TO_THE_RIGHT_MM
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    nib.save(nib.Nifti1Image(np.asarray(volume.voxels), affine), path)


def landmarks_of(made, with_fat=True, reader_grade=None):
    """Return the toy's landmarks: both ends of the ischiofemoral space, outlines."""
    ends = [
        Landmark(name, Side.RIGHT, (tuple(float(x) for x in point),))
        for name, point in zip(
            (LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER),
            made.space_line_mm,
            strict=True,
        )
    ]
    fat = made.fat if with_fat else ()
    name = ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE
    seen = () if reader_grade is None else (Observation(name, Side.RIGHT, reader_grade),)
    marks = (*ends, *made.quadratus, *made.reference, *fat)
    return LandmarkSet(
        tuple(replace(mark, side=Side.RIGHT) for mark in moved(marks, TO_THE_RIGHT_MM)), seen
    )


def run(
    folder, made, anatomy, *more, dixon=(), landmarks=None, options=(), fluid="ax_t2_fs.nii.gz"
):
    """Write a study, run the command and return report.json."""
    study = folder / "study"
    study.mkdir()
    written(anatomy.volume, study / "ax_t1.nii.gz")
    written(made.volume, study / fluid)
    for name, volume in zip(("water", "fat"), dixon, strict=False):
        written(volume.volume, study / f"ax_mdixon_{name}.nii.gz")
    marks = folder / "landmarks.json"
    for path, content in native_json.write(landmarks or landmarks_of(made), marks).items():
        path.write_bytes(content)
    out = folder / "out"
    status = main(
        [
            *("run", str(study), "--landmarks", str(marks), "--out", str(out), "--quiet"),
            *("--fluid", fluid, *options),
        ]
    )
    assert status == 0
    return json.loads((out / "report.json").read_text()), out


def measured(report, name, side="right"):
    return next(m for m in report["measurements"] if (m["name"], m["side"]) == (name, side))


def finding(report, name):
    return next(f for f in report["findings"] if (f["name"], f["side"]) == (name, "right"))


def anatomy_of(scan):
    return make(replace(scan, shading_deg=90.0, seed=scan.seed + 1), contrast=T1)


@pytest.fixture(scope="module")
def focal(tmp_path_factory):
    scan = replace(SCAN, fat_fraction=0.2)
    made = make(SCAN, Oedema("focal", 2.5, 0.15))
    landmarks = landmarks_of(made, reader_grade=1)
    return made, *run(tmp_path_factory.mktemp("focal"), made, anatomy_of(scan), landmarks=landmarks)


def test_extent_volume_ratio_grade_and_place_are_those_of_the_truth(focal):
    made, report, _ = focal
    extent = measured(report, "quadratus_femoris_oedema_fraction")
    volume = measured(report, "quadratus_femoris_oedema_volume_ml")

    assert extent["value"] == pytest.approx(made.true_extent, abs=0.03)
    assert volume["value"] == pytest.approx(made.true_volume_ml, rel=0.10)
    assert extent["details"]["raised_ratio"] == pytest.approx(2.5, rel=0.05)
    assert extent["details"]["zone"] == "belly at the narrowest place"
    oedema = finding(report, "quadratus_femoris_oedema")
    assert (oedema["status"], oedema["grade"], oedema["reader_grade"]) == ("present", 2, 1)
    assert (oedema["agrees_with_reader"], oedema["thresholds_validated"]) == (False, False)
    assert any("fits impingement" in text for text in report["summary"]["right"]["sentences"])


def test_the_effect_of_the_shading_is_reported(focal):
    _, report, _ = focal
    ratio = measured(report, "quadratus_femoris_signal_ratio")

    assert ratio["details"]["shading_applied"] == "yes"
    gain = ratio["details"]["shading_gain"]
    assert abs(gain - 1) > 0.02
    assert ratio["details"]["plain_ratio"] / ratio["value"] == pytest.approx(gain, rel=0.03)


def test_fat_on_t1_is_measured_graded_and_marked_as_ours(focal):
    _, report, _ = focal
    fat = measured(report, "quadratus_femoris_fat_fraction")
    infiltration = finding(report, "quadratus_femoris_fatty_infiltration")

    assert fat["value"] == pytest.approx(0.2, abs=0.03)
    assert fat["details"]["source"] == "T1"
    assert (infiltration["status"], infiltration["grade"]) == ("present", 2)
    assert "ours, not validated" in infiltration["because"]
    assert any("acute on chronic" in text for text in report["summary"]["right"]["sentences"])


def test_every_format_tells_how_the_signal_was_read(focal):
    _, _, out = focal
    for name in ("report.html", "impression.txt"):
        text = " ".join((out / name).read_text().split())
        for words in ("Coil shading", "Shift from", "Beyond the muscle", "Measured grade"):
            assert words in text, (name, words)
    page = (out / "report.html").read_text()
    assert all(f">{title}</th>" in page for title in ("Threshold", "Noise", "Voxels read"))
    assert page.count('class="histogram"') == page.count('class="map"') == 1
    rows = (out / "measurements.csv").read_text()
    assert "quadratus_femoris_oedema_craniocaudal_extent" in rows
    assert "quadratus_femoris_fat_fraction" in rows


def test_shading_that_is_switched_off_is_left_in(tmp_path):
    made = make(SCAN)
    config = tmp_path / "own.toml"
    config.write_text("[signal]\nshading_order = 0\n")
    report, _ = run(tmp_path, made, anatomy_of(SCAN), options=("--config", str(config)))
    ratio = measured(report, "quadratus_femoris_signal_ratio")

    assert ratio["details"]["shading_order"] == 0
    assert ratio["value"] == pytest.approx(ratio["details"]["plain_ratio"], abs=0.01)
    assert abs(ratio["value"] - 1) > 0.02


@pytest.mark.parametrize("options", [(), ("--apply-shift",)])
def test_a_patient_who_moved_is_reported_and_followed_only_when_asked(tmp_path, options):
    """The fluid-sensitive series shows everything 3 mm to the image's right (the patient's right)
    and 2 mm further back than the outlines, which were drawn on the anatomy."""
    still = make(SCAN)
    moved = make(replace(SCAN, shift_mm=(3.0, 2.0)))
    report, _ = run(tmp_path, moved, anatomy_of(SCAN), options=options)
    read = measured(report, "quadratus_femoris_signal_ratio")["details"]
    found = measured(report, "quadratus_femoris_oedema_fraction")
    applied = bool(options)

    assert read["shift_right_mm"] == pytest.approx(3.0, abs=0.5)
    assert read["shift_down_mm"] == pytest.approx(2.0, abs=0.5)
    assert (read["shift_significant"], read["shift_applied"]) == ("yes", "yes" if applied else "no")
    (caution,) = [c for c in report["cautions"] if c["code"] == "series_shifted"]
    assert ("were not moved" in caution["text"]) is not applied
    assert "patient's right" in caution["text"]
    assert "to the back" in caution["text"]
    drawn = np.mean(found["points_mm"], axis=0) - TO_THE_RIGHT_MM
    nearest = min(
        (np.mean(mark.points_mm, axis=0) for mark in still.quadratus),
        key=lambda place: np.linalg.norm(place - drawn),
    )
    assert np.linalg.norm(drawn - nearest) == pytest.approx(
        np.hypot(3, 2) if applied else 0.0, abs=0.6
    )


def test_dixon_images_give_the_fat_fraction_before_t1_does(tmp_path):
    scan = replace(SCAN, fat_fraction=0.31, texture=0.0, snr=25.0)
    made = make(replace(scan, fat_fraction=0.0))
    dixon = [make(scan, contrast=WATER), make(replace(scan, seed=77), contrast=DIXON_FAT)]
    report, _ = run(tmp_path, made, anatomy_of(scan), dixon=dixon)
    fat = measured(report, "quadratus_femoris_fat_fraction")

    assert fat["details"]["source"] == "Dixon"
    assert fat["value"] == pytest.approx(0.31, abs=0.01)
    assert fat["interval_95"][0] < 0.31 < fat["interval_95"][1]
    assert [choice["role"] for choice in report["technique"]] == ["anatomy", "fluid_sensitive"]


def test_dixon_images_on_two_grids_are_no_pair(tmp_path):
    scan = replace(SCAN, fat_fraction=0.2, texture=0.0)
    dixon = [make(scan, contrast=WATER), make(replace(scan, level_mm=2.5), contrast=DIXON_FAT)]
    report, _ = run(tmp_path, make(SCAN), anatomy_of(scan), dixon=dixon)

    assert measured(report, "quadratus_femoris_fat_fraction")["details"]["source"] == "T1"


def test_fat_that_is_not_suppressed_is_cautioned(tmp_path):
    bright = replace(SCAN, fat_signal=2.5)
    report, _ = run(tmp_path, make(bright), anatomy_of(SCAN))

    read = measured(report, "quadratus_femoris_signal_ratio")["details"]
    assert read["fat_over_muscle"] == pytest.approx(2.5, rel=0.15)
    (caution,) = [c for c in report["cautions"] if c["code"] == "fat_suppression_lost"]
    assert caution["side"] == "right"


def test_without_a_fat_outline_fat_is_quietly_absent(tmp_path):
    made = make(SCAN)
    report, out = run(
        tmp_path, made, anatomy_of(SCAN), landmarks=landmarks_of(made, with_fat=False)
    )
    missing = [n for n in report["not_measured"] if n["name"] == "quadratus_femoris_fat_fraction"]

    assert {(n["reason"], n["optional"]) for n in missing} == {
        ("no subcutaneous_fat outline", True)
    }
    assert finding(report, "quadratus_femoris_fatty_infiltration")["status"] == "not_assessable"
    assert "Fat: not assessable" not in (out / "impression.txt").read_text()


def test_dixon_images_that_show_nothing_are_named_beside_the_fat_on_t1(tmp_path):
    scan = replace(SCAN, fat_fraction=0.2, texture=0.0)
    water = make(scan, contrast=WATER)
    empty = replace(water, volume=replace(water.volume, voxels=np.zeros_like(water.volume.voxels)))
    report, _ = run(tmp_path, make(SCAN), anatomy_of(scan), dixon=[water, empty])
    details = measured(report, "quadratus_femoris_fat_fraction")["details"]

    assert details["source"] == "T1"
    assert "the Dixon fat image has one value throughout" in details["dixon_not_used"]


@pytest.mark.parametrize(("fat_signal", "is_measured"), [(2.5, False), (0.35, True)])
def test_a_series_that_nothing_shows_to_be_suppressed_is_not_measured(
    tmp_path, fat_signal, is_measured
):
    """The header says nothing: the picture itself decides."""
    made = make(replace(SCAN, fat_signal=fat_signal))
    report, _ = run(tmp_path, made, anatomy_of(SCAN), fluid="axial_second.nii.gz")
    names = {m["name"] for m in report["measurements"]}
    oedema = finding(report, "quadratus_femoris_oedema")

    assert ("quadratus_femoris_signal_ratio" in names) is is_measured
    assert (oedema["status"] != "not_assessable") is is_measured
    assert ("fat-suppressed series only" in oedema["because"]) is not is_measured
    assert "fat_suppression_not_stated" in {c["code"] for c in report["cautions"]}
