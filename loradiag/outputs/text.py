"""Text for a terminal. Untrusted names go through ``printable`` and into ``Text`` objects, never into markup."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loradiag.core.findings import Finding, Severity
from loradiag.core.measurements import ModuleSpectrum
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.core.verdict import Status
from loradiag.outputs.arrange import (
    DEPLOY_MARKS,
    OVERVIEW,
    SEVERITY_MARKS,
    STATUS_MARKS,
    active,
    ignored,
    is_series,
    labels,
    overview_of,
    vectors_first,
    worst_first,
)
from loradiag.outputs.beside import Beside, beside, statements, without_spectrum
from loradiag.outputs.console import as_text
from loradiag.outputs.facts import facts, short_number
from loradiag.outputs.grid import grids
from loradiag.outputs.style import Style
from loradiag.outputs.terminal_grid import heat_map

_COLORS = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "cyan"}
_SEVERITY = {severity: (SEVERITY_MARKS[severity], color) for severity, color in _COLORS.items()}
_VERDICTS = {Status.PASS: "bold green", Status.FAIL: "bold red", Status.INCONCLUSIVE: "bold yellow"}
_STATUS = {status: (f"{STATUS_MARKS[status]} {status.value.upper()}", color) for status, color in _VERDICTS.items()}
_DEPLOYS = {"yes": "green", "with-flag": "yellow", "no": "red", "unknown": "yellow"}
_DEPLOY = {status: (DEPLOY_MARKS[status], color) for status, color in _DEPLOYS.items()}
WORST = 6


def render(reports: Sequence[Report], style: Style) -> str:
    """Return the text of all reports, and an overview after them if there are several."""
    return as_text(_parts(reports, style), color=style.color, width=style.width)


def _parts(reports: Sequence[Report], style: Style) -> Iterable[RenderableType]:
    several = len(reports) > 1
    if not several or style.verbose:
        for report in reports:
            yield from _report(report, style)
            if several:
                yield ""
    if several:
        yield from _overview(reports, style)


def _report(report: Report, style: Style) -> Iterable[RenderableType]:
    yield Text(shorten(printable(report.subject.path), style.width), style="bold underline")
    if report.measurements.integrity and report.measurements.integrity.unreadable is None:
        yield _header(report)
        yield ""
        yield from heat_map(grids(report, style.measure), style.measure, style.width)
        yield from _modules(report, style)
        yield from _beside(report, style)
        yield from _deployability(report)
    yield from _findings(report, style)
    yield from _accounting(report, style)
    yield _verdict(report)


def _header(report: Report) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    rows = facts(report)
    half = (len(rows) + 1) // 2
    for index in range(half):
        left, right = rows[index], rows[index + half] if index + half < len(rows) else ("", "")
        table.add_row(left[0], Text(left[1]), right[0], Text(right[1]))
    return table


def _modules(report: Report, style: Style) -> Iterable[RenderableType]:
    spectrum = report.measurements.spectrum
    if spectrum is None:
        yield from _vectors(report, style)
        return
    ranked = worst_first(report)
    shown = ranked if style.verbose else ranked[:WORST]
    rest = len(ranked) - len(shown)
    yield ""
    yield Text("every module" if style.verbose else "modules to look at first", style="bold")
    yield _module_table(shown, style, beside(report))
    if rest > 0:
        yield Text(f"  and {plural(rest, 'module')} more: --verbose shows all", style="dim")


Column = Callable[[ModuleSpectrum, Beside | None], str]

_ALONE: Mapping[str, Column] = {
    "r": lambda row, _: str(row.rank),
    "scale": lambda row, _: short_number(row.scale),
    "eff. 1%": lambda row, _: short_number(row.effective_rank),
    "entropy": lambda row, _: short_number(row.entropy_rank),
    "stable": lambda row, _: short_number(row.stable_rank),
    "99% in": lambda row, _: short_number(row.energy_rank_99),
    "‖ΔW‖F": lambda row, _: short_number(row.frobenius_norm),
    "σ₁": lambda row, _: short_number(row.spectral_norm),
}
_BESIDE: Mapping[str, Column] = {
    **{title: _ALONE[title] for title in ("r", "scale", "stable", "99% in")},
    "‖ΔW‖/‖W‖": lambda _, near: short_number(near.relative.relative_frobenius) if near else "–",
    "σ₁/σ₁(W)": lambda _, near: short_number(near.relative.relative_spectral) if near else "–",
    "lost": lambda _, near: near.lost if near else "–",
    "intr.": lambda _, near: near.count if near else "–",
}
"""The columns of the table of modules: what an adapter tells alone, and what it tells beside its base."""


def _module_table(rows: Sequence[ModuleSpectrum], style: Style, near: Mapping[str, Beside]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False, header_style="dim")
    room = max(style.width - 68, 24)
    table.add_column("module", no_wrap=True)
    columns = _BESIDE if near else _ALONE
    for title in columns:
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        cells = (column(row, near.get(row.name)) for column in columns.values())
        table.add_row(Text(shorten(printable(row.name), room)), *cells)
    return table


def _vectors(report: Report, style: Style) -> Iterable[RenderableType]:
    vectors = report.measurements.vectors
    if vectors is None:
        return
    ranked = vectors_first(report)
    shown = ranked if style.verbose else ranked[:WORST]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("module", overflow="fold")
    for title in ("shape", "mean", "least", "largest", "rms from neutral"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in shown:
        values = (row.mean, row.minimum, row.maximum, row.deviation)
        shape = " × ".join(map(str, row.shape))
        table.add_row(Text(printable(row.name)), shape, *(short_number(value) for value in values))
    yield Text("vectors farthest from doing nothing", style="bold")
    yield table
    if len(ranked) > len(shown):
        yield Text(f"  and {plural(len(ranked) - len(shown), 'module')} more: --verbose shows all", style="dim")


def _beside(report: Report, style: Style) -> Iterable[RenderableType]:
    """The base and what was found beside it, and modules that only the base gives a size."""
    said = statements(report)
    if not said:
        return
    yield ""
    yield Text("beside its base", style="bold")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for label, text in said:
        grid.add_row(label, Text(text))
    yield Padding(grid, (0, 0, 0, 2))
    rows = without_spectrum(report)
    if rows:
        yield ""
        yield _sizes(rows if style.verbose else rows[:WORST], style)
    reach = report.measurements.reach
    if style.verbose and reach:
        for row in reach.unreached:
            yield Text(f"  never reached: {printable(', '.join(row.names))}", style="dim")


def _sizes(rows: Sequence[Beside], style: Style) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False, header_style="dim")
    table.add_column("module", no_wrap=True)
    for title in ("‖W′−W‖/‖W‖", "σ₁(W′−W)/σ₁(W)", "lost", "intruders"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        sizes = (row.relative.relative_frobenius, row.relative.relative_spectral)
        name = Text(shorten(printable(row.relative.name), max(style.width - 55, 24)))
        table.add_row(name, *map(short_number, sizes), row.lost, row.count)
    return table


def _deployability(report: Report) -> Iterable[RenderableType]:
    table = report.measurements.deployability
    if table is None:
        return
    yield ""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for row in table.targets:
        mark, color = _DEPLOY[row.status]
        name = Text(f"{mark} ", style=color).append(f"{row.target}", style="default")
        said = "takes it as it is" if row.status == "yes" else printable("; ".join(row.reasons))
        grid.add_row(name, Text(said, style="dim" if row.status == "yes" else ""))
    yield Text("where it can go", style="bold")
    yield Padding(grid, (0, 0, 0, 2))


def _findings(report: Report, style: Style) -> Iterable[RenderableType]:
    counted, aside = active(report), ignored(report)
    yield ""
    yield Text(f"findings ({len(counted)})" if counted else "no findings", style="bold")
    for finding in counted:
        mark, color = _SEVERITY[finding.severity]
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        head = Text(f"{finding.severity.value} ", style=color).append(f"{finding.code} {finding.rule}", style="bold")
        if finding.confidence.value != "high":
            head.append(f"  {finding.confidence.value} confidence", style="dim")
        grid.add_row(Text(f"  {mark}", style=color), head)
        grid.add_row("", Text(printable(finding.message)))
        if finding.severity is not Severity.INFO or style.verbose:
            grid.add_row("", Text(f"→ {printable(finding.advice)}", style="dim"))
        if style.verbose and finding.modules:
            grid.add_row("", Text(printable(", ".join(finding.modules)), style="dim"))
        yield grid
    if aside:
        shown = [f"{finding.code} ({printable(finding.reason or '')})" for finding in aside]
        yield Text(f"  ignored by the policy: {listed(shown, 3)}", style="dim")


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
    word, color = _STATUS[report.verdict.status]
    line = Text(word, style=color)
    if report.verdict.decided_by:
        line.append(f"  decided by {', '.join(report.verdict.decided_by)}", style="default")
    return line


def _overview(reports: Sequence[Report], style: Style) -> Iterable[RenderableType]:
    if is_series(reports):
        folder = printable(reports[0].subject.path).rpartition("/")[0]
        yield Text(shorten(folder, style.width), style="bold underline")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("verdict", no_wrap=True)
    table.add_column("adapter", overflow="fold")
    columns = overview_of(reports)
    for title in ("modules", *(OVERVIEW[name] for name in columns)):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("errors and warnings", overflow="fold")
    for index, (label, report) in enumerate(zip(labels(reports), reports, strict=True)):
        word, color = _STATUS[report.verdict.status]
        codes = [finding.code for finding in _serious(report)]
        table.add_row(
            Text(word, style=color),
            Text(label),
            f"{report.subject.modules:,}",
            *(short_number(values[index]) for values in columns.values()),
            listed(list(dict.fromkeys(codes)), 6),
        )
    yield table
    yield from _told_apart(reports)
    counts = [
        sum(report.verdict.status is status for report in reports) for status in (Status.FAIL, Status.INCONCLUSIVE)
    ]
    said = f"{plural(len(reports), 'adapter')}: {counts[0]} failed, {counts[1]} inconclusive"
    yield Text(said, style="bold").append("   --verbose shows each in full", style="not bold dim")


def _serious(report: Report) -> list[Finding]:
    return [finding for finding in active(report) if finding.severity is not Severity.INFO]


def _told_apart(reports: Sequence[Report]) -> Iterable[RenderableType]:
    """Each rule that fired once, with its first message and the number of adapters that it fired on."""
    first: dict[str, Finding] = {}
    count: dict[str, int] = {}
    for report in reports:
        for finding in _serious(report):
            first.setdefault(finding.code, finding)
        for code in {finding.code for finding in _serious(report)}:
            count[code] = count.get(code, 0) + 1
    for finding in sorted(first.values(), key=lambda finding: (-finding.severity.weight, finding.code)):
        mark, color = _SEVERITY[finding.severity]
        line = Text(f"{mark} ", style=color).append(f"{finding.code} {finding.rule}", style="bold")
        line.append(f" in {plural(count[finding.code], 'adapter')}: ", style="default")
        yield line.append(printable(finding.message), style="default")
