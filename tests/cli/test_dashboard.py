"""``loradiag dashboard`` before anything is served: what makes no sense is one line and an exit code."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the dashboard extra is not installed")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a process."""
    command = [sys.executable, "-m", "loradiag", "dashboard", "--no-browser", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "--reports DIR"),
        (["--reports", "nowhere"], 3, "nowhere: is no folder of reports"),
        (["--traffic", "nowhere"], 3, "nowhere: is no lake"),
        (["--reports", ".", "--state", "nowhere.sqlite"], 3, "nowhere.sqlite: holds no watch"),
        (["--registry", "https://a.example/registry"], 2, "name a file, or a database"),
        (["--reports", ".", "--host", "192.0.2.1"], 2, "--host 192.0.2.1: cannot be listened on"),
        (["--reports", ".", "--every", "0"], 2, "--every"),
    ],
)
def test_what_makes_no_sense(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    """It names the option or the file, and what to do."""
    told = [str(tmp_path) if word == "." else word for word in arguments]
    done = run(*told)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Is said before anything is read."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = run("--reports", str(tmp_path), "--port", str(other.getsockname()[1]))
    assert done.returncode == 2
    assert "is taken" in done.stderr
    assert len(done.stderr.splitlines()) == 1
