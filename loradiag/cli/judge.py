"""``loradiag judge``."""

from __future__ import annotations

import sys

import click

from loradiag.cli.emit import emit, exit_code, plan, style_for, tell_unread, tell_unused, with_fail_on
from loradiag.cli.options import output_options


@click.command(
    epilog="""\b
Example:
  loradiag inspect my_adapter/ --format json --output report.json
  loradiag judge report.json --policy stricter.toml"""
)
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...", type=click.Path(path_type=str))
@click.option("-v", "--verbose", is_flag=True, help="Show every module, and notes that are folded otherwise.")
@output_options
def judge(
    reports: tuple[str, ...],
    verbose: bool,
    format_: str | None,
    outputs: tuple[str, ...],
    policy_path: str | None,
    fail_on: str | None,
    quiet: bool,
    color: str,
) -> None:
    """Judge JSON reports again, by the rules of this version and the policy given. No adapter is read."""
    from loradiag.api import judge as judge_again
    from loradiag.api import read_policy, read_reports

    targets = plan(format_, outputs)
    policy = with_fail_on(read_policy(policy_path), fail_on)
    judged = [judge_again(report, policy) for path in reports for report in read_reports(path)]
    emit(judged, targets, style_for(color, verbose=verbose), quiet=quiet)
    tell_unread(judged, told=False)
    for report in judged[:1]:
        tell_unused(report.policy)
    sys.exit(exit_code(judged))
