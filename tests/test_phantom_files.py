"""The phantom's files: valid, the same in every format, the same on every run."""

import gzip
import io
import itertools
import json
from pathlib import Path, PurePosixPath

import nibabel as nib
import numpy as np
import pydicom
import pytest

from ifi_mri.errors import ConfigError
from ifi_mri.geometry import patient_to_voxel, voxel_to_patient
from ifi_mri.phantom import (
    HipSpec,
    Phantom,
    make_phantom,
    write_dicom,
    write_nifti,
    write_phantom,
)
from ifi_mri.phantom.dicom_files import dicom_files
from ifi_mri.phantom.nifti_files import nifti_files

ALL_AXES = [
    "".join(letters)
    for order in itertools.permutations(("LR", "AP", "SI"))
    for letters in itertools.product(*order)
]


def oblique(**scan) -> Phantom:
    return make_phantom(
        HipSpec(14, 8, 2.0), HipSpec(21, 13, slice_offset=1),
        **({"pixel_mm": (3.1, 2.4), "fluid_pixel_mm": (3.6, 2.9), "n_slices": 6,
            "pose_deg": (13.0, -21.0, 24.0), "offset_mm": (25.0, -40.0, -812.0)} | scan),
    )  # fmt: skip


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return oblique(coronal=True, localizer=True)


@pytest.fixture(scope="module")
def datasets(phantom: Phantom) -> dict[str, list[pydicom.Dataset]]:
    series: dict[str, list[pydicom.Dataset]] = {}
    for _, content in dicom_files(phantom):
        dataset = pydicom.dcmread(io.BytesIO(content))
        series.setdefault(dataset.SeriesDescription, []).append(dataset)
    return series


# --- DICOM --------------------------------------------------------------------------------------


def test_every_series_is_there(datasets: dict[str, list[pydicom.Dataset]]) -> None:
    counts = {name: len(slices) for name, slices in datasets.items()}
    assert counts == {"LOCALIZER": 9, "COR T1 TSE": 19, "AX T1 TSE": 6, "AX STIR": 6}
    uids = [d.SOPInstanceUID for slices in datasets.values() for d in slices]
    assert len(set(uids)) == len(uids)
    assert len({slices[0].SeriesInstanceUID for slices in datasets.values()}) == 4
    for slices in datasets.values():
        assert {d.SeriesInstanceUID for d in slices} == {slices[0].SeriesInstanceUID}
        assert [d.InstanceNumber for d in slices] == list(range(1, len(slices) + 1))


def test_a_t2_with_fat_saturation_says_so() -> None:
    files = dict(dicom_files(oblique(fluid_sequence="t2_fs", snr=None)))
    fluid = pydicom.dcmread(
        io.BytesIO(next(b for p, b in files.items() if "T2" in p.parts[0])), stop_before_pixels=True
    )
    assert fluid.SeriesDescription == "AX T2 TSE FS"
    assert fluid.ScanOptions == "FS"
    assert "InversionTime" not in fluid
    assert fluid.EchoTime == 65


def test_positions_and_pixels_read_back_as_the_stack(
    phantom: Phantom, datasets: dict[str, list[pydicom.Dataset]]
) -> None:
    for stack in phantom.stacks:
        if stack.protocol.name == "localizer":
            continue
        for index, dataset in enumerate(datasets[stack.protocol.description]):
            assert np.array_equal(dataset.pixel_array, stack.voxels[index])
            right = np.array(dataset.ImageOrientationPatient[:3], dtype=float)
            down = np.array(dataset.ImageOrientationPatient[3:], dtype=float)
            row_mm, column_mm = dataset.PixelSpacing
            origin = np.array(dataset.ImagePositionPatient, dtype=float)
            for row, column in ((0, 0), (10, 3), (4, 20)):
                expected = voxel_to_patient(stack.grid.affine, (index, row, column))
                found = origin + row * row_mm * down + column * column_mm * right
                np.testing.assert_allclose(found, expected, atol=1e-6)


