"""A confusion table over the cases of all families."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.validity.confusion import Row
from benchmarks.validity.families.words import Told


def confusion(told: Sequence[Told], codes: Sequence[str]) -> list[Row]:
    """A row for each rule that some case should provoke."""
    rows = {code: Row(code) for code in codes}
    for one in told:
        for code in sorted((one.judged | one.expected.should) - one.expected.may):
            rows[code].count(one.label, code in one.fired, should=code in one.expected.should)
    return [row for row in rows.values() if row.should]


def wrong(told: Sequence[Told]) -> list[tuple[Told, frozenset[str], frozenset[str]]]:
    """Cases that were not called what they are: with the rules that were silent, and those that should have been."""
    found = []
    for one in told:
        missed = one.expected.should - one.fired
        extra = (one.fired & one.judged) - one.expected.should - one.expected.may
        if missed or extra:
            found.append((one, missed, extra))
    return found
