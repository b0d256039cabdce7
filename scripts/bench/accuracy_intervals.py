"""Do 95 % intervals hold the true width 95 times in 100?  A section of ``accuracy.py``.

Readings are simulated: clicks with a known SD per axis around ends whose distance is known on every
slice, with several courses along the lesser trochanter.  The interval and the probability of a
width at or below a cut-off are those of the report.
"""

import numpy as np
from hips import at, hip, mark

from ifi_mri.config import Config
from ifi_mri.findings import narrowing
from ifi_mri.measurements import ischiofemoral_space

NOISE_MM = (0.4, 0.75, 1.5)

#: Readings a row; five times the draws of other sections, 2,000 by default.
READINGS_PER_DRAW = 5


def _valley(rng, n, slope):
    return slope * np.abs(5.0 * (np.arange(n) - n // 2) + rng.uniform(-2.5, 2.5))


#: What is added to the smallest width on every slice, mm.
COURSES = {
    "one slice": lambda _: np.zeros(1),
    "3 slices, V of 0.5 to 4 mm a slice": lambda rng: rng.uniform(0.5, 4) * np.array([1.0, 0, 1]),
    "5 slices, V of 0.6 mm a mm": lambda rng: _valley(rng, 5, 0.6),
    "5 slices, V of 0.3 mm a mm": lambda rng: _valley(rng, 5, 0.3),
    "2 slices, random": lambda rng: rng.uniform(0, 4, 2),
    "3 slices, all alike": lambda _: np.zeros(3),
    "5 slices, all alike": lambda _: np.zeros(5),
}


def run(arguments):
    """Print the tables."""
    readings = READINGS_PER_DRAW * arguments.draws
    print(f"\n95 % intervals, {readings} simulated readings a cell: share that holds the truth\n")
    print("| course | " + " | ".join(f"SD {sd} mm a click" for sd in NOISE_MM) + " |")
    print("|---" * (len(NOISE_MM) + 1) + "|")
    said, true = [], []
    for name, course in COURSES.items():
        shares = []
        for sd_mm in NOISE_MM:
            held, probabilities, at_or_below = _readings(course, sd_mm, readings)
            shares.append(f"{held:.1%}")
            said += probabilities
            true += at_or_below
        print(f"| {name} | " + " | ".join(shares) + " |", flush=True)
    _calibration(np.array(said), np.array(true))


def _readings(course, sd_mm, n):
    """Return the share of intervals that hold, and said probability and truth of a cut-off."""
    rng = np.random.default_rng(17)
    config = Config.model_validate({"spaces": {"landmark_sd_mm": sd_mm}})
    held, said, true = 0, [], []
    for _ in range(n):
        widths = rng.uniform(6, 25) + course(rng)
        true_mm = float(widths.min())
        space = ischiofemoral_space.measure(hip(*_clicks(widths, sd_mm, rng)), config)[0]
        held += space.interval_95[0] <= true_mm <= space.interval_95[1]
        cutoff = true_mm + rng.uniform(-3, 3) * sd_mm
        said.append(narrowing.probability_at_or_below(space.value, space.sd, cutoff, space.bias))
        true.append(true_mm <= cutoff)
    return held / n, said, true


def _clicks(widths, sd_mm, rng):
    for index, width in enumerate(widths):
        ends = np.array([[60.0, 40.0], [60.0 + 0.8 * width, 40.0 + 0.6 * width]])
        ends += rng.normal(0, sd_mm, (2, 2))
        yield mark("ischial_tuberosity", at(index, *ends[0]))
        yield mark("lesser_trochanter", at(index, *ends[1]))


def _calibration(said, true):
    print("\nProbability that the true width is at or below a cut-off, all rows above\n")
    print("| said | readings | came true |")
    print("|---|---|---|")
    for low in np.arange(0, 1, 0.1):
        within = (said >= low) & (said < low + 0.1 + 1e-9)
        print(f"| {said[within].mean():.0%} | {within.sum()} | {true[within].mean():.0%} |")
