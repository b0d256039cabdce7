"""The quadratus femoris signal against phantoms whose truth is known, as one markdown table.

Cases are the fast toy of ``tests/signal_makers.py`` (correlated noise, texture, shading across the
scanner's field, slices 5 to 6 mm apart at any level) and, apart, the whole-hip phantom of the
package; the real study beside the repository where it is there.  ``--cases`` scales every row.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "tests")]

from signal_makers import (  # noqa: E402
    FLUID,
    MUSCLE_HALF_HEIGHT_MM,
    T1,
    Made,
    Oedema,
    Scan,
    make,
    muscle_distance,
    oedema_distance,
    read_again,
)

from ifi_mri.model import Landmark, Volume  # noqa: E402
from ifi_mri.phantom import HipSpec, make_phantom  # noqa: E402
from ifi_mri.signal.estimates import Estimate  # noqa: E402
from ifi_mri.signal.fat import fat_fraction_dixon, fat_fraction_t1  # noqa: E402
from ifi_mri.signal.grade import grade_of  # noqa: E402
from ifi_mri.signal.quadratus import MuscleSignal, muscle_signal  # noqa: E402
from ifi_mri.signal.settings import MuscleSignalSettings, OedemaSettings  # noqa: E402
from ifi_mri.vocabulary import LandmarkName, Role, Side, Status  # noqa: E402

SETTINGS = MuscleSignalSettings()

#: Shading across the field of view from which a case counts as strongly shaded.
STRONG_SHADING = 0.4

#: Regions below this are a few dozen pixels, most of them along their edge: noise and blur alone
#: leave several percent of the volume open.
SMALL_ML = 1.5

#: Step, mm, of the grid on which true areas on the slices are summed.
AREA_STEP_MM = 0.5


@dataclass(frozen=True)
class Result:
    """What one case gave, beside its truth."""

    kind: str
    snr: float
    shading: float
    true_ratio: float
    true_extent: float
    true_ml: float
    true_median: float  # of the same pixels, without noise and shading
    status: str
    grade: int
    extent: float
    low: float
    high: float
    ml: float
    ml_low: float
    ml_high: float
    slices_ml: float  # what the true areas on the outlined slices alone say of the volume
    ratio: float
    plain: float
    raised: float
    raised_low: float
    raised_high: float
    spread: bool
    above_2sd: float
    above_3sd: float

    @property
    def true_grade(self) -> int:
        """The grade of the true extent."""
        return grade_of(self.true_extent, OedemaSettings())


def any_scan(rng: np.random.Generator) -> Scan:
    """Return a scan of the benchmark's range."""
    return Scan(
        pixel_mm=(float(rng.uniform(0.8, 1.6)), float(rng.uniform(0.8, 1.6))),
        spacing_mm=float(rng.uniform(5, 6)),
        level_mm=float(rng.uniform(-3, 3)),
        snr=float(rng.uniform(10, 30)),
        shading=float(rng.uniform(0, 0.5)),
        shading_deg=float(rng.uniform(0, 360)),
        shading_offset_mm=(
            float(rng.choice([-1, 1]) * rng.uniform(50, 110)),
            float(rng.uniform(-40, 40)),
        ),
        correlation_px=float(rng.uniform(0.4, 0.8)),
        texture=float(rng.uniform(0, 0.05)),
        seed=int(rng.integers(2**31)),
    )


def anatomy_of(scan: Scan) -> Volume:
    """Return the T1 series beside a scan: finer pixels, another coil shading, other noise."""
    return make(
        replace(
            scan,
            pixel_mm=(0.8 * scan.pixel_mm[0], 0.8 * scan.pixel_mm[1]),
            shading_deg=scan.shading_deg + 60,
            seed=scan.seed + 1,
        ),
        contrast=T1,
    ).volume


