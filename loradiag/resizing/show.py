"""What resizing came to, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loradiag.core.text import plural, printable, shorten
from loradiag.outputs.console import as_text
from loradiag.outputs.facts import size
from loradiag.resizing.result import Resized, ResizedModule

WORST = 6
_BAR = 32
_BINS = 10
_CHOSEN = {
    "rank": "every module to rank {:.0f} at most",
    "energy": "each module to the least rank with {:.6g} of its energy",
    "error": "each module to the least rank with a relative error of at most {:.6g}",
}


def render(result: Resized, *, color: bool, width: int, verbose: bool) -> str:
    """Return the text of a result."""
    return as_text(_parts(result, width, verbose), color=color, width=width)


def _parts(result: Resized, width: int, verbose: bool) -> Iterable[RenderableType]:
    yield Text(shorten(printable(result.path), width), style="bold underline")
    yield _facts(result)
    yield ""
    yield Text("ranks after", style="bold")
    yield from _histogram(result.modules)
    yield ""
    yield from _modules(result.modules, width, verbose)
    if result.notes:
        yield ""
    for note in result.notes:
        yield Text("! ", style="bold yellow").append(printable(note), style="default")
    yield ""
    yield _outcome(result)


def _facts(result: Resized) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    rows = result.modules
    table.add_row("cut", _CHOSEN[result.criterion].format(result.value))
    old, new = ([getattr(row, name) for row in rows] for name in ("old_rank", "new_rank"))
    table.add_row("ranks", f"{_span(old)} → {_span(new)} in {plural(len(rows), 'module')}")
    table.add_row("size", _change(result.bytes_before, result.bytes_after, size))
    table.add_row("parameters", _change(result.parameters_before, result.parameters_after, "{:,}".format))
    cut = f"{_percent(result.predicted_error)} of ‖ΔW‖ cut off"
    if result.measured_error is None:
        table.add_row("error", f"{cut}, before rounding")
    else:
        table.add_row("error", f"{_percent(result.measured_error)} of ‖ΔW‖, measured on the files written ({cut})")
    return table


def _span(ranks: list[int]) -> str:
    low, high = min(ranks), max(ranks)
    return str(low) if low == high else f"{low}–{high}"


def _change(before: int, after: int, said: Callable[[int], str]) -> str:
    share = f" ({100 * (after / before - 1):+.0f}%)" if before else ""
    return f"{said(before)} → {said(after)}{share}"


def _percent(share: float) -> str:
    return "0%" if share == 0 else f"{100 * share:#.3g}".rstrip(".") + "%"


def _histogram(rows: list[ResizedModule]) -> Iterable[Text]:
    counts = Counter(row.new_rank for row in rows)
    low, high = min(counts), max(counts)
    step = 1 if len(counts) <= _BINS else -(-(high - low + 1) // _BINS)
    bins = Counter(dict.fromkeys(range(low, high + 1, step), 0) if step > 1 else {})
    for rank, count in counts.items():
        bins[low + (rank - low) // step * step] += count
    most = max(bins.values())
    for start, count in sorted(bins.items()):
        label = f"{start}" if step == 1 else f"{start}–{min(start + step - 1, high)}"
        bar = "▇" * max(round(_BAR * count / most), 1) if count else ""
        yield Text(f"  {label:>9} ", style="dim").append(bar, style="cyan").append(f" {count}", style="default")


_COLUMNS: dict[str, Callable[[ResizedModule], str]] = {
    "r": lambda row: f"{row.old_rank} → {row.new_rank}",
    "scale": lambda row: f"{row.new_scale:.4g}",
    "‖ΔW‖F": lambda row: f"{row.norm:.3g}",
    "cut off": lambda row: _percent(row.predicted_error),
    "measured": lambda row: _percent(row.error),
}
_NARROW = 90
_LEFT_OUT = ("scale", "‖ΔW‖F")


def _modules(rows: list[ResizedModule], width: int, verbose: bool) -> Iterable[RenderableType]:
    shown = rows if verbose else sorted(rows, key=lambda row: -row.error)[:WORST]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False, header_style="dim")
    columns = [(title, cell) for title, cell in _COLUMNS.items() if width >= _NARROW or title not in _LEFT_OUT]
    if all(row.measured_error is None for row in rows):
        columns = [column for column in columns if column[0] != "measured"]
    table.add_column("module", no_wrap=True)
    for title, _ in columns:
        table.add_column(title, justify="right", no_wrap=True)
    room = max(width - 11 * len(columns), 20)
    for row in shown:
        table.add_row(Text(shorten(printable(row.name), room)), *(cell(row) for _, cell in columns))
    yield Text("every module" if verbose else "modules that lose most", style="bold")
    yield table
    if len(rows) > len(shown):
        yield Text(f"  and {plural(len(rows) - len(shown), 'module')} more: --verbose shows all", style="dim")


def _outcome(result: Resized) -> Text:
    if result.output is None:
        return Text("dry run: nothing was written", style="bold yellow")
    return Text("✓ written and measured: ", style="bold green").append(printable(result.output), style="default")
