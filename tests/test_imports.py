"""What stays unimported. Each case is a process of its own, since imports cannot be undone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import MakeAdapter

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "scipy",
    "pandas",
    "lm_eval",
    "sentence_transformers",
    "ray",
    "streamlit",
    "gguf",
    "sqlalchemy",
    "mlflow",
)


def imported(code: str) -> set[str]:
    """Top-level packages that are loaded after running ``code``."""
    script = f"import sys\n{code}\nsys.stderr.write(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_importing_loradiag_is_light() -> None:
    """``import loradiag`` loads neither numpy nor any dependency."""
    assert not imported("import loradiag") & {"numpy", "msgspec", "rich", "click", "safetensors", *HEAVY}


def test_help_is_light() -> None:
    """``loradiag --help`` loads neither numpy nor rich."""
    code = (
        "from loradiag.cli.main import cli\ntry: cli.main(['--help'], standalone_mode=False)\nexcept SystemExit: pass"
    )
    assert not imported(code) & {"numpy", "rich", "safetensors", *HEAVY}


@pytest.mark.parametrize("name", ["json", "text", "html"])
def test_inspect_imports_nothing_heavy(make_adapter: MakeAdapter, name: str) -> None:
    """Inspecting a safetensors adapter loads no package of an extra, and not scipy either."""
    arguments = ["inspect", str(make_adapter(dtype="BF16")), "--format", name]
    code = f"from loradiag.cli.main import cli\ntry: cli.main({arguments!r}, standalone_mode=False)\nexcept SystemExit: pass"
    assert not imported(code) & set(HEAVY)


def test_listing_tables_imports_nothing() -> None:
    """The tables of rules, analyzers, formats and readers can be listed without importing what they name."""
    code = (
        "from loradiag.rules import RULES\nfrom loradiag.analyzers import ANALYZERS\nfrom loradiag.outputs import FORMATS\n"
        "assert len(RULES) > 30 and ANALYZERS and FORMATS\n"
        "assert not any(m.startswith(('loradiag.rules.', 'loradiag.analyzers.', 'loradiag.outputs.html')) for m in sys.modules)"
    )
    assert "numpy" not in imported(code)


def test_a_missing_extra_is_named() -> None:
    """A package that is not there becomes one line that says what to install."""
    from loradiag.core.errors import MissingExtraError
    from loradiag.core.lazy import require

    with pytest.raises(MissingExtraError, match=r"pip install 'loradiag\[merge\]'") as caught:
        require("surely_not_installed.part", "merge")
    assert caught.value.exit_code == 2
