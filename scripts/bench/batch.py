"""How fast a batch is: cases a second, memory, resuming, Dask, and how cost grows.

Two-sided DICOM studies are generated once (a few phantoms, their UIDs changed for every case; few
slices) and kept in ``--folder``.  Every run is a process of its own, so that its memory is its own;
numbers of one run of this script compare, milliseconds do not travel.

    python scripts/bench/batch.py [--cases 2000] [--folder DIR] [--dask]
"""

import argparse
import csv
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ifi_mri import landmarks, phantom
from ifi_mri.model import Landmark, LandmarkSet
from ifi_mri.phantom import HipSpec, make_phantom

#: Phantoms that are copied: narrow, wide, with and without oedema.
SPECS = (
    (HipSpec(ifs_mm=11.0, oedema_ratio=2.5, oedema_extent=0.3), HipSpec(ifs_mm=21.0)),
    (HipSpec(ifs_mm=18.0), HipSpec(ifs_mm=16.0, oedema_ratio=1.8, oedema_extent=0.1)),
    (HipSpec(ifs_mm=25.0), HipSpec(ifs_mm=24.0)),
)

#: Slices of each series, and slices that are marked on each side.
N_SLICES, N_MARKED = 8, 3

#: Digits at the end of a UID that tell the copies apart.
DIGITS = 6

#: Runs a command of the package and prints the largest memory of that process alone, kB.
MEASURED = """
import resource, sys, time
from ifi_mri.cli import main
status = main(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, status)
"""


@dataclass(frozen=True)
class Run:
    """One run of ``ifi-mri batch``: wall time s, peak of the parent MB, what run.json says."""

    seconds: float
    peak_mb: float
    record: dict


# --- making the cases ---------------------------------------------------------------------------


