"""Label maps as landmarks: which voxels belong to what, and their outlines on the anatomy."""

from pathlib import Path

import label_makers as make
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ifi_mri import geometry
from ifi_mri.errors import ConfigError, LandmarkError, LandmarkFormatError
from ifi_mri.landmarks import label_masks
from ifi_mri.landmarks.label_tables import Bone, LabelTable
from ifi_mri.landmarks.label_volumes import LabelVolume, Layer
from ifi_mri.model import Grid, Instance, Series
from ifi_mri.vocabulary import LandmarkName, Side

QF, REF = LandmarkName.QUADRATUS_FEMORIS, LandmarkName.REFERENCE_MUSCLE


def upright(spacing=(3.0, 1.0, 1.0), origin=(5.0, -30.0, 20.0)):
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, ::-1] * spacing
    affine[:3, 3] = origin
    return affine


def series(affine, shape, label="T1"):
    instances = tuple(
        Instance(
            Path(f"{k}.dcm"), "1.2", f"1.2.{k}", None, tuple(affine[:3, 3] + k * affine[:3, 0])
        )
        for k in range(shape[0])
    )
    return Series(
        "1.2.9", "1.2.3", label, label, "dicom", "MR", "1.2.3.4", Grid.from_affine(affine, shape),
        instances,
    )  # fmt: skip


def made(labels, affine=None, table="native", **layer):
    affine = upright() if affine is None else affine
    volume = LabelVolume(
        Grid.from_affine(affine, labels.shape), (Layer(labels, **layer),), (Path("m.nii"),)
    )
    return label_masks.from_volume(volume, label_masks.find(table))


def own_table(*labels):
    head = {"id": "own", "title": "own", "version": "1", "citation": "none"}
    return LabelTable.model_validate(head | {"labels": list(labels)})


# --- voxels -------------------------------------------------------------------------------------


def test_each_label_becomes_a_mask_on_the_box_around_it():
    labels = np.zeros((6, 20, 30), dtype=np.int16)
    labels[2:4, 5:9, 11:15] = 51
    labels[3, 12, 20] = 52
    labels[0, 0, 0] = 999

    found = made(labels)

    assert [(mask.label.side, mask.occupancy.shape, mask.corner) for mask in found.masks] == [
        (Side.LEFT, (2, 4, 4), (2, 5, 11)),
        (Side.RIGHT, (1, 1, 1), (3, 12, 20)),
    ]
    left, right = found.of(QF)
    assert left.affine[:3, 3] == pytest.approx((5.0 + 11, -30.0 + 5, 20.0 + 6))
    assert right.affine[:3, 3] == pytest.approx((5.0 + 20, -30.0 + 12, 20.0 + 9))


def test_masks_cannot_be_changed():
    labels = np.full((2, 3, 4), 51, dtype=np.int16)

    (mask,) = made(labels).masks

    with pytest.raises(ValueError, match="read-only"):
        mask.occupancy[0, 0, 0] = False


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.uint16])
def test_any_whole_number_type_is_understood(dtype):
    labels = np.zeros((3, 4, 5), dtype=dtype)
    labels[1, 2, 3] = 51

    assert len(made(labels).masks) == 1


def test_large_and_negative_numbers_are_understood():
    table = own_table({"value": 2_000_000, "structure": "femur", "side": "left"})
    labels = np.zeros((3, 4, 5), dtype=np.int32)
    labels[1, 2, 3], labels[0, 0, 0], labels[2, 3, 4] = 2_000_000, -7, 1_999_999

    (mask,) = made(labels, table=table).masks

    assert mask.corner == (1, 2, 3)
    assert mask.occupancy.sum() == 1


def test_several_labels_of_one_structure_are_several_masks():
    table = own_table(
        {"value": 1, "structure": "femur", "side": "left"},
        {"value": 2, "structure": "femur", "side": "left"},
    )
    labels = np.array([[[1, 2, 0]]], dtype=np.int16)

    assert len(made(labels, table=table).of(Bone.FEMUR)) == 2


