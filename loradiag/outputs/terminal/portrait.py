"""All of one adapter of the registry for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loradiag.core.answers import Detail, EvaluationRow, EventRow, ReportRow, over_time
from loradiag.core.text import listed, printable, shorten
from loradiag.core.times import moment_of
from loradiag.outputs.console import as_text
from loradiag.outputs.facts import size
from loradiag.outputs.sparks import Axis, spark
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import plain
from loradiag.outputs.terminal.registry import VERDICT_COLORS, interval, number

SHOWN = 12
"""Rows of a table that is shown in short."""

_CURVE = 16
_SAID_BY_PEOPLE = "said"


def detail_text(found: Detail, style: Style) -> str:
    """Return what ``registry show`` prints."""
    return as_text(_detail(found, style), color=style.color, width=style.width)


def _detail(found: Detail, style: Style) -> Iterable[RenderableType]:
    row = found.adapter
    yield Text(shorten(printable(row.name), style.width), style="bold underline")
    yield _grid(_facts(found), style)
    most = None if style.verbose else SHOWN
    yield from _part("Last verdicts", _verdicts(found.reports, style, most), len(newest(found.reports, style)), most)
    series = over_time(found.evaluations)
    yield from _part("Evaluations", _evaluations(series, most), len(series), most)
    yield from _part("History", _history(found.history, most), len(found.history), most)


def _grid(rows: Sequence[tuple[str, str]], style: Style) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(label, Text(shorten(printable(text), 3 * style.width)))
    return grid


def _facts(found: Detail) -> list[tuple[str, str]]:
    row = found.adapter
    stamp: Mapping[str, object] = found.stamp or {}
    revision = f" @ {row.revision}" if row.revision else ""
    kind = [row.method or "", f"rank {row.rank}" if row.rank else "", size(row.bytes) if row.bytes else ""]
    pairs = [
        ("sha256", row.sha256),
        ("stage", row.stage or "none said"),
        ("owner", row.owner or "nobody"),
        ("base", f"{row.base}{revision}" if row.base else "not named"),
        ("fingerprint", str(stamp.get("fingerprint_full") or stamp.get("fingerprint") or row.base_fingerprint or "")),
        ("kind", ", ".join(part for part in kind if part)),
        ("data", row.data_sha256 or "no hash"),
        ("stamp", f"of {stamp.get('created')}" if stamp else "none"),
        ("tags", ", ".join(row.tags)),
        ("notes", row.notes or ""),
        ("seen", f"{row.first_seen} to {row.last_seen}"),
        *(("at" if not index else "", place.path) for index, place in enumerate(reversed(found.sightings[-4:]))),
    ]
    return [(label, text) for label, text in pairs if text]


def _part(title: str, table: Table | None, total: int, most: int | None) -> Iterable[RenderableType]:
    if table is None:
        return
    yield ""
    yield Text(title, style="bold")
    yield table
    if most is not None and total > most:
        yield Text(f"  and {total - most:,} more: --verbose shows all", style="dim")


def newest(reports: Sequence[ReportRow], style: Style) -> list[ReportRow]:
    """The newest report of each kind, or all of them, the newest first."""
    ordered = list(reversed(reports))
    if style.verbose:
        return ordered
    return list({row.kind: row for row in reports}.values())[::-1]


def _verdicts(reports: Sequence[ReportRow], style: Style, most: int | None) -> Table | None:
    if not reports:
        return None
    table = plain()
    for title in ("report", "number", "verdict", "made"):
        table.add_column(title, no_wrap=True)
    table.add_column("errors and warnings", overflow="fold")
    for row in newest(reports, style)[:most]:
        made = (
            row.created[:10] if row.created[:10] == row.confirmed[:10] else f"{row.created[:10]} … {row.confirmed[:10]}"
        )
        codes = listed([printable(code) for code in row.codes], 8) or "–"
        verdict = Text(row.verdict, style=VERDICT_COLORS.get(row.verdict, ""))
        table.add_row(Text(row.kind), str(row.number), verdict, made, Text(codes))
    return table


def _evaluations(series: Sequence[tuple[str, str, list[EvaluationRow]]], most: int | None) -> Table | None:
    if not series:
        return None
    table = plain()
    table.add_column("task", overflow="fold")
    for title in ("score", "95%", "n", "over time", "newest", "by"):
        table.add_column(title, no_wrap=True)
    for task, terms, rows in series[:most]:
        last = rows[-1]
        table.add_row(
            Text(f"{shorten(printable(task), 60)}  ").append(shorten(printable(terms), 60), style="dim"),
            number(last.value),
            interval(last.low, last.high),
            "–" if last.n is None else f"{last.n:,}",
            _curve(rows),
            last.at[:10],
            Text(shorten(printable(last.who or "?"), 24) if last.source == _SAID_BY_PEOPLE else last.source),
        )
    return table


def _curve(rows: Sequence[EvaluationRow]) -> str:
    """The scores over time in a line; a single one says nothing of the way."""
    if len(rows) < 2:
        return "–"
    points = [(int(moment_of(row.at).timestamp()), row.value) for row in rows]
    return spark(points, Axis(points[0][0], points[-1][0], min(_CURVE, max(len(rows), 4)))).rstrip()


def _history(events: Sequence[EventRow], most: int | None) -> Table | None:
    if not events:
        return None
    table = plain()
    table.add_column("when", no_wrap=True)
    table.add_column("who", no_wrap=True)
    table.add_column("what", overflow="fold")
    for event in list(reversed(events))[:most]:
        table.add_row(event.at[:16].replace("T", " "), Text(shorten(printable(event.who), 24)), Text(happened(event)))
    return table


def happened(event: EventRow) -> str:
    """An event in a line, safe to show."""
    before, after = (shorten(printable(value), 60) if value else None for value in (event.before, event.after))
    what = printable(event.what)
    if what == "seen":
        said = f"first seen at {after}"
    elif before is None or after is None:
        said = f"{what}: {after}" if after else f"{what}: {before} taken back" if before else what
    else:
        said = f"{what}: {before} → {after}"
    return f"{said} ({shorten(printable(event.why), 120)})" if event.why else said
