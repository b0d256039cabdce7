"""Files by scanners and other software agree with what dcm2niix makes of them.

The sets are those of neurolabusc's dcm_qa family: DICOM beside the NIfTI (RAS) that dcm2niix, the
converter the field trusts, made of it.  Voxels are compared by where they lie, not by array order.
"""

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ifi_mri.errors import GeometryError, UnreadableImageError
from ifi_mri.loaders import load_study, load_volume
from ifi_mri.loaders.dicom_pixels import FrameReader
from ifi_mri.loaders.header_scan import scan
from ifi_mri.loaders.source_files import Opener
from ifi_mri.model import Volume

WITHIN_MM = 0.01
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def reference_volumes(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stored values and LPS affine of each volume of a reference."""
    image = nib.load(path)
    stored = np.asarray(image.dataobj.get_unscaled())
    volumes = stored.reshape(*stored.shape[:3], -1)
    return [(volumes[..., k], LPS @ image.affine) for k in range(volumes.shape[3])]


def values_at_places_of(volume: Volume, affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The volume's values where a reference's voxels lie, in the reference's order."""
    indices = np.indices(shape).reshape(3, -1).T
    places = indices @ affine[:3, :3].T + affine[:3, 3]
    inverse = np.linalg.inv(volume.affine)
    found = places @ inverse[:3, :3].T + inverse[:3, 3]
    nearest = np.round(found).astype(int)
    off_mm = np.linalg.norm((found - nearest) @ volume.affine[:3, :3].T, axis=1)
    assert off_mm.max() < WITHIN_MM
    assert (nearest >= 0).all()
    assert (nearest < volume.voxels.shape).all()
    return volume.voxels[tuple(nearest.T)].reshape(shape)


def test_siemens_enhanced_time_series(shared: Path) -> None:
    folder = shared / "conformance" / "dcm_qa_enh"
    study = load_study(folder / "In" / "Siemens")
    references = reference_volumes(folder / "Ref" / "Siemens_REST1_w_SMS_PF7-8_6.nii")
    assert len(study.series) == len(references) == 4
    for series, (stored, affine) in zip(study.series, references, strict=True):
        assert "pixels are 3.38 x 3.38 mm" in (series.refusal or "")
        found = values_at_places_of(load_volume(series), affine, stored.shape)
        np.testing.assert_array_equal(found, stored)


@pytest.mark.parametrize(
    ("kind", "reference", "slope", "intercept"),
    [
        ("MAGNITUDE", "Philips_WIP_B0_NS_801_e1.nii", 1.27985347985347, 0.0),
        ("FIELD_MAP", "Philips_WIP_B0_NS_801_e2_fieldmaphz.nii", 0.24420024420024, -500.0),
    ],
)
def test_philips_enhanced_magnitude_and_field_map(
    shared: Path, kind: str, reference: str, slope: float, intercept: float
) -> None:
    folder = shared / "conformance" / "dcm_qa_enh"
    study = load_study(folder / "In" / "Philips")
    assert len(study.series) == 2
    (series,) = (piece for piece in study.series if kind in piece.label)
    ((stored, affine),) = reference_volumes(folder / "Ref" / reference)
    found = values_at_places_of(load_volume(series), affine, stored.shape)
    np.testing.assert_array_equal(found, (stored * slope + intercept).astype(np.float32))


@pytest.mark.parametrize("name", [f"{k}.dcm" for k in range(1, 10)])
def test_siemens_mosaics_are_recognised_in_every_transfer_syntax(shared: Path, name: str) -> None:
    (series,) = load_study(shared / "conformance" / "dcm_qa_ts" / "In" / name).series
    assert "is a mosaic, many slices in one picture" in (series.refusal or "")
    with pytest.raises(GeometryError, match="is a mosaic"):
        load_volume(series)


def stored_frames(path: Path) -> np.ndarray:
    with Opener() as opener:
        source = opener.open(path)
        header = scan(source)
        assert header is not None
        reader = FrameReader(header, source)
        n_frames = 10 if "emri" in path.name else 1
        frames = np.stack([np.array(reader.read(k)) for k in range(n_frames)])
        source.close()
    return frames


@pytest.mark.parametrize("name", [f"{k}.dcm" for k in range(2, 10)])
def test_pixels_are_bit_identical_in_every_transfer_syntax(shared: Path, name: str) -> None:
    folder = shared / "conformance" / "dcm_qa_ts" / "In"
    np.testing.assert_array_equal(stored_frames(folder / name), stored_frames(folder / "1.dcm"))


@pytest.mark.parametrize("kind", ["_RLE", "_big_endian", "_jpeg_2k_lossless", "_jpeg_ls_lossless"])
def test_enhanced_frames_are_bit_identical_in_every_transfer_syntax(
    shared: Path, kind: str
) -> None:
    folder = shared / "conformance" / "pydicom_data"
    expected = stored_frames(folder / "emri_small.dcm")
    assert expected.max() > 0
    np.testing.assert_array_equal(stored_frames(folder / f"emri_small{kind}.dcm"), expected)
    (series,) = load_study(folder / f"emri_small{kind}.dcm").series
    assert re.search("says where 0 frames lie|found nothing in 10 of 10", series.refusal or "")


def test_a_truncated_enhanced_file_is_refused(shared: Path) -> None:
    path = shared / "conformance" / "pydicom_data" / "emri_small_jpeg_2k_lossless_too_short.dcm"
    (series,) = load_study(path).series
    assert f"{path.name}: the file is truncated" in (series.refusal or "")
    with pytest.raises(UnreadableImageError, match="is truncated"):
        load_volume(series)


def test_references_themselves_are_read_as_nibabel_reads_them(shared: Path) -> None:
    paths = sorted((shared / "conformance").rglob("Ref/*.nii"))
    assert len(paths) == 12
    for path in paths:
        for k, (stored, affine) in enumerate(reference_volumes(path)):
            (series,) = load_study(f"{path}#{k}").series
            found = values_at_places_of(load_volume(series), affine, stored.shape)
            image = nib.load(path)
            expected = stored * np.float64(image.dataobj.slope) + np.float64(image.dataobj.inter)
            np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_the_real_study_is_read_where_it_lies(shared: Path) -> None:
    study = load_study(shared / "real_mri" / "sts_001")
    fluid, anatomy = study.series
    assert (fluid.number, anatomy.number) == (10, 11)
    for series, shape in ((anatomy, (40, 512, 512)), (fluid, (40, 384, 384))):
        assert series.refusal is None
        assert series.grid is not None
        assert series.grid.shape == shape
        assert series.grid.slice_spacing_mm == pytest.approx(5.2, abs=1e-4)
        assert series.slice_thickness_mm == 4
        assert series.laterality is None
        assert [caution.code for caution in series.cautions] == [
            "missing_echo_time",
            "missing_repetition_time",
            "missing_field_strength",
        ]
    assert anatomy.fat_suppression is None
    assert fluid.fat_suppression == 'description says "fat sat"'
    assert study.patient.age_years is None
    assert anatomy.instances[-1].number == 1
    volume = load_volume(anatomy, near=[anatomy.instances[-3].position_mm])
    assert volume.voxels.shape == (1, 512, 512)
    np.testing.assert_allclose(volume.affine[:3, 3], (-7.85233, -97.08, 78.50), atol=0.5)