def any_oedema(rng: np.random.Generator) -> Oedema:
    """Return oedema of any kind, ratio and extent: small ones are focal, large ones diffuse."""
    kind = str(rng.choice(["focal", "diffuse", "perimuscular"]))
    low, high = {"focal": (0.02, 0.6), "diffuse": (0.2, 0.9), "perimuscular": (0.05, 0.6)}[kind]
    extent = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    centre = (float(rng.uniform(-12, 10)), float(rng.uniform(-2, 2)), float(rng.uniform(-8, 8)))
    return Oedema(kind, float(rng.uniform(1.3, 4)), extent, centre)


def measured(made: Made, oedema: Oedema | None, scan: Scan, with_anatomy: bool) -> Result:
    """Return the result of one case of the toy."""
    found = muscle_signal(
        made.volume,
        made.quadratus,
        made.reference,
        anatomy=anatomy_of(scan) if with_anatomy else None,
        space_line_mm=made.space_line_mm,
    )
    box = tuple(
        slice(a, a + n) for a, n in zip(found.image.first, found.muscle.inner.shape, strict=True)
    )
    median = float(np.median(made.clean.voxels[box][found.muscle.inner])) / scan.level
    ratio = 1.0 if oedema is None else oedema.ratio
    return result(
        found,
        kind="normal" if oedema is None else oedema.kind,
        scan=(scan.snr or 0, scan.shading),
        truth=(ratio, made.true_extent, made.true_volume_ml, median),
        slices_ml=math.nan if oedema is None else slices_alone_ml(scan, oedema),
    )


def slices_alone_ml(scan: Scan, oedema: Oedema) -> float:
    """Return the volume that the true areas of the raised region on the outlined slices alone say:
    areas, averaged over the slices' thickness, times their spacing (Cavalieri).  What no reading of
    the slices' pixels, however good, is known to improve on."""
    x = np.arange(-26, 26.1, AREA_STEP_MM)[None]
    y = np.arange(-9, 10.1, AREA_STEP_MM)[:, None]
    raised, half = oedema_distance(oedema, scan.seed), MUSCLE_HALF_HEIGHT_MM
    n = math.ceil(2 * half / scan.spacing_mm) + 2
    levels = scan.level_mm + scan.spacing_mm * np.arange(-n, n + 1)
    fractions = []
    for z in levels[np.abs(levels) <= half]:
        for part in (-0.4, -0.2, 0.0, 0.2, 0.4):
            depth = np.full(np.broadcast_shapes(x.shape, y.shape), z + part * scan.thickness_mm)
            inside = (muscle_distance(x, y, depth) < 0) & (np.abs(depth) <= half)
            fractions.append(float((inside & (raised(x, y, depth) < 0)).sum()) / 5)
    return sum(fractions) * AREA_STEP_MM**2 * scan.spacing_mm / 1000


def result(
    found: MuscleSignal,
    kind: str,
    scan: tuple[float, float],
    truth: tuple[float, float, float, float],
    slices_ml: float = math.nan,
) -> Result:
    """Return a result beside its truth: ratio, extent, volume and median."""
    oedema = found.oedema
    raised = oedema.ratio or Estimate(1.0, 0.0, 1.0, 1.0)
    inner = [
        found.image.voxels[part.inner].astype(float) for part in (found.muscle, found.reference)
    ]
    mean, sd = inner[1].mean(), inner[1].std()
    return Result(
        kind, *scan, *truth,
        status=str(found.judgement.status), grade=found.judgement.grade,
        extent=oedema.extent.value, low=oedema.extent.low, high=oedema.extent.high,
        ml=oedema.volume_ml.value, ml_low=oedema.volume_ml.low, ml_high=oedema.volume_ml.high,
        slices_ml=slices_ml, ratio=found.ratio.value, plain=found.plain_ratio,
        raised=raised.value, raised_low=raised.low, raised_high=raised.high,
        spread=found.spread.is_present,
        above_2sd=float((inner[0] > mean + 2 * sd).mean()),
        above_3sd=float((inner[0] > mean + 3 * sd).mean()),
    )  # fmt: skip


# --- the cases ----------------------------------------------------------------------------------


def normal(seed: int) -> tuple[Result, Result]:
    """Return a normal muscle measured with and without the anatomy series."""
    scan = any_scan(np.random.default_rng([1, seed]))
    made = make(scan)
    return measured(made, None, scan, True), measured(made, None, scan, False)


