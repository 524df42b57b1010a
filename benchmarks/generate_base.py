"""Writes a base of a given shape, from a seed, in shards: ``python -m benchmarks.generate_base 8b DIR``.

Its linear weights are those that the adapter of that shape changes; embedding, head and norms make it whole. All numbers
are normal with a standard deviation of 0.02: a flat spectrum, whose leading singular vectors are the hardest to compute.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.generate import SEED, to_bf16
from benchmarks.shapes import SHAPES, Shape

SHARD = 4_000_000_000
"""Bytes of a shard, at most; one tensor is never split."""

_CHUNK = 1 << 24
VOCABULARY = 128_256

Named = tuple[str, tuple[int, ...]]


def tensors(shape: Shape) -> Iterator[Named]:
    """Yield name and shape of every tensor."""
    hidden = shape.modules[0].d_in
    vocabulary = VOCABULARY if hidden >= 1024 else 256
    yield "model.embed_tokens.weight", (vocabulary, hidden)
    for module in shape.modules:
        yield f"{module.name}.weight", (module.d_out, module.d_in)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (vocabulary, hidden)


def shards(shape: Shape) -> list[list[Named]]:
    """Split the tensors into shards."""
    found: list[list[Named]] = [[]]
    room = SHARD
    for name, extents in tensors(shape):
        size = 2 * int(np.prod(extents))
        if size > room and found[-1]:
            found.append([])
            room = SHARD
        found[-1].append((name, extents))
        room -= size
    return found


def write(shape: Shape, folder: Path, seed: int = SEED) -> None:
    """Write the base into ``folder``, which is there. A run that is cut short leaves no index."""
    generator = np.random.Generator(np.random.SFC64(seed))
    plan = shards(shape)
    where = {}
    for number, shard in enumerate(plan, 1):
        file = f"model-{number:05}-of-{len(plan):05}.safetensors"
        _write_shard(folder / file, shard, generator)
        where |= {name: file for name, _ in shard}
    (folder / "config.json").write_text(
        json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "tie_word_embeddings": False}) + "\n"
    )
    index = folder / "model.safetensors.index.json"
    unfinished = index.with_suffix(".part")
    unfinished.write_text(json.dumps({"metadata": {}, "weight_map": where}) + "\n")
    os.replace(unfinished, index)


def _write_shard(path: Path, shard: list[Named], generator: np.random.Generator) -> None:
    entries: dict[str, object] = {}
    offset = 0
    for name, extents in shard:
        stop = offset + 2 * int(np.prod(extents))
        entries[name] = {"dtype": "BF16", "shape": extents, "data_offsets": [offset, stop]}
        offset = stop
    head = json.dumps(entries, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for left in range(offset // 2, 0, -_CHUNK):
            drawn = generator.standard_normal(min(left, _CHUNK), dtype=np.float32)
            drawn *= np.float32(0.02)
            file.write(to_bf16(drawn).data)


if __name__ == "__main__":
    write(SHAPES[sys.argv[1]], Path(sys.argv[2]))
