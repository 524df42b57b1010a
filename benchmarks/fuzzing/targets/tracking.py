"""A tracking server of MLflow's that answers whatever it likes: an adapter is fetched from it, or not."""

from __future__ import annotations

import functools
import io
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.fuzzing.mutating import as_json, as_safetensors, joined, one_of, parted
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.seeds import adapter_files
from loradiag.core.errors import LoradiagError
from loradiag.registry.mlflow import adapter_from
from loradiag.storage.cache import folder as cache


def _mlflow(data: bytes, folder: Path) -> None:
    """A tracking server whose every answer is the input's: nothing is written but below the cache."""
    told, config, weights = parted(data, 3)
    try:
        _TOLD.update({"answers": json.loads(told), ".json": config, ".safetensors": weights})
    except (ValueError, RecursionError):
        return
    _patched()
    outside = {path.name for path in folder.parent.iterdir()}
    with suppress(LoradiagError):
        place = adapter_from(_URIS[len(data) % len(_URIS)], tracking_uri="http://127.0.0.1:1")
        assert place.is_relative_to(cache()), place
    assert {path.name for path in folder.parent.iterdir()} <= outside | {"tally.json", ".tally"}
    shutil.rmtree(cache() / "mlflow", ignore_errors=True)


_URIS = ("models:/name/1", "models:/name@alias", "runs:/" + "0" * 32, "runs:/" + "0" * 32 + "/adapter")
_TOLD: dict[str, Any] = {}
_PATHS = (
    "model-versions/get-download-uri",
    "model-versions/get",
    "registered-models/alias",
    "runs/get",
    "mlflow-artifacts/artifacts",
    "artifacts/list",
)


@functools.cache
def _patched() -> None:
    """Let requests that MLflow's client makes be answered here, below its own reading of answers."""
    import requests
    from requests.adapters import HTTPAdapter

    def send(self: Any, request: Any, **_: Any) -> Any:  # noqa: ARG001
        found = requests.Response()
        found.status_code, found.url, found.request = 200, request.url, request
        name = next((name for name in _PATHS if name in request.url), "")
        answers = _TOLD["answers"] if isinstance(_TOLD["answers"], dict) else {}
        file = next((_TOLD[ending] for ending in (".json", ".safetensors") if request.url.endswith(ending)), None)
        body = json.dumps(answers.get(name)).encode() if file is None else file
        found.raw, found._content = io.BytesIO(body), False
        found.headers["Content-Length"] = str(len(body))
        return found

    HTTPAdapter.send = send  # type: ignore[method-assign]


def _seeds() -> list[bytes]:
    version = {
        "model_version": {
            "name": "name", "version": "1", "creation_timestamp": 1, "source": "mlflow-artifacts:/0/r/artifacts/adapter",
            "run_id": "r", "status": "READY", "current_stage": "None",
        }
    }  # fmt: skip
    run = {
        "run": {
            "info": {
                "run_id": "0" * 32, "experiment_id": "0", "artifact_uri": "mlflow-artifacts:/0/r/artifacts",
                "status": "FINISHED", "lifecycle_stage": "active", "start_time": 1,
            },
            "data": {},
        }
    }  # fmt: skip
    files = [
        {"path": name, "is_dir": False, "file_size": 9} for name in ("adapter_config.json", "adapter_model.safetensors")
    ]
    listed = {"files": [*files, {"path": "sub", "is_dir": True}]}
    answers = {
        "model-versions/get": version,
        "registered-models/alias": version,
        "model-versions/get-download-uri": {"artifact_uri": "mlflow-artifacts:/0/r/artifacts/adapter"},
        "runs/get": run,
        "mlflow-artifacts/artifacts": {"files": files},
        "artifacts/list": listed,
    }
    return [joined(json.dumps(answers).encode(), *adapter_files()[0])]


TARGETS = {"mlflow": Target(_mlflow, _seeds, one_of(as_json, as_json, as_safetensors), 1 << 14, framed=True)}
