"""Bases by their name on the hub, in a cache laid out by hand. Nothing here asks the network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.bases.making import base_tensors, write_base, write_shards

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A cache of the hub with one repository at one commit, as huggingface_hub lays it out."""
    pytest.importorskip("huggingface_hub")
    folder = tmp_path / "hub" / "models--someone--some-base"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    snapshot = write_shards(folder / "snapshots" / COMMIT, base_tensors(), [3])
    (folder / "blobs").mkdir()
    for number, file in enumerate(sorted(snapshot.iterdir())):  # a snapshot is a directory of links
        file.rename(folder / "blobs" / str(number))
        file.symlink_to(f"../../blobs/{number}")
    return tmp_path / "hub"


def fingerprinted(hub: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``loradiag fingerprint`` with this cache and no network."""
    return subprocess.run(
        [sys.executable, "-m", "loradiag", "fingerprint", "--format", "json", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1", **environment},
        cwd=hub.parent,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("revision", [(), ("--revision", "main"), ("--revision", COMMIT)])
def test_a_base_in_the_cache(hub: Path, revision: tuple[str, ...]) -> None:
    """By name; the report names the commit, and the identity is that of the same files in a directory."""
    import json

    done = fingerprinted(hub, "someone/some-base", *revision)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["name"], found["revision"]) == ("someone/some-base", COMMIT)
    directory = json.loads(fingerprinted(hub, str(write_base(hub.parent / "base"))).stdout)
    assert directory["full"] == found["full"]
    assert directory["revision"] is None


@pytest.mark.parametrize("arguments", [("someone/other-base",), ("someone/some-base", "--revision", "v2")])
def test_a_base_that_is_not_to_be_had(hub: Path, arguments: tuple[str, ...]) -> None:
    """One line that names it, and exit 3."""
    done = fingerprinted(hub, *arguments)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1
    assert arguments[0] in done.stderr
    assert "local directory" in done.stderr


def test_a_base_that_is_half_in_the_cache(hub: Path) -> None:
    """A missing shard is looked for on the hub; without a network, one line says that it failed."""
    (hub / "models--someone--some-base" / "snapshots" / COMMIT / "model-00002-of-00002.safetensors").unlink()
    done = fingerprinted(hub, "someone/some-base")
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1
    assert "shard" in done.stderr or "hub" in done.stderr


class _Hub(BaseHTTPRequestHandler):
    """What a hub answers of one repository at one commit, of which only the configuration is asked for."""

    config = b'{"model_type": "llama", "tie_word_embeddings": true}'

    def do_GET(self) -> None:
        """The repository, its files, or one of them."""
        if self.path.startswith("/api/models/someone/some-base/revision/"):
            files = [{"rfilename": "config.json"}]
            self._answer(json.dumps({"id": "someone/some-base", "sha": COMMIT, "siblings": files}).encode())
        elif self.path.startswith("/api/models/someone/some-base/tree/"):
            entry = {"type": "file", "path": "config.json", "size": len(self.config), "oid": "0" * 40}
            self._answer(json.dumps([entry]).encode())
        else:
            self._answer(self.config if self.path.endswith("/config.json") else b"{}")

    do_HEAD = do_GET  # noqa: N815 - the name that the library looks for

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        for name, value in {"X-Repo-Commit": COMMIT, "ETag": f'"{len(body)}"', "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_download_that_was_interrupted_before_the_configuration_came(tmp_path: Path) -> None:
    """It is fetched; without a network what is there is all that can be had."""
    folder = tmp_path / "hub" / "models--someone--some-base"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    snapshot = write_base(folder / "snapshots" / COMMIT)
    (snapshot / "config.json").unlink(missing_ok=True)
    assert fingerprinted(tmp_path / "hub", "someone/some-base").returncode == 0
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}"
        done = fingerprinted(
            tmp_path / "hub", "someone/some-base", HF_ENDPOINT=here, HF_HUB_OFFLINE="0", HF_HUB_DISABLE_XET="1"
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert (snapshot / "config.json").read_bytes() == _Hub.config


def test_a_directory_goes_before_the_hub(hub: Path) -> None:
    """A path that exists is meant, whatever the hub calls so."""
    write_base(hub.parent / "someone" / "some-base", base_tensors(seed=2))
    done = fingerprinted(hub, "someone/some-base")
    assert done.returncode == 0, done.stderr
    assert COMMIT not in done.stdout


def test_the_package_is_imported_when_it_is_needed(tmp_path: Path) -> None:
    """Not for a directory; and where it is missing, one line says what to install."""
    base = write_base(tmp_path / "base")
    script = (
        "import sys; sys.modules['huggingface_hub'] = None\n"
        "from loradiag.bases.opening import open_base\nopen_base(sys.argv[1])\n"
        "from loradiag.core.errors import MissingExtraError\n"
        "try: open_base('someone/some-base')\n"
        "except MissingExtraError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(base)], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "pip install 'loradiag[hub]'" in done.stdout
