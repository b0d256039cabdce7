"""What a label map says as landmarks: outlines, spaces from bones, and the cautions with them."""

from functools import cache
from pathlib import Path

import bone_makers as make
import numpy as np
import pytest
from bone_makers import Body, Hip

from ifi_mri import geometry
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.landmarks import from_labels, native_json
from ifi_mri.landmarks.bone_labels import NotProposed, ProposedSpace
from ifi_mri.landmarks.label_tables import LabelTable
from ifi_mri.measurements import in_plane_distance
from ifi_mri.model import Grid, Instance, Series
from ifi_mri.model import Hip as MeasuredHip
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Role, Side

LEFT, RIGHT = Side
QF, REF = LandmarkName.QUADRATUS_FEMORIS, LandmarkName.REFERENCE_MUSCLE
IT, LT = LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER
ONE = Body(left=Hip(), right=Hip(), sides=(LEFT,))

MODEL = LabelTable.model_validate(
    make.TABLE.model_dump()
    | {
        "id": "model",
        "status": "proposed",
        "labels": [
            *make.TABLE.model_dump()["labels"],
            {"value": 7, "structure": QF, "side": "left", "also_contains": "the gemelli"},
            {"value": 8, "structure": REF, "side": "left", "beside": QF},
            {"value": 9, "structure": IT, "side": "left"},
        ],
    }
)


@cache
def _made():
    return make.labelled(ONE, (2.0, 2.0, 2.0))


def labels_with_muscle():
    """Return labels in which a rod of muscle runs through the space from foot to head."""
    labels, affine = _made()
    labels = np.array(labels)
    tip = ONE.tip_mm(LEFT)
    positions = geometry.voxel_to_patient(affine, np.moveaxis(np.indices(labels.shape), 0, -1))
    for value, offset in ((7, (-8.0, 8.0)), (8, (-8.0, 40.0))):
        across = positions[..., :2] - (tip[0] + offset[0], tip[1] + offset[1])
        rod = (np.linalg.norm(across, axis=-1) < 7) & (np.abs(positions[..., 2] - tip[2]) < 40)
        labels[rod & (labels == 0)] = value
    return labels, affine


def anatomy(spacing_mm=4.0, offset_mm=0.0):
    tip = ONE.tip_mm(LEFT)
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, ::-1] * (spacing_mm, 0.7, 0.7)
    affine[:3, 3] = (20.0, -110.0, tip[2] - 10 * spacing_mm + offset_mm)
    instances = tuple(
        Instance(Path(f"{k}.dcm"), "1", f"1.9.{k}", None, tuple(affine[:3, 3] + k * affine[:3, 0]))
        for k in range(24)
    )
    return Series(
        "1.2.9", "1.2.3", "T1", "T1", "dicom", "MR", None,
        Grid.from_affine(affine, (24, 300, 300)), instances,
    )  # fmt: skip


def reading(labels, affine, table=MODEL, series=None):
    return from_labels.read(make.label_map(labels, affine, table), series)


def codes(found):
    return [(caution.code, caution.side) for caution in found.cautions]


def test_bones_become_the_ends_of_the_space_on_the_slices_of_the_anatomy():
    series = anatomy()
    found = reading(*_made(), make.TABLE, series)

    space = found.spaces[LEFT]
    assert isinstance(space, ProposedSpace)
    assert isinstance(found.spaces[RIGHT], NotProposed)
    assert found.landmarks.status == "proposed"
    uids = {mark.sop_instance_uid for mark in found.landmarks.landmarks}
    assert uids == {f"1.9.{one.slice_index}" for one in space.slices}
    assert len(uids) in (6, 7)  # 24 mm in steps of 4
    own, *of_spaces = found.cautions
    assert own.code == "label_map_own_grid"
    assert [(one.code, one.side) for one in of_spaces] == [
        ("space_from_bone_labels", LEFT),
        ("space_not_proposed", RIGHT),
    ]
    assert "not reviewed" in of_spaces[0].text


def test_the_measurement_made_from_the_landmarks_is_the_proposed_width():
    series = anatomy()
    found = reading(*_made(), make.TABLE, series)
    hip = MeasuredHip(LEFT, found.landmarks.on(LEFT), {Role.ANATOMY: series}, {})

    measured = in_plane_distance.smallest_over_slices(
        hip, MeasurementName.ISCHIOFEMORAL_SPACE, IT, (LT,), 0.75
    )

    assert measured.value == pytest.approx(found.spaces[LEFT].width_mm)
    assert measured.n_slices == len(found.spaces[LEFT].slices)
    assert measured.sop_instance_uid == f"1.9.{found.spaces[LEFT].slice_index}"


