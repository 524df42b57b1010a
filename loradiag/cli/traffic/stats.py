"""``loradiag traffic stats``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import result_options
from loradiag.cli.traffic.shared import counts, lake_option
from loradiag.core.text import plural, printable, shorten

if TYPE_CHECKING:
    from loradiag.cli.emit import Display
    from loradiag.outputs.style import Style
    from loradiag.traffic.stats import Coverage, Stats


@click.command("stats", epilog="Example: loradiag traffic stats --lake lake/ --csv coverage.csv")
@lake_option
@click.option(
    "--csv", "csv_path", metavar="FILE", type=click.Path(dir_okay=False, path_type=str), help="Write the table as CSV."
)
@result_options()
def stats(lake: str, csv_path: str | None, *, display: Display) -> None:
    """Say what the lake has, by adapter, and how much of it can be judged."""
    from pathlib import Path

    from loradiag.api.traffic import traffic_stats
    from loradiag.cli.emit import echo_json
    from loradiag.storage.writing import write_whole

    found = traffic_stats(lake)
    if csv_path:
        from loradiag.traffic.stats import as_csv

        write_whole(Path(csv_path), as_csv(found))
    if display.json:
        echo_json(found)
    elif not display.quiet:
        _table(found, display.style())


def _table(found: Stats, style: Style) -> None:
    from rich.text import Text

    from loradiag.outputs.console import as_text
    from loradiag.outputs.terminal.columns import columns, fitting, plain

    every = columns(
        found.rows,
        [
            ("requests", 9, lambda row: f"{row.requests:,}"),
            ("days", 8, lambda row: f"{row.days:,}"),
            ("first", 2, lambda row: (row.first or "–")[:10]),
            ("last", 3, lambda row: (row.last or "–")[:10]),
            ("text", 5, lambda row: _share(row, row.texts)),
            ("embedded", 7, lambda row: _share(row, row.embedded)),
            ("logprobs", 6, lambda row: _share(row, row.logprobs)),
            ("prompt logprobs", 1, lambda row: _share(row, row.prompt_logprobs)),
            ("answers", 4, lambda row: _share(row, row.responses)),
            ("failed", 0, lambda row: _share(row, row.failed)),
        ],
    )
    names = [shorten(printable(_name(row)), 40) for row in found.rows]
    widest = max(map(len, names), default=0)
    kept = fitting(every, style.width - max(widest, 7) - 3)
    table = plain()
    table.add_column("adapter", no_wrap=True)
    for column in kept:
        table.add_column(column.title, justify="right", no_wrap=True)
    for number, (name, row) in enumerate(zip(names, found.rows, strict=True)):
        shown = Text(name, style="" if row.adapter is not None else "dim")
        table.add_row(shown, *(column.cells[number] for column in kept))
    head = f"{printable(found.lake)}: {plural(found.requests, 'request')} in {plural(found.files, 'file')}"
    parts: list[Any] = [Text(head, style="bold"), table, *(Text(line, style="dim") for line in _below(found))]
    sys.stdout.write(as_text(parts, color=style.color, width=style.width))


def _name(row: Coverage) -> str:
    if row.adapter is not None:
        return row.adapter
    return f"(base {row.base})" if row.base is not None else "(nobody)"


def _share(row: Coverage, count: int) -> str:
    if not row.requests or not count:
        return "–"
    return "100%" if count == row.requests else f"{min(count / row.requests, 0.999):.1%}"


def _below(found: Stats) -> list[str]:
    lines = [f"from {counts(found.sources)}"] if found.sources else []
    lines += (
        [f"encoders {counts({name[:16]: count for name, count in found.encoders.items()})}"] if found.encoders else []
    )
    lines += [f"kept aside {counts(found.rejected)}"] if found.rejected else []
    return lines + [f"left out {printable(file.file)}: {printable(file.problem)}" for file in found.flawed_files]
