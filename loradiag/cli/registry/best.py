"""``loradiag registry best``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import result_options
from loradiag.cli.registry.options import registry_option

if TYPE_CHECKING:
    from loradiag.cli.emit import Display


@click.command(
    "best",
    epilog="""\b
Examples:
  loradiag registry best arc_easy --since 2026-07-01 --until 2026-10-01
  loradiag registry best arc_easy --stage live --base Llama-3.1-8B --min-n 500
  loradiag registry best ledger_val --metric perplexity --since 90d --format json""",
)
@click.argument("task", metavar="TASK")
@click.option("--since", metavar="TIME", help="Results from then on: a date, a time, or 90d. In UTC.")
@click.option("--until", metavar="TIME", help="Results before then.")
@click.option("--base", metavar="NAME", help="Adapters of this base: its whole name, or the part after the last slash.")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    type=click.Choice(["staging", "canary", "live", "retired"]),
    help="In this stage at some time between --since and --until; now, without these. May be repeated.",
)
@click.option("--metric", metavar="NAME", help="Rank by this metric. [default: the one that tasks are judged by]")
@click.option("--route", metavar="ROUTE", help="As deployed this way. [default: the adapter as it was trained]")
@click.option(
    "--setup", metavar="TEXT", help="Asked this way, such as '5-shot, chat'. [default: what most results have]"
)
@click.option("--min-n", "least", type=click.IntRange(1), metavar="N", help="Results of at least so many documents.")
@click.option(
    "--higher-is-better/--lower-is-better",
    "higher_is_better",
    default=None,
    help="Where results do not say. [default: higher, but for perplexities and errors]",
)
@registry_option
@result_options()
def best(task: str, where: str | None, display: Display, **asked: Any) -> None:
    """Rank adapters on TASK, by the newest result of each.

    Only results that can be compared are ranked together: the same metric, asked in the same way, of the same kind of
    deployment; the others are counted. An adapter whose 95% interval overlaps that of the first is said to be not told
    apart from it.
    """
    from loradiag.api.registry import open_registry

    with open_registry(where, read_only=True) as registry:
        found = registry.best(task, **asked)
    if display.json:
        from loradiag.cli.emit import echo_json

        echo_json(found)
    elif not display.quiet:
        from loradiag.outputs.terminal.registry import best_text

        click.echo(best_text(found, display.style()), nl=False)
