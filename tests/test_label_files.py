"""Label maps in NIfTI, MetaImage and NRRD: every format puts the same voxel at the same place."""

import gzip
import struct
from pathlib import Path

import label_makers as make
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ifi_mri import geometry
from ifi_mri.errors import LandmarkError, LandmarkFormatError
from ifi_mri.landmarks import label_files


def oblique(spacing=(4.0, 0.7, 0.9), angles=(8, -12, 20), origin=(31.5, -48.25, 112.75)):
    affine = np.eye(4)
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    affine[:3, :3] = turn[:, ::-1] * np.asarray(spacing)
    affine[:3, 3] = origin
    return affine


@pytest.fixture
def voxels():
    labels = np.zeros((5, 7, 9), dtype=np.int16)
    labels[1, 2, 3], labels[4, 6, 8], labels[0, 5, 1] = 6171, 12, 300
    return labels


def places(volume, layer=0):
    """Return where each label lies, patient mm."""
    found = volume.layers[layer].voxels
    return {
        int(found[tuple(index)]): geometry.voxel_to_patient(volume.grid.affine, index)
        for index in np.argwhere(found)
    }


def expected_places(labels, affine):
    return {
        int(labels[tuple(index)]): geometry.voxel_to_patient(affine, index)
        for index in np.argwhere(labels)
    }


