"""``loradiag drift``: baselines, and traffic beside them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.emit import Display, Output, echo_json
from loradiag.cli.groups import LazyGroup
from loradiag.cli.options import output_options, result_options
from loradiag.core.errors import EXIT_GATE_FAILED, EXIT_OK
from loradiag.core.lazy import Entry
from loradiag.core.text import plural, printable

if TYPE_CHECKING:
    from loradiag.analyzers.drift.replay import Rate, Replay
    from loradiag.baselines.manifest import Manifest


COMMANDS: Mapping[str, Entry] = {
    "baseline": Entry("loradiag.cli.drift:baseline", summary="What an adapter's traffic should look like."),
    "check": Entry("loradiag.cli.drift:check", summary="Has the traffic of adapters drifted from it?"),
    "calibrate-check": Entry("loradiag.cli.drift:calibrate_check", summary="How often does a check cry wolf?"),
    "watch": Entry("loradiag.cli.watch:watch", summary="Watch day and night, with one budget of false alarms."),
    "alarms": Entry("loradiag.cli.alarms:alarms", summary="The watch's alarms: list, acknowledge, resolve."),
    "canary": Entry("loradiag.cli.canary:canary", summary="A new adapter beside the old one: promote, or roll back?"),
    "monitoring": Entry("loradiag.cli.monitoring:monitoring", summary="Alert rules and a dashboard for the watch."),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    epilog="""\b
Examples:
  loradiag drift baseline my_adapter/ --data train.jsonl --encoder encoders/minilm/ --output baselines/my_adapter
  loradiag traffic ingest logs/*.jsonl --lake lake/ --encoder encoders/minilm/
  loradiag drift check --baseline baselines/ --lake lake/ --window 1d
  loradiag drift calibrate-check baselines/my_adapter""",
)
def drift() -> None:
    """Is what users send still what the adapter was made for?"""


@click.command(
    "baseline",
    epilog="""\b
Examples:
  loradiag drift baseline my_adapter/ --data train.jsonl --output baselines/my_adapter
  loradiag drift baseline fixtures/adapters/healthy --name ledger --data fixtures/traffic/ledger_train.jsonl \\
      --encoder fixtures/encoder --output baselines/ledger""",
)
@click.argument("adapter", metavar="ADAPTER", type=click.Path(path_type=str))
@click.option("--data", required=True, metavar="FILE", type=click.Path(path_type=str), help="What it was trained on.")
@click.option("-o", "--output", required=True, metavar="DIR", type=click.Path(path_type=str), help="Write it here.")
@click.option(
    "--encoder",
    metavar="NAME_OR_DIR",
    help="A sentence-transformers model. [default: sentence-transformers/all-MiniLM-L6-v2]",
)
@click.option("--name", metavar="NAME", help="The adapter's name in the traffic. [default: the name of its directory]")
@click.option("--field", metavar="NAME", help="Where in a record the prompt is (a.b for nested ones).")
@click.option(
    "--novel-rate", type=float, default=0.05, metavar="SHARE", help="Held-out requests to call novel. [default: 0.05]"
)
@click.option("--topics", type=click.IntRange(1), metavar="N", help="Clusters at most. [default: 20]")
@click.option("--seed", type=int, default=0, metavar="N", help="Of the split and the clusters. [default: 0]")
@click.option("--keep-text", is_flag=True, help="Keep the prompts too, to show them as neighbours and topics.")
@click.option("--device", metavar="DEVICE", help="Where the encoder runs. [default: a GPU if there is one]")
@click.option("--force", is_flag=True, help="Replace a baseline that lies in DIR.")
@result_options()
def baseline(adapter: str, data: str, output: str, *, display: Display, **options: Any) -> None:
    """Make a baseline of ADAPTER: what its traffic should look like, by the data that it was trained on.

    Prompts are embedded, once each; four fifths are searched, one fifth is held out and tells how near a request should be
    to its nearest neighbour. The baseline is bound to the hashes of adapter, encoder and data.
    """
    import loradiag.api as api
    from loradiag.cli.progress import Bar

    with Bar(enabled=not display.quiet) as bar:
        made = api.baseline(adapter, data, output, progress=bar.stage, **options)
    if display.json:
        echo_json(made)
    elif not display.quiet:
        _told(made, output, display.style().color)


def _told(made: Manifest, output: str, colored: bool) -> None:
    from loradiag.baselines.splitting import ENOUGH

    numbers = made.calibrated
    _title(f"{printable(output)}: baseline of {printable(made.adapter.name)}", colored)
    left_out = [
        f"{count:,} {word}"
        for count, word in ((made.data.repeated, "repeated"), (made.data.unencodable, "the encoder makes nothing of"))
        if count
    ]
    said = f" ({', '.join(left_out)})" if left_out else ""
    click.echo(
        f"  references  {numbers.references:,}, held out {numbers.calibration:,}, topics {numbers.topics:,}{said}"
    )
    click.echo(f"  prompts     from {printable(made.data.field)} of {plural(made.data.records, 'record')}")
    click.echo(f"  encoder     {printable(made.encoder.name)}, {made.encoder.dimension} dimensions")
    click.echo(
        f"  novel       below a cosine of {numbers.threshold:.3f} to the nearest reference, as {numbers.novel_rate:.1%} of "
        f"held-out requests are; their mean is {numbers.mean_nn_cosine:.3f}"
    )
    if numbers.calibration < ENOUGH:
        click.echo(
            f"loradiag: {numbers.calibration:,} held-out requests are few: 'loradiag drift calibrate-check' measures what "
            "that costs",
            err=True,
        )


@click.command(
    "check",
    epilog="""\b
Examples:
  loradiag drift check --baseline baselines/ --lake lake/                     # yesterday's window of every adapter
  loradiag drift check --baseline baselines/my_adapter --lake lake/ --window 200 --last all -o drift.html
  loradiag drift check --baseline baselines/ --lake lake/ --adapter my_adapter --since 2026-11-01 --until 2026-11-08""",
)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    required=True,
    metavar="DIR",
    type=click.Path(path_type=str),
    help="A baseline, or a directory of some; may be repeated. All are asked where novel requests belong.",
)
@click.option(
    "--lake", required=True, metavar="DIR_OR_URL", type=click.Path(path_type=str), help="What traffic ingest wrote."
)
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
    from loradiag.cli.progress import Bar

    with Bar(enabled=not display.quiet, unit="windows") as bar:
        found = run(baseline, policy=read_policy(policy_path), progress=bar.stage, **options)
    if display.json:
        echo_json(found)
    elif not display.quiet:
        _rates(found, display.style().color)
    sys.exit(EXIT_GATE_FAILED if found.alarms.low > found.alpha else EXIT_OK)


def _rates(found: Replay, colored: bool) -> None:
    _title(
        f"{printable(found.adapter)}: {plural(found.alarms.trials, 'window')} of {found.window:,} held-out requests, "
        f"{found.calibration:,} left to calibrate with",
        colored,
    )
    for name, rate in (("false alarms", found.alarms), ("  novelty", found.novel), ("  mix", found.shifted)):
        click.echo(f"  {name:<14} {_rate(rate)}")
    word = "more than promised" if found.alarms.low > found.alpha else "as promised"
    click.echo(f"  promised       {found.alpha:.1%} at most: {word}")


def _rate(rate: Rate) -> str:
    return f"{rate.rate:6.1%}  ({rate.count:,} of {rate.trials:,}; 95% interval {rate.low:.1%} to {rate.high:.1%})"


def _title(text: str, colored: bool) -> None:
    click.echo(click.style(text, bold=True) if colored else text)
