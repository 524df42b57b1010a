"""The demonstration, made once for all tests of a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from loradiag.cli.demo import demo


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration as a user makes it. For tests marked ``models``: requests are embedded."""
    folder = tmp_path_factory.mktemp("demonstration") / "demo"
    result = CliRunner().invoke(demo, ["--folder", str(folder), "--only-data"])
    assert result.exit_code == 0, result.output
    assert str(folder) in result.stdout
    assert "making lake/" in result.stderr
    return folder
