"""Ends snapped to cortex and tendon: a section of ``accuracy.py``.

Two bones on a T1-like slice (``tests/bones.py``) in random poses, with points jittered by an SD of
1 mm per axis; and, where it is there, the real study ``real_mri/sts_001`` with jittered points.
*All* counts every start, with the reader's point where an end stayed.
"""

import dataclasses
import itertools
import time

import numpy as np
from bones import Bones

from ifi_mri import geometry, landmarks, loaders, measurements, pipeline, refinement
from ifi_mri.config import Config
from ifi_mri.model import Hip, MarkedGap, Measurement
from ifi_mri.vocabulary import LandmarkName, Side

REACH_MM = 3.0

#: The corners of what is promised (pixels, SNR, cortex, what lies outside), and some between.
CORNERS = {
    f"{pixel} mm, SNR {snr}, cortex {cortex} mm, {outside}": Bones(
        cortex_mm=float(cortex), pixel_mm=(pixel, pixel), snr=snr, outside=outside
    )
    for pixel, snr, cortex, outside in itertools.product(
        (0.4, 0.8, 1.2), (15, 40), (1, 3), ("muscle", "fat")
    )
}
CASES = CORNERS | {
    "0.6 mm, SNR 25, cortex 2 mm, muscle": Bones(),
    "0.6 mm, SNR 25, cortex 2 mm, muscle, gap 6 mm": Bones(gap_mm=6.0),
    "0.5 x 1.0 mm, SNR 25, cortex 2 mm, muscle": Bones(pixel_mm=(0.5, 1.0)),
    "0.8 mm, SNR 25, cortex 2 mm, 1 mm of fat, muscle": Bones(pixel_mm=(0.8, 0.8), outside="layer"),
    "1.2 mm, SNR 25, cortex 2 mm, muscle": Bones(pixel_mm=(1.2, 1.2)),
}

#: What is promised of every picture.
LEAST_FALL = 3.0
MOST_BIAS_MM = 0.2

#: Pictures whose k-space was cut off without a filter, in addition: nothing is promised of them.
RINGING = {
    f"{name}, ringing": CASES[name].but(ringing=1.0)
    for name in (
        "0.8 mm, SNR 15, cortex 1 mm, muscle",
        "0.8 mm, SNR 40, cortex 3 mm, muscle",
        "1.2 mm, SNR 15, cortex 1 mm, muscle",
        "1.2 mm, SNR 25, cortex 2 mm, muscle",
    )
}

NO_CORTEX = [
    Bones(has_cortex=(False, False), pixel_mm=(pixel, pixel), snr=snr, outside=outside)
    for pixel in (0.4, 0.8, 1.2)
    for snr in (15, 40)
    for outside in ("muscle", "fat", "layer")
]

#: The same in pictures that ring, fully and half, and cortices that are missing around the ends
#: only, for this many mm to both sides.
HOLE_MM = 10.0
WITHOUT_CORTEX = {
    "Without a cortex": NO_CORTEX,
    "Without a cortex in pictures that ring": [one.but(ringing=1.0) for one in NO_CORTEX],
    "Without a cortex in pictures that ring half as much": [
        one.but(ringing=0.5) for one in NO_CORTEX
    ],
    f"With a cortex of 1 mm that is missing over {2 * HOLE_MM:g} mm, beside muscle": [
        Bones(cortex_mm=1.0, pixel_mm=(pixel, pixel), snr=snr, hole_mm=HOLE_MM)
        for pixel in (0.4, 0.8, 1.2)
        for snr in (15, 40)
    ],
}

REAL_STARTS = 50


