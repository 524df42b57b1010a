"""The HTML page in a real browser: its script runs under its own content policy, and hostile names stay text."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import loradiag
from loradiag.outputs import renderer
from loradiag.outputs.style import Style
from tests.conftest import MakeAdapter, peft_arrays

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


def browse(page: Path, profile: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open a page headless and return what the browser printed: the document after scripts ran, and its console."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--enable-logging=stderr", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


@pytest.fixture
def page(make_adapter: MakeAdapter, tmp_path: Path) -> Path:
    """A page about an adapter with a dead module and a name that wants to be a script."""
    arrays = peft_arrays()
    arrays["base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight"][:] = 0
    arrays["base_model.model.<script>document.title='owned'</script>"] = np.ones((2, 2), np.float32)
    report = loradiag.inspect(make_adapter(arrays))
    file = tmp_path / "report.html"
    file.write_text(renderer("html")([report], Style()), encoding="utf-8")
    return file


def test_script_runs_and_hostile_names_do_not(page: Path, tmp_path: Path) -> None:
    """The page's own script adds its tooltip; the name's does not run; no policy violation and no error is logged."""
    done = browse(page, tmp_path / "profile", "--dump-dom")
    assert 'id="tip"' in done.stdout
    assert 'id="tip"' not in page.read_text()
    assert "<title>owned</title>" not in done.stdout
    assert "&lt;script&gt;" in done.stdout
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert console == []


def test_page_is_drawn(page: Path, tmp_path: Path) -> None:
    """A screenshot is not blank: an empty page of this size compresses to a few kilobytes."""
    shot = tmp_path / "shot.png"
    browse(page, tmp_path / "profile", f"--screenshot={shot}", "--window-size=1200,1600")
    assert shot.read_bytes().startswith(b"\x89PNG")
    assert shot.stat().st_size > 40_000
