"""What `inspect` says of a study: facts, problems, and what the middle slices show."""

import pydicom
import pytest

from ifi_mri import pipeline
from ifi_mri.config import Config
from ifi_mri.inspection import as_text, inspect
from ifi_mri.landmarks import inside
from ifi_mri.model import Grid, Landmark, LandmarkSet
from ifi_mri.phantom import HipSpec, make_phantom, write_dicom
from ifi_mri.phantom.hip import MIDDLE
from ifi_mri.vocabulary import LandmarkName, Role, Side


def inspected(folder, config=None):
    config = config or Config()
    study = pipeline.load_study(folder, config)
    return inspect(study, pipeline.choose_series(study, None, config), config)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both") / "study"
    phantom = make_phantom(pixel_mm=(1.8, 1.8), localizer=True, slice_spacing_mm=9.0)
    write_dicom(phantom, folder)
    return folder


def by_role(facts):
    return {series["role"]: series for series in facts["series"] if series["role"]}


def test_roles_geometry_and_evidence_are_facts(both):
    roles = by_role(inspected(both))

    assert roles["anatomy"]["plane"] == "axial"
    assert roles["anatomy"]["pixel_spacing_mm"] == [1.8, 1.8]
    assert roles["anatomy"]["slice_spacing_mm"] == pytest.approx(9.0)
    assert "ms" in roles["fluid_sensitive"]["fat_suppression"]


def test_coarse_pixels_and_wide_slices_are_cautioned(both):
    codes = {caution["code"] for caution in by_role(inspected(both))["anatomy"]["cautions"]}

    assert {"coarse_pixels", "wide_slice_spacing"} <= codes


def test_a_localizer_is_a_problem_and_plays_no_role(both):
    facts = inspected(both)
    localizers = [s for s in facts["series"] if "LOCALIZER" in s["label"]]

    assert localizers
    assert all(series["problem"] and series["role"] is None for series in localizers)
    assert "problem: " in as_text(facts)


def test_the_picture_tells_which_sides_it_shows(both, tmp_path):
    alone = make_phantom(HipSpec(), None, pixel_mm=(1.5, 1.5))
    write_dicom(alone, tmp_path / "left")

    assert by_role(inspected(both))["anatomy"]["sides_shown"] == ["right", "left"]
    assert by_role(inspected(tmp_path / "left"))["anatomy"]["sides_shown"] == ["left"]


def test_a_wide_void_is_suspected_to_be_metal(tmp_path):
    phantom = make_phantom(pixel_mm=(1.5, 1.5), snr=30)
    write_dicom(phantom, tmp_path / "study")
    anatomy = [p for p in (tmp_path / "study").rglob("*.dcm") if "T1" in str(p)]
    for path in anatomy:
        dataset = pydicom.dcmread(path)
        pixels = dataset.pixel_array.copy()
        row, column = (int(n) for n in phantom.anatomy.grid.shape[1:])
        centre = column // 2 + int(MIDDLE[0] / 1.5)
        pixels[row // 2 - 10 : row // 2 + 10, centre - 10 : centre + 10] = 0
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(path)
    series = by_role(inspected(tmp_path / "study"))["anatomy"]

    assert series["widest_void_mm"] > 18
    assert "metal_suspected" in {caution["code"] for caution in series["cautions"]}


# --- landmarks in the volume --------------------------------------------------------------------

#: 10 slices 5 mm apart towards the feet, 40 rows of 2 mm towards the head's right, 30 columns of
#: 1 mm: no axis where a friendly volume has it.
AWKWARD = Grid(
    ((0.0, -2.0, 0.0, 10.0), (0.0, 0.0, 1.0, -20.0), (-5.0, 0.0, 0.0, 30.0), (0, 0, 0, 1)),
    (10, 40, 30),
)


@pytest.mark.parametrize(
    ("point_mm", "inside_mm", "face"),
    [
        ((-29.0, -17.5, 7.5), 3.0, "first column (towards the front)"),
        ((-29.0, 4.5, 7.5), 5.0, "last column (towards the back)"),
        ((-60.0, -5.0, 7.5), 9.0, "last row (towards the right)"),
        ((-29.0, -5.0, -14.0), 3.5, "last slice (towards the feet)"),
        ((-29.0, -5.0, 33.5), -1.0, "first slice (towards the head)"),
    ],
)
def test_the_nearest_face_and_the_way_to_it_are_exact(point_mm, inside_mm, face):
    mark = Landmark(LandmarkName.LESSER_TROCHANTER, Side.RIGHT, (point_mm,))
    (nearest,) = inside.nearest_faces(LandmarkSet((mark,)), AWKWARD)

    assert nearest.inside_mm == pytest.approx(inside_mm)
    assert nearest.face == face


def test_landmarks_are_said_to_lie_inside_and_how_far_from_the_edge(both):
    config = Config()
    study = pipeline.load_study(both, config)
    choices = pipeline.choose_series(study, None, config)
    anatomy = next(c.series for c in choices if c.role is Role.ANATOMY)
    centre = anatomy.grid.affine @ [*((n - 1) / 2 for n in anatomy.grid.shape), 1]
    above = anatomy.grid.affine @ [anatomy.grid.shape[0] + 0.5, 50, 50, 1]
    marks = LandmarkSet(
        (
            Landmark(LandmarkName.LESSER_TROCHANTER, Side.LEFT, (tuple(centre[:3]),)),
            Landmark(LandmarkName.ISCHIAL_TUBEROSITY, Side.LEFT, (tuple(centre[:3]),)),
            Landmark(LandmarkName.ISCHIAL_TUBEROSITY, Side.LEFT, (tuple(above[:3]),)),
        )
    )
    facts = inspect(study, choices, config, marks)

    n_slices = anatomy.grid.shape[0]
    assert [one["inside"] for one in facts["landmarks"]] == [True, True, False]
    assert facts["landmarks"][0]["to_nearest_face_mm"] == pytest.approx(n_slices * 9.0 / 2, abs=0.1)
    text = as_text(facts)
    assert "left lesser_trochanter: inside" in text
    assert "left ischial_tuberosity: OUTSIDE the volume, 9.0 mm beyond its last slice" in text
    assert text.count("left ischial_tuberosity") == 1


def test_without_landmarks_nothing_is_said_of_them(both):
    assert inspected(both)["landmarks"] is None
