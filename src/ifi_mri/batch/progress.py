"""How far a batch is: one line that changes on a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final, TextIO

#: On a terminal a line is drawn at most this often, s.
_REDRAWN_EVERY_S: Final = 0.1

#: Elsewhere a line is written this often, s.
_LINE_EVERY_S: Final = 30.0

#: Failures that are told one by one; the tables tell all.
_MOST_TOLD: Final = 20


class Progress:
    """Counts of cases by how they ended, with rate and time left.

    Parameters
    ----------
    stream : text file
        Standard error; it is asked whether it is a terminal.
    n_cases : int
    quiet : bool
        Say nothing.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        n_cases: int,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._stream, self._n_cases, self._quiet, self._clock = stream, n_cases, quiet, clock
        self._redraws = stream.isatty()
        self._started = self._shown_at = clock()
        self._drawn = 0

    def add(self, status: str, *, analysed: bool = True) -> None:
        """Count a case; ``analysed`` where it was not merely found finished."""
        self.counts[status] += 1
        if analysed:
            self.counts["analysed"] += 1
        pause = _REDRAWN_EVERY_S if self._redraws else _LINE_EVERY_S
        if self._clock() - self._shown_at >= pause:
            self.show()

    def begin_work(self) -> None:
        """Count the rate from now."""
        self._started = self._clock()

    def tell_failure(self, folder: str, reason: str) -> None:
        """Say that a case failed and why."""
        n_failed = self.counts["failed"]
        if n_failed <= _MOST_TOLD:
            self._say(f"failed: {folder}: {reason}")
        if n_failed == _MOST_TOLD:
            self._say("further failures are not shown here; cases.csv holds them all")

    def show(self) -> None:
        """Write the line."""
        self._shown_at = self._clock()
        if self._quiet:
            return
        line = self.line()
        if self._redraws:
            self._stream.write(f"\r{line.ljust(self._drawn)}")
            self._drawn = len(line)
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def line(self) -> str:
        """Return the line: how many of how many, rate, time left, counts."""
        finished = sum(self.counts[status] for status in ("done", "failed", "reused"))
        seconds = self._clock() - self._started
        rate = self.counts["analysed"] / seconds if seconds > 0 else 0.0
        parts = [f"{finished}/{self._n_cases} cases"]
        if rate > 0:
            left = (self._n_cases - finished) / rate
            parts += [f"{rate:.1f} a second", f"{in_words(left)} left"]
        parts.append(
            ", ".join(f"{self.counts[status]} {status}" for status in ("done", "failed", "reused"))
        )
        return "; ".join(parts)

    def end(self) -> None:
        """Write the line for the last time."""
        self.show()
        if self._redraws and not self._quiet:
            self._stream.write("\n")

    def _say(self, text: str) -> None:
        if self._quiet:
            return
        if self._redraws:
            self._stream.write(f"\r{text.ljust(self._drawn)}\n")
            self._drawn = 0
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()


def in_words(seconds: float) -> str:
    """Return a time as ``12 s``, ``3 min 20 s`` or ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
