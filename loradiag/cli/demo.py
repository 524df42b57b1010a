"""``loradiag demo``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from loradiag.core.errors import UsageError
from loradiag.core.lazy import require
from loradiag.core.text import printable


@click.command(
    epilog="""\b
Examples:
  loradiag demo                            # in a temporary folder, removed at the end
  loradiag demo --folder demo/             # kept; called again, it is only opened
  loradiag demo --folder demo/ --only-data # then: loradiag dashboard --reports demo/reports --traffic demo/lake"""
)
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(path_type=str, file_okay=False),
    help="Make it here, and keep it: empty, absent, or made by this. [default: a temporary folder]",
)
@click.option("--no-browser", is_flag=True, help="Open no browser.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, metavar="N", help="[default: a free one]")
@click.option("--only-data", is_flag=True, help="Make the data, and open no dashboard; with --folder.")
def demo(folder: str | None, *, no_browser: bool, port: int, only_data: bool) -> None:
    """Show all of loradiag on toy data: reports of two dozen adapters, and a month of traffic with drift and alarms.

    The data is made by the commands that you would use, in about a minute, and the commands are printed.
    """
    if only_data and folder is None:
        raise UsageError("--only-data: name the folder to keep it in, --folder DIR")
    if not only_data:
        require("streamlit", "dashboard")  # a minute later would be late to say so
    with _place(folder) as place:
        _make(place)
        if not only_data:
            _serve(place, port, browser=not no_browser)


def _serve(place: Path, port: int, *, browser: bool) -> None:
    from loradiag.cli.serving import Wanted, serve
    from loradiag.demo.records import REGISTRY

    reports, lake = str(place / "reports"), str(place / "lake")
    registry = str(place / REGISTRY) if (place / REGISTRY).is_file() else None
    serve(Wanted(reports=reports, traffic=lake, registry=registry, allow_writes=True, port=port, browser=browser))


@contextlib.contextmanager
def _place(folder: str | None) -> Iterator[Path]:
    if folder is not None:
        yield Path(folder)
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="loradiag-demo-") as name:
        yield Path(name)


def _make(place: Path) -> None:
    import shlex

    from loradiag.demo.building import PARTS, make_demo
    from loradiag.demo.folder import finished

    if mark := finished(place):
        click.echo(f"{printable(str(place))}: made {mark.began[:10]}; remove the folder to make it anew", err=True)
    else:
        with _Lines() as lines:
            make_demo(place, lines.told)
    click.echo(
        f"The demonstration lies in {printable(str(place))}. What made it:\n\n  cd {shlex.quote(printable(str(place)))}"
    )
    for part in PARTS:
        note = f" ({part.note})" if part.note else ""
        click.echo("\n".join([f"\n  # {part.title}{note}", *(f"  {command}" for command in part.commands)]))


class _Lines:
    """A line on standard error for each part, and a bar for people where a part counts."""

    def __init__(self) -> None:
        from loradiag.cli.progress import Bar

        self._bar = Bar(enabled=True, unit="days")
        self._title = ""

    def __enter__(self) -> _Lines:
        self._bar.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.__exit__(None, None, None)

    def told(self, title: str, done: int, total: int) -> None:
        """Show what is being made."""
        if title != self._title:
            self._title = title
            click.echo(f"making {title}", err=True)
        if total:
            self._bar.stage(title, done, total)
