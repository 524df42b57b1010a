"""A tracking server that answers whatever it likes: MLflow's own client asks it, over loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from loradiag.core.errors import InputError
from loradiag.registry.mlflow import adapter_from

pytest.importorskip("mlflow")
pytestmark = [pytest.mark.mlflow, pytest.mark.filterwarnings("ignore")]  # of MLflow and what it imports

RUN = "0" * 32


@contextmanager
def answering(answers: dict[str, Any]) -> Iterator[str]:
    """Serve a document for each path that ends so, and yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            body = json.dumps(next((told for end, told in answers.items() if path.endswith(end)), {})).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def run_at(place: str) -> dict[str, Any]:
    """A run whose artifacts lie there, as a server says."""
    info = {"run_id": RUN, "experiment_id": "0", "artifact_uri": place, "status": "FINISHED", "start_time": 1}
    return {"runs/get": {"run": {"info": info, "data": {}}}}


def test_folders_without_end_are_not_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that names a folder in which each folder holds ten others, and so on: one line says so, soon."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "artifacts"
    place.mkdir()
    for number in range(10):
        (place / f"again{number}").symlink_to(place)
    with answering(run_at(str(place))) as url, pytest.raises(InputError, match="holds over 2,000 files or folders"):
        adapter_from(f"runs:/{RUN}", tracking_uri=url)


def test_what_lies_above_is_no_part_of_an_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing with a folder called ``..`` moves nothing out of the cache's place for it."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "kept").write_text("kept")
    files = {"files": [{"path": "..", "is_dir": True}, {"path": "sub/..", "is_dir": True}]}
    told = {**run_at("mlflow-artifacts:/0/r/artifacts"), "mlflow-artifacts/artifacts": files}
    with answering(told) as url, pytest.raises(InputError):
        adapter_from(f"runs:/{RUN}", tracking_uri=url)
    assert (tmp_path / "cache" / "kept").read_text() == "kept"
