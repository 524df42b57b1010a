"""``loradiag drift check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.drift.shared import baselines_option, lake_option
from loradiag.cli.options import output_options

if TYPE_CHECKING:
    from loradiag.cli.emit import Output


@click.command(
    "check",
    epilog="""\b
Examples:
  loradiag drift check --baseline baselines/ --lake lake/                     # yesterday's window of every adapter
  loradiag drift check --baseline baselines/my_adapter --lake lake/ --window 200 --last all -o drift.html
  loradiag drift check --baseline baselines/ --lake lake/ --adapter my_adapter --since 2026-11-01 --until 2026-11-08""",
)
@baselines_option("All are asked where novel requests belong.")
@lake_option
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="NAME",
    help="Check this adapter; may be repeated. [default: all that have a baseline]",
)
@click.option(
    "--window", default="1d", metavar="SIZE", help="1d, 6h, 30m, 2w; a number of requests; or all. [default: 1d]"
)
@click.option("--last", default="1", metavar="N", help="The newest so many windows, or all. [default: 1]")
@click.option("--since", metavar="DATE", help="No request before this: 2026-11-02, or with a time.")
@click.option("--until", metavar="DATE", help="None from this on.")
@click.option("--floor", type=click.IntRange(2), metavar="N", help="Requests that a window needs. [default: 50]")
@click.option(
    "--pool",
    type=click.IntRange(1),
    default=28,
    metavar="N",
    help="Windows that may be put together to reach the floor. [default: 28]",
)
@click.option(
    "--tolerance", type=float, metavar="W", help="Change of the mix that is no drift, Cohen's w. [default: 0.2]"
)
@click.option(
    "--recent",
    "recent_days",
    type=click.IntRange(1),
    default=7,
    metavar="DAYS",
    help="Days whose answers are compared. [default: 7]",
)
@click.option(
    "--reference",
    "reference_days",
    type=click.IntRange(1),
    default=28,
    metavar="DAYS",
    help="Days before them that they are compared with. [default: 28]",
)
@click.option(
    "--exemplars", type=click.IntRange(0), default=8, metavar="N", help="Novel requests to show. [default: 8]"
)
@click.option("--device", metavar="DEVICE", help="Where requests are scored. [default: a GPU if it is worth it]")
@click.option("--engine", default="local", metavar="NAME", help="local, or ray: the same numbers. [default: local]")
@click.option(
    "--ray-address", metavar="ADDRESS", help="Of a cluster: auto, ray://host:10001. [default: begin a local one]"
)
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Of ray. [default: the cluster's CPUs]")
@click.option("--show-text", is_flag=True, help="Put texts that lake and baseline keep into the report.")
@click.option("--seed", type=int, default=0, metavar="N", help="Of samples and permutations. [default: 0]")
@click.option("-v", "--verbose", is_flag=True, help="Show every window, topic and measure.")
@output_options
def check(
    baselines: tuple[str, ...],
    lake: str,
    *,
    adapters: tuple[str, ...],
    last: str,
    verbose: bool,
    output: Output,
    **options: Any,
) -> None:
    """Say whether the traffic of adapters has drifted from their baselines; exit 1 if it has.

    Requests unlike any reference, topics in other shares, and answers that changed are told apart. The chance of one false
    alarm among all windows of all adapters checked together is at most 5%. Checked again every day, alarms add up.
    """
    from loradiag.api import drift_check
    from loradiag.cli.progress import Bar

    output.check_places()
    with Bar(enabled=not output.quiet) as bar:
        reports = drift_check(
            lake, baselines, adapters=adapters, last=_last(last), policy=output.policy, progress=bar.stage, **options
        )
    output.emit(reports, verbose=verbose)
    output.end(reports)


def _last(word: str) -> int | None:
    if word == "all":
        return None
    if word.isascii() and word.isdigit() and int(word) > 0:
        return int(word)
    raise click.BadParameter("a number of windows, or all", param_hint="--last")
