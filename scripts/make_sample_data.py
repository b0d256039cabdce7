"""Write ``sample_data/``: four synthetic cases with landmarks in every format and their truth.

Byte for byte the same on every run: the phantom's noise, UIDs and dates follow from the settings
here.  Run it as ``make sample-data``; a test compares what it writes with what is in the tree.
"""

import argparse
import csv
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ifi_mri import landmarks, phantom
from ifi_mri.model import Observation
from ifi_mri.phantom import HipSpec, Phantom, make_phantom
from ifi_mri.vocabulary import ObservationName, Side

SAMPLE_DATA = Path(__file__).resolve().parents[1] / "sample_data"

#: Coarser than the tests' outlines: 0.004 mm off at most, half the file.
STEP_DEG = 4.0

CLINICAL = """\
# Clinical intake of an invented person; `ifi-mri schema clinical` prints every field.
age_years = 46
sex = "female"
hip_rotation = "neutral"
knee_bolster = "no"

[left]
deep_buttock_pain = "yes"
burning_quality = "yes"
unloads_buttock_when_seated = "yes"
pain_on_long_stride = "yes"
radiates_below_knee = "no"
hamstring_loading_provokes = "no"
ischiofemoral_impingement_test = "yes"
long_stride_walking_test = "yes"
straight_leg_raise = "no"
hip_surgery = "no"

[right]
deep_buttock_pain = "no"
"""


@dataclass(frozen=True)
class Case:
    """One folder of ``sample_data/``."""

    name: str
    make: Callable[[], Phantom]
    write: Callable[[Phantom, Path], None]


def main() -> None:
    """Write every case anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=SAMPLE_DATA, help="folder for the cases")
    out: Path = parser.parse_args().out
    for case in CASES:
        folder = out / case.name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "landmarks").mkdir(parents=True)
        made = case.make()
        case.write(made, folder)
        phantom.write_truth(made, folder)
        print(f"{folder}: {_size_mb(folder):.1f} MB")


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


# --- the cases ----------------------------------------------------------------------------------


def _normal() -> Phantom:
    return make_phantom(
        HipSpec(ifs_mm=23.4, qfs_mm=14.6),
        HipSpec(ifs_mm=22.1, qfs_mm=13.8),
        pixel_mm=(1.0, 1.0), fluid_pixel_mm=(1.3, 1.3), n_slices=11, seed=1,
        pose_deg=(3.0, -2.0, 1.5), offset_mm=(4.0, -12.0, -830.0),
    )  # fmt: skip


def _narrowed_with_oedema() -> Phantom:
    return make_phantom(
        HipSpec(ifs_mm=11.2, qfs_mm=6.1, oedema_ratio=2.5, oedema_extent=0.7),
        HipSpec(ifs_mm=21.6, qfs_mm=13.3, slice_offset=-1),
        pixel_mm=(0.8, 0.8), fluid_pixel_mm=(1.1, 1.1), n_slices=12, seed=2, shading=0.3,
        pose_deg=(5.0, 3.0, -2.5), offset_mm=(-6.0, 9.0, -915.0),
        coronal=True, localizer=True,
    )  # fmt: skip


def _indeterminate() -> Phantom:
    return make_phantom(
        HipSpec(ifs_mm=15.6, qfs_mm=10.4),
        HipSpec(ifs_mm=14.2, qfs_mm=9.3),
        pixel_mm=(0.9, 0.9), fluid_pixel_mm=(0.9, 1.4), n_slices=11, seed=3,
        pose_deg=(-7.0, 6.0, 8.0), offset_mm=(12.0, 20.0, 40.0), fluid_sequence="t2_fs",
    )  # fmt: skip


def _one_sided() -> Phantom:
    return make_phantom(
        None,
        HipSpec(ifs_mm=18.7, qfs_mm=12.5),
        pixel_mm=(0.8, 0.8), fluid_pixel_mm=(1.0, 1.0), slice_spacing_mm=4.4, n_slices=13, seed=4,
        pose_deg=(3.0, 6.0, 0.0), offset_mm=(0.0, -30.0, 15.0),
    )  # fmt: skip


# --- their files --------------------------------------------------------------------------------


def _write_normal(made: Phantom, folder: Path) -> None:
    phantom.write_dicom(made, folder / "study")
    landmarks.write(made.landmarks("points"), folder / "landmarks")


def _write_narrowed(made: Phantom, folder: Path) -> None:
    phantom.write_dicom(made, folder / "study")
    read = made.landmarks(step_deg=STEP_DEG)
    graded = replace(read, observations=(_oedema_grade(Side.LEFT, 3), _oedema_grade(Side.RIGHT, 0)))
    landmarks.write(graded, folder / "landmarks" / "landmarks.json")
    (folder / "clinical.toml").write_text(CLINICAL, encoding="utf-8")


def _oedema_grade(side: Side, grade: int) -> Observation:
    return Observation(ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE, side, grade)


def _write_indeterminate(made: Phantom, folder: Path) -> None:
    phantom.write_nifti(made, folder / "study")
    marked = replace(made.landmarks("points", uids=False), case_id="indeterminate")
    landmarks.write(marked, folder / "landmarks" / "landmarks.csv")
    (folder / "landmarks" / "fcsv").mkdir()
    landmarks.write(marked, folder / "landmarks" / "fcsv" / "landmarks.fcsv")


def _write_one_sided(made: Phantom, folder: Path) -> None:
    phantom.write_nifti(made, folder / "study", axes="RSP")
    marked = replace(made.landmarks(uids=False, step_deg=STEP_DEG), case_id="one_sided")
    table = folder / "landmarks" / "landmarks.csv"
    landmarks.write(marked, table)
    table.write_text(_as_ras(table.read_text(encoding="utf-8")), encoding="utf-8")


def _as_ras(table: str) -> str:
    """Return a table of LPS positions with its columns in RAS."""
    rows = list(csv.DictReader(io.StringIO(table)))
    columns = {"l": "r", "p": "a"}
    text = io.StringIO()
    names = [columns.get(name, name) for name in rows[0]]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        turned = {columns.get(name, name): value for name, value in row.items()}
        writer.writerow(turned | {to: f"{-float(row[of]) + 0.0!r}" for of, to in columns.items()})
    return text.getvalue()


CASES = (
    Case("normal", _normal, _write_normal),
    Case("narrowed_with_oedema", _narrowed_with_oedema, _write_narrowed),
    Case("indeterminate", _indeterminate, _write_indeterminate),
    Case("one_sided", _one_sided, _write_one_sided),
)

if __name__ == "__main__":
    main()
