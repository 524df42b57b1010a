"""Text for a terminal. Untrusted names go through ``printable`` and into ``Text`` objects, never into markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loradiag.core.findings import Severity
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.arrange import SEVERITY_MARKS, active, ignored, is_together, is_traffic, without_spectra
from loradiag.outputs.console import as_text
from loradiag.outputs.facts import facts
from loradiag.outputs.grid import grids, shown
from loradiag.outputs.notes import SHOWN, Card, asides, cards, named
from loradiag.outputs.style import BESIDE_BASE, MEASURES, Style
from loradiag.outputs.terminal.base import beside_base
from loradiag.outputs.terminal.grid import heat_map
from loradiag.outputs.terminal.marks import DEPLOY, SEVERITY, STATUS
from loradiag.outputs.terminal.modules import modules
from loradiag.outputs.terminal.overview import overview

TWO_COLUMNS = 88


def render(reports: Sequence[Report], style: Style) -> str:
    """Return the text of all reports, and an overview after them if there are several."""
    return as_text(_parts(reports, style), color=style.color, width=style.width)


def _parts(reports: Sequence[Report], style: Style) -> Iterable[RenderableType]:
    several = len(reports) > 1
    for report in reports:
        if not several or style.verbose or is_together(report):
            yield from _report(report, style)
            if several:
                yield ""
    if several and not all(map(is_together, reports)):
        yield from overview(reports, style)


def _report(report: Report, style: Style) -> Iterable[RenderableType]:
    yield Text(shorten(printable(report.subject.path), style.width), style="bold underline")
    if report.measurements.integrity and report.measurements.integrity.unreadable is None:
        yield _header(report, style)
        yield from _served(report, style)
        if not without_spectra(report) or report.measurements.spectrum is not None:
            yield ""
        yield from _map(report, style)
        yield from modules(report, style)
        yield from _learning(report, style)
        yield from beside_base(report, style)
        yield from _deployability(report)
    elif report.measurements.trajectory is not None:
        yield _header(report, style)
        yield from _learning(report, style)
    elif is_traffic(report):
        yield _header(report, style)
        yield from _traffic(report, style)
    elif report.measurements.fleet is not None:
        from loradiag.outputs.terminal.fleet import fleet

        yield _header(report, style)
        yield from fleet(report, style)
    elif report.measurements.registered is not None:
        yield _header(report, style)
    elif report.measurements.comparison is not None:
        from loradiag.outputs.terminal.comparing import comparing

        yield from comparing(report, style)
    yield from _findings(report, style)
    yield from _accounting(report, style)
    yield _verdict(report)


def _served(report: Report, style: Style) -> Iterable[RenderableType]:
    """What is measured by other commands: some milliseconds of imports that an inspection need not wait."""
    if report.measurements.merge is not None:
        from loradiag.outputs.terminal.routes import routes

        yield from routes(report, style)
    if report.measurements.forgetting is not None:
        from loradiag.outputs.terminal.forgetting import forgetting

        yield from forgetting(report, style)
    yield from _traffic(report, style)


def _traffic(report: Report, style: Style) -> Iterable[RenderableType]:
    if report.measurements.drift is not None:
        from loradiag.outputs.terminal.traffic import traffic

        yield from traffic(report, style)
    if report.measurements.watch is not None:
        from loradiag.outputs.terminal.watch import watch

        yield from watch(report, style)
    if report.measurements.canary is not None:
        from loradiag.outputs.terminal.canary import canary

        yield from canary(report, style)
    if report.measurements.served is not None:
        from loradiag.outputs.terminal.served import served

        yield from served(report, style)


def _learning(report: Report, style: Style) -> Iterable[RenderableType]:
    """The log of the training, and the checkpoints of one run."""
    if report.measurements.trajectory is not None or report.measurements.training_log is not None:
        from loradiag.outputs.terminal.learning import training, trajectory

        yield from trajectory(report, style)
        yield from training(report, style)


def _header(report: Report, style: Style) -> Table:
    """Facts in two columns, or in one where lines would be folded small."""
    rows = facts(report)
    if style.width < TWO_COLUMNS:
        half, sides = len(rows), 1
    else:
        half, sides = (len(rows) + 1) // 2, 2
    table = Table.grid(padding=(0, 2))
    for _ in range(sides):
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
    for index in range(half):
        pairs = rows[index::half][:sides]
        table.add_row(*(part for label, text in pairs for part in (label, Text(text))))
    return table


def _map(report: Report, style: Style) -> Iterable[RenderableType]:
    measure = shown(report, style.measure)
    lines = heat_map(grids(report, measure), measure, style.width)
    if lines and measure != style.measure and style.measure in BESIDE_BASE:
        yield Text(f"{MEASURES[style.measure]}: not measured; shown instead:", style="dim")
    yield from lines


def _deployability(report: Report) -> Iterable[RenderableType]:
    table = report.measurements.deployability
    if table is None:
        return
    yield ""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for row in table.targets:
        mark, color = DEPLOY.get(row.status, DEPLOY["unknown"])
        name = Text(f"{mark} ", style=color).append(shorten(printable(row.target), 24), style="default")
        said = "takes it as it is" if row.status == "yes" else printable("; ".join(row.reasons))
        grid.add_row(name, Text(said, style="dim" if row.status == "yes" else ""))
    yield Text("where it can go", style="bold")
    yield Padding(grid, (0, 0, 0, 2))


def _findings(report: Report, style: Style) -> Iterable[RenderableType]:
    counted, aside = active(report), ignored(report)
    quiet = [] if style.verbose else asides(report)
    notes = [finding for part in quiet for finding in part.notes]
    yield ""
    yield Text(f"findings ({len(counted)})" if counted else "no findings", style="bold")
    told = [finding for finding in counted if finding not in notes]
    for card in cards(report, told, len(told) if style.verbose else SHOWN):
        yield _card(report, card, style)
    for part in quiet:
        yield Text(f"  {SEVERITY_MARKS[Severity.INFO]} {part.words}: --verbose", style="dim")
    if aside:
        shown = [f"{finding.code} ({printable(finding.reason or '')})" for finding in aside]
        yield Text(f"  ignored by the policy: {listed(shown, 3)}", style="dim")


def _card(report: Report, card: Card, style: Style) -> Table:
    """A finding; those of one rule about single tasks or windows share their head and their advice."""
    finding = card.finding
    mark, color = SEVERITY[finding.severity]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    head = Text(f"{finding.severity.value} ", style=color).append(f"{finding.code} {finding.rule}", style="bold")
    if finding.confidence.value != "high":
        head.append(f"  {finding.confidence.value} confidence", style="dim")
    grid.add_row(Text(f"  {mark}", style=color), head)
    grid.add_row("", _messages(card) if card.messages else Text(printable(finding.message)))
    if finding.severity is not Severity.INFO or style.verbose:
        grid.add_row("", Text(f"→ {printable(finding.advice)}", style="dim"))
    if style.verbose and finding.modules and named(report, finding) == "module":
        grid.add_row("", Text(printable(", ".join(finding.modules)), style="dim"))
    return grid


def _messages(card: Card) -> Table:
    """What was found of each, told apart by a dot."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for message in (card.finding.message, *card.messages):
        grid.add_row("·", Text(printable(message)))
    if card.more:
        grid.add_row("", Text(f"and {plural(card.more, card.noun)} more: --verbose", style="dim"))
    return grid


def _accounting(report: Report, style: Style) -> Iterable[RenderableType]:
    account = report.accounting
    if not account.total:
        return
    said = f"{account.analysed:,} of {plural(account.total, 'tensor')} analysed"
    if account.unsupported:
        said += f", {len(account.unsupported):,} unsupported"
    if account.unexpected:
        said += f", {len(account.unexpected):,} unexpected"
    if account.broken:
        said += f", {len(account.broken):,} in broken modules"
    yield ""
    yield Text(said, style="dim")
    if style.verbose:
        for part in account.unsupported:
            yield Text(f"  unsupported {printable(part.tensor)}: {printable(part.reason)}", style="dim")
        for name in account.unexpected:
            yield Text(f"  unexpected {printable(name)}", style="dim")


def _verdict(report: Report) -> Text:
    word, color = STATUS[report.verdict.status]
    line = Text(word, style=color)
    if report.verdict.decided_by:
        line.append(f"  decided by {', '.join(report.verdict.decided_by)}", style="default")
    return line