def diseased(seed: int) -> Result:
    """Return a muscle with oedema."""
    rng = np.random.default_rng([2, seed])
    scan, oedema = any_scan(rng), any_oedema(rng)
    return measured(make(scan, oedema), oedema, scan, True)


def two_levels(seed: int) -> Result:
    """Return a muscle of which a part is raised far and the rest of the raised region less: side by
    side, or one above the other."""
    rng = np.random.default_rng([6, seed])
    scan, oedema = any_scan(rng), any_oedema(rng)
    ratios = float(rng.uniform(2.5, 4)), float(rng.uniform(1.4, 2.2))
    brighter, fainter = (make(scan, replace(oedema, ratio=ratio)) for ratio in ratios)
    voxels = np.array(brighter.volume.voxels)
    axis, end = int(rng.choice([0, 2])), int(rng.integers(2))
    half = np.array_split(np.arange(voxels.shape[axis]), 2)[end]
    part = (half,) if axis == 0 else (slice(None), slice(None), half)
    voxels[part] = fainter.volume.voxels[part]
    made = replace(brighter, volume=replace(brighter.volume, voxels=voxels))
    return measured(made, replace(oedema, ratio=ratios[0]), scan, True)


def two_readers(seed: int) -> tuple[float, float]:
    """Return how much the ratio and the extent differ between two readers."""
    rng = np.random.default_rng([3, seed])
    scan = any_scan(rng)
    oedema = any_oedema(rng) if seed % 2 else None
    made, anatomy = make(scan, oedema), anatomy_of(scan)
    ratios, extents = [], []
    for _ in range(2):
        quadratus, reference = (
            read_again(marks, rng) for marks in (made.quadratus, made.reference)
        )
        found = muscle_signal(made.volume, quadratus, reference, anatomy=anatomy)
        best = (
            found.ratio.value
            if oedema is None or found.oedema.ratio is None
            else found.oedema.ratio.value
        )
        ratios.append(best)
        extents.append(found.oedema.extent.value)
    return abs(ratios[0] / ratios[1] - 1), abs(extents[0] - extents[1])


def fatty(seed: int) -> tuple[float, float]:
    """Return the errors of the fat fraction on T1 and on Dixon images."""
    rng = np.random.default_rng([4, seed])
    scan = replace(
        any_scan(rng), fat_fraction=float(rng.uniform(0, 0.6)), snr=float(rng.uniform(15, 30))
    )
    made = make(scan, contrast=T1)
    on_t1 = fat_fraction_t1(made.volume, made.quadratus, made.reference, made.fat, SETTINGS)
    scan = replace(scan, texture=0.0, snr=25.0)
    water = make(scan, contrast={**FLUID, "fat": 0.0, "marrow": 0.05, "skin": 0.3})
    fat = make(replace(scan, seed=scan.seed + 9), contrast=DIXON_FAT)
    on_dixon = fat_fraction_dixon(water.volume, fat.volume, made.quadratus, SETTINGS)
    truth = scan.fat_fraction
    return on_t1.fraction.value - truth, on_dixon.fraction.value - truth


#: The fat image of a Dixon series: no signal in muscle, fat as bright as muscle's water.
DIXON_FAT = {
    "muscle": 0.0,
    "fat": 1.0,
    "marrow": 0.9,
    "cortex": 0.05,
    "nerve": 0.2,
    "vein": 0.0,
    "skin": 0.3,
}


