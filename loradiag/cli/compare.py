"""``loradiag compare``: adapters beside each other, and the checkpoints of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loradiag.cli.options import output_options, pickle_option
from loradiag.core.errors import EXIT_UNREADABLE

if TYPE_CHECKING:
    from loradiag.cli.emit import Output


@click.command(
    epilog="""\b
Examples:
  loradiag compare support-v1/ support-v2/                 # are they the same, related, do they collide?
  loradiag compare adapters/*/ -o compare.html             # all with all
  loradiag compare runs/2026-11/                           # the story of one run: losses, norms, ranks over its checkpoints
  loradiag compare a/ b/ --fail-on warning                 # exit 1 where they are one, or would collide"""
)
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER...", type=click.Path(path_type=str))
@pickle_option
@click.option("-v", "--verbose", is_flag=True, help="Show every pair and every module.")
@output_options
def compare(
    adapters: tuple[str, ...],
    allow_pickle: bool,
    verbose: bool,
    output: Output,
) -> None:
    """Say what adapters are to each other, and how a run went.

    ADAPTER is a directory or a weight file in any layout that `loradiag inspect` reads. Of every pair: the overlap of what
    the two write and read, the cosine of their updates, how much of them would collide if both were added to one base,
    duplicates, and what they are to each other: checkpoints of one run, two seeds of one recipe, or strangers. A directory of
    checkpoints is told as one story, and stands by its last checkpoint beside others.
    """
    from loradiag.api import compare as run
    from loradiag.cli.emit import exit_code, tell_unread
    from loradiag.cli.progress import Bar

    output.check_places()
    with Bar(enabled=not output.quiet) as bar:
        reports = run(adapters, policy=output.policy, allow_pickle=allow_pickle, progress=bar.stage)
    if not (output.text_alone and len(reports) == 1 and exit_code(reports) == EXIT_UNREADABLE):
        output.emit(reports, verbose=verbose)
    tell_unread(reports)
    output.end(reports)
