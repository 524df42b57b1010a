"""``loradiag resize`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_cli import run
from tests.conftest import FIXTURES, MakeAdapter, peft_arrays
from tests.test_imports import HEAVY, imported

OVER_RANKED = FIXTURES / "adapters" / "over_ranked"


def test_text(tmp_path: Path) -> None:
    """Sizes, ranks, errors and the worst modules; nothing on standard error."""
    done = run("resize", OVER_RANKED, "--error", "0.05", "-o", tmp_path / "new")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("relative error of at most 0.05", "48 → ", "1.18 MB → ", "measured on the files", "22 modules more"):
        assert words in done.stdout
    assert done.stdout.splitlines()[-1] == f"✓ written and measured: {tmp_path / 'new'}"
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 100
    assert run("inspect", tmp_path / "new", "--fail-on", "never").returncode == 0


def test_verbose_and_quiet(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Every module, or nothing."""
    done = run("resize", make_adapter(), "--rank", 2, "--dry-run", "-v")
    assert all(
        f"layers.{layer}.self_attn.{target}" in done.stdout for layer in range(4) for target in ("q_proj", "v_proj")
    )
    assert "nothing was written" in done.stdout
    done = run("resize", tmp_path / "adapter", "--rank", 2, "-o", tmp_path / "new", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "new").is_dir()


def test_json(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """The whole result, also with -q."""
    done = run("resize", make_adapter(), "--energy", 0.9, "-o", tmp_path / "new", "-f", "json", "-q")
    result = json.loads(done.stdout)
    assert (result["criterion"], result["value"], result["output"]) == ("energy", 0.9, str(tmp_path / "new"))
    assert len(result["modules"]) == 8
    assert all(row["measured_error"] <= np.sqrt(0.1) + 1e-6 for row in result["modules"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([OVER_RANKED, "-o", "new"], 2, "give one of --rank, --energy and --error"),
        ([OVER_RANKED, "-o", "new", "--rank", "2", "--error", "0.1"], 2, "not several"),
        ([OVER_RANKED, "--rank", "2"], 2, "--output DIR"),
        (["missing", "-o", "new", "--rank", "2"], 3, "does not exist"),
        ([FIXTURES / "adapters" / "ia3", "-o", "new", "--rank", "2"], 2, "peft_type IA3"),
        ([FIXTURES / "adapters" / "pissa", "-o", "new", "--rank", "2"], 2, "part of the base"),
        ([FIXTURES / "adapters" / "series", "-o", "new", "--rank", "2"], 3, "series of checkpoints"),
    ],
)
def test_errors_are_one_line(arguments: list[object], code: int, said: str, tmp_path: Path) -> None:
    """With the exit code of their kind."""
    done = run("resize", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_names_are_escaped(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A terminal sequence in a module's name is shown, not obeyed."""
    arrays = {name.replace("layers.0", "layers.0.\x1b[31m"): array for name, array in peft_arrays(layers=1).items()}
    done = run("resize", make_adapter(arrays), "--rank", 2, "-o", tmp_path / "new", "--color", "never")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "\\x1b" in done.stdout


def test_help_has_examples() -> None:
    """As every command's."""
    assert "Examples:" in run("resize", "--help").stdout


def test_imports_nothing_heavy(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Neither torch nor another package of an extra, nor scipy."""
    arguments = ["resize", str(make_adapter(dtype="BF16")), "--rank", "2", "-o", str(tmp_path / "new")]
    code = f"from loradiag.cli.main import cli\ntry: cli.main({arguments!r}, standalone_mode=False)\nexcept SystemExit: pass"
    assert not imported(code) & set(HEAVY)
    assert (tmp_path / "new").is_dir()
