"""How the worker processes of a batch start: forked from a process that has imported everything.

Importing takes half a second and more.  A program that asks for that process at once (`ahead`) has
it ready when it has itself read which cases there are.
"""

import multiprocessing
import os
import signal
import sys
from multiprocessing.context import BaseContext
from typing import Final

#: What worker processes find in their environment, unless it is set already.  Numerical libraries
#: take one thread each: the cases run side by side already.  The C library keeps the memory of a
#: case's pictures for the next one (`mallopt(3)`, bytes): getting each array anew from the system
#: means a thousand page faults a case, some 3 % of its time.
ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}

#: What they have imported when they begin.
IMPORTED: Final = "ifi_mri.batch.one_case"


def prepare_environment() -> None:
    """Set what is not set yet of `ENVIRONMENT`, for processes that start from now on."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def context() -> BaseContext:
    """Return how processes start: forked from a server with one thread where that can be done,
    since a fork beside threads may hang; else started anew."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload([IMPORTED])
    return forked


def ahead() -> None:
    """Start the server that workers are forked from, and do not wait for it; it ends with this
    process, and leaves Ctrl-C to it."""
    if sys.platform == "win32":
        return
    from multiprocessing import forkserver

    prepare_environment()
    context()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
