"""Adapters on the hub, by huggingface_hub's own client against a server that answers as the hub does."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.fleet.making import write_adapter

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")


class Hub(http.server.BaseHTTPRequestHandler):
    """One repository, ``owner/adapters``, out of a folder."""

    root: Path
    asked: list[str]

    def do_GET(self) -> None:
        """The repository, its files, or one of them."""
        path = urllib.parse.unquote(urllib.parse.urlparse(self.path).path)
        self.asked.append(path)
        if path.startswith("/api/models/owner/adapters/tree/main"):
            below = self.root / path.removeprefix("/api/models/owner/adapters/tree/main").strip("/")
            self._answer(
                json.dumps([self._entry(file) for file in sorted(below.rglob("*")) if file.is_file()]).encode()
            )
        elif path == "/api/models/owner/adapters":
            self._answer(json.dumps({"id": "owner/adapters", "sha": "a" * 40, "siblings": []}).encode())
        elif path.startswith("/owner/adapters/resolve/main/"):
            file = self.root / path.removeprefix("/owner/adapters/resolve/main/")
            self._answer(file.read_bytes() if file.is_file() else None, ETag=f'"{_hash(file)}"')
        else:
            self._answer(None)

    do_HEAD = do_GET  # noqa: N815 - the name that the library looks for

    def _entry(self, file: Path) -> dict[str, Any]:
        name = file.relative_to(self.root).as_posix()
        return {"type": "file", "path": name, "size": file.stat().st_size, "oid": _hash(file)}

    def _answer(self, body: bytes | None, **headers: str) -> None:
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Repo-Commit", "a" * 40)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _hash(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest() if file.is_file() else ""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Its address, and what it was asked."""
    root = tmp_path / "hub"
    for number in range(2):
        write_adapter(root / f"a{number}", seed=number)
    (root / "a0" / "optimizer.pt").write_bytes(b"x" * 1000)
    (root / "README.md").write_text("adapters")
    asked: list[str] = []
    handler = type("Handler", (Hub,), {"root": root, "asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_repository_of_adapters(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    """Listed, measured one by one without a trainer's state, and the second time not fetched."""
    address, asked = hub
    environment = {
        **os.environ,
        "HF_ENDPOINT": address,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "home"),
        "LORADIAG_CACHE": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-m", "loradiag", "fleet", "hf://owner/adapters", "-q", "-f", "json"]

    def scanned() -> dict[str, Any]:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)["measurements"]["fleet"]
        return found

    first = scanned()
    assert [row["path"] for row in first["adapters"]] == ["hf://owner/adapters/a0", "hf://owner/adapters/a1"]
    assert [row["verdict"] for row in first["adapters"]] == ["pass", "pass"]
    assert not any("optimizer" in path for path in asked if "/resolve/" in path)
    asked.clear()
    assert scanned()["read"] == 0
    assert not any("/resolve/" in path for path in asked)
