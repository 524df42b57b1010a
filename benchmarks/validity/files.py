"""Defects of files: what is missing, cut, doubled, misnamed or of the wrong shape."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.validity.cases import Plant
from benchmarks.validity.planting import CONFIG, WEIGHTS, Arrays, Parent

FEW = 4
"""Layers among which a hole or an outlier cannot be told from a pattern."""

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{0}\nsize 123456\n"


def broken(parent: Parent, rng: np.random.Generator, *, quick: bool = False) -> Iterator[tuple[str, Plant, bool]]:
    """Label, what writes it, and whether it is looked at beside its base."""
    for _ in range(1 if quick else 3):
        a, b = _drawn(parent, rng)
        yield "half a pair missing", partial(parent.write, arrays=_without(parent, rng.choice([a, b]))), False
        yield "factors do not multiply", partial(parent.write, arrays=_with(parent, b, parent.arrays[b][:, :-1])), False
        yield "no elements", partial(parent.write, arrays=_with(parent, b, parent.arrays[b][:0])), False
        yield "unreadable", partial(_cut, parent, rng.uniform(0.02, 0.98)), False
        yield "duplicate key", partial(_doubled, parent, a), False
        if parent.base:
            yield "module not in base", partial(parent.write, arrays=_renamed(parent, a, b)), True
            yield "other width than base", partial(parent.write, arrays=_with(parent, b, parent.arrays[b][:-1])), True
    yield "rank not the configuration's", partial(parent.write, r=2 * parent.config["r"]), False
    yield "unexpected tensor", partial(parent.write, arrays=_with(parent, "optimizer.exp_avg", np.ones(3, "f4"))), False
    yield "no configuration", partial(_unconfigured, parent), False
    yield "target matched nothing", partial(parent.write, target_modules=[*_targets(parent), "V_proj"]), False
    yield "LFS pointer", partial(_replaced, parent, POINTER.format("0" * 64).encode()), False
    yield "empty file", partial(_replaced, parent, struct.pack("<Q", 2) + b"{}"), False
    yield "unreadable", partial(_replaced, parent, struct.pack("<Q", 10**9) + b"{}"), False
    yield "other weights beside", partial(_pickled, parent), False
    yield "two dtypes", partial(parent.write, arrays=_halved(parent)), False
    if layers_of(parent):
        kept = {name: value for name, value in parent.arrays.items() if ".layers.1." not in name}
        label = "layer missing" if layers_of(parent) > FEW else "layer of few missing"
        yield label, partial(parent.write, arrays=kept), True


def layers_of(parent: Parent) -> int:
    """Layers of a stack that calls them ``layers``."""
    return len({name.split(".layers.")[1].split(".")[0] for name in parent.arrays if ".layers." in name})


def _drawn(parent: Parent, rng: np.random.Generator) -> tuple[str, str]:
    pairs = parent.pairs()
    return pairs[int(rng.integers(len(pairs)))]


def _targets(parent: Parent) -> list[str]:
    found: list[str] = parent.config["target_modules"]
    return list(found)


def _without(parent: Parent, name: str) -> Arrays:
    return {key: value for key, value in parent.arrays.items() if key != name}


def _with(parent: Parent, name: str, value: object) -> Arrays:
    return {**parent.arrays, name: np.ascontiguousarray(value)}


def _renamed(parent: Parent, a: str, b: str) -> Arrays:
    layer = a.split(".layers.")[1].split(".")[0]
    return {
        key.replace(f".layers.{layer}.", ".layers.77.") if key in (a, b) else key: value
        for key, value in parent.arrays.items()
    }


def _halved(parent: Parent) -> Arrays:
    """All A are stored in half the width."""
    return {key: value.astype(np.float16) if "lora_A" in key else value for key, value in parent.arrays.items()}


def _cut(parent: Parent, share: float, target: Path) -> None:
    data = (parent.folder / WEIGHTS).read_bytes()
    _replaced(parent, data[: int(share * len(data))], target)


def _replaced(parent: Parent, data: bytes, target: Path) -> None:
    parent.copy(target)
    (target / WEIGHTS).write_bytes(data)


def _doubled(parent: Parent, name: str, target: Path) -> None:
    """The header names one tensor twice."""
    data = (parent.folder / WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    text = json.dumps({name: header[name]})[:-1] + ", " + json.dumps(header)[1:]
    _replaced(parent, struct.pack("<Q", len(text)) + text.encode() + data[8 + length :], target)


def _unconfigured(parent: Parent, target: Path) -> None:
    parent.copy(target)
    (target / CONFIG).unlink()


def _pickled(parent: Parent, target: Path) -> None:
    """The same names with other values, as torch saves them."""
    import torch

    parent.copy(target)
    torch.save(
        {name: torch.from_numpy(2 * value) for name, value in parent.arrays.items()}, target / "adapter_model.bin"
    )
