"""Traffic in a terminal: what it rests on, windows, topics, novel requests, answers, and what it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from loradiag.core.drift import Drift
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.novel import novel_parts
from loradiag.outputs.terminal.shifts import shifts
from loradiag.outputs.terminal.summary import labelled, summed_up
from loradiag.outputs.terminal.windows import tables
from loradiag.outputs.traffic import summary
from loradiag.outputs.trafficfacts import statements
from loradiag.outputs.windows import GRAVEST, WORDS, first


def traffic(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section; nothing where traffic was not checked."""
    found = report.measurements.drift
    if found is None:
        return
    yield ""
    yield Text("traffic", style="bold")
    yield labelled(statements(found))
    if found.windows:
        yield ""
        yield from tables(report, found, style)
        if not style.verbose:
            yield from _more(found)
    yield from novel_parts(found, style)
    yield from shifts(report, found, style)
    yield ""
    yield summed_up(summary(report, found))


def _more(found: Drift) -> Iterable[Text]:
    """The windows that are not shown, by what became of them."""
    shown = first(found.windows)
    rest: Counter[str] = Counter(row.status for row in found.windows if row not in shown)
    if rest:
        counts = ", ".join(f"{rest[status]:,} {WORDS[status]}" for status in GRAVEST if rest[status])
        yield Text(f"and {plural(rest.total(), 'window')} more ({counts}): --verbose shows all", style="dim")