def whole_hip(seed: int) -> tuple[Result, Result]:
    """Return a normal hip of the package's phantom and one with oedema."""
    rng = np.random.default_rng([5, seed])
    ratio = float(rng.uniform(1.3, 4))
    extent = float(rng.uniform(0.02, 0.9))
    settings = {
        "pixel_mm": (float(rng.uniform(0.7, 1.2)), float(rng.uniform(0.7, 1.2))),
        "slice_spacing_mm": float(rng.uniform(5, 6)),
        "pose_deg": tuple(rng.uniform(-15, 15, 3)),
        "snr": float(rng.uniform(10, 30)),
        "shading": float(rng.uniform(0, 0.5)),
        "seed": int(rng.integers(2**31)),
    }
    results = []
    for kind, spec in (
        ("normal", HipSpec()),
        ("focal", HipSpec(oedema_ratio=ratio, oedema_extent=extent)),
    ):
        phantom = make_phantom(spec, None, **settings)
        marks = phantom.landmarks("points").on(Side.LEFT)
        truth = phantom.truth["left"]
        found = muscle_signal(
            phantom.volume(Role.FLUID_SENSITIVE),
            named(marks, LandmarkName.QUADRATUS_FEMORIS),
            named(marks, LandmarkName.REFERENCE_MUSCLE),
            anatomy=phantom.volume(Role.ANATOMY),
        )
        extent_there = truth["oedema_extent"]
        results.append(
            result(
                found, kind, (settings["snr"], settings["shading"]),
                (truth["oedema_ratio"], extent_there, truth["oedema_volume_ml"],
                 truth["oedema_ratio"] if extent_there > 0.5 else 1.0),
            )
        )  # fmt: skip
    return results[0], results[1]


def named(marks: Sequence[Landmark], name: LandmarkName) -> list[Landmark]:
    """Return the landmarks of one name."""
    return [mark for mark in marks if mark.name is name]


# --- the table ----------------------------------------------------------------------------------


def rows_of_normals(name: str, results: Sequence[Result]) -> Iterable[tuple[str, str, str]]:
    """Yield what, goal and found for normal muscles."""
    n = len(results)
    yield (
        f"{name}: called present (n = {n})",
        "at most 1 %",
        share(r.status == Status.PRESENT for r in results),
    )
    yield (
        f"{name}: called indeterminate",
        "at most 4 %",
        share(r.status == Status.INDETERMINATE for r in results),
    )
    yield (
        f"{name}: ratio, absolute error",
        "",
        spread_of(abs(r.ratio - 1) * 100 for r in results) + " %",
    )
    shaded = [r for r in results if r.shading >= STRONG_SHADING]
    yield (
        f"{name}: ratio within 5 %, shading 40 to 50 % (n = {len(shaded)})",
        "all",
        share(abs(r.ratio - 1) <= 0.05 for r in shaded),
    )


def rows_of_oedema(name: str, results: Sequence[Result]) -> Iterable[tuple[str, str, str]]:
    """Yield what, goal and found for muscles with oedema."""
    bright = [r for r in results if r.true_ratio >= 2]
    yield (
        f"{name}: extent within 4 points, ratio 2 and up (n = {len(bright)})",
        "all",
        share(abs(r.extent - r.true_extent) <= 0.04 for r in bright),
    )
    yield (
        f"{name}: extent, absolute error",
        "4 points",
        spread_of(100 * abs(r.extent - r.true_extent) for r in bright),
    )
    yield (
        f"{name}: volume within 10 %, ratio 2 and up",
        "all",
        share(abs(r.ml / r.true_ml - 1) <= 0.10 for r in bright),
    )
    told = [r for r in bright if math.isfinite(r.slices_ml)]
    if told:
        yield (
            f"{name}: the same, had the true areas on the slices been known",
            "",
            share(abs(r.slices_ml / r.true_ml - 1) <= 0.10 for r in told),
        )
    large = [r for r in bright if r.true_ml >= SMALL_ML]
    yield (
        f"{name}: the same, regions of {SMALL_ML:g} ml and more (n = {len(large)})",
        "all",
        share(abs(r.ml / r.true_ml - 1) <= 0.10 for r in large),
    )
    yield (
        f"{name}: volume, absolute error",
        "10 %",
        spread_of(100 * abs(r.ml / r.true_ml - 1) for r in bright) + " %",
    )
    yield (
        f"{name}: grade exact, all ratios (n = {len(results)})",
        "95 %",
        share(r.grade == r.true_grade for r in results),
    )
    yield (
        f"{name}: grade off by two or more",
        "never",
        share(abs(r.grade - r.true_grade) > 1 for r in results),
    )
    found = [r for r in results if r.raised > 1]
    yield (
        f"{name}: ratio of the raised region within 5 %",
        "all",
        share(abs(r.raised / r.true_ratio - 1) <= 0.05 for r in found),
    )
    yield (
        f"{name}: its absolute error",
        "5 %",
        spread_of(100 * abs(r.raised / r.true_ratio - 1) for r in found) + " %",
    )
    shaded = [r for r in found if r.shading >= STRONG_SHADING]
    yield (
        f"{name}: the same, shading 40 to 50 % (n = {len(shaded)})",
        "all",
        share(abs(r.raised / r.true_ratio - 1) <= 0.05 for r in shaded),
    )
    clear = [r for r in results if abs(r.true_extent - 0.5) >= 0.25]
    yield (
        f"{name}: median ratio of the muscle within 5 %, extent to 25 or from 75 %",
        "all",
        share(abs(r.ratio / r.true_median - 1) <= 0.05 for r in clear),
    )
    yield (
        f"{name}: truth inside the 95 % interval of extent",
        "95 %",
        share(r.low <= r.true_extent <= r.high for r in results),
    )
    yield (
        f"{name}: truth inside the 95 % interval of volume",
        "95 %",
        share(r.ml_low <= r.true_ml <= r.ml_high for r in results),
    )
    yield (
        f"{name}: truth inside the 95 % interval of the raised region's ratio",
        "95 %",
        share(r.raised_low <= r.true_ratio <= r.raised_high for r in found),
    )


