"""A real hip MRI with sparse tags, from files to report; its landmarks in two formats.

Expected figures: README of the real study (computed there from the points alone).
"""

import json

import pytest

import ifi_mri
from ifi_mri.cli import main

UIDS = {
    "anatomy": "1.3.6.1.4.1.14519.5.2.1.5168.1900.236909650266075940866375712555",
    "fluid_sensitive": "1.3.6.1.4.1.14519.5.2.1.5168.1900.267475167888884755506702762438",
    "instance 3": "1.3.6.1.4.1.14519.5.2.1.5168.1900.247458647428233291826280456608",
    "instance 4": "1.3.6.1.4.1.14519.5.2.1.5168.1900.320120178605063819913911076405",
}


@pytest.fixture(scope="module", params=["slicer", "native.json"])
def report(request, shared, tmp_path_factory):
    """The report that the command writes, from either landmark format."""
    out = tmp_path_factory.mktemp("real")
    study = shared / "real_mri" / "sts_001"
    status = main(
        [
            *("run", str(study), "--quiet", "--out", str(out)),
            *("--landmarks", str(study / "landmarks" / request.param)),
        ]
    )
    assert status == 0
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def measured(report, name):
    found = [m for m in report["measurements"] if m["name"] == name]
    assert [m["side"] for m in found] == ["left"]
    return found[0]


def test_t1_is_anatomy_and_fat_saturated_t2_is_fluid_sensitive_without_being_told(report):
    assert report["study"]["series"] == {
        role: UIDS[role] for role in ("anatomy", "fluid_sensitive")
    }


def test_the_ischiofemoral_space_is_smallest_on_instance_3_of_two_slices(report):
    ifs = measured(report, "ischiofemoral_space")

    assert ifs["value"] == pytest.approx(25.47, abs=0.01)
    assert ifs["n_slices"] == 2
    assert ifs["sop_instance_uid"] == UIDS["instance 3"]
    by_slice = {one["sop_instance_uid"]: one["value"] for one in ifs["per_slice"]}
    assert by_slice[UIDS["instance 4"]] == pytest.approx(26.11, abs=0.01)


def test_the_quadratus_femoris_space_is_smallest_on_instance_4(report):
    qfs = measured(report, "quadratus_femoris_space")

    assert qfs["value"] == pytest.approx(18.76, abs=0.01)
    assert qfs["sop_instance_uid"] == UIDS["instance 4"]
    assert "iliopsoas_tendon" in qfs["method"]
    by_slice = {one["sop_instance_uid"]: one["value"] for one in qfs["per_slice"]}
    assert by_slice[UIDS["instance 3"]] == pytest.approx(20.98, abs=0.01)


def test_there_is_no_narrowing_and_no_oedema(report):
    left = {f["name"]: f["status"] for f in report["findings"] if f["side"] == "left"}

    assert left == {
        "ischiofemoral_space_narrowing": "absent",
        "quadratus_femoris_space_narrowing": "absent",
        "quadratus_femoris_oedema": "absent",
        "quadratus_femoris_fatty_infiltration": "not_assessable",  # no fat was outlined
    }


def test_the_muscle_has_the_signal_of_the_reference_muscle(report):
    ratio = measured(report, "quadratus_femoris_signal_ratio")
    fraction = measured(report, "quadratus_femoris_oedema_fraction")

    assert ratio["value"] == pytest.approx(1.06, abs=0.02)
    assert 1.0 <= ratio["value"] <= 1.1
    assert fraction["value"] == pytest.approx(0.005, abs=0.005)
    assert measured(report, "quadratus_femoris_oedema_largest_fraction")["value"] == 0


def test_the_shift_between_the_series_and_the_shading_are_reported(report):
    read = measured(report, "quadratus_femoris_signal_ratio")["details"]

    # T1 and T2 FS were taken one after the other: within a third of a pixel of no shift
    assert max(abs(read["shift_right_mm"]), abs(read["shift_down_mm"])) < 0.3
    assert 0 < read["shift_right_sd_mm"] < 0.5
    assert (read["shift_significant"], read["shift_applied"]) == ("no", "no")
    assert read["plain_ratio"] == pytest.approx(ratio_of(report), abs=0.03)
    assert read["shading_gain"] == pytest.approx(1.0, abs=0.05)
    assert read["fat_suppression_lost"] == "yes"
    assert "fat_suppression_lost" in {caution["code"] for caution in report["cautions"]}


def ratio_of(report):
    return measured(report, "quadratus_femoris_signal_ratio")["value"]


def test_the_tumour_below_never_enters_a_region(report):
    """It lies caudal of the outlined slice: the one slice that is read is the muscle's."""
    fraction = measured(report, "quadratus_femoris_oedema_fraction")

    assert fraction["n_slices"] == 1
    assert [one["sop_instance_uid"] for one in fraction["per_slice"]] == [
        fraction["sop_instance_uid"]
    ]
    assert fraction["details"]["n_pixels"] < 1200
    assert fraction["details"]["fraction_above_threshold"] < 0.02
    assert measured(report, "quadratus_femoris_perimuscular_fraction")["value"] == 0


def test_the_right_side_is_not_measured_with_its_reason(report):
    missing = [one for one in report["not_measured"] if not one["optional"]]
    right = {one["name"]: one["reason"] for one in missing}

    assert {one["side"] for one in missing} == {"right"}
    assert right["ischiofemoral_space"] == "no ischial_tuberosity landmark"
    assert right["quadratus_femoris_signal_ratio"] == "no quadratus_femoris outline"
    assert {f["status"] for f in report["findings"] if f["side"] == "right"} == {"not_assessable"}


def test_missing_tags_are_cautioned(report):
    codes = {caution["code"] for caution in report["cautions"]}

    assert {"missing_echo_time", "missing_repetition_time", "age_unknown"} <= codes


def test_no_patient_name_and_no_absolute_path_stands_in_the_report(report, shared):
    text = json.dumps(report)

    assert "STS_001" not in text
    assert str(shared) not in text


def test_a_volume_near_a_point_is_the_slices_of_the_whole_that_lie_there(shared):
    series = ifi_mri.load_study(shared / "real_mri" / "sts_001").series[0]
    whole = ifi_mri.load_volume(series)
    near = ifi_mri.load_volume(series, near=[(61.248, 25.463, 73.878), (58.493, 22.546, 68.79)])

    assert near.voxels.shape[0] == 2
    uids = [instance.sop_instance_uid for instance in whole.instances]
    first = uids.index(near.instances[0].sop_instance_uid)
    assert (near.voxels == whole.voxels[first : first + 2]).all()
    assert near.affine[:3, 3] == pytest.approx((whole.affine @ (first, 0, 0, 1))[:3], abs=1e-9)
