"""``loradiag drift canary``: a new adapter beside the old one, on split traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.drift.shared import lake_option
from loradiag.cli.options import output_options
from loradiag.cli.pairs import name_and_number

if TYPE_CHECKING:
    from loradiag.cli.emit import Output


@click.command(
    "canary",
    epilog="""\b
Examples:
  loradiag drift canary support-v1 support-v2 --lake lake/ --since 2026-11-20
  loradiag drift canary support-v1 support-v2 --lake lake/ --metric latency --metric truncated --margin latency=0.2
  loradiag drift canary support-v1 support-v2 --lake lake/ -o canary.html""",
)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@lake_option
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="Compare this; may be repeated. [default: all logged]"
)
@click.option(
    "--margin",
    "margins",
    multiple=True,
    metavar="NAME=VALUE",
    help="The harm that does not matter: 0.05 for +5% of a ratio, or five points of a share.",
)
@click.option("--since", metavar="DATE", help="When the split began: 2026-11-02, or with a time.")
@click.option("--until", metavar="DATE", help="None from this on.")
@click.option(
    "--alpha", type=float, default=0.05, metavar="CHANCE", help="Of any wrong interval, ever. [default: 0.05]"
)
@click.option(
    "--floor", type=click.IntRange(2), default=100, metavar="N", help="Pairs that a metric needs. [default: 100]"
)
@click.option("-v", "--verbose", is_flag=True, help="Show every figure.")
@output_options
def canary(
    old: str,
    new: str,
    *,
    margins: tuple[str, ...],
    verbose: bool,
    output: Output,
    **options: Any,
) -> None:
    """Compare the adapters OLD and NEW, between which traffic is split: promote NEW, roll back, or keep going.

    Ask as often as you like: intervals hold at all times at once, for all metrics together. Exit 1 where NEW is certainly
    worse.
    """
    from loradiag.api import canary as run

    output.check_places()
    wanted = dict(name_and_number("--margin", word, "NAME=VALUE, such as latency=0.2") for word in margins)
    report = run(old, new, margins=wanted, policy=output.policy, **options)
    output.emit([report], verbose=verbose)
    output.end([report])
