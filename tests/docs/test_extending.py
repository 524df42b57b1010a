"""What the page says about adding a rule, done to a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import FIXTURES, ROOT
from tests.docs.printed import Command, File, blocks, is_printed

PAGE = ROOT / "docs" / "extending.md"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of package and tests, with the rule of the page in it."""
    root = tmp_path_factory.mktemp("copy")
    for part in ("loradiag", "tests"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__", "stored"))
    shutil.copy(ROOT / "pyproject.toml", root / "pyproject.toml")
    (root / "fixtures").symlink_to(FIXTURES)
    [rule] = [block for block in blocks(PAGE) if isinstance(block, File)]
    (root / rule.name).write_text(rule.text, encoding="utf-8")
    rows = re.findall(r"^```python\n(    .+)\n```$", PAGE.read_text("utf-8"), re.MULTILINE)
    put(root / "loradiag/rules/__init__.py", "RULES: Mapping[str, Entry] = {\n", rows[0])
    put(root / "tests/rules/adapters.py", "PROVOKED: dict[str, Make] = {\n", rows[1])
    return root


def put(path: Path, after: str, row: str) -> None:
    """Write a row into a table."""
    text = path.read_text(encoding="utf-8")
    assert text.count(after) == 1
    path.write_text(text.replace(after, f"{after}{row}\n"), encoding="utf-8")


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python beside the copy."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "100"},
        check=False,
    )


def test_it_is_explained(copy: Path) -> None:
    """``loradiag rule`` prints what the page says."""
    [command] = [block for block in blocks(PAGE) if isinstance(block, Command)]
    done = run(copy, *command.line.split())
    assert is_printed(command.printed, done.stdout), done.stdout + done.stderr


def test_its_case_provokes_it_and_nothing_else_breaks(copy: Path) -> None:
    """The case of the page provokes the rule, and the contract of all rules holds with it."""
    wanted = "LD299 or test_every_rule_is_tested or test_codes_and_names_are_unique"
    done = run(copy, "pytest", "-q", "-p", "no:cacheprovider", "tests/rules", "-k", wanted)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b[3-9] passed", done.stdout), done.stdout
