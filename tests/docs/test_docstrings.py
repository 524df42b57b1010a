"""Examples in docstrings, run."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.conftest import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "loradiag").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.usefixtures("place")
def test_examples_are_so(name: str) -> None:
    """Every example of a module prints what stands below it."""
    found = doctest.testmod(importlib.import_module(name))
    assert (found.failed, found.attempted > 0) == (0, True)


def test_there_are_some() -> None:
    """The package and the functions that run quickly on the fixtures have examples."""
    assert {"loradiag", "loradiag.api.inspecting", "loradiag.api.comparing", "loradiag.api.judging"} <= set(MODULES)


def test_their_paths_exist() -> None:
    """What examples read lies among the fixtures of the repository."""
    assert all((ROOT / "fixtures" / part).is_dir() for part in map(Path, ("base", "adapters/healthy")))
