"""``loradiag traffic compact``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loradiag.cli.options import result_options
from loradiag.cli.traffic.shared import lake_option
from loradiag.core.text import plural, printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Display


@click.command("compact", epilog="Example: loradiag traffic compact --lake lake/")
@lake_option
@result_options()
def compact(lake: str, *, display: Display) -> None:
    """Merge the small files that many runs have left; safe while others read and write.

    Merged files are passed over at once, and removed by a later run, an hour after.
    """
    from loradiag.api.traffic import compact as run
    from loradiag.cli.emit import echo_json
    from loradiag.cli.progress import Bar

    with Bar(enabled=not display.quiet, unit="folders") as bar:
        bar.subject("folders")
        done = run(lake, progress=bar.advance)
    if display.json:
        echo_json(done)
    elif not display.quiet:
        said = f", {plural(done.repeated, 'repeated row')} left out" if done.repeated else ""
        said += f", {plural(done.removed, 'merged file')} removed" if done.removed else ""
        title = f"{printable(lake)}: {plural(done.before, 'file')} → {done.after:,}"
        click.echo(display.title(title) + said)
