"""``loradiag registry ls`` and ``show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import color_option, result_options
from loradiag.cli.registry.options import filter_options, registry_option, wanted_of

if TYPE_CHECKING:
    from loradiag.cli.emit import Display


@click.command(
    "ls",
    epilog="""\b
Examples:
  loradiag registry ls
  loradiag registry ls --stage live --failing
  loradiag registry ls --missing owner --missing data --format csv > orphans.csv""",
)
@filter_options
@registry_option
@click.option(
    "-f", "--format", "format_", type=click.Choice(["text", "json", "csv"]), default="text", help="[default: text]"
)
@color_option
def ls(where: str | None, format_: str, color: str, **options: Any) -> None:
    """List adapters, those seen last first.

    The verdict is that of the newest inspection; a newest report of another kind that failed is named. What an adapter
    lacks is whose it is, what it was trained with, or any result.
    """
    from loradiag.api.registry import open_registry

    wanted = wanted_of(options)
    with open_registry(where, read_only=True) as registry:
        rows = registry.ls(wanted)
    if format_ == "text":
        from loradiag.cli.emit import style_for
        from loradiag.outputs.terminal.registry import list_text

        click.echo(list_text(rows, style_for(color)), nl=False)
        return
    if format_ == "json":
        from loradiag.cli.emit import echo_json

        echo_json(rows)
        return
    from loradiag.registry.exporting import as_csv, columns_of, flat

    click.echo(as_csv(map(flat, rows), columns_of("adapters")), nl=False)


@click.command(
    "show",
    epilog="""\b
Examples:
  loradiag registry show 3fa2
  loradiag registry show my_adapter/ --verbose
  loradiag registry show ledger-v3 --report forgetting > forgetting.json   # a stored report, as it was""",
)
@click.argument("adapter", metavar="ADAPTER")
@click.option(
    "--report", metavar="KIND_OR_NUMBER", help="Print a stored report as JSON: the newest of a kind, or one by number."
)
@click.option("-v", "--verbose", is_flag=True, help="Every report, result and event.")
@registry_option
@result_options("Print nothing but what --format json or --report asks for.")
def show(adapter: str, report: str | None, verbose: bool, where: str | None, display: Display) -> None:
    """All that is known of one adapter: facts, last verdicts, results over time, history."""
    from loradiag.api.registry import open_registry

    with open_registry(where, read_only=True) as registry:
        if report is not None:
            from loradiag.core.report import encode

            click.echo(encode(registry.report(adapter, report)).decode(), nl=False)
            return
        found = registry.show(adapter)
    if display.json:
        from loradiag.cli.emit import echo_json

        echo_json(found)
    elif not display.quiet:
        from loradiag.outputs.terminal.portrait import detail_text

        click.echo(detail_text(found, display.style(verbose=verbose)), nl=False)
