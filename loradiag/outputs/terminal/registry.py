"""Lists and rankings of the registry for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from loradiag.core.answers import Best, EvaluationRow, Listed, Ranked, described
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.console import as_text
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import Column, columns, end_of, fitting, plain

DIGITS = 12
"""Of a hash in tables: enough to name an adapter by."""

VERDICT_COLORS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_LEAST_NAME, _WORDS = 16, 32


def list_text(rows: Sequence[Listed], style: Style) -> str:
    """Return the table that ``registry ls`` prints."""
    return as_text(_list(rows, style), color=style.color, width=style.width)


def best_text(found: Best, style: Style) -> str:
    """Return the ranking that ``registry best`` prints."""
    return as_text(_best(found, style), color=style.color, width=style.width)


def number(value: float | None) -> str:
    """A score, in few digits."""
    return "–" if value is None else f"{value:.4g}"


def interval(low: float | None, high: float | None) -> str:
    """Bounds, or a dash."""
    return "–" if low is None or high is None else f"{number(low)} … {number(high)}"


def verdict_of(row: Listed) -> tuple[str, str]:
    """The verdict in a word or two, and its colour: a newest report of any kind that failed counts."""
    failing = [kind for kind in row.failing if kind != "inspect"]
    if row.verdict == "fail" or not failing:
        word = row.verdict or "not inspected"
        return word, VERDICT_COLORS.get(word, "dim")
    return f"fail: {listed(failing, 2)}", VERDICT_COLORS["fail"]


def _list(rows: Sequence[Listed], style: Style) -> Iterable[RenderableType]:
    if not rows:
        yield Text("no adapters", style="dim")
        return
    every = columns(
        rows,
        (
            ("stage", 9, lambda row: row.stage or "–"),
            ("verdict", 10, lambda row: verdict_of(row)[0]),
            ("owner", 7, lambda row: _short(row.owner)),
            ("base", 6, lambda row: _short((row.base or "").rpartition("/")[2] or None)),
            ("lacks", 5, lambda row: ", ".join(row.missing) or "–"),
            ("results", 3, lambda row: f"{row.evaluations:,}"),
            ("tags", 2, lambda row: _short(", ".join(row.tags))),
            ("seen", 4, lambda row: row.last_seen[:10]),
        ),
    )
    yield _table(
        [row.sha256 for row in rows], [row.name for row in rows], every, style, [verdict_of(row)[1] for row in rows]
    )
    failed = sum(bool(row.failing) for row in rows)
    lacking = sum(bool(row.missing) for row in rows)
    yield Text(f"{plural(len(rows), 'adapter')}: {failed:,} failing, {lacking:,} that lack something", style="bold")


def _table(
    hashes: Sequence[str], names: Sequence[str], every: Sequence[Column], style: Style, colors: Sequence[str] = ()
) -> RenderableType:
    """Hash and name first; where the terminal is narrow, the columns that tell least give way."""
    shown = [printable(name) for name in names]
    longest = max(max(map(cell_len, shown)), len("adapter"))
    kept = fitting(every, style.width - DIGITS - 6 - min(longest, max(_LEAST_NAME, style.width // 4)))
    room = max(style.width - DIGITS - 6 - sum(column.width for column in kept), _LEAST_NAME)
    table = plain()
    table.add_column("hash", no_wrap=True)
    table.add_column("adapter", no_wrap=True)
    for column in kept:
        table.add_column(column.title, no_wrap=True)
    for index, name in enumerate(shown):
        cells = [
            Text(column.cells[index], style=colors[index] if column.title == "verdict" and colors else "")
            for column in kept
        ]
        table.add_row(Text(hashes[index][:DIGITS]), Text(end_of(name, room)), *cells)
    return table


def _short(text: str | None) -> str:
    return shorten(printable(text), _WORDS) if text else "–"


def _best(found: Best, style: Style) -> Iterable[RenderableType]:
    terms = described((found.metric, found.filter, found.route, found.setup))
    more = "higher is better" if found.higher_is_better else "lower is better"
    yield Text(shorten(printable(found.task), 80), style="bold underline")
    when = f"{(found.since or '…')[:10]} to {(found.until or 'now')[:10]}" if found.since or found.until else "all time"
    yield Text(f"{shorten(printable(terms), 120)}, {more}{' (assumed)' if found.assumed else ''}, {when}", style="dim")
    rows = found.rows
    every = columns(
        rows,
        (
            ("score", 10, lambda row: number(row.result.value)),
            ("95%", 9, lambda row: interval(row.result.low, row.result.high)),
            ("n", 8, lambda row: "–" if row.result.n is None else f"{row.result.n:,}"),
            ("beside base", 7, lambda row: _beside(row.result)),
            ("stage", 6, lambda row: row.stage or "–"),
            ("owner", 3, lambda row: _short(row.owner)),
            ("base", 4, lambda row: _short((row.base or "").rpartition("/")[2] or None)),
            ("when", 5, lambda row: row.result.at[:10]),
        ),
    )
    yield _table([row.sha256 for row in rows], [f"{row.place}. {row.name}" for row in rows], every, style)
    yield from (Text(line, style="dim") for line in notes(found))


def _beside(result: EvaluationRow) -> str:
    if result.difference is None:
        return "–"
    bounds = interval(result.difference_low, result.difference_high)
    return f"{result.difference:+.4g} ({bounds})" if bounds != "–" else f"{result.difference:+.4g}"


def notes(found: Best) -> list[str]:
    """What must be known to read the ranking rightly."""
    said = []
    tied = [row for row in found.rows if row.tied]
    if tied:
        said.append(
            f"Not told apart from the first: {_named(tied)} (their 95% intervals overlap, or the scores are equal)."
        )
    bare = [row for row in found.rows if row.result.low is None]
    if bare and len(found.rows) > 1:
        said.append(f"Without an interval, so by the number alone: {_named(bare)}.")
    if len(found.sizes) > 1:
        said.append(
            f"Numbers of documents differ: {listed([f'{size:,}' for size in found.sizes], 6)}; --min-n leaves out few."
        )
    if found.assumed and len(found.rows) > 1:
        said.append("Nobody said whether more is better: taken so; --lower-is-better says otherwise.")
    said += [
        f"Not compared with these: {plural(count, 'result')} by {shorten(printable(terms), 80)}."
        for terms, count in list(found.others.items())[:4]
    ]
    return said


def _named(rows: Sequence[Ranked]) -> str:
    return listed([shorten(printable(row.name), 30) for row in rows], 4)
