"""Where cases are analysed: processes of this machine, or the workers of a Dask cluster.

Both are executors of `concurrent.futures`, so that one loop serves both.
"""

import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ifi_mri import folder_lock, worker_start
from ifi_mri._version import __version__
from ifi_mri.errors import ConfigError

if TYPE_CHECKING:
    import distributed

#: Shared by the workers of a run; while one lives, the next run waits.
WORKERS_LOCK: Final = ".workers.lock"

#: Cases in flight for each worker: one that is analysed, one that waits for it.
_IN_FLIGHT_LOCAL: Final = 2

#: Dask takes some milliseconds to hand out a case; more of them wait at each worker.
_IN_FLIGHT_DASK: Final = 4

#: Objects that are made before the garbage collector of a worker looks for cycles: a case makes
#: some ten thousand, nearly none of them in a cycle (Python waits for 700).
_COLLECT_AFTER: Final = 10_000

#: ``--dask`` for a cluster on this machine.
DASK_LOCAL: Final = "local"


class Workers(Protocol):
    """Executors of one kind.

    ``lost`` are the errors of a case whose worker went away; ``all_are_lost`` says whether all
    other cases in flight go with it.
    """

    lost: tuple[type[BaseException], ...]
    all_are_lost: bool
    in_flight: int
    executor: Executor

    def rebuild(self) -> None:
        """Make the executor anew after one of its workers was lost."""
        ...


def available_cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# --- this machine -------------------------------------------------------------------------------


class LocalWorkers:
    """Processes of this machine, forked from a server that has imported everything once.

    A worker that dies breaks the whole pool; `rebuild` makes another.
    """

    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    all_are_lost = True

    def __init__(self, n_processes: int, folder: Path | None) -> None:
        self._n_processes = n_processes
        self._folder = str(folder) if folder is not None else None
        self._context = worker_start.context()
        self.in_flight = _IN_FLIGHT_LOCAL * n_processes
        self.executor: Executor = self._executor()

    def _executor(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._n_processes,
            mp_context=self._context,
            initializer=_begin_work,
            initargs=(self._folder,),
        )

    def rebuild(self) -> None:
        """Wait for the remaining processes to end and start others."""
        self.executor.shutdown(wait=True, cancel_futures=True)
        self.executor = self._executor()


def _begin_work(folder: str | None) -> None:
    """Make a worker leave Ctrl-C to its parent, end with it, and show that it lives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.freeze()  # what is imported stays
    gc.set_threshold(_COLLECT_AFTER)
    if folder is not None:
        folder_lock.share(Path(folder), WORKERS_LOCK)


def _end_with_parent() -> None:
    """End this process when its parent is gone, also when it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def local(n_processes: int, folder: Path | None = None) -> Iterator[LocalWorkers]:
    """Give processes of this machine, which end with the block: those at work finish their case."""
    worker_start.prepare_environment()
    workers = LocalWorkers(n_processes, folder)
    try:
        yield workers
    finally:
        workers.executor.shutdown(wait=True, cancel_futures=True)


# --- a cluster ----------------------------------------------------------------------------------


class DaskWorkers:
    """The workers of a Dask cluster; one that dies takes only its own cases with it."""

    all_are_lost = False

    def __init__(self, client: "distributed.Client") -> None:
        from distributed import KilledWorker

        self.lost: tuple[type[BaseException], ...] = (KilledWorker,)
        self.executor: Executor = client.get_executor(pure=False, retries=0)  # type: ignore[no-untyped-call]
        n_threads = sum(client.nthreads().values())  # type: ignore[no-untyped-call]
        self.in_flight = _IN_FLIGHT_DASK * max(1, n_threads)

    def rebuild(self) -> None:
        """Do nothing: the scheduler starts or finds other workers itself."""


@contextmanager
def dask(address: str, n_processes: int) -> Iterator[DaskWorkers]:
    """Give the workers of a Dask cluster, by its scheduler's address or on this machine.

    Raises
    ------
    ConfigError
        Dask is not installed, the scheduler does not answer, or its workers have another version
        of ``ifi_mri``.
    """
    try:
        import distributed
    except ImportError as problem:
        raise ConfigError(
            "--dask: the package dask[distributed] is not installed. Install it with "
            "`pip install 'ifi-mri[cluster]'`."
        ) from problem
    with _client(distributed, address, n_processes) as client:
        _same_version_everywhere(client)
        yield DaskWorkers(client)


@contextmanager
def _client(module: Any, address: str, n_processes: int) -> Iterator["distributed.Client"]:
    worker_start.prepare_environment()
    try:
        if address == DASK_LOCAL:
            cluster = module.LocalCluster(
                n_workers=n_processes,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.ERROR,
            )
            client = module.Client(cluster)
        else:
            cluster = None
            client = module.Client(address, timeout="20s")
    except (OSError, ValueError, TimeoutError) as problem:
        raise ConfigError(
            f"--dask {address}: no scheduler answers there ({type(problem).__name__}). Start one "
            "(`dask scheduler`), or say --dask local."
        ) from problem
    try:
        yield client
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _same_version_everywhere(client: "distributed.Client") -> None:
    client.wait_for_workers(1, timeout=60)
    for worker, version in client.run(_version_here).items():
        if version != __version__:
            raise ConfigError(
                f"--dask: worker {worker} has ifi_mri {version}, this machine {__version__}. "
                "Install the same version everywhere."
            )


def _version_here() -> str:
    return __version__