def test_localizer_planes_lie_where_their_headers_say(
    phantom: Phantom, datasets: dict[str, list[pydicom.Dataset]]
) -> None:
    # The same place in the patient is body or air in all planes.
    anatomy = phantom.anatomy
    bright = 0
    for dataset in datasets["LOCALIZER"]:
        right = np.array(dataset.ImageOrientationPatient[:3], dtype=float)
        down = np.array(dataset.ImageOrientationPatient[3:], dtype=float)
        rows, columns = np.indices(dataset.pixel_array.shape)
        points = (
            np.array(dataset.ImagePositionPatient, dtype=float)
            + rows[..., None] * dataset.PixelSpacing[0] * down
            + columns[..., None] * dataset.PixelSpacing[1] * right
        )
        indices = np.rint(patient_to_voxel(anatomy.grid.affine, points)).astype(int)
        inside = ((indices >= 0) & (indices < anatomy.grid.shape)).all(axis=-1)
        there = anatomy.voxels[tuple(indices[inside].T)]
        here = dataset.pixel_array[inside]
        agree = (there > 90) == (here > 90)
        assert agree.mean() > 0.93
        assert np.corrcoef(there, here)[0, 1] > 0.7
        bright += int((here > 90).sum())
    assert bright > 5000


def test_headers_carry_what_a_reader_of_mr_needs(
    phantom: Phantom, datasets: dict[str, list[pydicom.Dataset]]
) -> None:
    t1, stir = datasets["AX T1 TSE"][0], datasets["AX STIR"][0]
    for dataset in (t1, stir):
        assert dataset.Modality == "MR"
        assert dataset.SOPClassUID == dataset.file_meta.MediaStorageSOPClassUID
        assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID
        assert dataset.StudyInstanceUID == phantom.study_uid
        assert dataset.FrameOfReferenceUID == phantom.frame_of_reference_uid
        assert dataset.PatientPosition == "HFS"
        assert dataset.BurnedInAnnotation == "NO"
        assert str(dataset.PatientName) == "NOBODY^IMAGINARY"
        assert "ynthetic" in dataset.ImageComments
        assert "Laterality" not in dataset
        assert dataset.SpacingBetweenSlices == 5
        assert dataset.SliceThickness == 4
        assert (dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation) == (12, 11, 0)
    assert list(t1.PixelSpacing) == [3.1, 2.4]
    assert list(stir.PixelSpacing) == [3.6, 2.9]
    assert (t1.EchoTime, t1.RepetitionTime) == (13, 598)
    assert (stir.EchoTime, stir.RepetitionTime, stir.InversionTime) == (42, 5266, 160)
    assert list(stir.ScanningSequence) == ["SE", "IR"]
    assert "LOCALIZER" in datasets["LOCALIZER"][0].ImageType


@pytest.mark.parametrize(
    ("left", "right", "letter"), [(None, HipSpec(), "R"), (HipSpec(), None, "L")]
)
def test_a_study_of_one_hip_states_its_side(
    left: HipSpec | None, right: HipSpec | None, letter: str
) -> None:
    made = make_phantom(left, right, pixel_mm=(3, 3), n_slices=3, snr=None)
    _, content = next(dicom_files(made))
    dataset = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
    assert (dataset.Laterality, dataset.BodyPartExamined) == (letter, "HIP")


def test_decimal_strings_fit_into_16_characters(
    datasets: dict[str, list[pydicom.Dataset]],
) -> None:
    for dataset in itertools.chain(*datasets.values()):
        for element in dataset:
            if element.VR == "DS":
                values = element.value if element.VM > 1 else [element.value]
                assert all(len(str(value)) <= 16 for value in values), element


# --- NIfTI --------------------------------------------------------------------------------------


def test_there_are_48_ways_to_store_the_axes() -> None:
    assert len(set(ALL_AXES)) == 48