def test_names_go_before_numbers():
    labels = np.array([[[51, 52, 1]]], dtype=np.int16)

    found = made(labels, names={1: ("QF right",), 51: ("something",), 52: ("else",)})

    assert [(mask.label.side, mask.corner) for mask in found.masks] == [(Side.RIGHT, (0, 0, 2))]


def test_numbers_count_where_no_name_is_known():
    labels = np.array([[[51, 0]]], dtype=np.int16)

    assert made(labels, names={51: ("Segment_51",)}).masks[0].label.side is Side.LEFT


def test_a_map_without_known_labels_lists_what_it_holds():
    labels = np.arange(24, dtype=np.int16).reshape(2, 3, 4) * 1000

    with pytest.raises(LandmarkFormatError, match=r"it holds 1000, 2000, .* and 15 more") as caught:
        made(labels)

    assert "--label-table" in str(caught.value)


def test_an_unknown_table_is_told(tmp_path):
    with pytest.raises(ConfigError, match="not known"):
        label_masks.read(tmp_path / "m.nii", "nonsense")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(LandmarkError, match="cannot be read"):
        label_masks.read(tmp_path / "m.nii.gz", "native")


def test_segments_are_known_by_name_alone(tmp_path):
    mask = np.zeros((4, 8, 9), dtype=bool)
    mask[1, 2:5, 2:5] = mask[2, 2:5, 2:5] = True
    path = make.dicom_seg(tmp_path / "s.dcm", [mask, mask], upright(), names=["QF_L", "Bladder"])

    found = label_masks.read(path, "native")

    assert [(mask.label.structure, mask.label.side) for mask in found.masks] == [(QF, Side.LEFT)]
    assert found.frame_of_reference_uid == "1.2.3.4"


def test_a_segment_numbered_as_a_label_is_not_taken_for_it(tmp_path):
    mask = np.zeros((2, 8, 9), dtype=bool)
    mask[1, 2:5, 2:5] = True
    table = own_table({"value": 1, "structure": "femur", "side": "left"})
    path = make.dicom_seg(tmp_path / "s.dcm", [mask], upright(), names=["Bladder"])

    with pytest.raises(LandmarkFormatError, match="Bladder"):
        label_masks.read(path, table)


# --- outlines -----------------------------------------------------------------------------------


def disc(shape, centre, radius):
    _, rows, columns = np.indices(shape)
    return np.hypot(rows - centre[0], columns - centre[1]) <= radius


def test_outlines_lie_on_the_slices_of_the_anatomy_and_name_them():
    labels = np.zeros((12, 40, 50), dtype=np.int16)
    labels[2:10][disc((8, 40, 50), (20, 24), 9)] = 51
    anatomy = series(upright((6.0, 0.5, 0.5), (0, -40, 24.0)), (6, 200, 200))

    marks = label_masks.outlines(made(labels), anatomy)

    assert [mark.sop_instance_uid for mark in marks] == ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]
    for k, mark in enumerate(marks, start=1):
        assert (mark.name, mark.side, mark.closed) == (QF, Side.LEFT, True)
        points = np.array(mark.points_mm)
        assert points[:, 2] == pytest.approx(24.0 + 6.0 * k)
        radii = np.hypot(points[:, 0] - 29.0, points[:, 1] + 10.0)
        assert radii.mean() == pytest.approx(9.0, abs=0.1)


def test_without_an_anatomy_the_maps_own_slices_count():
    labels = np.zeros((5, 30, 30), dtype=np.int16)
    labels[1:3][disc((2, 30, 30), (15, 15), 6)] = 52

    marks = label_masks.outlines(made(labels))

    assert [mark.points_mm[0][2] for mark in marks] == [23.0, 26.0]
    assert {mark.sop_instance_uid for mark in marks} == {None}


