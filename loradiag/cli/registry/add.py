"""``loradiag registry add``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from loradiag.cli.options import pickle_option, result_options
from loradiag.cli.registry.options import registry_option
from loradiag.core.errors import EXIT_OK, EXIT_UNREADABLE
from loradiag.core.text import plural, printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Display
    from loradiag.registry.recording import Recorded


@click.command(
    "add",
    epilog="""\b
Examples:
  loradiag registry add my_adapter/
  loradiag registry add adapters/ s3://models/adapters        # every adapter below
  loradiag registry add forgetting.json merge.json            # reports, under the adapter that they are about
  loradiag registry add models:/ledger/3                      # from MLflow""",
)
@click.argument("paths", nargs=-1, required=True, metavar="ADAPTER|REPORT.json...", type=click.Path(path_type=str))
@click.option(
    "--policy",
    "policy_path",
    metavar="FILE",
    type=click.Path(path_type=str),
    help="What adapters are judged by. [default: loradiag.toml or pyproject.toml, here or above]",
)
@click.option("--by", metavar="NAME", help="Who does so. [default: the user]")
@pickle_option
@click.option("-v", "--verbose", is_flag=True, help="A line for each that was recorded.")
@registry_option
@result_options()
def add(
    paths: tuple[str, ...],
    policy_path: str | None,
    by: str | None,
    allow_pickle: bool,
    verbose: bool,
    where: str | None,
    display: Display,
) -> None:
    """Record adapters and reports.

    An adapter is inspected and recorded with its stamp; a directory is searched through, and of a run of checkpoints the
    last is taken. A JSON report of any command is recorded under the weights that it is about, and its scores as results.
    The same thing twice is one thing; what cannot be read costs only itself, and exit code 3.
    """
    from loradiag.api import read_policy
    from loradiag.api.registry import open_registry
    from loradiag.cli.progress import Bar

    policy = read_policy(policy_path)
    with open_registry(where) as registry, Bar(enabled=not display.quiet) as bar:
        done = registry.add(paths, policy=policy, allow_pickle=allow_pickle, who=by, progress=bar.stage)
        name = registry.store.name
    unread = [row for row in done if row.problem]
    if display.json:
        from loradiag.cli.emit import echo_json

        echo_json(done)
    elif not display.quiet:
        _tell(done, name, verbose=verbose)
    for row in unread:
        click.echo(f"loradiag: {printable(row.subject)}: {printable(row.problem or '')}", err=True)
    sys.exit(EXIT_UNREADABLE if unread else EXIT_OK)


def _tell(done: Sequence[Recorded], registry: str, *, verbose: bool) -> None:
    kept = [row for row in done if not row.problem]
    for row in kept if verbose or len(kept) <= 3 else ():
        news = "new" if row.new else "new report" if row.new_report or row.evaluations else "known"
        click.echo(f"{(row.sha256 or '')[:12]}  {news:<10}  {printable(row.subject)}")
    counts = (
        (sum(row.new for row in kept), "new adapter"),
        (sum(row.new_report for row in kept), "new report"),
        (sum(row.evaluations for row in kept), "new result"),
    )
    said = ", ".join(plural(count, noun) for count, noun in counts if count) or "nothing new"
    missed = len(done) - len(kept)
    lost = f"; {missed:,} could not be recorded" if missed else ""
    click.echo(f"{said}, of {plural(len(done), 'input')}, in {registry}{lost}")
