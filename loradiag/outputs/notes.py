"""Findings that a table has said already: which of them lists may leave out, and which they may put together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loradiag.core.findings import Finding, Severity
from loradiag.core.relations import PAIRWISE
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs.arrange import active, gates
from loradiag.outputs.questions import called
from loradiag.outputs.routes import called as called_route
from loradiag.outputs.routes import folded, folded_words
from loradiag.outputs.windows import SINGLE

SHOWN = 8
"""Findings of one rule about single tasks or windows in one list; the others are counted, as the table has them all."""

_FEW = 4
"""So many notes on tasks, or on windows of traffic, need not be folded."""


class Aside(msgspec.Struct, frozen=True):
    """Notes that a table names by their codes. ``words`` count them; ``noun`` is what each is about."""

    noun: str
    words: str
    notes: list[Finding]

    def about(self, finding: Finding) -> str:
        """The route, the task or the window that a note is about, safe to show."""
        if self.noun == "route":
            return called_route(finding.route or "")
        return called(finding.modules[0] if finding.modules else finding.message.partition(": ")[0])


class Card(msgspec.Struct, frozen=True):
    """Findings of one rule that are told together: the first as any other, then further ``messages``; ``more`` are counted.

    ``noun``: what each of them is about.
    """

    finding: Finding
    messages: list[str]
    more: int
    noun: str

    @property
    def count(self) -> int:
        """How many findings it stands for."""
        return 1 + len(self.messages) + self.more


def asides(report: Report) -> list[Aside]:
    """Notes on single routes, and those on single tasks and windows where they are many."""
    found = []
    if routes := folded(report):
        found.append(Aside("route", folded_words(report, routes), routes))
    notes = [row for row in active(report) if row.severity is Severity.INFO and not gates(report, row)]
    for noun in ("task", "window", "pair"):
        own = [finding for finding in notes if noun_of(report, finding) == noun]
        if len(own) > _FEW:
            found.append(Aside(noun, f"{plural(len(own), 'note')} on single {noun}s", own))
    return found


def apart(report: Report) -> list[Finding]:
    """All findings that lists may leave out."""
    return [finding for aside in asides(report) for finding in aside.notes]


def noun_of(report: Report, finding: Finding) -> str:
    """What a finding is about: ``task``, ``measure`` of answers, ``window`` of traffic, ``pair`` of adapters, or nothing."""
    if report.measurements.comparison is not None:
        return "pair" if finding.code in PAIRWISE else ""
    if report.measurements.served is not None:
        return "adapter" if len(finding.modules) == 1 else ""
    if len(finding.modules) == 1:
        return "task" if finding.modules[0] in _tasks(report) else "measure" if of_measures(report, finding) else ""
    single = report.measurements.drift is not None and finding.code in SINGLE and not finding.modules
    return "window" if single else ""


def named(report: Report, finding: Finding) -> str:
    """The noun of what a finding names: ``task`` or ``measure`` where it names no modules."""
    if report.measurements.fleet is not None or report.measurements.served is not None:
        return "adapter"
    return "task" if of_tasks(report, finding) else "measure" if of_measures(report, finding) else "module"


def of_tasks(report: Report, finding: Finding) -> bool:
    """Whether what a finding names are tasks, and no modules."""
    return bool(finding.modules) and set(finding.modules) <= _tasks(report)


def of_measures(report: Report, finding: Finding) -> bool:
    """Whether what a finding names are measures of answers."""
    found = report.measurements.drift
    metrics = {row.metric for row in found.predictions} if found else set()
    if report.measurements.canary:
        metrics |= {row.metric for row in report.measurements.canary.metrics}
    if report.measurements.watch:
        metrics |= {row.signal for row in report.measurements.watch.signals}
    return bool(finding.modules) and set(finding.modules) <= metrics


def _tasks(report: Report) -> set[str]:
    found = report.measurements.forgetting
    return {score.task for score in (*found.groups, *found.tasks)} | {*found.unfinished} if found else set()


def cards(report: Report, found: Sequence[Finding], most: int = SHOWN) -> list[Card]:
    """Findings with those of one rule about single tasks, measures or windows put together; all others stay alone."""
    by_rule: dict[tuple[str, str], list[Finding]] = {}
    order: list[tuple[str, str]] = []
    for index, finding in enumerate(found):
        noun = noun_of(report, finding)
        # Windows may be told to send their requests to different adapters.
        word = f"{finding.severity.value} {finding.advice if noun == 'window' else ''}"
        key = (finding.code, word) if noun else (str(index), "")
        if key not in by_rule:
            order.append(key)
        by_rule.setdefault(key, []).append(finding)
    return [_card(report, by_rule[key], most) for key in order]


def _card(report: Report, found: Sequence[Finding], most: int) -> Card:
    messages, more = [finding.message for finding in found[1:most]], max(len(found) - most, 0)
    return Card(found[0], messages, more, noun_of(report, found[0]) or "finding")
