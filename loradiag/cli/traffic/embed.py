"""``loradiag traffic embed``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import result_options
from loradiag.cli.traffic.shared import lake_option
from loradiag.core.errors import EXIT_OK, EXIT_UNREADABLE
from loradiag.core.text import plural, printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Display


@click.command(
    "embed",
    epilog="""\b
Examples:
  loradiag traffic embed --lake lake/ --encoder encoders/minilm/
  loradiag traffic embed --lake s3://ops/lake --encoder encoders/minilm/ --engine ray --ray-address auto""",
)
@lake_option
@click.option("--encoder", required=True, metavar="NAME_OR_DIR", help="A sentence-transformers model.")
@click.option("--device", metavar="DEVICE", help="Where the encoder runs. [default: a GPU if there is one]")
@click.option("--engine", default="local", metavar="NAME", help="local, or ray. [default: local]")
@click.option("--ray-address", metavar="ADDRESS", help="Of a cluster: auto, ray://host:10001. [default: a local one]")
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Processes. [default: 1; of ray the cluster's CPUs]"
)
@result_options()
def embed(lake: str, *, display: Display, **options: Any) -> None:
    """Embed the texts that the lake keeps, where they have no vector yet by this encoder.

    For a lake that was filled with --keep-text and without an encoder, or with another one. Goes on where it was interrupted.
    """
    from loradiag.api import embed_traffic as run
    from loradiag.cli.emit import echo_json
    from loradiag.cli.progress import Bar

    with Bar(enabled=not display.quiet, unit="files") as bar:
        done = run(lake, progress=bar.stage, **options)
    if display.json:
        echo_json(done)
    elif not display.quiet:
        said = f", {done.known:,} had a vector" if done.known else ""
        said += f", {done.without_text:,} have no text" if done.without_text else ""
        title = f"{printable(lake)}: {plural(done.embedded, 'request')} embedded"
        click.echo(display.title(title) + said)
    for name, problem in done.problems.items():
        click.echo(f"loradiag: {printable(name)}: {printable(problem)}", err=True)
    sys.exit(EXIT_UNREADABLE if done.problems else EXIT_OK)
