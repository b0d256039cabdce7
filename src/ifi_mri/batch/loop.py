"""One loop over an executor: a bounded window of work in flight, and no result lost.

A worker that dies is survived.  Which of the cases in flight killed it cannot be told, so each of
them is suspected and done again alone; one whose worker dies a second time is given up.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from typing import Generic, NamedTuple, TypeVar

from ifi_mri.batch.executors import Workers
from ifi_mri.errors import ReportError

Task = TypeVar("Task")
Result = TypeVar("Result")


class Done(NamedTuple, Generic[Task, Result]):
    """A task with its result; None where its worker died twice."""

    task: Task
    result: Result | None


def run(
    work: Callable[[Task], Result], tasks: Iterable[Task], workers: Workers
) -> Iterator[Done[Task, Result]]:
    """Yield every task with its result, as they come.

    Parameters
    ----------
    work : callable
        Raises nothing; a function that can be pickled.
    tasks : iterable
        Taken as there is room for them, never all at once.
    workers : Workers

    Raises
    ------
    ReportError
        The cluster went away.
    """
    return _Loop(work, iter(tasks), workers).results()


class _Loop(Generic[Task, Result]):
    """The window: what is in flight, and what is suspected of killing workers."""

    def __init__(
        self, work: Callable[[Task], Result], tasks: Iterator[Task], workers: Workers
    ) -> None:
        self.work, self.tasks, self.workers = work, tasks, workers
        self.in_flight: dict[Future[Result], Task] = {}
        self.suspects: deque[Task] = deque()
        self.alone = False

    def results(self) -> Iterator[Done[Task, Result]]:
        """Yield results until nothing is left."""
        try:
            while self._fill():
                finished, _ = wait(self.in_flight, return_when=FIRST_COMPLETED)
                yield from self._taken(finished)
        finally:
            for future in self.in_flight:
                future.cancel()

    def _fill(self) -> bool:
        """Put work in flight: suspects one at a time, else as much as the window holds."""
        if self.suspects:
            if not self.in_flight:
                self._submit(self.suspects.popleft(), alone=True)
            return True
        while len(self.in_flight) < self.workers.in_flight and not self.alone:
            task = next(self.tasks, None)
            if task is None:
                break
            self._submit(task)
        return bool(self.in_flight)

    def _submit(self, task: Task, *, alone: bool = False) -> None:
        try:
            future = self.workers.executor.submit(self.work, task)
        except BrokenExecutor:  # broken while nobody looked: those in flight will say so
            if self.in_flight:
                self.suspects.append(task)
                return
            self.workers.rebuild()
            future = self.workers.executor.submit(self.work, task)
        self.in_flight[future] = task
        self.alone = alone

    def _taken(self, finished: Iterable[Future[Result]]) -> Iterator[Done[Task, Result]]:
        """Yield the results of finished work, and deal with work whose worker died."""
        lost: list[Task] = []
        was_alone, self.alone = self.alone, False
        for future in finished:
            task = self.in_flight.pop(future)
            try:
                yield Done(task, future.result())
            except self.workers.lost:
                lost.append(task)
            except CancelledError as problem:
                raise ReportError(
                    "the Dask cluster went away. Run the same command again when it is back; "
                    "finished cases are not redone."
                ) from problem
        if not lost:
            return
        if self.workers.all_are_lost:
            yield from self._rest_of_broken_pool(lost)
        self.workers.rebuild()
        if was_alone:
            yield from (Done(task, None) for task in lost)
        else:
            self.suspects.extend(lost)

    def _rest_of_broken_pool(self, lost: list[Task]) -> Iterator[Done[Task, Result]]:
        wait(self.in_flight)
        for future, task in list(self.in_flight.items()):
            del self.in_flight[future]
            if future.cancelled() or future.exception() is not None:
                lost.append(task)
            else:
                yield Done(task, future.result())
