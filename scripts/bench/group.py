"""How fast the group page of a large cohort is written, opened and filtered in headless Chromium.

Needs node, chromium and playwright-core (`scripts/install_test_tools`).

    python scripts/bench/group.py [--cases 5000] [--runs 5]
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from test_group_page import big_batch, in_browser

from ifi_mri.cohort import group_page


def main() -> None:
    """Write the cohort, open its page several times, print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = big_batch(Path(name), options.cases)
        start = time.perf_counter()
        (page,) = group_page.write(folder)
        written_s = time.perf_counter() - start
        found = [in_browser(page) for _ in range(options.runs)]
        size_mb = page.stat().st_size / 1e6
    opened, filtered = (
        statistics.median(one[key] for one in found) for key in ("openedMs", "filterMs")
    )
    print("| what | |\n|---|---|")
    print(f"| page of {options.cases} cases written | {written_s:.1f} s, {size_mb:.1f} MB |")
    print(f"| opened, charts and table drawn | {opened / 1000:.2f} s |")
    print(f"| filtered and drawn again | {filtered:.0f} ms |")


if __name__ == "__main__":
    main()
