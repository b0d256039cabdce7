"""Distances from whole-bone labels: a section of ``accuracy.py``.

synthetic   hip bones and femora (``tests/bone_makers.py``): random anatomy, pose, side, voxel size;
            within 1 mm, refused, and how many were off by more than 3 mm with a sound score
real        the labelled bodies beside the repository, against their README; also resampled, turned,
            mirrored, with the femur moved, and cropped; the time on 320 x 208 x 353 voxels
damaged     the same bodies, varied at random and with damaged labels (``tests/damaged_labels.py``)
"""

import time

import bone_makers as make
import damaged_labels
import moved_bodies
import numpy as np

from ifi_mri.landmarks import label_masks
from ifi_mri.landmarks.bone_labels import NotProposed, propose, propose_both
from ifi_mri.landmarks.bone_labels.quality import SOUND
from ifi_mri.landmarks.label_tables import LabelTable
from ifi_mri.vocabulary import Side

VOXELS_MM = ((1.5, 1.5, 1.5), (3, 1, 1), (5, 0.8, 0.8), (1, 1, 1), (4, 0.7, 0.7))

PELVIC = LabelTable.model_validate(
    {
        "id": "pelvic", "title": "pelvic-annonation", "version": "1",
        "citation": "https://github.com/yuta-hi/pelvic-annonation",
        "labels": [{"value": 1, "structure": "hip_bone"}, {"value": 2, "structure": "femur"}],
    }
)  # fmt: skip

#: The README beside the labels, mm; "within 0.5 mm".
REAL = (
    ("musclemap/map_test_dseg.nii.gz", "musclemap", {Side.LEFT: 31.8, Side.RIGHT: 35.6}),
    ("pelvic_ref_002/label.mhd", PELVIC, {Side.LEFT: 29.1, Side.RIGHT: 25.1}),
)


# --- synthetic bones ----------------------------------------------------------------------------


def random_body(rng):
    hip = make.Hip(
        gap_mm=rng.uniform(5, 45),
        head_radius_mm=rng.uniform(19, 27),
        shaft_radius_mm=rng.uniform(11.5, 16),
        offset_mm=rng.uniform(30, 50),
        neck_shaft_deg=rng.uniform(118, 142),
        trochanter_deg=rng.normal(38, 9),
        trochanter_level=rng.normal(1.16, 0.08),
        trochanter_mm=rng.uniform(10, 17),
        rotation_deg=rng.uniform(-20, 40),
        shaft_tilt_deg=rng.uniform(-5, 15),
        tuberosity_below_mm=rng.uniform(0, 30),
    )
    side = Side.LEFT if rng.random() < 0.5 else Side.RIGHT
    return make.Body(
        left=hip,
        right=hip,
        sides=(side,),
        turn_deg=tuple(rng.uniform(-9, 9, 3)),
        centre_mm=tuple(rng.uniform(-60, 60, 3)),
    )


def bones(bodies):
    rng = np.random.default_rng(11)
    results = []
    for n in range(bodies):
        body, voxel_mm = random_body(rng), VOXELS_MM[n % len(VOXELS_MM)]
        tilted = n % 3 == 0
        turn = (float(rng.choice([-1, 1])) * rng.uniform(12, 18), 0.0, rng.uniform(-20, 20))
        labels, affine = make.labelled(body, voxel_mm, turn if tilted else (0.0, 0.0, 0.0))
        heights = None if tilted else tuple(make.heights_mm(labels, affine))
        (side,) = body.sides
        truth = make.true_space_mm(body, side, heights=heights)
        results.append((truth, propose(make.label_map(labels, affine), side)))
    print(f"\nBone labels, {bodies} synthetic bodies (5-45 mm, voxels {VOXELS_MM} mm)\n")
    _summary(results)


def _summary(results):
    found = [(truth, one) for truth, one in results if not isinstance(one, NotProposed)]
    errors = np.array([one.width_mm - truth for truth, one in found])
    sound = np.array([one.score >= SOUND for _, one in found])
    print("| bodies | proposed | within 1 mm | bias | SD | off by > 3 mm with a sound score |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {len(results)} | {len(found)} | {(np.abs(errors) < 1).sum()} | {errors.mean():+.2f} "
        f"| {errors.std():.2f} | {(sound & (np.abs(errors) > 3)).sum()} |"
    )


# --- real bodies --------------------------------------------------------------------------------


def real(shared):
    folder = shared / "geometry"
    if not folder.is_dir():
        print(f"\n{folder} is not there: no real bodies.")
        return
    print("\nReal bodies; s: processor time of one side\n")
    print("| body | side | expected | found | score | slices from the tip | s |")
    print("|---|---|---|---|---|---|---|")
    for name, table, expected in REAL:
        label_map = label_masks.read(folder / name, table)
        begin = time.process_time()
        found = propose_both(label_map)
        seconds = (time.process_time() - begin) / 2
        for side, width_mm in expected.items():
            _row(name.split("/")[0], side, width_mm, found[side], seconds)
    print("\nReal bodies, changed\n\n| change | side | expected | found | score |")
    print("|---|---|---|---|---|")
    results = []
    for name, table, _ in REAL:
        label_map = label_masks.read(folder / name, table)
        for case in moved_bodies.cases(label_map):
            found = propose(make.label_map(case.labels, case.affine), case.side)
            label = f"{name.split('/')[0]}: {case.name}"
            if isinstance(found, NotProposed):
                print(f"| {label} | {case.side} | {_mm(case.truth_mm)} | refused | |")
            else:
                print(
                    f"| {label} | {case.side} | {_mm(case.truth_mm)} | {found.width_mm:.1f} "
                    f"| {found.score:.2f} |"
                )
            if case.truth_mm is not None:
                results.append((case.truth_mm, found))
    print()
    _summary(results)


def damaged(shared, count):
    folder = shared / "geometry"
    if not folder.is_dir():
        return
    rng, results = np.random.default_rng(7), []
    print("\nReal bodies, varied and damaged at random\n")
    for name, table, _ in REAL:
        cases = damaged_labels.cases(label_masks.read(folder / name, table), rng, count // 2)
        results += [
            (case.truth_mm, propose(make.label_map(case.labels, case.affine), case.side))
            for case in cases
        ]
    _summary(results)


def _row(name, side, expected_mm, found, seconds):
    if isinstance(found, NotProposed):
        print(f"| {name} | {side} | {expected_mm:.1f} | refused: {found.reason} | | | |")
        return
    low, high = found.searched_mm
    print(
        f"| {name} | {side} | {expected_mm:.1f} | {found.width_mm:.1f} | {found.score:.2f} "
        f"| {low:+.0f} to {high:+.0f} mm | {seconds:.1f} |"
    )


def _mm(value):
    return "refusal" if value is None else f"{value:.1f}"


def run(arguments):
    """Print the tables of bone labels."""
    bones(max(10, arguments.draws // 10))
    real(arguments.shared)
    damaged(arguments.shared, max(24, arguments.draws // 4))
