"""``loradiag resize``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from loradiag.cli.options import pickle_option, result_options

if TYPE_CHECKING:
    from loradiag.cli.emit import Display


@click.command(
    epilog="""\b
Examples:
  loradiag resize my_adapter/ --rank 8 --output small/
  loradiag resize my_adapter/ --energy 0.99 --output small/       # a rank for each module
  loradiag resize my_adapter/ --error 0.05 --dry-run --verbose"""
)
@click.argument("adapter", metavar="ADAPTER", type=click.Path(path_type=str))
@click.option("--rank", type=int, help="Cut every module to this rank at most.")
@click.option("--energy", type=float, help="Keep this share of each module's energy, the sum of its squared σ.")
@click.option("--error", type=float, help="Allow each module this relative Frobenius error.")
@click.option("-o", "--output", type=click.Path(path_type=str), metavar="DIR", help="The directory to write.")
@click.option("--force", is_flag=True, help="Replace the adapter that lies in DIR, with all that is beside it.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@pickle_option
@click.option("-v", "--verbose", is_flag=True, help="Show every module.")
@result_options()
def resize(
    adapter: str,
    rank: int | None,
    energy: float | None,
    error: float | None,
    output: str | None,
    force: bool,
    dry_run: bool,
    allow_pickle: bool,
    verbose: bool,
    display: Display,
) -> None:
    """Write a smaller PEFT adapter, and measure on the files what that cost.

    Each update is cut to its leading singular values, which gives the nearest update of that rank. Scales stay as they
    are; saved layers, biases and magnitudes are copied bit for bit. Give one of --rank, --energy and --error. The
    directory appears when it is complete and has been compared with ADAPTER.
    """
    from loradiag.cli.emit import echo_json
    from loradiag.cli.progress import Bar
    from loradiag.resizing.resize import resize as run

    with Bar(enabled=not display.quiet) as bar:
        bar.subject(adapter)
        result = run(
            adapter,
            output,
            rank=rank,
            energy=energy,
            error=error,
            allow_pickle=allow_pickle,
            force=force,
            dry_run=dry_run,
            progress=bar.advance,
        )
    if display.json:
        echo_json(result)
    elif not display.quiet:
        from loradiag.resizing.show import render

        style = display.style()
        sys.stdout.write(render(result, color=style.color, width=style.width, verbose=verbose))
        sys.stdout.flush()
