"""How good is the quadratus femoris signal?  ``python scripts/bench/signal.py [--cases N]``

Prints the table of `muscle_signal`, which holds the benchmark.  A script's own folder comes first
on Python's module path, where this file would stand in for the standard library's ``signal``, for
this script and for its neighbours: so it steps aside before anything else is imported.
"""

import sys
from pathlib import Path

HERE = str(Path(__file__).resolve().parent)


def standard_library_signal() -> None:
    """Import the standard library's ``signal`` under its own name."""
    sys.modules.pop("signal", None)
    path, sys.path = sys.path, [entry for entry in sys.path if entry not in ("", HERE)]
    try:
        import signal  # noqa: F401
    finally:
        sys.path = path


standard_library_signal()

if __name__ == "__main__":
    sys.path.insert(0, HERE)
    import muscle_signal

    muscle_signal.main()
