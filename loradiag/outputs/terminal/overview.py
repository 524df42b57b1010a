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
from loradiag.outputs.arrange import OVERVIEW, active, has_modules, is_series, labels, overview_of, without_spectra
from loradiag.outputs.facts import short_number
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import GAP, Column, fitting, plain
from loradiag.outputs.terminal.marks import SEVERITY, STATUS

_WORTH = {
    "modules": 0,
    "deploy as": 6,
    "forgot": 7,
    "traffic": 8,
    "watch": 10,
    "canary": 9,
    "served": 9,
    "stage": 6,
    "e-value": 5,
    "requests": 1,
    "energy_rank_99": 1,
    "frobenius_norm": 2,
    "stable_rank": 3,
    "intruders": 4,
    "relative_frobenius": 5,
}
"""Of columns by their titles, or what they measure; what is told of several adapters together is shown in full instead."""

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
    noun = "checkpoint" if is_series(reports) else "adapter"
    yield from _told_apart(reports, noun)
    counts = Counter(report.verdict.status for report in reports)
    said = f"{plural(len(reports), noun)}: {counts[Status.FAIL]} failed, {counts[Status.INCONCLUSIVE]} inconclusive"
    yield Text(said, style="bold").append("   --verbose shows each in full", style="not bold dim")


def _figures(reports: Sequence[Report]) -> list[Column]:
    measured: Mapping[str, Sequence[float | None]] = overview_of(reports)
    modules = Column("modules", [f"{report.subject.modules:,}" for report in reports], _WORTH["modules"])
    return [
        *([modules] if has_modules(reports) else []),
        *_watched(reports),
        *_words(reports),
        *(Column(OVERVIEW[name], list(map(short_number, values)), _WORTH[name]) for name, values in measured.items()),
    ]


def _watched(reports: Sequence[Report]) -> list[Column]:
    """Of those under watch the evidence, and how many requests were counted."""
    if not any(report.measurements.watch for report in reports):
        return []
    from loradiag.outputs.watch import e_words

    found = [report.measurements.watch for report in reports]
    counts = [f"{row.requests:,}" if row else "" for row in found]
    evidence = [f"{e_words(row.e_value)} of {e_words(row.line)}" if row else "" for row in found]
    return [Column("requests", counts, _WORTH["requests"]), Column("e-value", evidence, _WORTH["e-value"])]


def _words(reports: Sequence[Report]) -> list[Column]:
    """What other commands found, in a word or two: some milliseconds of imports that an inspection need not wait."""
    if not any(map(without_spectra, reports)):
        return []
    from loradiag.outputs.inshort import in_words

    return [Column(title, said, _WORTH[title]) for title, said in in_words(reports) if title in _WORTH]


def _serious(report: Report) -> list[Finding]:
    return [finding for finding in active(report) if finding.severity is not Severity.INFO]


def _told_apart(reports: Sequence[Report], noun: str) -> Iterable[RenderableType]:
    """Each rule that fired once, with its first message and the number of adapters, or checkpoints, that it fired on."""
    first: dict[str, Finding] = {}
    count: Counter[str] = Counter()
    for report in reports:
        for finding in _serious(report):
            first.setdefault(finding.code, finding)
        count.update({finding.code for finding in _serious(report)})
    for finding in sorted(first.values(), key=lambda finding: (-finding.severity.weight, finding.code)):
        mark, color = SEVERITY[finding.severity]
        line = Text(f"{mark} ", style=color).append(f"{finding.code} {finding.rule}", style="bold")
        line.append(f" in {plural(count[finding.code], noun)}: ", style="default")
        yield line.append(printable(finding.message), style="default")