def test_a_tilted_map_is_cut_along_the_patients_axial_planes():
    affine = upright((1.5, 1.5, 1.5))
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
    labels = np.zeros((30, 40, 40), dtype=np.int16)
    labels[8:22][disc((14, 40, 40), (20, 20), 8)] = 51

    marks = label_masks.outlines(made(labels, turn @ affine))

    assert len(marks) > 8
    for mark in marks:
        assert np.ptp([z for _, _, z in mark.points_mm]) == pytest.approx(0, abs=1e-9)


def test_every_piece_has_its_outline():
    labels = np.zeros((1, 40, 60), dtype=np.int16)
    labels[disc((1, 40, 60), (20, 12), 7) | disc((1, 40, 60), (20, 45), 5)] = 51

    marks = label_masks.outlines(made(labels))

    assert len(marks) == 2


def test_whole_bones_have_no_outlines_of_their_own():
    labels = np.full((2, 20, 20), 101, dtype=np.int16)

    assert label_masks.outlines(made(labels)) == ()


def test_a_reference_is_taken_only_beside_its_muscle():
    table = own_table(
        {"value": 1, "structure": "reference_muscle", "side": "left", "beside": QF},
        {"value": 2, "structure": "quadratus_femoris", "side": "left"},
        {"value": 3, "structure": "reference_muscle", "side": "right", "beside": QF},
    )
    labels = np.zeros((8, 30, 60), dtype=np.int16)
    labels[disc((8, 30, 60), (15, 12), 6)] = 1
    labels[3:5][disc((2, 30, 60), (15, 30), 6)] = 2
    labels[disc((8, 30, 60), (15, 48), 6)] = 3

    marks = label_masks.outlines(made(labels, table=table))

    heights = {name: [m.points_mm[0][2] for m in marks if m.name is name] for name in (QF, REF)}
    assert heights == {QF: [29.0, 32.0], REF: [29.0, 32.0]}
    assert {mark.side for mark in marks} == {Side.LEFT}


def test_left_is_left_whatever_the_storage(tmp_path):
    labels = np.zeros((6, 30, 60), dtype=np.int16)
    labels[disc((6, 30, 60), (15, 45), 5)] = 51  # columns grow to the left
    labels[disc((6, 30, 60), (15, 12), 5)] = 52
    affine = upright(origin=(-30.0, 0, 0))
    for name in ("m.nii.gz", "m.mha", "m.nrrd"):
        writer = {"m.nii.gz": make.nifti, "m.mha": make.metaimage}.get(
            name, lambda path, voxels, matrix: make.nrrd(path, [voxels], matrix)
        )
        found = label_masks.read(writer(tmp_path / name, labels, affine), "native")

        for mark in label_masks.outlines(found):
            middle = np.mean(mark.points_mm, axis=0)
            assert mark.side.sign * middle[0] > 10
            inside = geometry.patient_to_voxel(affine, middle)
            assert labels[tuple(np.rint(inside).astype(int))] in (51, 52)


@pytest.mark.parametrize(
    ("spacing", "turn_deg", "pixel_mm"),
    [((4.0, 0.7, 0.9), 0.0, 0.9), ((1.2, 0.8, 0.8), 20.0, 0.8), ((0.8, 0.8, 3.0), 10.0, 3.0)],
)
def test_outlines_carry_the_pixel_size_of_their_map(spacing, turn_deg, pixel_mm):
    affine = upright(spacing)
    affine[:3, :3] = Rotation.from_euler("x", turn_deg, degrees=True).as_matrix() @ affine[:3, :3]
    labels = np.zeros((9, 20, 20), dtype=np.int16)
    labels[2:7, 4:15, 4:15] = 51
    found = label_masks.outlines(
        made(labels, affine), series(upright((1.0, 1.0, 1.0)), (30, 90, 90))
    )

    assert found
    assert [mark.pixel_mm for mark in found] == pytest.approx([pixel_mm] * len(found))
