"""Pages whose commands are run: blocks of a page, and whether what was printed is what stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r"^```(?P<kind>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


class File(NamedTuple):
    """A block that is a file, by its title."""

    name: str
    text: str


class Command(NamedTuple):
    """A command of a console, and the lines that stand below it."""

    line: str
    printed: list[str]


def blocks(page: Path) -> Iterator[File | Command]:
    """Yield files and commands of a page, in order."""
    for fence in _FENCE.finditer(page.read_text(encoding="utf-8")):
        if fence["title"]:
            yield File(fence["title"], fence["text"])
        elif fence["kind"] == "console":
            yield from _commands(fence["text"])


def _commands(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, rest = part.partition("\n")
        yield Command(line, rest.rstrip("\n").split("\n") if rest.strip() else [])


def is_printed(told: list[str], output: str) -> bool:
    """Whether the output is what is told: ``…`` alone on a line stands for any lines, within one for any text."""
    wanted = "".join(_pattern(line.rstrip()) for line in told)
    printed = "".join(line.rstrip() + "\n" for line in output.rstrip("\n").split("\n")) if output.strip() else ""
    return re.fullmatch(wanted, printed) is not None


def _pattern(line: str) -> str:
    if line == "…":
        return r"(?:[^\n]*\n)*?"
    # Output has its own ellipses, as after the beginning of a hash: "…" matches them too.
    return "[^\n]*?".join(re.escape(part) for part in line.split("…")) + "\n"