def run(arguments):
    """Print the tables."""
    starts = max(10, min(arguments.draws // 8, 60))
    _phantoms(starts)
    for name, pictures in WITHOUT_CORTEX.items():
        _without_cortex(name, pictures, max(2, starts // 8))
    _real(arguments.shared / "real_mri" / "sts_001")


# --- phantoms -----------------------------------------------------------------------------------


def snapped(bones, seed, jitter_mm=1.0):
    """Return the bones in a random pose, the refined ends of jittered points, and the seconds."""
    rng = np.random.default_rng(seed)
    posed = bones.but(
        offset_mm=tuple(rng.uniform(-1, 1, 2)),
        turn_deg=rng.uniform(0, 90),
        side=list(Side)[seed % 2],
    )
    volume, (first, second) = posed.volume(rng), posed.marks(rng, jitter_mm)
    corner = tuple(float(x) for x in volume.affine[:3, 3])
    gap = MarkedGap(first, second, (first.points_mm[0], second.points_mm[0]), corner)
    begin = time.process_time()
    (found,) = refinement.refine([gap], volume, REACH_MM)
    return posed, found.ends, time.process_time() - begin


def width_mm(points):
    """Return the distance between two points, mm."""
    return float(np.linalg.norm(np.subtract(*points)))


def _phantoms(starts):
    print(f"\nRefinement, T1-like phantoms, {starts} jittered starts a row (mm)\n")
    print(
        "| picture | SD as marked | SD refined, all | falls | both ends refined | bias | SD "
        "| said SD | CPU ms |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    kept = [_row(name, bones, starts) for name, bones in CASES.items()]
    print(
        f"\nThe SD falls {LEAST_FALL:g} times or more with a bias below {MOST_BIAS_MM} mm in "
        f"{sum(kept)} of {len(kept)} pictures.  Pictures that ring:\n"
    )
    for name, bones in RINGING.items():
        _row(name, bones, starts)
    print()


def _row(name, bones, starts):
    """Print the row of a picture; return whether it keeps what is promised."""
    marked, found, both, said, seconds = [], [], [], [], []
    for seed in range(starts):
        posed, ends, taken = snapped(bones, seed)
        marked.append(width_mm([end.reader_mm for end in ends]) - posed.true_mm)
        found.append(width_mm([end.point_mm for end in ends]) - posed.true_mm)
        both.append(all(end.is_refined for end in ends))
        if both[-1]:
            said.append(np.hypot(ends[0].sd_mm, ends[1].sd_mm))
        seconds.append(taken)
    found, both = np.array(found), np.array(both)
    falls = np.std(marked) / found.std()
    exact = "| - | - | -"
    if both.any():
        exact = f"| {found[both].mean():+.2f} | {found[both].std():.2f} | {np.median(said):.2f}"
    print(
        f"| {name} | {np.std(marked):.2f} | {found.std():.2f} | {falls:.1f}x | {both.mean():.0%} "
        f"{exact} | {1e3 * np.median(seconds):.0f} |",
        flush=True,
    )
    return falls >= LEAST_FALL and both.any() and abs(found[both].mean()) < MOST_BIAS_MM


def _without_cortex(name, pictures, starts):
    moved = [
        end.is_refined
        for bones in pictures
        for seed in range(starts)
        for end in snapped(bones, seed)[1]
    ]
    print(f"{name} {sum(moved)} of {len(moved)} ends were moved.", flush=True)


# --- a real study -------------------------------------------------------------------------------


def _real(folder):
    if not folder.is_dir():
        print(f"\n{folder} is not there: no real study.")
        return
    config = Config()
    study = pipeline.load_study(folder, config)
    marked = landmarks.read(folder / "landmarks" / "native.json")
    choices = pipeline.choose_series(study, marked, config)
    series = {choice.role: choice.series for choice in choices if choice.series}
    anatomy = next(iter(series.values()))
    volume = loaders.load_volume(anatomy, near=[p for m in marked.landmarks for p in m.points_mm])
    spaces, seconds = {}, {"IFS": [], "both spaces": []}
    for seed in range(REAL_STARTS):
        moved = tuple(_jittered(marked.landmarks, anatomy.grid.affine, seed))
        hip = Hip(marked.landmarks[0].side, moved, series, {})
        gaps = measurements.gaps(hip, REACH_MM)
        of_ifs = [gap for gap in gaps if gap.near.name is LandmarkName.ISCHIAL_TUBEROSITY]
        for name, wanted in (("IFS", of_ifs), ("both spaces", gaps)):
            begin = time.process_time()
            refined = refinement.refine(wanted, volume, REACH_MM)
            seconds[name].append(time.process_time() - begin)
        for one in measurements.measure(dataclasses.replace(hip, refined=refined), config):
            if isinstance(one, Measurement) and one.refined_ends:
                both = all(end.is_refined for end in one.refined_ends)
                spaces.setdefault(one.name, []).append((one.reader_value, one.value, both))
    print(f"\nRefinement, sts_001, {REAL_STARTS} starts jittered by 1 mm (mm)\n")
    print("| space | SD as marked | median refined | SD refined, all | both ends refined | SD |")
    print("|---|---|---|---|---|---|")
    for name, rows in spaces.items():
        reader, found, both = np.array(rows).T
        print(
            f"| {name} | {reader.std():.2f} | {np.median(found):.2f} | {found.std():.2f} "
            f"| {both.mean():.0%} | {found[both == 1].std():.2f} |"
        )
    taken = ", ".join(f"{name} {1e3 * np.median(took):.0f} ms" for name, took in seconds.items())
    print(f"\nCPU a hip: {taken} ({len(of_ifs)} and {len(gaps)} pairs of structures).")


def _jittered(marks, affine, seed):
    rng = np.random.default_rng(seed)
    basis = geometry.plane_basis(affine)
    for mark in marks:
        if len(mark.points_mm) == 1:
            moved = np.asarray(mark.points_mm[0]) + rng.normal(0, 1.0, 2) @ basis
            yield dataclasses.replace(mark, points_mm=(tuple(float(x) for x in moved),))
        else:
            yield mark
