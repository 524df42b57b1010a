"""When to measure, and what it may cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pace:
    """Every so many steps, as long as measuring stays a small part of the time.

    Args:
        every: Steps between measures; None for none beside those at saves.
        budget: Share of the time since :meth:`start` that may go into measures; None for no limit. Measures at saves are
            always taken, and count.
        clock: Seconds, from any beginning.

    Attributes:
        spent: Seconds that went into measures.
        skipped: Measures that were due and would have cost too much.
        first: Step at which training began.
    """

    def __init__(self, every: int | None, budget: float | None, clock: Callable[[], float] = time.perf_counter) -> None:
        self._every, self._budget, self._clock = every, budget, clock
        self._began = clock()
        self._last = 0.0
        self.spent = 0.0
        self.skipped = 0
        self.first = 0

    def start(self, step: int) -> None:
        """Begin to count, at a step that is not 0 where a run is resumed."""
        self._began, self._last, self.spent, self.skipped, self.first = self._clock(), 0.0, 0.0, 0, step

    def due(self, step: int) -> bool:
        """Whether the schedule asks for a measure at this step. The same in every process."""
        return self._every is not None and step % self._every == 0

    def affords(self) -> bool:
        """Whether a measure as dear as the last one stays within the budget; if not, it counts as skipped."""
        if self._budget is None or self.spent + self._last <= self._budget * (self._clock() - self._began):
            return True
        self.skipped += 1
        return False

    @contextmanager
    def timed(self, *, measure: bool = True) -> Iterator[None]:
        """Count what is done inside as spent, and take it for what the next measure will cost, if it is one."""
        began = self._clock()
        try:
            yield
        finally:
            took = self._clock() - began
            self.spent += took
            self._last = took if measure else self._last
