"""``loradiag judge``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loradiag.cli.options import output_options

if TYPE_CHECKING:
    from loradiag.cli.emit import Output


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
    output: Output,
) -> None:
    """Judge JSON reports again, by the rules of this version and the policy given. No adapter is read."""
    from loradiag.api import judge as judge_again
    from loradiag.api import read_reports
    from loradiag.cli.emit import tell_unread

    judged = [judge_again(report, output.policy) for path in reports for report in read_reports(path)]
    output.emit(judged, verbose=verbose)
    tell_unread(judged)
    output.end(judged)
