"""A forest plot in a line of text: the interval of a score beside its margin and zero, on a scale that all rows share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from loradiag.core.forgetting import Score
from loradiag.outputs.scores import borne, extent, relative, share_words, span

ZERO, MARGIN, LINE = "│", "║", "─"
_CROSSED = {ZERO: "┼", MARGIN: "╫"}
POINTS = {"safe": "●", "forgot": "×", "inconclusive": "○", "unjudged": "•"}
"""The shape of a status, so that it can be told without colour."""

BEYOND = ("◂", "▸")
"""At the border, for what lies beyond it."""


class Scale(msgspec.Struct, frozen=True):
    """Shares of the base's score, from ``low`` to ``high``, on so many cells."""

    low: float
    high: float
    cells: int

    def at(self, share: float) -> int:
        """The cell of a share; what lies beyond is held at the border."""
        held = min(max(share, self.low), self.high)
        # Halves: the distance of two ends that a float holds may be one that it does not.
        return round((held / 2 - self.low / 2) / (self.high / 2 - self.low / 2) * (self.cells - 1))

    @property
    def title(self) -> str:
        """Both ends, as wide as the strip."""
        low, high = (share_words(round(end, 2)).replace(".0", "") for end in (self.low, self.high))
        return f"{low}{high:>{self.cells - len(low)}}"


def scale(scores: Iterable[Score], cells: int) -> Scale | None:
    """A scale for all rows; None where nothing has a difference."""
    ends = extent(scores)
    return Scale(*ends, cells) if ends else None


def strip(score: Score, on: Scale) -> str:
    """One row."""
    point = relative(score, score.difference)
    if point is None:
        return ""
    cells = _empty(score, on)
    ends = span(score, score.ci_low, score.ci_high)
    if ends is not None:
        for index in range(on.at(ends[0]), on.at(ends[1]) + 1):
            cells[index] = _CROSSED.get(cells[index], LINE)
        _borders(cells, ends, on)
    cells[on.at(point)] = _beyond(point, on) or POINTS.get(score.status, POINTS["unjudged"])
    return "".join(cells)


def _empty(score: Score, on: Scale) -> list[str]:
    cells = [" "] * on.cells
    margin, zero = borne(score), on.at(0.0)
    if margin:
        # A margin narrower than a cell is still not nothing.
        cells[max(min(on.at(-margin), zero - 1), 0)] = MARGIN
    cells[zero] = ZERO
    return cells


def _borders(cells: list[str], ends: Sequence[float], on: Scale) -> None:
    if ends[0] < on.low:
        cells[0] = BEYOND[0]
    if ends[1] > on.high:
        cells[-1] = BEYOND[1]


def _beyond(point: float, on: Scale) -> str:
    return BEYOND[0] if point < on.low else BEYOND[1] if point > on.high else ""
