"""Whole adapters: configuration and weights through opening, measuring, judging and every output."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from random import Random

from benchmarks.fuzzing.mutating import as_archive, as_json, as_safetensors, blindly, joined, one_of, parted
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.seeds import adapter_files, lay
from benchmarks.fuzzing.targets.weights import gguf_seeds, is_sprung, npz_seeds, pickle_seeds
from loradiag.api.inspecting import inspect_all
from loradiag.api.judging import default_policy
from loradiag.core.report import Report, decode, encode

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_CONTAINERS = (WEIGHTS, "adapter.gguf", "adapters.npz", "adapter_model.bin", "lora.safetensors", "odd\udcff.pt")


def check(reports: Iterable[Report]) -> None:
    """Every report can be written as JSON without NaN, and read again."""
    for report in reports:
        document = encode(report)
        json.loads(document, parse_constant=_never)
        decode(document)


def _never(word: str) -> float:
    raise AssertionError(f"{word} in a report")


def _inspect(data: bytes, folder: Path) -> None:
    """As ``loradiag inspect FOLDER --format json`` does."""
    told, weights = parted(data, 2)
    check(inspect_all(lay(folder, {CONFIG: told, WEIGHTS: weights}), policy=default_policy()))


def _container(data: bytes, folder: Path) -> None:
    """An adapter in any container and under any name; the first byte chooses."""
    told, weights = parted(data[1:], 2)
    chosen = _CONTAINERS[(data[:1] or b"\0")[0] % len(_CONTAINERS)]
    place = lay(folder / "adapter", {CONFIG: told, **dict.fromkeys(_CONTAINERS, b""), chosen: weights})
    check(inspect_all(place, policy=default_policy(), allow_pickle=True))
    assert not is_sprung(), "a pickle was executed"


def _peft() -> list[bytes]:
    return [joined(config, weights) for config, weights in adapter_files() if b"peft_type" in config]


def _layouts() -> list[bytes]:
    return [joined(config, weights) for config, weights in adapter_files() if b"peft_type" not in config]


def _containers() -> list[bytes]:
    config, weights = adapter_files()[0]
    found = [(0, config, weights), (4, b"", weights), (5, config, weights)]
    found += [(1, b"", seed) for seed in gguf_seeds()] + [(2, _MLX, seed) for seed in npz_seeds()]
    found += [(3, config, seed) for seed in pickle_seeds()]
    return [bytes([number]) + joined(told, content) for number, told, content in found]


_MLX = json.dumps({"lora_parameters": {"rank": 4, "scale": 20.0, "dropout": 0.0}, "num_layers": 1}).encode()


def _other_container(data: bytes, random: Random) -> bytes:
    kind = (data[:1] or b"\0")[0] % len(_CONTAINERS)
    second = (as_safetensors, blindly, as_archive, as_archive, as_safetensors, as_archive)[kind]
    return data[:1] + one_of(as_json, second)(data[1:], random)


_MUTATE = one_of(as_json, as_safetensors)
TARGETS = {
    "peft": Target(_inspect, _peft, _MUTATE, 1 << 14, framed=True),
    "layouts": Target(_inspect, _layouts, _MUTATE, 1 << 14, framed=True),
    "containers": Target(_container, _containers, _other_container, 1 << 13, framed=True),
}
