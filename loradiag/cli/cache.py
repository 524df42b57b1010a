"""``loradiag cache``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from loradiag.cli.options import color_option
from loradiag.core.errors import EXIT_OK, EXIT_USAGE
from loradiag.core.text import plural, printable, shorten
from loradiag.storage.remembered import KINDS

if TYPE_CHECKING:
    from loradiag.storage.remembered import Item

_kind_option = click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(KINDS)),
    help="Only this: hashes of bases, answers of bases, what interrupted runs left, adapters of fleets, what the dashboard has "
    "read, copies of what lies behind URLs or in MLflow; may be repeated. [default: all]",
)


@click.group(
    "cache",
    epilog="""\b
Examples:
  loradiag cache ls
  loradiag cache clear --kind scores --older-than 30
\b
It lies in LORADIAG_CACHE, or loradiag in the user's cache directory. Everything in it can be computed or
fetched again; what waits to be sent to a URL, and the state of a watch, stay.""",
)
def cache() -> None:
    """Show or clear what is remembered: hashes of bases, their answers, what interrupted runs left, fleets, copies."""


@cache.command("ls", epilog="Example: loradiag cache ls --kind scores")
@_kind_option
@click.option("-f", "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
@click.option("-v", "--verbose", is_flag=True, help="Show every file.")
@color_option
def ls(kinds: tuple[str, ...], format_: str, *, verbose: bool, color: str) -> None:
    """List what is remembered, with sizes."""
    from loradiag.cli.emit import style_for
    from loradiag.storage.cache import folder
    from loradiag.storage.remembered import items

    found = list(items(kinds or tuple(KINDS)))
    if format_ == "json":
        _as_json(found)
        return
    colored = style_for(color).color
    click.echo(printable(str(folder())))
    for kind in kinds or tuple(KINDS):
        rows = [item for item in found if item.kind == kind]
        size = size_words(sum(row.bytes for row in rows))
        title = click.style(f"{kind:<18}", bold=True) if colored else f"{kind:<18}"
        click.echo(f"  {title} {size:>9}  {plural(len(rows), 'file')}: {KINDS[kind]}", color=colored)
        for line in _lines(rows) if verbose or kind == "scores" else ():
            click.echo(f"    {line}")


def _lines(rows: Sequence[Item]) -> list[str]:
    return [f"{size_words(row.bytes):>9}  {_age(row.days):>8}  {_said(row)}" for row in rows]


def _said(row: Item) -> str:
    about = row.about
    if not about:
        return printable(row.path.name)
    parts = [about.get("base"), about.get("task"), about.get("adapter"), about.get("compute"), about.get("device")]
    said = " · ".join(shorten(printable(part), 48) for part in parts if part)
    return f"{said} · {printable(about.get('documents', '?'))} documents"


def _age(days: float) -> str:
    return "today" if days < 1 else f"{days:,.0f} d ago"


def size_words(count: int) -> str:
    """Bytes in a unit that people read."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"


def _as_json(rows: Sequence[Item]) -> None:
    from loradiag.cli.emit import echo_json

    document = [
        {"kind": row.kind, "path": str(row.path), "bytes": row.bytes, "days": round(row.days, 3), **row.about}
        for row in rows
    ]
    echo_json(document)


@cache.command("clear", epilog="Example: loradiag cache clear --older-than 30")
@_kind_option
@click.option("--older-than", type=click.FloatRange(0), default=0.0, metavar="DAYS", help="Only what is older.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing.")
def clear(kinds: tuple[str, ...], *, older_than: float, quiet: bool) -> None:
    """Remove what is remembered."""
    from loradiag.storage.remembered import items, remove

    rows = [item for item in items(kinds or tuple(KINDS)) if item.days >= older_than]
    gone = [row for row in rows if remove(row)]
    if not quiet:
        click.echo(f"removed {plural(len(gone), 'file')}, {size_words(sum(row.bytes for row in gone))}")
    if len(gone) < len(rows):
        left = [row for row in rows if row not in gone]
        why = ": copies stay that are in use, or wait to be sent" if any(row.kind == "remote" for row in left) else ""
        click.echo(f"loradiag: {plural(len(left), 'file')} could not be removed{why}", err=True)
    sys.exit(EXIT_OK if len(gone) == len(rows) else EXIT_USAGE)
