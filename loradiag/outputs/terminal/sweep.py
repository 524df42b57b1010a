"""Weaker forms of an adapter in a terminal, and what it knows by heart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loradiag.core.forgetting import Candidate, Forgetting, Sweep
from loradiag.core.text import printable, shorten
from loradiag.outputs.facts import short_number
from loradiag.outputs.flips import cut
from loradiag.outputs.style import Style
from loradiag.outputs.sweep import (
    CHOSEN,
    EXAMPLES,
    explained,
    form,
    kept_interval,
    kept_words,
    loss_words,
    recited,
    sources,
    worst_task,
)
from loradiag.outputs.terminal.columns import GAP, columns, fitting, plain
from loradiag.outputs.terminal.summary import labelled

_TOLD: Sequence[tuple[str, int, Callable[[Candidate], str]]] = (
    ("perplexity", 5, lambda row: short_number(row.domain_report)),
    ("kept", 9, lambda row: kept_words(row.kept_report)),
    ("95% interval", 6, kept_interval),
    ("largest loss", 8, lambda row: loss_words(row.loss_report)),
    ("task", 4, worst_task),
)
_CHOOSING: Sequence[tuple[str, int, Callable[[Candidate], str]]] = (
    ("kept, choosing", 2, lambda row: kept_words(row.kept_choose)),
    ("loss, choosing", 3, lambda row: loss_words(row.loss_choose)),
)


def sweep(found: Forgetting, style: Style) -> Iterable[RenderableType]:
    """The table of forms with how it was made; nothing without a sweep."""
    made = found.sweep
    if made is None:
        return
    yield ""
    yield Text("weaker forms", style="bold")
    yield labelled(explained(made))
    if made.candidates:
        yield ""
        yield _table(made, style)
    if any(row.name == made.chosen for row in made.candidates):
        yield Text(f"{CHOSEN} to take; kept: of what was learned, in nats on the domain", style="dim")
    for row in made.candidates:
        if row.reason is not None:
            yield Text(f"{form(row)}: {shorten(printable(row.reason), 200)}", style="dim")


def _table(made: Sweep, style: Style) -> Table:
    rows = made.candidates
    names = [f"{CHOSEN if row.name == made.chosen else ' '} {form(row)}" for row in rows]
    every = columns(rows, (*_TOLD, *(_CHOOSING if style.verbose else ())))
    kept = fitting(every, style.width - max(map(len, names), default=0) - GAP)
    table = plain()
    table.add_column("form", no_wrap=True)
    for column in kept:
        table.add_column(column.title, justify="left" if column.title == "task" else "right", no_wrap=True)
    for index, row in enumerate(rows):
        name = Text(names[index], style="bold" if row.name == made.chosen else "")
        table.add_row(name, *(Text(column.cells[index]) for column in kept))
    return table


def memory(found: Forgetting, style: Style) -> Iterable[RenderableType]:
    """What it recites, in sentences, and on demand some of it; nothing where it was not asked."""
    learned = found.memorisation
    if learned is None:
        return
    yield ""
    yield Text("memorisation", style="bold")
    yield labelled(sources(learned))
    for line in recited(learned):
        yield Padding(Text(line), (0, 0, 0, 2))
    if style.verbose:
        for example in learned.examples[:EXAMPLES]:
            yield Padding(
                Text(f"#{example.document:,}, {example.tokens:,} tokens: ", style="dim").append(
                    cut(example.text), "not dim"
                ),
                (0, 0, 0, 4),
            )
