"""``loradiag registry check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import output_options
from loradiag.cli.registry.options import filter_options, registry_option, wanted_of
from loradiag.core.text import plural

if TYPE_CHECKING:
    from loradiag.cli.emit import Output


@click.command(
    "check",
    epilog="""\b
Examples:
  loradiag registry check --stage live
  loradiag registry check --stage canary --stage live --fail-on warning -o registry.sarif
  loradiag registry check 3fa2 --policy fleet.toml""",
)
@click.argument("adapters", nargs=-1, metavar="[ADAPTER...]")
@filter_options
@click.option("-v", "--verbose", is_flag=True, help="Show those too of which there is nothing to say.")
@registry_option
@output_options
def check(
    adapters: tuple[str, ...],
    where: str | None,
    verbose: bool,
    output: Output,
    **options: Any,
) -> None:
    """Judge what the registry knows: a gate over the fleet.

    Adapters without owner, hash of the data or evaluation (LD530 to LD532), live ones whose newest inspection failed
    (LD533) or that were never inspected (LD535), evaluations that are old (LD534). Retired ones need nothing of it.
    """
    from loradiag.api.registry import open_registry

    with open_registry(where, read_only=True) as registry:
        reports = registry.check(adapters, wanted_of(options), policy=output.policy)
    if not reports:
        if not output.quiet:
            click.echo("loradiag: no adapter of the registry is asked about", err=True)
        output.end(reports)
    short = output.text_alone and not verbose and len(reports) > 1
    told = [report for report in reports if report.findings] if short else reports
    if told:
        output.emit(told, verbose=verbose)
    if short and not output.quiet and len(told) < len(reports):
        click.echo(f"{plural(len(reports) - len(told), 'adapter')} of {len(reports):,} without a finding")
    output.end(reports)