@pytest.mark.parametrize("axes", ALL_AXES)
def test_the_same_place_has_the_same_value_however_the_axes_are_stored(
    phantom: Phantom, axes: str
) -> None:
    files = dict(nifti_files(phantom, axes))
    for stack in (phantom.anatomy, phantom.fluid_sensitive):
        name = f"{stack.protocol.number}_{stack.protocol.description.replace(' ', '_')}.nii.gz"
        content = files[PurePosixPath(name)]
        image = nib.Nifti1Image.from_bytes(gzip.decompress(content))
        assert "".join(nib.aff2axcodes(image.affine)) == axes
        assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == (1, 1)
        np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-3)
        voxels = np.asarray(image.dataobj)
        indices = np.random.default_rng(3).integers(0, stack.grid.shape, (60, 3))
        ras = voxel_to_patient(stack.grid.affine, indices) * [-1, -1, 1]
        stored = np.linalg.inv(image.affine) @ np.c_[ras, np.ones(60)].T
        np.testing.assert_allclose(stored, np.rint(stored), atol=1e-3)
        found = voxels[tuple(np.rint(stored[:3]).astype(int))]
        np.testing.assert_array_equal(found, stack.voxels[tuple(indices.T)])


def test_a_sidecar_names_the_sequence_in_seconds_and_nobody(phantom: Phantom) -> None:
    sidecars = {p.name: json.loads(b) for p, b in nifti_files(phantom) if p.suffix == ".json"}
    stir = sidecars["4_AX_STIR.json"]
    assert (stir["EchoTime"], stir["RepetitionTime"], stir["InversionTime"]) == (0.042, 5.266, 0.16)
    assert stir["SeriesDescription"] == "AX STIR"
    assert stir["SpacingBetweenSlices"] == 5
    assert sorted(sidecars) == ["2_COR_T1_TSE.json", "3_AX_T1_TSE.json", "4_AX_STIR.json"]
    for sidecar in sidecars.values():
        personal = [key for key in sidecar if key.startswith(("Patient", "Study"))]
        assert personal == ["PatientPosition"]


@pytest.mark.parametrize("axes", ["", "LA", "LAA", "LRS", "XYZ", "LASS", "las"])
def test_voxel_axes_that_are_none_of_the_48_are_refused(
    phantom: Phantom, axes: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="voxel axes"):
        write_nifti(phantom, tmp_path / "study", axes)
    assert not (tmp_path / "study").exists()


# --- reproducible -------------------------------------------------------------------------------


def test_the_same_arguments_write_the_same_bytes() -> None:
    for write in (dicom_files, nifti_files):
        assert dict(write(oblique(seed=4))) == dict(write(oblique(seed=4)))


def test_other_arguments_make_another_study() -> None:
    uids = {
        oblique(**change).study_uid for change in ({}, {"seed": 1}, {"snr": 30.0}, {"shading": 0.1})
    }
    assert len(uids) == 4


def test_uids_are_valid_and_of_the_uuid_kind(phantom: Phantom) -> None:
    for uid in (phantom.study_uid, *phantom.anatomy.sop_instance_uids):
        assert pydicom.uid.UID(uid).is_valid
        assert uid.startswith("2.25.")


# --- on disk ------------------------------------------------------------------------------------


def test_a_phantom_is_written_in_every_format_with_its_truth(
    phantom: Phantom, tmp_path: Path
) -> None:
    written = write_phantom(phantom, tmp_path / "new" / "out", ("dicom", "nifti"))
    out = tmp_path / "new" / "out"
    assert written == [out / "dicom", out / "nifti", out / "truth.json"]
    assert len(list((out / "dicom").rglob("*.dcm"))) == 40
    assert len(list((out / "nifti").glob("*.nii.gz"))) == 3
    truth = json.loads((out / "truth.json").read_text())
    assert truth == json.loads(json.dumps(phantom.truth))
    assert truth["left"]["ifs_mm"] == 14
    assert truth["synthetic"] is True


def test_a_folder_that_holds_a_study_is_not_written_into(phantom: Phantom, tmp_path: Path) -> None:
    write_dicom(phantom, tmp_path / "dicom")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="already holds files"):
        write_phantom(phantom, tmp_path, ("nifti", "dicom"))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("formats", "says"), [(("dicom", "mha"), "'mha' is not known"), ((), "none")]
)
def test_an_unknown_format_is_refused_before_anything_is_written(
    phantom: Phantom, formats: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=says):
        write_phantom(phantom, tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(phantom: Phantom, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="cannot be written"):
            write_phantom(phantom, target)
