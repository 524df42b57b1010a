"""Several reports in a terminal: a line each, and every rule that fired once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from loradiag.core.findings import Finding, Severity
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.core.verdict import Status
from loradiag.outputs.arrange import OVERVIEW, active, has_modules, is_series, labels, overview_of
from loradiag.outputs.facts import short_number
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import GAP, Column, fitting, plain
from loradiag.outputs.terminal.marks import SEVERITY, STATUS

_WORTH = {
    "modules": 0,
    "deploys": 6,
    "forgot": 7,
    "traffic": 8,
    "watch": 9,
    "e": 5,
    "requests": 1,
    "energy_rank_99": 1,
    "frobenius_norm": 2,
    "stable_rank": 3,
    "intruders": 4,
    "relative_frobenius": 5,
}
_LABEL, _CODES = 24, 19
"""Columns that labels get at least, where they need as many, and codes of findings under their title."""


def overview(reports: Sequence[Report], style: Style) -> Iterable[RenderableType]:
    """The table, the rules, and the count of verdicts."""
    if is_series(reports):
        folder = printable(reports[0].subject.path).rpartition("/")[0]
        yield Text(shorten(folder, style.width), style="bold underline")
    names = labels(reports)
    codes = [listed(list(dict.fromkeys(finding.code for finding in _serious(report))), 6) for report in reports]
    words = [STATUS[report.verdict.status] for report in reports]
    least = min(max(map(len, names)), _LABEL)
    taken = max(len(word) for word, _ in words) + GAP + least + (GAP + _CODES if any(codes) else 0)
    table = plain()
    table.add_column("verdict", no_wrap=True)
    table.add_column("adapter", overflow="fold", min_width=least)
    kept = fitting(_figures(reports), style.width - taken)
    for column in kept:
        table.add_column(column.title, justify="right", no_wrap=True)
    if any(codes):
        table.add_column("errors and warnings", overflow="fold", min_width=_CODES)
    for index, (word, color) in enumerate(words):
        figures = (column.cells[index] for column in kept)
        table.add_row(Text(word, style=color), Text(names[index]), *figures, *([codes[index]] if any(codes) else []))
    yield table
    yield from _told_apart(reports)
    counts = Counter(report.verdict.status for report in reports)
    said = (
        f"{plural(len(reports), 'adapter')}: {counts[Status.FAIL]} failed, {counts[Status.INCONCLUSIVE]} inconclusive"
    )
    yield Text(said, style="bold").append("   --verbose shows each in full", style="not bold dim")


def _figures(reports: Sequence[Report]) -> list[Column]:
    measured: Mapping[str, Sequence[float | None]] = overview_of(reports)
    modules = Column("modules", [f"{report.subject.modules:,}" for report in reports], _WORTH["modules"])
    ways, lost, sent, watched = _ways(reports), _forgot(reports), _traffic(reports), _watched(reports)
    return [
        *([modules] if has_modules(reports) else []),
        *([Column("deploy as", ways, _WORTH["deploys"])] if ways else []),
        *([Column("forgot", lost, _WORTH["forgot"])] if lost else []),
        *([Column("traffic", sent, _WORTH["traffic"])] if sent else []),
        *watched,
        *(Column(OVERVIEW[name], list(map(short_number, values)), _WORTH[name]) for name, values in measured.items()),
    ]


def _ways(reports: Sequence[Report]) -> list[str]:
    """How to deploy each, where merge drift was measured."""
    if not any(report.measurements.merge for report in reports):
        return []
    from loradiag.outputs.advice import deploys

    return deploys(reports)


def _forgot(reports: Sequence[Report]) -> list[str]:
    """What each forgot, where tasks were asked."""
    if not any(report.measurements.forgetting for report in reports):
        return []
    from loradiag.outputs.forgetting import in_short

    return in_short(reports)


def _traffic(reports: Sequence[Report]) -> list[str]:
    """What became of the traffic of each, where it was checked."""
    if not any(report.measurements.drift for report in reports):
        return []
    from loradiag.outputs.traffic import in_short

    return in_short(reports)


def _watched(reports: Sequence[Report]) -> list[Column]:
    """The state of each under watch, its evidence and how many requests were counted."""
    if not any(report.measurements.watch for report in reports):
        return []
    from loradiag.outputs.watch import e_words, in_short

    found = [report.measurements.watch for report in reports]
    return [
        Column("requests", [f"{row.requests:,}" if row else "" for row in found], _WORTH["requests"]),
        Column(
            "e-value", [f"{e_words(row.e_value)} of {e_words(row.line)}" if row else "" for row in found], _WORTH["e"]
        ),
        Column("watch", in_short(reports), _WORTH["watch"]),
    ]


def _serious(report: Report) -> list[Finding]:
    return [finding for finding in active(report) if finding.severity is not Severity.INFO]


def _told_apart(reports: Sequence[Report]) -> Iterable[RenderableType]:
    """Each rule that fired once, with its first message and the number of adapters that it fired on."""
    first: dict[str, Finding] = {}
    count: Counter[str] = Counter()
    for report in reports:
        for finding in _serious(report):
            first.setdefault(finding.code, finding)
        count.update({finding.code for finding in _serious(report)})
    for finding in sorted(first.values(), key=lambda finding: (-finding.severity.weight, finding.code)):
        mark, color = SEVERITY[finding.severity]
        line = Text(f"{mark} ", style=color).append(f"{finding.code} {finding.rule}", style="bold")
        line.append(f" in {plural(count[finding.code], 'adapter')}: ", style="default")
        yield line.append(printable(finding.message), style="default")
