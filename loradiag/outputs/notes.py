"""Findings that a table has said already: which of them lists may leave out, and which they may put together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loradiag.core.findings import Finding, Severity
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs.arrange import active, gates
from loradiag.outputs.questions import called
from loradiag.outputs.routes import called as called_route
from loradiag.outputs.routes import folded, folded_words

SHOWN = 8
"""Findings of one rule about single tasks in one list; the others are counted, as the table has them all."""

_FEW = 4
"""So many notes on tasks need not be folded."""


class Aside(msgspec.Struct, frozen=True):
    """Notes that a table names by their codes. ``words`` count them; ``noun`` is what each is about."""

    noun: str
    words: str
    notes: list[Finding]

    def about(self, finding: Finding) -> str:
        """The route or the task that a note is about, safe to show."""
        return called_route(finding.route or "") if self.noun == "route" else called(finding.modules[0])


class Card(msgspec.Struct, frozen=True):
    """Findings of one rule that are told together: the first as any other, then further ``messages``; ``more`` are counted."""

    finding: Finding
    messages: list[str]
    more: int

    @property
    def count(self) -> int:
        """How many findings it stands for."""
        return 1 + len(self.messages) + self.more


def asides(report: Report) -> list[Aside]:
    """Notes on single routes, and those on single tasks where they are many."""
    found = []
    if routes := folded(report):
        found.append(Aside("route", folded_words(report, routes), routes))
    notes = [finding for finding in active(report) if finding.severity is Severity.INFO and on_task(report, finding)]
    tasks = [finding for finding in notes if not gates(report, finding)]
    if len(tasks) > _FEW:
        found.append(Aside("task", f"{plural(len(tasks), 'note')} on single tasks", tasks))
    return found


def apart(report: Report) -> list[Finding]:
    """All findings that lists may leave out."""
    return [finding for aside in asides(report) for finding in aside.notes]


def on_task(report: Report, finding: Finding) -> bool:
    """Whether a finding is about one task of a run that asked tasks."""
    found = report.measurements.forgetting
    return found is not None and len(finding.modules) == 1 and finding.modules[0] in _names(report)


def of_tasks(report: Report, finding: Finding) -> bool:
    """Whether what a finding names are tasks, and no modules."""
    return bool(finding.modules) and set(finding.modules) <= _names(report)


def _names(report: Report) -> set[str]:
    found = report.measurements.forgetting
    return {score.task for score in (*found.groups, *found.tasks)} | {*found.unfinished} if found else set()


def cards(report: Report, found: Sequence[Finding], most: int = SHOWN) -> list[Card]:
    """Findings with those of one rule about single tasks put together; all others stay alone, in their order."""
    by_rule: dict[tuple[str, str], list[Finding]] = {}
    order: list[tuple[str, str]] = []
    for index, finding in enumerate(found):
        key = (finding.code, finding.severity.value) if on_task(report, finding) else (str(index), "")
        if key not in by_rule:
            order.append(key)
        by_rule.setdefault(key, []).append(finding)
    return [_card(by_rule[key], most) for key in order]


def _card(found: Sequence[Finding], most: int) -> Card:
    return Card(found[0], [finding.message for finding in found[1:most]], max(len(found) - most, 0))
