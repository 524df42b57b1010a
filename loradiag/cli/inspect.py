"""``loradiag inspect``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from loradiag.cli.options import output_options, pickle_option, revision_option
from loradiag.core.errors import EXIT_INTERRUPTED, EXIT_UNREADABLE, UsageError
from loradiag.outputs.style import BESIDE_BASE, MEASURES

if TYPE_CHECKING:
    from loradiag.api import Against
    from loradiag.cli.emit import Output
    from loradiag.core.report import Report


@click.command(
    epilog="""\b
Examples:
  loradiag inspect my_adapter/
  loradiag inspect my_adapter/ --base models/base/   # fit, coverage, relative update, intruders
  loradiag inspect runs/checkpoints/            # every checkpoint, in order
  loradiag inspect a/ b.safetensors --format json --output report.json
  loradiag inspect my_adapter/ -o report.html -o results.sarif"""
)
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER...", type=click.Path(path_type=str))
@click.option("--base", metavar="BASE", help="The base that it was trained on: a directory, a file or a hub id.")
@revision_option
@click.option(
    "--spectra/--no-spectra",
    default=True,
    help="With --base: top singular values and intruder dimensions, which take most of the time. [default: on]",
)
@click.option(
    "--device", default="cpu", metavar="DEVICE", help="With --base: cpu, cuda … for large products. [default: cpu]"
)
@pickle_option
@click.option(
    "--measure",
    type=click.Choice(list(MEASURES)),
    default="stable_rank",
    help="What the heat map shows. [default: stable_rank]",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every module and every tensor that was not analysed.")
@output_options
def inspect(
    adapters: tuple[str, ...],
    base: str | None,
    revision: str | None,
    spectra: bool,
    device: str,
    allow_pickle: bool,
    measure: str,
    verbose: bool,
    output: Output,
) -> None:
    """Say what is in an adapter and whether it is sound.

    ADAPTER is a directory or a weight file: PEFT, diffusers, kohya and LyCORIS, MLX, GGUF and others. A directory of
    checkpoints is inspected checkpoint by checkpoint. With --base it says as well whether the two belong together, which
    weights are never reached, how large every update is beside its weight, and what storing the sum would lose. Nothing is
    imported that could run code from the files.
    """
    from loradiag.api import inspect_all
    from loradiag.cli.emit import exit_code, tell_unread, tell_unused
    from loradiag.cli.progress import Bar

    output.check_places()
    against = _against(base, revision, spectra, device, measure)
    reports: list[Report] = []
    interrupted = False
    with Bar(enabled=not output.quiet) as bar:
        try:
            for adapter in adapters:
                bar.subject(adapter)
                for report in inspect_all(
                    adapter, against, policy=output.policy, allow_pickle=allow_pickle, progress=bar.advance
                ):
                    reports.append(report)  # one by one: what is finished survives an interrupt
        except KeyboardInterrupt:
            interrupted = True
            if not reports:
                raise
    if not (output.text_alone and len(reports) == 1 and exit_code(reports) == EXIT_UNREADABLE):
        output.emit(reports, verbose=verbose, measure=measure)
    tell_unread(reports)
    tell_unused(reports)
    if interrupted:
        click.echo(f"loradiag: interrupted; the reports are of {len(reports):,} that were finished", err=True)
    sys.exit(EXIT_INTERRUPTED if interrupted else exit_code(reports))


def _against(base: str | None, revision: str | None, spectra: bool, device: str, measure: str) -> Against | None:
    from loradiag.api import Against

    if base is not None:
        if measure == "intruders" and not spectra:
            raise UsageError("--measure intruders needs the singular values that --no-spectra leaves out")
        return Against(base=base, revision=revision, spectra=spectra, device=device)
    if revision is not None or not spectra or device != "cpu":
        raise UsageError("--revision, --no-spectra and --device say how to inspect against a base: name it with --base")
    if measure in BESIDE_BASE:
        raise UsageError(f"--measure {measure} is a measure beside a base: name it with --base")
    return None
