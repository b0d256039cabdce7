"""Batches of small cases for tests: one study, read many times with distances that differ."""

import csv
import json
from pathlib import Path

from ifi_mri import landmarks, phantom
from ifi_mri.phantom import HipSpec, make_phantom

COLUMNS = ("case_id", "study", "landmarks", "clinical", "reader", "read", "position", "group")

#: Slices of either series that are kept, about the middle.
N_SLICES = 4


def write_study(folder):
    """Write a small two-sided DICOM study, and a landmark file of points; return both."""
    made = make_phantom(left=HipSpec(ifs_mm=12.0), right=HipSpec(ifs_mm=22.0), pixel_mm=(2.0, 2.0))
    phantom.write_dicom(made, folder / "study")
    for series in (folder / "study").iterdir():
        slices = sorted(series.iterdir())
        first = (len(slices) - N_SLICES) // 2
        for path in [*slices[:first], *slices[first + N_SLICES :]]:
            path.unlink()
    landmarks.write(made.landmarks("points"), folder / "all.json")
    content = json.loads((folder / "all.json").read_text())
    ends = ("ischial_tuberosity", "lesser_trochanter", "hamstring_origin", "iliopsoas_tendon")
    content["landmarks"] = [
        mark for mark in content["landmarks"] if mark["name"] in ends and is_central(mark)
    ]
    return folder / "study", content


def is_central(mark):
    return abs(mark["points_mm"][0][2]) < 6.0


def write_landmarks(content, path, wider_mm=0.0, **changes):
    """Write landmarks with trochanters that lie further to the side."""
    moved = json.loads(json.dumps(content)) | changes
    for mark in moved["landmarks"]:
        if mark["name"] == "lesser_trochanter":
            mark["points_mm"][0][0] += wider_mm * (1 if mark["side"] == "left" else -1)
    path.write_text(json.dumps(moved))


def write_table(path, rows):
    """Write a case table; rows are dictionaries."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        table.writerows(rows)


def make_batch(folder, study, content, n_cases, n_broken=0):
    """Write a batch of ``n_cases``, the last ``n_broken`` of which have landmarks of another study;
    return its table."""
    (folder / "marks").mkdir(parents=True)
    rows = []
    for number in range(n_cases):
        name = f"marks/{number:03d}.json"
        broken = {"study_uid": "1.2.3"} if number >= n_cases - n_broken else {}
        write_landmarks(content, folder / name, wider_mm=0.2 * number, **broken)
        rows.append(
            {
                "case_id": f"case_{number:03d}",
                "study": str(study),
                "landmarks": name,
                "group": "AB"[number % 2],
            }
        )
    write_table(folder / "cases.csv", rows)
    return folder / "cases.csv"
