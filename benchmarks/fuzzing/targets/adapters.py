"""Whole adapters: configuration and weights through opening, measuring, judging and every output."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.fuzzing.mutating import as_json, as_safetensors, joined, one_of, parted
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.seeds import adapter_files
from loradiag.api.inspecting import inspect_all
from loradiag.api.judging import default_policy
from loradiag.core.report import decode, encode


def _inspect(data: bytes, folder: Path) -> None:
    """As ``loradiag inspect FOLDER --format json`` does, and the document must be one that is read again."""
    config, weights = parted(data, 2)
    path = folder / "adapter_config.json"
    if config:
        path.write_bytes(config)
    else:
        path.unlink(missing_ok=True)
    (folder / "adapter_model.safetensors").write_bytes(weights)
    for report in inspect_all(folder, policy=default_policy()):
        document = encode(report)
        json.loads(document, parse_constant=_never)
        decode(document)


def _never(word: str) -> float:
    raise AssertionError(f"{word} in a report")


def _peft() -> list[bytes]:
    return [joined(config, weights) for config, weights in adapter_files() if b"peft_type" in config]


def _layouts() -> list[bytes]:
    return [joined(config, weights) for config, weights in adapter_files() if b"peft_type" not in config]


_MUTATE = one_of(as_json, as_safetensors)
TARGETS = {"peft": Target(_inspect, _peft, _MUTATE, 1 << 14), "layouts": Target(_inspect, _layouts, _MUTATE, 1 << 14)}
