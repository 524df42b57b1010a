"""A confusion table per rule: fired where it should, fired where it should not, with exact intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from scipy.stats import beta

from benchmarks.validity.cases import Outcome
from benchmarks.validity.expected import BESIDE, DESCRIBE, NOT_HERE
from benchmarks.validity.facts import SETTLED

SIZE = ("LD205", "LD206", "LD207")
"""Judged by the base where there is one, else in absolute terms: two rules in one, and held apart here."""


class Row(msgspec.Struct):
    """What is known of one rule. ``where``: labels at which it was missed, or fired though it should not."""

    code: str
    alone: bool = False
    hits: int = 0
    should: int = 0
    alarms: int = 0
    should_not: int = 0
    missed: Counter[str] = msgspec.field(default_factory=Counter)
    wrong: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def name(self) -> str:
        """The code, and how it was asked where that matters."""
        return self.code + ((" alone" if self.alone else " beside base") if self.code in SIZE else "")

    def count(self, label: str, fired: bool, *, should: bool) -> None:
        """Take one case into account."""
        if should:
            self.should += 1
            self.hits += fired
            self.missed[label] += not fired
        else:
            self.should_not += 1
            self.alarms += fired
            self.wrong[label] += fired

    def add(self, other: Row) -> None:
        """Take all cases of another row into account."""
        self.hits += other.hits
        self.should += other.should
        self.alarms += other.alarms
        self.should_not += other.should_not
        self.missed.update(other.missed)
        self.wrong.update(other.wrong)


def interval(count: int, total: int) -> tuple[float, float]:
    """The exact 95% interval of a share (Clopper and Pearson 1934)."""
    low = float(beta.ppf(0.025, count, total - count + 1)) if count else 0.0
    high = float(beta.ppf(0.975, count + 1, total - count)) if count < total else 1.0
    return low, high


def confusion(outcomes: Sequence[Outcome], codes: Sequence[str]) -> list[Row]:
    """A row a rule, and two for those about sizes; rules that neither a label nor the files speak of are left out."""
    rows: list[Row] = []
    for code in codes:
        if code.startswith(NOT_HERE):
            continue
        for alone in (False, True) if code in SIZE else (False,):
            row = Row(code, alone)
            for outcome in outcomes:
                if code in SIZE and not alone and not outcome.beside_base:
                    continue
                if code in BESIDE and not outcome.beside_base:
                    continue
                _count(row, outcome)
            if row.should or (row.should_not and code not in DESCRIBE):
                rows.append(row)
    return [row for row in rows if row.should or row.code in SETTLED]


def together(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """Rows of two kinds of cases as one table, in the order of codes."""
    found = {(row.code, row.alone): row for row in rows}
    for row in others:
        found.setdefault((row.code, row.alone), Row(row.code, row.alone)).add(row)
    return [row for _, row in sorted(found.items()) if row.should]


def _count(row: Row, outcome: Outcome) -> None:
    expected, code = outcome.expected, row.code
    fired = code in outcome.codes(alone=row.alone)
    if code in expected.should:
        row.count(outcome.label, fired, should=True)
    elif code in expected.may or (code in DESCRIBE and not _settled(outcome, code)):
        return
    else:
        row.count(outcome.label, fired, should=False)


def _settled(outcome: Outcome, code: str) -> bool:
    """Whether the files settle a rule that else only describes: an expectation from facts names LD503 or LD502."""
    return code in SETTLED and bool({"LD502", "LD503", "LD501"} & outcome.expected.should)


def false_alarms(outcomes: Sequence[Outcome]) -> dict[str, list[tuple[str, str, str]]]:
    """Findings at warning or above on sound adapters: group -> (adapter, code, severity)."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for outcome in (one for one in outcomes if one.sound):
        rows = found.setdefault(outcome.group, [])
        rows += [(outcome.name, one.code, one.severity) for one in outcome.fired if one.severity != "info"]
    return found
