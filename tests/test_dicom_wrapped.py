"""The PDF and the drawn slices as DICOM objects: valid, of the right patient, the same again."""

from dataclasses import replace

import dicom_tools
import example_report
import numpy as np
import pydicom
import pytest

from ifi_mri import loaders, reports
from ifi_mri.errors import ReportError
from ifi_mri.reports import dicom_capture, dicom_pdf, pdf_file

FORMATS = {"pdf_dicom": "report_pdf.dcm", "capture": "capture.dcm"}


@pytest.fixture(scope="module")
def case():
    """The demo study, whose images are files."""
    from ifi_mri import cli, landmarks, pipeline
    from ifi_mri.config import Config

    folder = cli.sample_data_folder() / cli.DEMO_CASE
    study = pipeline.load_study(folder / "study", Config())
    report = pipeline.analyse(study, landmarks.read_all([folder / "landmarks"]))
    return report, study


@pytest.fixture(scope="module")
def written(case, tmp_path_factory):
    report, study = case
    folder = tmp_path_factory.mktemp("dicom")
    reports.write(report, study, folder, tuple(FORMATS), loaders.load_volume)
    return folder


@pytest.mark.parametrize("name", FORMATS.values())
def test_dciodvfy_finds_no_error(written, name):
    assert dicom_tools.dciodvfy_errors(written / name) == []


@pytest.mark.parametrize("name", FORMATS.values())
def test_patient_and_study_are_those_of_the_images(written, case, name):
    _, study = case
    made = pydicom.dcmread(written / name)
    image = pydicom.dcmread(study.series[0].instances[0].path, stop_before_pixels=True)
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate"):
        assert str(made[keyword].value) == str(image[keyword].value)
    assert made.SeriesInstanceUID not in {series.series_uid for series in study.series}


def test_the_pdf_comes_out_as_it_went_in(written, case):
    report, study = case
    made = pydicom.dcmread(written / "report_pdf.dcm")
    content = pdf_file.render(report, study, loaders.load_volume)
    assert made.EncapsulatedDocumentLength == len(content)
    assert made.EncapsulatedDocument[: len(content)] == content
    assert made.MIMETypeOfEncapsulatedDocument == "application/pdf"


def test_the_capture_shows_both_sides_in_colour(written):
    made = pydicom.dcmread(written / "capture.dcm")
    pixels = made.pixel_array.astype(int)
    assert (made.Rows, made.Columns, 3) == pixels.shape
    yellow = (pixels[..., 0] > 200) & (pixels[..., 1] > 160) & (pixels[..., 2] < 120)
    rows = np.flatnonzero(yellow.any(axis=1))
    assert rows.min() < made.Rows / 2 < rows.max()
    assert made.BurnedInAnnotation == "NO"
    assert "PixelSpacing" not in made


@pytest.mark.parametrize("module", [dicom_pdf, dicom_capture])
def test_the_same_report_gives_the_same_bytes(case, module):
    report, study = case
    assert module.render(report, study, loaders.load_volume) == module.render(
        report, study, loaders.load_volume
    )


@pytest.mark.parametrize("module", [dicom_pdf, dicom_capture])
def test_images_that_are_not_dicom_or_not_there_are_refused(case, module):
    report, study = case
    nameless = tuple(
        replace(s, instances=tuple(replace(i, sop_instance_uid=None) for i in s.instances))
        for s in study.series
    )
    with pytest.raises(ReportError, match="not DICOM"):
        module.render(report, replace(study, series=nameless), loaders.load_volume)
    with pytest.raises(ReportError, match="is not among the study's series"):
        module.render(report, replace(study, series=()), loaders.load_volume)


def test_without_a_distance_there_is_no_capture(tmp_path):
    report = replace(example_report.report(), measurements=())
    paths = reports.write(
        report, example_report.study(), tmp_path, ("capture",), example_report.open_volume
    )
    assert paths == []
    assert not (tmp_path / "capture.dcm").exists()
