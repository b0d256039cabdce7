"""DICOM SEG as label maps: frames in any order, gaps, fractions, names and sides."""

import label_makers as make
import numpy as np
import pydicom
import pytest
from scipy.spatial.transform import Rotation

from ifi_mri import geometry
from ifi_mri.errors import LandmarkError, LandmarkFormatError
from ifi_mri.landmarks import dicom_seg


@pytest.fixture
def affine():
    matrix = np.eye(4)
    turn = Rotation.from_euler("xyz", (6, -9, 15), degrees=True).as_matrix()
    matrix[:3, :3] = turn[:, ::-1] * (4.5, 0.7, 0.9)
    # DICOM's slices go along the normal of its rows and columns
    matrix[:3, 0] = 4.5 * np.cross(matrix[:3, 2] / 0.9, matrix[:3, 1] / 0.7)
    matrix[:3, 3] = (31.5, -48.25, 112.75)
    return matrix


@pytest.fixture
def masks():
    first, second = np.zeros((2, 8, 10, 12), dtype=bool)
    first[2, 3:6, 4:9] = first[3, 2:7, 4:9] = True
    second[3, 6:9, 7:11] = second[6, 5:8, 2:5] = True  # overlaps the first on slice 3
    return [first, second]


def places(volume, layer):
    indices = np.argwhere(volume.layers[layer].voxels)
    return geometry.voxel_to_patient(volume.grid.affine, indices)


def same_places(found, mask, affine):
    expected = geometry.voxel_to_patient(affine, np.argwhere(mask))
    order = [np.lexsort(np.round(points, 3).T) for points in (found, expected)]
    return found[order[0]] == pytest.approx(expected[order[1]], abs=1e-4)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_segments_lie_where_they_were_drawn(kind, masks, affine, tmp_path):
    volume = dicom_seg.read(make.dicom_seg(tmp_path / "s.dcm", masks, affine, kind=kind))

    assert [layer.value for layer in volume.layers] == [1, 2]
    for k, mask in enumerate(masks):
        assert same_places(places(volume, k), mask, affine)


def test_frames_that_begin_within_a_byte_are_read(affine, tmp_path):
    """Frames of one bit a pixel follow one another without a gap: 99 pixels are 12.4 bytes."""
    mask = np.random.default_rng(5).random((6, 9, 11)) < 0.4

    volume = dicom_seg.read(make.dicom_seg(tmp_path / "s.dcm", [mask, ~mask], affine))

    assert same_places(places(volume, 0), mask, affine)
    assert same_places(places(volume, 1), ~mask, affine)


def test_a_label_map_segmentation_is_read(masks, affine, tmp_path):
    first, second = masks
    path = make.dicom_seg(
        tmp_path / "s.dcm", [first & ~second, second], affine, kind="LABELMAP", names=["a", "b"]
    )

    (layer,) = dicom_seg.read(path).layers

    assert set(np.unique(layer.voxels)) == {0, 1, 2}
    assert layer.names[2][0] == "b"


def test_the_order_of_frames_does_not_matter(masks, affine, tmp_path):
    plain = dicom_seg.read(make.dicom_seg(tmp_path / "a.dcm", masks, affine))
    shuffled = dicom_seg.read(
        make.dicom_seg(
            tmp_path / "b.dcm",
            masks,
            affine,
            order=lambda n: np.random.default_rng(1).permutation(n),
        )
    )

    for k, mask in enumerate(masks):
        assert same_places(places(plain, k), mask, affine)
        assert same_places(places(shuffled, k), mask, affine)


def test_slices_without_a_voxel_may_be_left_out(masks, affine, tmp_path):
    """Slices 2, 3 and 6 are there: the spacing is that of 2 and 3."""
    volume = dicom_seg.read(make.dicom_seg(tmp_path / "s.dcm", masks, affine))

    assert volume.grid.shape[0] == 5
    assert volume.grid.slice_spacing_mm == pytest.approx(4.5)


def test_a_spacing_that_the_file_states_fills_wider_gaps(affine, tmp_path):
    mask = np.zeros((7, 10, 12), dtype=bool)
    mask[0, 2:5, 2:5] = mask[4, 2:5, 2:5] = mask[6, 2:5, 2:5] = True

    volume = dicom_seg.read(make.dicom_seg(tmp_path / "s.dcm", [mask], affine))

    assert volume.grid.slice_spacing_mm == pytest.approx(4.5)
    assert volume.grid.shape[0] == 7


