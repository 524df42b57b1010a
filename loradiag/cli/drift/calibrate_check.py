"""``loradiag drift calibrate-check``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import result_options
from loradiag.core.errors import EXIT_GATE_FAILED, EXIT_OK
from loradiag.core.text import plural, printable

if TYPE_CHECKING:
    from loradiag.analyzers.drift.replay import Rate, Replay
    from loradiag.cli.emit import Display


@click.command(
    "calibrate-check",
    epilog="""\b
Examples:
  loradiag drift calibrate-check baselines/my_adapter
  loradiag drift calibrate-check baselines/my_adapter --window 100 --trials 1000 --format json""",
)
@click.argument("baseline", metavar="BASELINE", type=click.Path(path_type=str))
@click.option("--window", type=click.IntRange(2), default=200, metavar="N", help="Requests of a window. [default: 200]")
@click.option("--trials", type=click.IntRange(1), default=200, metavar="N", help="Windows to replay. [default: 200]")
@click.option("--tolerance", type=float, metavar="W", help="As for drift check. [default: 0.2]")
@click.option("--seed", type=int, default=0, metavar="N", help="Of the draws. [default: 0]")
@click.option("--policy", "policy_path", type=click.Path(path_type=str), help="Policy file, as for drift check.")
@result_options()
def calibrate_check(baseline: str, *, policy_path: str | None, display: Display, **options: Any) -> None:
    """Replay BASELINE's own held-out requests through the whole chain, and say how often that is called drift.

    Exit 1 if the rate of false alarms is certainly higher than promised.
    """
    from loradiag.api import calibrate_check as run
    from loradiag.api import read_policy
    from loradiag.cli.emit import echo_json
    from loradiag.cli.progress import Bar

    with Bar(enabled=not display.quiet, unit="windows") as bar:
        found = run(baseline, policy=read_policy(policy_path), progress=bar.stage, **options)
    if display.json:
        echo_json(found)
    elif not display.quiet:
        _rates(found, display)
    sys.exit(EXIT_GATE_FAILED if found.alarms.low > found.alpha else EXIT_OK)


def _rates(found: Replay, display: Display) -> None:
    head = (
        f"{printable(found.adapter)}: {plural(found.alarms.trials, 'window')} of {found.window:,} held-out requests, "
        f"{found.calibration:,} left to calibrate with"
    )
    click.echo(display.title(head))
    for name, rate in (("false alarms", found.alarms), ("  novelty", found.novel), ("  mix", found.shifted)):
        click.echo(f"  {name:<14} {_rate(rate)}")
    word = "more than promised" if found.alarms.low > found.alpha else "as promised"
    click.echo(f"  promised       {found.alpha:.1%} at most: {word}")


def _rate(rate: Rate) -> str:
    return f"{rate.rate:6.1%}  ({rate.count:,} of {rate.trials:,}; 95% interval {rate.low:.1%} to {rate.high:.1%})"
