"""Cases for structured reports: two hips on oblique slices of pixels that are not square.

The images are noise, in one file a slice or in one multi-frame file whose frames are shuffled; the
landmarks are placed by hand in the coordinates of the grid.
"""

from dataclasses import dataclass
from pathlib import Path

import dicom_makers as make
import numpy as np

import ifi_mri
from ifi_mri import Config
from ifi_mri.model import Landmark, LandmarkSet, Report, Study
from ifi_mri.vocabulary import LandmarkName, Side

#: Slices 5 mm apart, 0.7 mm between rows and 0.9 mm between columns, turned about every axis.
SCENE = make.scene(
    shape=(7, 300, 320),
    spacing_mm=(5.0, 0.7, 0.9),
    turn_deg=(8.0, -6.0, 11.0),
    origin_mm=(-150.0, -80.0, 20.0),
    lowest=500,
    highest=900,
)
#: The same with square pixels, which Cornerstone needs to place what it stores on an image.
SQUARE = make.scene(
    shape=(7, 300, 320),
    spacing_mm=(5.0, 0.8, 0.8),
    turn_deg=(8.0, -6.0, 11.0),
    origin_mm=(-130.0, -90.0, 20.0),
    lowest=500,
    highest=900,
)
FLUID_TAGS = {
    "EchoTime": "80",
    "RepetitionTime": "4000",
    "ScanOptions": "FS",
    "SeriesDescription": "AX T2 FS",
}

#: Where the ends of the spaces lie, by side: slice, column and row of the grid, from 0.  The right
#: hip is on the side of the first columns.
ENDS = {
    Side.LEFT: (4, (238.0, 161.0), (251.0, 150.0), (240.0, 172.0), (246.0, 160.0)),
    Side.RIGHT: (2, (92.0, 158.0), (68.0, 141.0), (90.0, 170.0), (72.0, 152.0)),
}
NAMES = (
    LandmarkName.ISCHIAL_TUBEROSITY,
    LandmarkName.LESSER_TROCHANTER,
    LandmarkName.HAMSTRING_ORIGIN,
    LandmarkName.ILIOPSOAS_TENDON,
)


@dataclass(frozen=True)
class Case:
    """A study on disk, what was marked on it, and the report."""

    folder: Path
    study: Study
    landmarks: LandmarkSet
    report: Report

    @property
    def images(self) -> list[Path]:
        """The image files."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


def in_patient(
    k: float, column: float, row: float, scene: make.Scene = SCENE
) -> tuple[float, float, float]:
    """Return the position of a place in the grid."""
    x, y, z = (scene.affine @ (k, row, column, 1.0))[:3]
    return float(x), float(y), float(z)


def points(side: Side, *, to_trochanter: bool = False, scene: make.Scene = SCENE) -> list[Landmark]:
    """Return the ends of both spaces of a side."""
    k, *places = ENDS[side]
    marks = [
        Landmark(name, side, (in_patient(k, column, row, scene),))
        for name, (column, row) in zip(NAMES, places, strict=True)
    ]
    return marks[:3] if to_trochanter else marks


def outline(name: LandmarkName, side: Side, column: float, row: float) -> Landmark:
    """Return an ellipse around a place on the side's slice."""
    k = ENDS[side][0]
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    vertices = tuple(
        in_patient(k, column + 14 * np.cos(turn), row + 9 * np.sin(turn)) for turn in turns
    )
    return Landmark(name, side, vertices, closed=True)


def outlines(side: Side) -> list[Landmark]:
    """Return quadratus femoris and the reference muscle of a side."""
    column = ENDS[side][1][0]
    return [
        outline(LandmarkName.QUADRATUS_FEMORIS, side, column, 190.0),
        outline(LandmarkName.REFERENCE_MUSCLE, side, column, 230.0),
    ]


def marked(*marks: Landmark, **said: object) -> LandmarkSet:
    """Return landmarks of reader R1, read 2."""
    return LandmarkSet(tuple(marks), reader="R1", read=2, **said)  # type: ignore[arg-type]


def both_sides() -> LandmarkSet:
    """Return everything on both sides."""
    return marked(*(mark for side in Side for mark in (*points(side), *outlines(side))))


def write_study(folder: Path, *, multi_frame: bool = False, scene: make.Scene = SCENE) -> Path:
    """Write the study of two series and return its folder."""
    if multi_frame:
        anatomy = make.enhanced_dataset([scene], series=1)
        fluid = make.enhanced_dataset([scene], series=2, echo_times=(80.0,), **_enhanced_fluid())
        fluid.SharedFunctionalGroupsSequence[0].MRTimingAndRelatedParametersSequence[
            0
        ].RepetitionTime = "4000"
        make.save_series(folder / "1", [anatomy])
        make.save_series(folder / "2", [fluid])
    else:
        make.save_series(folder / "1", make.series_datasets(scene, series=1))
        make.save_series(folder / "2", make.series_datasets(scene, series=2, **FLUID_TAGS))
    return folder


def _enhanced_fluid() -> dict[str, str]:
    return {"SeriesDescription": "AX STIR FS", "ScanningSequence": None}  # type: ignore[dict-item]


def case(
    folder: Path,
    landmarks: LandmarkSet | None = None,
    *,
    multi_frame: bool = False,
    scene: make.Scene = SCENE,
) -> Case:
    """Return a study that was written, read and analysed."""
    write_study(folder, multi_frame=multi_frame, scene=scene)
    study = ifi_mri.load_study(folder)
    landmarks = landmarks or both_sides()
    report = ifi_mri.analyse(study, landmarks, config=Config(fluid_sensitive="2"))
    return Case(folder, study, landmarks, report)
