"""What the page about the house says is how it is."""

from __future__ import annotations

import re
import tomllib

from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def test_every_room_is_named() -> None:
    """The list of rooms has every folder of the package, and no other."""
    told = set(re.findall(r"^  (\w+)/ ", BLOCKS[0], re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "loradiag").glob("*/__init__.py")}
    assert told == rooms


def test_layers_are_those_of_the_contract() -> None:
    """Imports run one way, as import-linter checks it."""
    layers = next(contract["layers"] for contract in CONTRACTS if contract["type"] == "layers")
    assert BLOCKS[1].splitlines() == [layer.replace("loradiag.", "") for layer in layers]


def test_all_contracts_are_told() -> None:
    """The page has a line for each of the others."""
    section = TEXT.partition("## Imports run one way")[2].partition("\n## ")[0]
    assert len(re.findall(r"^- ", section, re.MULTILINE)) == len(CONTRACTS) - 1