def generate(folder: Path, n_cases: int) -> None:
    """Write the cases and their table, unless they are there."""
    stamp = folder / f"{n_cases}_cases"
    if stamp.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    templates = [template(left, right, seed) for seed, (left, right) in enumerate(SPECS)]
    with (folder / "cases.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["case_id", "study", "landmarks", "group"])
        for number in range(n_cases):
            case_id = f"case_{number:06d}"
            for name, content in copy_of(templates[number % len(templates)], number):
                path = folder / case_id / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            table.writerow(
                [case_id, f"{case_id}/study", f"{case_id}/landmarks.json", "ABC"[number % 3]]
            )
    stamp.touch()


def template(left: HipSpec, right: HipSpec, seed: int) -> dict[str, bytes]:
    """Return the files of a case: the slices about the middle of each series, and landmarks."""
    made = make_phantom(left=left, right=right, pixel_mm=(0.9, 0.9), seed=seed)
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        phantom.write_dicom(made, root / "study")
        for series in sorted((root / "study").iterdir()):
            slices = sorted(series.iterdir())
            first = (len(slices) - N_SLICES) // 2
            for path in slices[first : first + N_SLICES]:
                files[f"study/{series.name}/{path.name}"] = path.read_bytes()
        marks = central(made.landmarks("points", step_deg=8.0))
        landmarks.write(marks, root / "landmarks.json")
        files["landmarks.json"] = (root / "landmarks.json").read_bytes()
    return files


def central(marks: LandmarkSet) -> LandmarkSet:
    """Return the landmarks of the slices about the middle of each structure."""
    by_structure: dict[tuple[str, str], list[Landmark]] = {}
    for mark in marks.landmarks:
        by_structure.setdefault((mark.name, mark.side), []).append(mark)
    kept = []
    for group in by_structure.values():
        group.sort(key=lambda mark: mark.points_mm[0][2])
        first = (len(group) - N_MARKED) // 2
        kept += group[first : first + N_MARKED]
    return LandmarkSet(
        tuple(kept),
        study_uid=marks.study_uid,
        series_uid=marks.series_uid,
        frame_of_reference_uid=marks.frame_of_reference_uid,
        reader="R1",
        read=1,
        status="final",
    )


def copy_of(files: dict[str, bytes], number: int) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a case with UIDs of its own: those of the landmarks name them all."""
    uids = set(re.findall(rb"2\.25\.[0-9]{20,}", files["landmarks.json"]))
    tail = b"%0*d" % (DIGITS, number)
    for name, content in files.items():
        found = uids | set(re.findall(rb"2\.25\.[0-9]{20,}", content))
        for uid in found:
            content = content.replace(uid, uid[:-DIGITS] + tail)
        yield name, content


def part_of(folder: Path, n_cases: int) -> Path:
    """Return a case table of the first cases."""
    lines = (folder / "cases.csv").read_text().splitlines(keepends=True)[: n_cases + 1]
    path = folder / f"cases_{n_cases}.csv"
    path.write_text("".join(lines))
    return path


# --- running them -------------------------------------------------------------------------------


def run(table: Path, out: Path, *options: str, fresh: bool = True) -> Run:
    """Run a batch in a process of its own."""
    if fresh:
        shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-c", MEASURED, "batch", str(table), "--out", str(out), *options]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    peak = re.search(r"^peak (\d+) (\d)$", done.stdout, flags=re.MULTILINE)
    if peak is None or peak[2] != "0":
        sys.exit(f"the batch failed: {done.stderr[-2000:]}")
    return Run(seconds, int(peak[1]) / 1024, json.loads((out / "run.json").read_text()))


def worker_seconds(out: Path) -> list[float]:
    """Return how long each case took in its worker."""
    return [json.loads(path.read_bytes())["seconds"] for path in out.glob("cases/*/case.json")]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--folder", type=Path, default=Path("out/bench-batch"))
    parser.add_argument("--dask", action="store_true", help="also run on a local Dask cluster")
    options = parser.parse_args()
    n, folder = options.cases, options.folder
    started = time.perf_counter()
    generate(folder / "data", n)
    print(f"{n} cases ready after {time.perf_counter() - started:.0f} s", file=sys.stderr)
    data = folder / "data"
    two = run(data / "cases.csv", folder / "two", "--jobs", "2")
    seconds = worker_seconds(folder / "two")
    dask = (
        run(data / "cases.csv", folder / "dask", "--jobs", "2", "--dask", "local")
        if options.dask
        else None
    )
    resumed = run(data / "cases.csv", folder / "two", "--jobs", "2", fresh=False)
    quarter, half = (part_of(data, n // part) for part in (4, 2))
    start = run(part_of(data, 1), folder / "start", "--jobs", "1").record["seconds"]
    start -= sum(worker_seconds(folder / "start"))
    two_quarter = run(quarter, folder / "quarter", "--jobs", "2")
    two_half = run(half, folder / "half", "--jobs", "2")
    one = run(quarter, folder / "one", "--jobs", "1")
    in_worker = sum(worker_seconds(folder / "one"))
    overhead = (one.record["seconds"] - start - in_worker) / (n // 4 - 1)
    slope = (two.seconds - two_quarter.seconds) / (n - n // 4)
    rows = [
        ("one process, cases a second", f"{n // 4 / one.seconds:.1f}"),
        ("two processes, cases a second", f"{n / two.seconds:.1f}"),
        ("two processes over one", f"{(n / two.seconds) / (n // 4 / one.seconds):.2f}"),
        ("a case in its worker, median ms", f"{1000 * statistics.median(seconds):.1f}"),
        ("overhead a case, ms", f"{1000 * overhead:.1f}"),
        ("peak of the parent, MB", f"{two.peak_mb:.0f} ({two_quarter.peak_mb:.0f} at {n // 4})"),
        ("resuming, cases a second", f"{n / resumed.record['seconds']:.0f}"),
        ("resuming, s with start and imports", f"{resumed.seconds:.2f}"),
        ("seconds at a quarter, half, all", ", ".join(
            f"{one_run.seconds:.1f}" for one_run in (two_quarter, two_half, two))),
        ("100,000 cases by that slope, h", f"{slope * 100_000 / 3600:.2f}"),
    ]  # fmt: skip
    if dask is not None:
        rows.append(("Dask over the process pool", f"{two.seconds / dask.seconds:.2f}"))
        same = (folder / "dask" / "measurements.csv").read_bytes() == (
            folder / "two" / "measurements.csv"
        ).read_bytes()
        rows.append(("Dask gives the same bytes", "yes" if same else "NO"))
    print(f"| {n} cases on {os.cpu_count()} cores | |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
