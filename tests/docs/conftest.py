"""What the tests of the site share: the folder that its generator lies in, and a place with the fixtures."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import FIXTURES, ROOT

# The generator is no part of the package: MkDocs finds it beside its hook, and the tests do so here.
sys.path.insert(0, str(ROOT / "docs"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the fixtures in it, as the root of a checkout has them."""
    (tmp_path / "fixtures").symlink_to(FIXTURES)
    monkeypatch.chdir(tmp_path)
    return tmp_path
