"""How long the commands take: ``--version``, ``--help``, one whole ``run`` in one process.

    .venv/bin/python scripts/bench/commands.py [STUDY LANDMARKS]

Medians of several runs in one go; the floor is Python itself doing nothing, and importing numpy.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data" / "narrowed_with_oedema"
RUNS = 9


def measure(command: list[str]) -> tuple[float, float]:
    """Return the median CPU and wall time of a command, seconds."""
    cpu, wall = [], []
    for _ in range(RUNS):
        before, start = os.times(), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        wall.append(time.perf_counter() - start)
        cpu.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    return statistics.median(cpu), statistics.median(wall)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", nargs="?", type=Path, default=SAMPLE / "study")
    parser.add_argument("landmarks", nargs="?", type=Path, default=SAMPLE / "landmarks")
    arguments = parser.parse_args()
    study, landmarks = arguments.study, arguments.landmarks
    if (study == SAMPLE / "study") != (landmarks == SAMPLE / "landmarks"):
        parser.error("a study is measured with its own landmarks; name both or neither")
    program = [sys.executable, "-m", "ifi_mri"]
    with tempfile.TemporaryDirectory() as folder:
        run = ["run", str(study), "--landmarks", str(landmarks), "--quiet", "--out", folder]
        commands = {
            "python, doing nothing (floor)": [sys.executable, "-c", "pass"],
            "python, importing numpy": [sys.executable, "-c", "import numpy"],
            "ifi-mri --version": [*program, "--version"],
            "ifi-mri --help": [*program, "--help"],
            "ifi-mri info": [*program, "info"],
            f"ifi-mri run {study.name}": [*program, *run],
        }
        print(f"| command (median of {RUNS}) | CPU s | wall s |\n|---|---|---|")
        for name, command in commands.items():
            cpu, wall = measure(command)
            print(f"| {name} | {cpu:.3f} | {wall:.3f} |")


if __name__ == "__main__":
    main()