WRITERS = {
    "nii": lambda f, v, a: make.nifti(f / "x.nii", v, a),
    "nii.gz": lambda f, v, a: make.nifti(f / "x.nii.gz", v, a),
    "nii, sform alone": lambda f, v, a: make.nifti(f / "x.nii", v, a, codes=(0, 1)),
    "nii, qform alone": lambda f, v, a: make.nifti(f / "x.nii", v, a, codes=(1, 0)),
    "nii of floats": lambda f, v, a: make.nifti(f / "x.nii", v.astype(np.float32), a),
    "mha": lambda f, v, a: make.metaimage(f / "x.mha", v, a),
    "mha, compressed": lambda f, v, a: make.metaimage(f / "x.mha", v, a, compressed=True),
    "mhd and raw": lambda f, v, a: make.metaimage(f / "x.mhd", v, a),
    "mhd and zraw": lambda f, v, a: make.metaimage(f / "x.mhd", v, a, compressed=True),
    "mhd, big endian": lambda f, v, a: make.metaimage(f / "x.mhd", v, a, big_endian=True),
    "nrrd": lambda f, v, a: make.nrrd(f / "x.nrrd", [v], a),
    "nrrd, gzip": lambda f, v, a: make.nrrd(f / "x.nrrd", [v], a, encoding="gzip"),
    "nrrd in RAS": lambda f, v, a: make.nrrd(f / "x.nrrd", [v], a, space="right-anterior-superior"),
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_every_format_puts_a_label_at_the_same_place(writer, voxels, tmp_path):
    affine = oblique()

    volume = label_files.read(writer(tmp_path, voxels, affine))

    found = places(volume)
    for label, place in expected_places(voxels, affine).items():
        assert found[label] == pytest.approx(place, abs=2e-4)


@pytest.mark.parametrize("name", ["nii", "mha", "nrrd"])
def test_a_coronal_stack_keeps_its_slices_as_the_first_axis(name, voxels, tmp_path):
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([(0, 5.0, 0), (0, 0, -0.8), (0.8, 0, 0)])

    volume = label_files.read(WRITERS[name](tmp_path, voxels, affine))

    assert volume.grid.slice_spacing_mm == pytest.approx(5.0, abs=1e-4)
    assert geometry.plane_name(volume.grid.affine) == "coronal"
    assert places(volume)[6171] == pytest.approx(expected_places(voxels, affine)[6171], abs=1e-3)


def test_cubes_are_stacked_along_the_body(tmp_path, voxels):
    """A sagittal file of 1.5 mm cubes becomes axial slices."""
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([(1.5, 0, 0), (0, 1.5, 0), (0, 0, 1.5)])

    volume = label_files.read(make.nifti(tmp_path / "x.nii", voxels, affine))

    assert geometry.plane_name(volume.grid.affine) == "axial"
    assert volume.grid.shape == (9, 5, 7)
    assert places(volume)[12] == pytest.approx(expected_places(voxels, affine)[12])


def test_both_files_of_a_pair_are_sources(voxels, tmp_path):
    path = make.metaimage(tmp_path / "x.mhd", voxels, oblique(), compressed=True)

    assert label_files.read(path).sources == (path, tmp_path / "x.zraw")


def test_a_header_never_reaches_outside_its_folder(voxels, tmp_path):
    (tmp_path / "inner").mkdir()
    path = make.metaimage(
        tmp_path / "inner" / "x.mhd", voxels, oblique(), changes={"ElementDataFile": "../x.raw"}
    )
    (tmp_path / "inner" / "x.raw").replace(tmp_path / "x.raw")

    with pytest.raises(LandmarkError, match="cannot be read"):
        label_files.read(path)


def test_names_and_layers_of_a_slicer_segmentation_are_read(voxels, tmp_path):
    keys = {
        "Segment0_Name": "QF_left", "Segment0_LabelValue": "1", "Segment0_Layer": "0",
        "Segment1_Name": "IT left", "Segment1_LabelValue": "1", "Segment1_Layer": "1",
    }  # fmt: skip
    first, second = (voxels == 6171).astype(np.uint8), (voxels == 12).astype(np.uint8)
    affine = oblique()

    volume = label_files.read(
        make.nrrd(tmp_path / "x.seg.nrrd", [first, second], affine, encoding="gzip", keys=keys)
    )

    assert [layer.names for layer in volume.layers] == [{1: ("QF_left",)}, {1: ("IT left",)}]
    assert places(volume, 0)[1] == pytest.approx(expected_places(voxels, affine)[6171])
    assert places(volume, 1)[1] == pytest.approx(expected_places(voxels, affine)[12])


# --- broken files -------------------------------------------------------------------------------


def changed_mha(folder, voxels, **changes):
    return make.metaimage(folder / "x.mha", voxels, oblique(), changes=changes)


def changed_nrrd(folder, voxels, **changes):
    fields = {key.replace("_", " "): value for key, value in changes.items()}
    return make.nrrd(folder / "x.nrrd", [voxels], oblique(), changes=fields)


BROKEN = {
    "MetaImage without position": (lambda f, v: changed_mha(f, v, Offset=None), "Offset"),
    "MetaImage without directions": (
        lambda f, v: changed_mha(f, v, TransformMatrix=None), "TransformMatrix"
    ),
    "MetaImage with a word for a number": (
        lambda f, v: changed_mha(f, v, ElementSpacing="1 one 3"), "ElementSpacing"
    ),
    "MetaImage with a number too few": (lambda f, v: changed_mha(f, v, Offset="1 2"), "Offset"),
    "MetaImage not finite": (lambda f, v: changed_mha(f, v, Offset="1 2 nan"), "Offset"),
    "MetaImage of an unknown type": (
        lambda f, v: changed_mha(f, v, ElementType="MET_STRING"), "ElementType"
    ),
    "MetaImage in colours": (
        lambda f, v: changed_mha(f, v, ElementNumberOfChannels="3"), "numbers a voxel"
    ),
    "MetaImage of text": (lambda f, v: changed_mha(f, v, BinaryData="False"), "text"),
    "MetaImage of many files": (
        lambda f, v: changed_mha(f, v, ElementDataFile="LIST"), "several files"
    ),
    "MetaImage without its voxels": (
        lambda f, v: changed_mha(f, v, ElementDataFile="gone.raw"), "gone.raw"
    ),
    "MetaImage that claims too much": (
        lambda f, v: changed_mha(f, v, DimSize="100000 100000 100000"), "voxels"
    ),
    "MetaImage of two axes": (lambda f, v: changed_mha(f, v, DimSize="9 7"), "DimSize"),
    "MetaImage that is not compressed": (
        lambda f, v: changed_mha(f, v, CompressedData="True"), "damaged"
    ),
    "MetaImage without spacing": (
        lambda f, v: changed_mha(f, v, ElementSpacing="0 1 1"), "where its voxels lie"
    ),
    "MetaImage that is sheared": (
        lambda f, v: changed_mha(f, v, TransformMatrix="1 0 0 0.5 0.87 0 0 0 1"), "right angles"
    ),
    "MetaImage folded flat": (
        lambda f, v: changed_mha(f, v, TransformMatrix="1 0 0 1 0 0 0 0 1"), "where its voxels lie"
    ),
    "MetaImage far away": (lambda f, v: changed_mha(f, v, Offset="9e5 0 0"), "scanner's centre"),
    "NRRD without space": (lambda f, v: changed_nrrd(f, v, space=None), "space"),
    "NRRD in an unknown space": (lambda f, v: changed_nrrd(f, v, space="scanner-xyz"), "space"),
    "NRRD without origin": (lambda f, v: changed_nrrd(f, v, space_origin=None), "origin"),
    "NRRD with a broken vector": (
        lambda f, v: changed_nrrd(f, v, space_directions="(1,0,0) (0,1,0) (0,0)"), "directions"
    ),
    "NRRD of an unknown type": (lambda f, v: changed_nrrd(f, v, type="block"), "type"),
    "NRRD of an unknown encoding": (lambda f, v: changed_nrrd(f, v, encoding="hex"), "encoding"),
    "NRRD that is not gzip": (lambda f, v: changed_nrrd(f, v, encoding="gzip"), "damaged"),
    "NRRD that is not bzip2": (lambda f, v: changed_nrrd(f, v, encoding="bz2"), "damaged"),
    "NRRD of unknown endian": (lambda f, v: changed_nrrd(f, v, endian="middle"), "endian"),
    "NRRD with a skip": (lambda f, v: changed_nrrd(f, v, byte_skip="10"), "skip"),
    "NRRD of five axes": (lambda f, v: changed_nrrd(f, v, sizes="1 1 9 7 5"), "sizes"),
    "NRRD with a word for a size": (lambda f, v: changed_nrrd(f, v, sizes="9 x 5"), "sizes"),
    "NRRD that claims too much": (
        lambda f, v: changed_nrrd(f, v, sizes="99999 99999 99999"), "voxels"
    ),
    "NRRD that claims too many layers": (
        lambda f, v: changed_nrrd(f, v, sizes="5000 9 7 5"), "layers"
    ),
    "NRRD of many files": (lambda f, v: changed_nrrd(f, v, data_file="LIST"), "one file"),
    "NRRD without its voxels": (lambda f, v: changed_nrrd(f, v, data_file="gone.raw"), "gone.raw"),
}  # fmt: skip


@pytest.mark.parametrize(("write", "word"), BROKEN.values(), ids=BROKEN)
def test_broken_files_are_refused_in_one_sentence(write, word, voxels, tmp_path):
    with pytest.raises(LandmarkError, match=word) as caught:
        label_files.read(write(tmp_path, voxels))

    assert str(caught.value).startswith("x.")  # the file; folders may name the patient
    assert str(tmp_path) not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kept", [0, 0.02, 0.3, 0.6, 0.9, 1])
def test_truncated_files_are_refused(name, kept, voxels, tmp_path):
    path = WRITERS[name](tmp_path, voxels, oblique())
    beside = next((one for one in tmp_path.iterdir() if one != path), path)
    content = beside.read_bytes()
    beside.write_bytes(content[: min(int(kept * len(content)), len(content) - 1)])

    with pytest.raises(LandmarkError):
        label_files.read(path)


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_bytes_raise_no_foreign_error(name, voxels, tmp_path):
    path = WRITERS[name](tmp_path, voxels, oblique())
    whole = path.read_bytes()
    rng = np.random.default_rng(2)
    for _ in range(40):
        broken = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 900), 4):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken))
        try:
            label_files.read(path)
        except LandmarkError as error:
            assert str(error)  # noqa: PT017 - some damage does not show