def test_coarse_bone_labels_get_a_caution_and_a_wider_sd():
    series = anatomy()
    spaces = {}
    for size_mm in (2.0, 3.0):
        found = reading(*make.labelled(ONE, (size_mm,) * 3), make.TABLE, series)
        hip = MeasuredHip(LEFT, found.landmarks.on(LEFT), {Role.ANATOMY: series}, {})
        spaces[size_mm] = in_plane_distance.smallest_over_slices(
            hip, MeasurementName.ISCHIOFEMORAL_SPACE, IT, (LT,), 0.75
        )
        warned = ("space_from_coarse_labels", LEFT) in codes(found)
        assert warned is (size_mm == 3.0)

    assert spaces[3.0].sd > 1.25 * spaces[2.0].sd


def test_a_muscle_that_shares_its_label_is_kept_only_around_the_trochanter():
    found = reading(*labels_with_muscle(), series=anatomy())

    tip = ONE.tip_mm(LEFT)
    heights = {mark.points_mm[0][2] for mark in found.landmarks.landmarks if mark.name is QF}
    assert heights
    assert max(abs(z - tip[2]) for z in heights) <= 12.5
    assert ("label_also_contains", LEFT) in codes(found)
    assert found.in_part == {(QF, LEFT)}


def test_a_reference_lies_on_the_slices_of_its_muscle():
    found = reading(*labels_with_muscle(), series=anatomy())

    by_name = {
        name: {m.sop_instance_uid for m in found.landmarks.landmarks if m.name is name}
        for name in (QF, REF)
    }
    assert by_name[REF] >= by_name[QF]
    assert by_name[QF]


def test_without_a_space_a_shared_label_stays_with_a_caution():
    labels, affine = labels_with_muscle()
    labels[np.isin(labels, [make.FEMUR[LEFT]])] = 0

    found = reading(labels, affine, series=anatomy())

    heights = [m.points_mm[0][2] for m in found.landmarks.landmarks if m.name is QF]
    assert np.ptp(heights) > 50
    assert ("label_also_contains", LEFT) in codes(found)
    assert ("space_not_proposed", LEFT) in codes(found)
    assert not found.in_part


def test_ends_that_are_labelled_are_not_proposed_again():
    labels, affine = labels_with_muscle()
    labels[labels == 7] = 9

    found = reading(labels, affine, series=anatomy())

    assert LEFT not in found.spaces
    assert {mark.name for mark in found.landmarks.landmarks} == {IT}
    assert found.landmarks.status == "proposed"  # the table's: a model drew it


def test_labels_without_bones_propose_nothing():
    labels, affine = labels_with_muscle()
    labels[labels < 7] = 0

    found = reading(labels, affine, series=anatomy())

    assert found.spaces == {}
    assert codes(found) == [("label_map_own_grid", None), ("label_also_contains", LEFT)]


def test_a_doubtful_space_says_why():
    labels, affine = _made()
    kept = make.heights_mm(labels, affine) < ONE.tip_mm(LEFT)[2] + 40

    found = reading(labels[kept], affine, make.TABLE, anatomy())

    assert ("space_doubtful", LEFT) in codes(found)
    doubt = next(caution for caution in found.cautions if caution.code == "space_doubtful")
    assert "femoral head" in doubt.text


def test_a_map_with_the_images_voxels_elsewhere_is_refused():
    labels = np.zeros((24, 300, 300), dtype=np.int16)
    labels[5, 100:140, 100:140] = 9
    series = anatomy()
    affine = np.array(series.grid.affine)
    affine[:3, 3] += (0, 7.0, 0)

    with pytest.raises(LandmarkMismatchError, match=r"7\.00 mm towards the back"):
        reading(labels, affine, series=series)


def test_a_map_beside_the_image_is_refused():
    with pytest.raises(LandmarkMismatchError, match="beyond series T1"):
        reading(*_made(), make.TABLE, anatomy(offset_mm=400))


def test_the_landmarks_survive_the_native_format(tmp_path):
    found = reading(*labels_with_muscle(), series=anatomy())

    (content,) = native_json.write(found.landmarks, tmp_path / "x.json").values()
    (back,) = native_json.read(content, tmp_path / "x.json")

    assert back.landmarks == found.landmarks.landmarks
    assert back.status == "proposed"


def test_cautions_are_sentences_without_names():
    found = reading(*labels_with_muscle(), series=anatomy())

    for caution in found.cautions:
        assert caution.text[0].isupper()
        assert caution.text.endswith(".")
