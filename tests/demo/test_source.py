"""What a demonstration is made from is in a wheel, and what it says of itself is true."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import click
import pytest

from loradiag.cli.main import cli
from loradiag.demo.building import PARTS
from loradiag.demo.source import ADAPTERS, BROKEN, NEEDED, fixtures
from tests.conftest import FIXTURES, ROOT


def test_a_wheel_carries_what_is_needed() -> None:
    """The build's table names what the demonstration looks for, and the source archive has it."""
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    carried = {f"fixtures/{name}": f"loradiag/demo/fixtures/{name}" for name in NEEDED}
    assert carried.items() <= targets["wheel"]["force-include"].items()
    for name in carried:
        assert any(name == part or name.startswith(f"{part}/") for part in targets["sdist"]["include"]), name


def test_a_checkout_has_it() -> None:
    """Without a wheel's copy the repository's own fixtures are used."""
    assert fixtures() == FIXTURES


def test_no_two_adapters_have_the_same_weights() -> None:
    """Reports belong to weights by their hash: what is said of a broken copy must not be said of its sound original."""
    names = (*(f"adapters/{name}" for name in ADAPTERS), *(f"broken/{name}" for name in BROKEN))
    files = [path for name in names for path in (FIXTURES / name).rglob("*.safetensors")]
    assert len(files) > len(names)
    assert len({path.read_bytes() for path in files}) == len(files)


@pytest.mark.parametrize("line", [command for part in PARTS for command in part.commands])
def test_commands_can_be_typed(line: str) -> None:
    """Every command that is printed is one, with options that it has."""
    program, *words = shlex.split(line)
    assert program == "loradiag"
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None, name
        command, context = found, click.Context(found, parent=context, info_name=name)
    made = command.make_context(command.name, list(words), parent=context.parent)
    assert made.params


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.title)
def test_paths_of_commands_are_of_the_folder(part: object) -> None:
    """Paths are relative: they are typed in the folder."""
    commands = part.commands  # type: ignore[attr-defined]
    assert not any(Path(word).is_absolute() for command in commands for word in shlex.split(command))
