"""``loradiag drift alarms``: the alarms of a watch, listed and settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loradiag.cli.options import result_options
from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.core.who import user

if TYPE_CHECKING:
    from loradiag.cli.emit import Display
    from loradiag.core.watching import WatchAlarm


@click.command(
    "alarms",
    epilog="""\b
Examples:
  loradiag drift alarms --lake lake/
  loradiag drift alarms --lake lake/ --acknowledge 3 --why "new campaign, retraining on Friday"
  loradiag drift alarms --lake lake/ --resolve 3 --why "retrained"
  loradiag drift alarms --lake lake/ --all --format json""",
)
@click.option("--lake", metavar="DIR", type=click.Path(path_type=str), help="The lake that is watched.")
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(path_type=str, dir_okay=False),
    help="The state of the watch. [default: _state/watch.sqlite in the lake]",
)
@click.option("--all", "every", is_flag=True, help="List resolved alarms too.")
@click.option("--acknowledge", type=int, metavar="ID", help="Say that an alarm is being dealt with.")
@click.option(
    "--resolve",
    type=int,
    metavar="ID",
    help="Say that it is over: its adapter is watched anew, from what is left of the budget.",
)
@click.option("--why", metavar="TEXT", help="The reason; with --acknowledge and --resolve.")
@click.option("--by", metavar="NAME", help="Who does so. [default: the user]")
@result_options()
def alarms(
    lake: str | None,
    state: str | None,
    *,
    every: bool,
    acknowledge: int | None,
    resolve: int | None,
    why: str | None,
    by: str | None,
    display: Display,
) -> None:
    """List the alarms of a watch that are not over; acknowledge one, or resolve it. A watch may be at work meanwhile."""
    from loradiag.api import alarms as listed
    from loradiag.api import settle_alarm

    if acknowledge is None and resolve is None:
        _show(listed(lake, state=state, every=every), display)
        return
    if acknowledge is not None and resolve is not None:
        raise UsageError("--acknowledge and --resolve: one alarm, and one of the two, at a time")
    if not why:
        raise UsageError("--why: say in a few words why; the next reader will ask")
    number = acknowledge if acknowledge is not None else resolve
    changed = settle_alarm(
        number or 0,
        "acknowledged" if acknowledge is not None else "resolved",
        by=by or user(),
        why=why,
        lake=lake,
        state=state,
    )
    if display.json:
        _show([changed], display)
    elif not display.quiet:
        click.echo(f"alarm {changed.id} of {printable(changed.adapter)} is {changed.status}")


def _show(found: list[WatchAlarm], display: Display) -> None:
    if display.json:
        from loradiag.cli.emit import echo_json

        echo_json(found)
    elif not display.quiet:
        from loradiag.outputs.terminal.alarms import alarms_text

        click.echo(alarms_text(found, display.style()), nl=False)