def rows_of_two_levels(results: Sequence[Result]) -> Iterable[tuple[str, str, str]]:
    """Yield the rows of oedema that do not ask for one ratio."""
    for row in rows_of_oedema("oedema of two levels", results):
        if "ratio of" not in row[0] and any(k in row[0] for k in ("extent", "volume", "grade")):
            yield row


def share(hits: Iterable[bool]) -> str:
    """Return a percentage and the counts behind it."""
    all_of_them = list(hits)
    n = sum(all_of_them)
    return f"{100 * n / max(1, len(all_of_them)):.1f} % ({n}/{len(all_of_them)})"


def spread_of(values: Iterable[float]) -> str:
    """Return median, 95th percentile and maximum."""
    numbers = np.array(list(values))
    middle, high = np.percentile(numbers, [50, 95])
    return f"median {middle:.1f}, p95 {high:.1f}, max {numbers.max():.1f}"


def timing() -> Iterable[tuple[str, str, str]]:
    """Yield the time that one hip takes beyond loading."""
    scan = Scan(pixel_mm=(0.7, 0.7), snr=15, shading=0.3, seed=1)
    made, anatomy = make(scan, Oedema("focal", 2, 0.2)), make(replace(scan, seed=2), contrast=T1)
    jobs: dict[str, Callable[[], object]] = {
        "signal of one hip, 9 slices of 0.7 mm pixels, with anatomy": lambda: muscle_signal(
            made.volume,
            made.quadratus,
            made.reference,
            anatomy=anatomy.volume,
            space_line_mm=made.space_line_mm,
        ),
        "fat fraction on T1 of the same hip": lambda: fat_fraction_t1(
            anatomy.volume, anatomy.quadratus, anatomy.reference, anatomy.fat, SETTINGS
        ),
    }  # fmt: skip
    both = tuple(jobs.values())
    jobs["both together"] = lambda: [job() for job in both]
    for name, job in jobs.items():
        job()
        wall, cpu = [], []
        for _ in range(9):
            start, start_cpu = time.perf_counter(), time.process_time()
            job()
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - start_cpu)
        yield (
            name,
            "150 ms",
            f"median {1e3 * np.median(wall):.0f} ms, CPU {1e3 * np.median(cpu):.0f} ms",
        )


