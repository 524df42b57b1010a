"""``loradiag fingerprint``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from loradiag.cli.options import result_options, revision_option

if TYPE_CHECKING:
    from loradiag.cli.emit import Display


@click.command(
    epilog="""\b
Examples:
  loradiag fingerprint models/my-base/
  loradiag fingerprint meta-llama/Llama-3.2-1B --revision 4e20de3 --format json
  loradiag fingerprint models/my-base/ --fast"""
)
@click.argument("base", metavar="BASE", type=click.Path(path_type=str))
@click.option("--fast", is_flag=True, help="Read samples of each tensor only.")
@revision_option
@click.option("-v", "--verbose", is_flag=True, help="Show every part.")
@result_options(quiet="Print the identity alone.")
def fingerprint(base: str, fast: bool, revision: str | None, verbose: bool, display: Display) -> None:
    """Say which weights a base has.

    BASE is a directory, a safetensors file, or owner/name on the Hugging Face hub, taken from the local cache if it is
    there. The same weights have the same identity however they are cut into files. Every byte is hashed; hashes are
    remembered by file, size and time of change, so that the second time takes a moment. --fast reads 64 KiB of each tensor:
    enough to tell one model from another, not to see that a few numbers have changed.
    """
    from loradiag.cli.emit import echo_json
    from loradiag.cli.progress import Bar
    from loradiag.stamping.fingerprint import fingerprint as run

    with Bar(enabled=not display.quiet, unit="bytes") as bar:
        bar.subject(base)
        identity = run(base, revision=revision, fast=fast, progress=bar.advance)
    if display.json:
        echo_json(identity)
    elif display.quiet:
        click.echo(identity.full or identity.sampled)
    else:
        from loradiag.stamping.show import render_identity

        style = display.style()
        sys.stdout.write(render_identity(identity, color=style.color, width=style.width, verbose=verbose))
        sys.stdout.flush()
