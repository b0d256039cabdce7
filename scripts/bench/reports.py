"""How long the report formats take: one warm process, one two-sided case, medians.

The case is the synthetic study of the demo: axial T1 and axial STIR, outlines and points of both
sides.  Loading and measuring are not counted; the slices that pictures show are opened from disk as
in a run.  Beside the wall time stands the CPU time of all threads, which a busy machine stretches
less.

    python scripts/bench/reports.py [--repeats N] [--profile FORMAT]
"""

import argparse
import cProfile
import pstats
import statistics
import time
from collections.abc import Callable, Sequence

from ifi_mri import cli, landmarks, loaders, pipeline, reports
from ifi_mri.config import Config
from ifi_mri.model import Report, Study
from ifi_mri.reports import json_values

#: What must be there at once when a case is done, s; then everything, s.
TARGETS_S = {
    ("json", "html", "text", "csv"): 0.060,
    ("sr",): 0.040,
    ("json", "html", "text", "csv", "sr", "seg", "fhir", "slicer", "pdf"): 0.400,
}


def demo_case() -> tuple[Report, Study]:
    """Return the report of the demo study and the study."""
    case = cli.sample_data_folder() / cli.DEMO_CASE
    config = Config()
    study = pipeline.load_study(case / "study", config)
    marks = landmarks.read_all([case / "landmarks"])
    clinical = pipeline.read_clinical(case / "clinical.toml")
    return pipeline.analyse(study, marks, clinical, config), study


def render(formats: Sequence[str], report: Report, study: Study) -> None:
    """Render a report in some formats as `ifi_mri.reports.write` does, without writing."""
    reports.rendered(report, study, formats, loaders.load_volume)


def medians_ms(work: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Return median and least wall time and median CPU time of some repeats, ms, after one that is
    not counted."""
    work()
    wall, cpu = [], []
    for _ in range(repeats):
        json_values.checked_points.cache_clear()  # every case has outlines of its own
        start, used = time.perf_counter(), time.process_time()
        work()
        wall.append(1000 * (time.perf_counter() - start))
        cpu.append(1000 * (time.process_time() - used))
    return statistics.median(wall), min(wall), statistics.median(cpu)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--profile", metavar="FORMAT", help="show where a format's time goes")
    options = parser.parse_args()
    report, study = demo_case()
    if options.profile:
        profile([options.profile], report, study)
        return
    every = tuple(max(TARGETS_S, key=len))
    print(f"{'formats':24}{'wall':>10}{'least':>10}{'CPU':>10}   target")
    for formats in (*((name,) for name in every), *TARGETS_S):
        times = medians_ms(lambda chosen=formats: render(chosen, report, study), options.repeats)
        target = TARGETS_S.get(formats)
        aim = f"   < {1000 * target:.0f} ms" if target else ""
        name = "all" if formats == every else ", ".join(formats)
        print(f"{name:24}" + "".join(f"{ms:>7.1f} ms" for ms in times) + aim)


def profile(formats: Sequence[str], report: Report, study: Study) -> None:
    """Print where the time of some formats goes."""
    render(formats, report, study)
    profiler = cProfile.Profile()
    profiler.runcall(render, formats, report, study)
    pstats.Stats(profiler).sort_stats("cumtime").print_stats(30)


if __name__ == "__main__":
    main()
