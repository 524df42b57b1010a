"""Pages of help: what they import, and whether the defaults that they name are the defaults."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import click

from loradiag.cli.main import cli

NEEDLESS = {"numpy", "rich", "sqlite3", "loradiag.api", "loradiag.cli.emit", "loradiag.core.report", "loradiag.rules"}
"""What measures, judges and renders: nothing of it is in a page of help."""

WALK = """
import sys
import click
from loradiag.cli.main import cli

def pages(command):
    command.get_help(click.Context(command))
    if not isinstance(command, click.Group):
        return 1
    context = click.Context(command)
    return sum(pages(command.get_command(context, name)) for name in command.list_commands(context))

print(pages(cli), *sys.modules)
"""


def test_help_imports_what_it_shows() -> None:
    """No page of any command, below groups too, imports what only running it needs."""
    done = subprocess.run([sys.executable, "-c", WALK], capture_output=True, text=True, timeout=60, check=True)
    count, *modules = done.stdout.split()
    assert int(count) > 30
    assert not NEEDLESS.intersection(modules)


def options() -> Iterator[tuple[str, click.Option]]:
    """Every option of every command, with the command's name."""
    waiting: list[tuple[str, click.Command]] = [("loradiag", cli)]
    while waiting:
        name, command = waiting.pop()
        yield from ((name, param) for param in command.params if isinstance(param, click.Option))
        if isinstance(command, click.Group):
            context = click.Context(command)
            for word in command.list_commands(context):
                below = command.get_command(context, word)
                assert below is not None
                waiting.append((f"{name} {word}", below))


def test_defaults_are_what_help_says() -> None:
    """A single word after ``default:`` is the option's default; of flags, on or off."""
    told = 0
    for name, option in options():
        said = re.search(r"\[default: ([\w.-]+)[\];]", option.help or "")
        if said is None or not isinstance(option.default, str | int | float):  # click has several words for none
            continue
        if option.is_flag and said[1] not in ("on", "off"):
            continue
        kept = ("off", "on")[option.default is True] if option.is_flag else option.default
        assert said[1] == (f"{kept:g}" if isinstance(kept, int | float) else kept), (name, option.opts)
        told += 1
    assert told > 40
