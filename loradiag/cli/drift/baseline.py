"""``loradiag drift baseline``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import result_options
from loradiag.core.text import plural, printable

if TYPE_CHECKING:
    from loradiag.baselines.manifest import Manifest
    from loradiag.cli.emit import Display


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
    from loradiag.cli.emit import echo_json
    from loradiag.cli.progress import Bar

    with Bar(enabled=not display.quiet) as bar:
        made = api.baseline(adapter, data, output, progress=bar.stage, **options)
    if display.json:
        echo_json(made)
    elif not display.quiet:
        _told(made, output, display)


def _told(made: Manifest, output: str, display: Display) -> None:
    from loradiag.baselines.splitting import ENOUGH

    numbers = made.calibrated
    click.echo(display.title(f"{printable(output)}: baseline of {printable(made.adapter.name)}"))
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