def real_study() -> Iterable[tuple[str, str, str]]:
    """Yield what the real study gives, where it is there."""
    folder = REPOSITORY.parent / "shared" / "real_mri" / "sts_001"
    if not folder.is_dir():
        return
    from signal_makers import real_landmarks, real_volume

    anatomy, fluid = real_volume(folder / "T1"), real_volume(folder / "T2_FS")
    marks = real_landmarks(json.loads((folder / "landmarks" / "native.json").read_text()))
    found = muscle_signal(
        fluid, marks["quadratus_femoris"], marks["reference_muscle"], anatomy=anatomy
    )
    shift, oedema = found.shift, found.oedema
    yield (
        "real study: ratio (plain)",
        "1.06 +- 0.02",
        f"{found.ratio.value:.3f} ({found.plain_ratio:.3f})",
    )
    yield (
        "real study: status, extent",
        "absent",
        f"{found.judgement.status}, {100 * oedema.extent.value:.1f} %",
    )
    assert shift is not None
    yield (
        "real study: shift T1 to T2_FS",
        "reported",
        (
            f"{shift.right_mm:.2f} +- {shift.right_sd_mm:.2f} mm right, "
            f"{shift.down_mm:.2f} +- {shift.down_sd_mm:.2f} mm down"
        ),
    )
    if found.suppression is not None:
        yield (
            "real study: fat over muscle on T2_FS",
            "reported",
            f"{found.suppression.fat_over_muscle.value:.2f}",
        )


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=500, help="normal phantoms; the others scale")
    parser.add_argument("--first", type=int, default=0, help="seed of the first case of each kind")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    n = arguments.cases
    table: list[tuple[str, str, str]] = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        run = lambda case, count: list(  # noqa: E731
            pool.map(case, range(arguments.first, arguments.first + count), chunksize=5)
        )
        with_t1, without = zip(*run(normal, n), strict=True)
        table += rows_of_normals("normal", with_t1)
        table += rows_of_normals("normal, fluid-sensitive series alone", without)
        for k, fractions in (
            (2, [r.above_2sd for r in with_t1]),
            (3, [r.above_3sd for r in with_t1]),
        ):
            table.append(
                (
                    f"for comparison, bare threshold mean + {k} SD: above 2.5 %",
                    "",
                    share(f > 0.025 for f in fractions),
                )
            )
        diseased_results = run(diseased, n)
        table += rows_of_oedema("oedema", diseased_results)
        by_kind = [r for r in diseased_results if r.true_ratio >= 2]
        table.append(
            (
                "perimuscular oedema: spread said to be there",
                "",
                share(r.spread for r in by_kind if r.kind == "perimuscular"),
            )
        )
        table.append(("other oedema and normal: spread said to be there", "never", share(
            r.spread for r in (*by_kind, *with_t1) if r.kind != "perimuscular"
        )))  # fmt: skip
        mixed = run(two_levels, max(4, n // 4))
        table += rows_of_two_levels(mixed)
        whole_normal, whole_oedema = zip(*run(whole_hip, max(4, n // 8)), strict=True)
        table += rows_of_normals("whole-hip phantom, normal", whole_normal)
        table += rows_of_oedema("whole-hip phantom, oedema", whole_oedema)
        fat = np.abs(np.array(run(fatty, max(4, n // 4)))) * 100
        for column, what, points in (
            (0, "fat fraction on T1, 0 to 60 %, shading to 50 %", 3),
            (1, "fat fraction from Dixon, 0 to 60 %", 1),
        ):
            goal = f"{points} point{'s' if points > 1 else ''}"
            table.append((f"{what}: within {goal}", "all", share(fat[:, column] <= points)))
            table.append((f"{what}: absolute error", goal, spread_of(fat[:, column])))
        readers = np.array(run(two_readers, max(4, n // 4))) * 100
        table.append(
            ("two readers (1 mm): ratio changes by less than 3 %", "all", share(readers[:, 0] < 3))
        )
        table.append(
            ("two readers (1 mm): ratio changes by", "3 %", spread_of(readers[:, 0]) + " %")
        )
        table.append(
            ("two readers (1 mm): extent changes by", "", spread_of(readers[:, 1]) + " points")
        )
    table += timing()
    table += real_study()
    print("| what | goal | found |\n|---|---|---|")
    for row in table:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
