"""The tutorial and the first five minutes, run as they stand there."""

from __future__ import annotations

import doctest
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from loradiag.cli.main import cli
from loradiag.core.errors import LoradiagError
from tests.conftest import ROOT
from tests.docs.printed import Command, File, blocks, is_printed

DOCS = ROOT / "docs"


class Console:
    """A shell that knows the few words that the pages use."""

    def __init__(self, columns: int) -> None:
        self.code = 0
        self._columns = columns

    def run(self, line: str) -> str:
        """What a line prints on standard output."""
        program, *arguments = shlex.split(line)
        if program == "cp":
            assert arguments[0] == "-r"
            shutil.copytree(arguments[1], arguments[2])
            return ""
        if program == "echo":
            assert arguments == ["$?"]
            return f"{self.code}\n"
        assert program == "loradiag", line
        runner = CliRunner(env={"COLUMNS": str(self._columns)})
        done = runner.invoke(cli, arguments)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            assert isinstance(done.exception, LoradiagError), done.exception
            raise done.exception
        self.code = done.exit_code
        return done.stdout


def follow(page: Path, columns: int) -> None:
    """Do what a page says, and compare what is printed."""
    console = Console(columns)
    for block in blocks(page):
        if isinstance(block, File):
            Path(block.name).write_text(block.text, encoding="utf-8")
        elif isinstance(block, Command):
            output = console.run(block.line)
            assert is_printed(block.printed, output), f"$ {block.line}\n{output}"


@pytest.mark.models
@pytest.mark.usefixtures("place")
def test_tutorial() -> None:
    """Every command of the tutorial prints what it says there, from the adapter to the watch."""
    follow(DOCS / "tutorial.md", columns=80)


@pytest.mark.usefixtures("place")
def test_five_minutes() -> None:
    """Every command of the first page prints what it says there, and its Python does."""
    follow(DOCS / "start.md", columns=100)
    failed, tried = doctest.testfile(str(DOCS / "start.md"), module_relative=False)
    assert (failed, tried > 2) == (0, True)


@pytest.mark.parametrize(
    ("told", "output", "is_so"),
    [
        (["a", "…", "d"], "a\nb\nc\nd\n", True),
        (["a", "…", "d"], "a\nb\nc\n", False),
        (["size  … kB"], "size  204 kB\n", True),
        (["size  … kB"], "size  204 MB\n", False),
        ([], "", True),
        ([], "something\n", False),
        (["…"], "", True),
    ],
)
def test_what_is_printed(told: list[str], output: str, is_so: bool) -> None:
    """An ellipsis stands for lines, or for text within a line, and for nothing else."""
    assert is_printed(told, output) is is_so