def test_a_nifti_that_says_no_orientation_is_refused(voxels, tmp_path):
    path = make.nifti(tmp_path / "x.nii", voxels, oblique(), codes=(0, 0))

    with pytest.raises(LandmarkFormatError, match="left and right"):
        label_files.read(path)


def test_probabilities_are_no_labels(voxels, tmp_path):
    path = make.nifti(tmp_path / "x.nii", voxels.astype(np.float32) * 0.7, oblique())

    with pytest.raises(LandmarkFormatError, match="no labels"):
        label_files.read(path)


def test_numbers_that_are_not_finite_are_no_labels(voxels, tmp_path):
    floats = voxels.astype(np.float32)
    floats[0, 0, 0] = np.nan
    path = make.nifti(tmp_path / "x.nii", floats, oblique())

    with pytest.raises(LandmarkFormatError, match="no labels"):
        label_files.read(path)


def test_labels_scaled_by_the_header_are_read_as_they_mean(voxels, tmp_path):
    path = make.nifti(tmp_path / "x.nii", voxels, oblique())
    content = bytearray(path.read_bytes())
    content[112:120] = struct.pack("<ff", 2.0, 0.0)  # scl_slope, scl_inter
    path.write_bytes(content)

    assert set(places(label_files.read(path))) == {2 * 6171, 24, 600}


