"""``loradiag registry check``."""

from __future__ import annotations

import sys
from typing import Any

import click

from loradiag.cli.emit import emit, exit_code, plan, style_for, tell_unused, with_fail_on
from loradiag.cli.options import output_options
from loradiag.cli.registry.options import filter_options, registry_option, wanted_of
from loradiag.core.text import plural


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
    format_: str | None,
    outputs: tuple[str, ...],
    policy_path: str | None,
    fail_on: str | None,
    quiet: bool,
    color: str,
    **options: Any,
) -> None:
    """Judge what the registry knows: a gate over the fleet.

    Adapters without owner, hash of the data or evaluation (LD530 to LD532), live ones whose newest inspection failed
    (LD533) or that were never inspected (LD535), evaluations that are old (LD534). Retired ones need nothing of it.
    """
    from loradiag.api import read_policy
    from loradiag.api.registry import open_registry

    targets = plan(format_, outputs)
    policy = with_fail_on(read_policy(policy_path), fail_on)
    with open_registry(where, read_only=True) as registry:
        reports = registry.check(adapters, wanted_of(options), policy=policy)
    if not reports:
        if not quiet:
            click.echo("loradiag: no adapter of the registry is asked about", err=True)
        sys.exit(exit_code(reports))
    short = targets == [("text", None)] and not verbose and len(reports) > 1
    told = [report for report in reports if report.findings] if short else reports
    if told:
        emit(told, targets, style_for(color, verbose=verbose), quiet=quiet)
    if short and not quiet and len(told) < len(reports):
        click.echo(f"{plural(len(reports) - len(told), 'adapter')} of {len(reports):,} without a finding")
    tell_unused(reports[0].policy)
    sys.exit(exit_code(reports))
