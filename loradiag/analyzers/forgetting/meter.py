"""Progress over all questions to all models, in the units of :meth:`Question.size`."""

from __future__ import annotations

from collections.abc import Callable

from loradiag.analyzers.forgetting.wanted import Progress


class Meter:
    """How much of the work is done.

    Args:
        total: All work.
        progress: Whom to tell.
    """

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._done, self._progress = max(total, 1), 0, progress

    def part(self, name: str, size: int) -> Callable[[int, int], None]:
        """Return what a part of this size tells of itself."""

        def tell(done: int, total: int) -> None:
            self._progress(name, self._done + size * done // max(total, 1), self._total)

        tell(0, 1)
        return tell

    def finished(self, size: int) -> None:
        """A part of this size is done, or need not be."""
        self._done += size