def test_a_fourth_axis_of_one_is_no_axis(voxels, tmp_path):
    path = make.nifti(tmp_path / "x.nii", voxels, oblique())
    content = bytearray(path.read_bytes())
    content[40:50] = struct.pack("<5h", 4, 9, 7, 5, 1)
    path.write_bytes(content)

    assert 6171 in places(label_files.read(path))


def test_a_series_of_maps_is_refused(voxels, tmp_path):
    path = make.nifti(tmp_path / "x.nii", np.concatenate([voxels, voxels]), oblique())
    content = bytearray(path.read_bytes())
    content[40:50] = struct.pack("<5h", 4, 9, 7, 5, 2)
    path.write_bytes(content)

    with pytest.raises(LandmarkFormatError, match="three dimensions"):
        label_files.read(path)


@pytest.mark.parametrize("name", ["x.txt", "x.png", "x"])
def test_other_files_are_no_label_maps(name, tmp_path):
    (tmp_path / name).write_bytes(b"hello")

    with pytest.raises(LandmarkFormatError, match="no label map"):
        label_files.read(tmp_path / name)


@pytest.mark.parametrize("name", ["x.nii.gz", "x.mha", "x.nrrd"])
def test_a_missing_file_is_a_landmark_error(name, tmp_path):
    with pytest.raises(LandmarkError, match="cannot be read"):
        label_files.read(tmp_path / name)


def test_more_voxels_than_the_header_says_are_not_inflated(voxels, tmp_path):
    path = make.nrrd(tmp_path / "x.nrrd", [voxels], oblique(), encoding="gzip")
    head = path.read_bytes().split(b"\n\n")[0]
    path.write_bytes(head + b"\n\n" + gzip.compress(bytes(50_000_000)))

    with pytest.raises(LandmarkFormatError, match="more"):
        label_files.read(path)


def test_the_real_bodies_are_read(shared: Path):
    volume = label_files.read(shared / "geometry" / "pelvic_ref_002" / "label.mhd")

    assert volume.grid.shape == (163, 512, 512)
    assert volume.grid.pixel_spacing_mm == pytest.approx((1, 1))
    assert volume.grid.slice_spacing_mm == pytest.approx(3)