def test_fractions_are_parts_of_the_largest(masks, affine, tmp_path):
    half = masks[0].astype(np.float32) * 0.5
    path = make.dicom_seg(tmp_path / "s.dcm", [half], affine, kind="FRACTIONAL")

    (layer,) = dicom_seg.read(path).layers

    assert layer.voxels.dtype == np.float32
    assert layer.voxels.max() == pytest.approx(0.5)


def test_a_side_in_a_modifier_code_becomes_part_of_the_names(masks, affine, tmp_path):
    path = make.dicom_seg(
        tmp_path / "s.dcm", masks, affine, names=["bone", "femur"], sides=["left", "right"]
    )

    names = [layer.names for layer in dicom_seg.read(path).layers]

    assert "Femur left" in names[0][1]
    assert "femur right" in names[1][2]


def test_study_and_frame_of_reference_are_kept(masks, affine, tmp_path):
    volume = dicom_seg.read(make.dicom_seg(tmp_path / "s.dcm", masks, affine))

    assert (volume.study_uid, volume.frame_of_reference_uid) == ("1.2.3", "1.2.3.4")
    assert not volume.numbers_mean_something


# --- broken files -------------------------------------------------------------------------------


def edited(path, masks, affine, edit, **options):
    make.dicom_seg(path, masks, affine, **options)
    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.save_as(path)
    return path


def move_frame(dataset, by):
    position = dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
    old = np.array(position.ImagePositionPatient, dtype=float)
    position.ImagePositionPatient = [f"{x:.6f}" for x in old + by]


def turn_frame(dataset):
    own = pydicom.Dataset()
    own.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    dataset.PerFrameFunctionalGroupsSequence[1].PlaneOrientationSequence = [own]


def double_frame(dataset):
    first, second = dataset.PerFrameFunctionalGroupsSequence[:2]
    second.PlanePositionSequence = first.PlanePositionSequence


BROKEN = {
    "a frame beside the others": (lambda d: move_frame(d, (1.0, 0, 0)), "beside one another"),
    "frames that are not parallel": (turn_frame, "not parallel"),
    "two frames at one place": (double_frame, "at one position"),
    "an unknown type": (lambda d: setattr(d, "SegmentationType", "SURFACE"), "type 'SURFACE'"),
    "another SOP class": (
        lambda d: setattr(d, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.4"), "MR Image Storage"
    ),
    "too few pixels": (lambda d: setattr(d, "PixelData", b"\0\0"), "cannot be read"),
    "no frames described": (
        lambda d: delattr(d, "PerFrameFunctionalGroupsSequence"), "cannot be read"
    ),
    "a frame description missing": (
        lambda d: d.PerFrameFunctionalGroupsSequence.pop(), "descriptions of frames"
    ),
    "no orientation": (
        lambda d: delattr(d.SharedFunctionalGroupsSequence[0], "PlaneOrientationSequence"),
        "cannot be read",
    ),
    "too many frames claimed": (
        lambda d: setattr(d, "NumberOfFrames", 2**30), "descriptions of frames"
    ),
    "huge pictures claimed": (lambda d: setattr(d, "Rows", 65535), "cannot be read"),
    "no segments": (lambda d: delattr(d, "SegmentSequence"), "cannot be read"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # pydicom's own, on what was broken here
@pytest.mark.parametrize(("edit", "word"), BROKEN.values(), ids=BROKEN)
def test_broken_files_are_refused_in_one_sentence(edit, word, masks, affine, tmp_path):
    path = edited(tmp_path / "s.dcm", masks, affine, edit)

    with pytest.raises(LandmarkFormatError, match=word) as caught:
        dicom_seg.read(path)

    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
def test_uneven_slices_are_refused(affine, tmp_path):
    mask = np.zeros((5, 10, 12), dtype=bool)
    mask[:, 2:5, 2:5] = True
    path = edited(tmp_path / "s.dcm", [mask], affine, lambda d: move_frame(d, affine[:3, 0] * 0.3))

    with pytest.raises(LandmarkFormatError, match="even"):
        dicom_seg.read(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kept", [132, 400, 900, 1500, -20])
def test_truncated_files_are_refused(kept, masks, affine, tmp_path):
    path = make.dicom_seg(tmp_path / "s.dcm", masks, affine)
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(LandmarkError):
        dicom_seg.read(path)


@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_raise_no_foreign_error(masks, affine, tmp_path):
    path = make.dicom_seg(tmp_path / "s.dcm", masks, affine)
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(80):
        broken = bytearray(whole)
        for place in rng.integers(132, len(whole), 5):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken))
        try:
            dicom_seg.read(path)
        except LandmarkError as error:
            assert str(error)  # noqa: PT017 - some damage does not show
