"""The adapters that are measured: which modules they have and how large those are. No numpy: the runner stays small."""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Iterator, Mapping

ALIGNMENT = 8
"""The header of a safetensors file is padded to a multiple of this many bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Linear:
    """One adapted weight [d_out, d_in]."""

    name: str
    d_out: int
    d_in: int


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """One adapter.

    Attributes:
        key: What it is called in tables and on the command line.
        base: The base that its configuration names.
        rank: Inner dimension of all factors.
        modules: The adapted weights, in the order of the file.
        decay: Smallest over largest singular value of B. Trained adapters of rank 8 and 16 have 0.1 to 0.3.
    """

    key: str
    base: str
    rank: int
    modules: tuple[Linear, ...]
    decay: float = 0.2

    @property
    def parameters(self) -> int:
        """Number of elements of all factors."""
        return sum(self.rank * (module.d_in + module.d_out) for module in self.modules)

    @property
    def leaves(self) -> list[str]:
        """Last parts of the module names, each once: the configuration's ``target_modules``."""
        return list(dict.fromkeys(module.name.rpartition(".")[2] for module in self.modules))


def llama(layers: int, hidden: int, kv: int, inter: int) -> tuple[Linear, ...]:
    """The seven linear weights of every layer of a Llama-like network."""
    sizes = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (kv, hidden),
        "self_attn.v_proj": (kv, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inter, hidden),
        "mlp.up_proj": (inter, hidden),
        "mlp.down_proj": (hidden, inter),
    }
    return tuple(
        Linear(f"model.layers.{layer}.{leaf}", *size) for layer in range(layers) for leaf, size in sizes.items()
    )


def mixture(layers: int, experts: int, hidden: int, kv: int, inter: int) -> tuple[Linear, ...]:
    """Attention, and gate, up and down of every expert, of a mixture-of-experts network."""
    attention = {"q_proj": (hidden, hidden), "k_proj": (kv, hidden), "v_proj": (kv, hidden), "o_proj": (hidden, hidden)}
    expert = {"gate_proj": (inter, hidden), "up_proj": (inter, hidden), "down_proj": (hidden, inter)}
    found = []
    for layer in range(layers):
        stem = f"model.layers.{layer}"
        found += [Linear(f"{stem}.self_attn.{leaf}", *size) for leaf, size in attention.items()]
        found += [
            Linear(f"{stem}.mlp.experts.{index}.{leaf}", *size)
            for index in range(experts)
            for leaf, size in expert.items()
        ]
    return tuple(found)


_BASES = "meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-70B", "Qwen/Qwen3-30B-A3B"

SHAPES: Mapping[str, Shape] = {
    shape.key: shape
    for shape in (
        Shape("tiny", _BASES[0], 4, llama(1, 64, 16, 128)),
        Shape("8b", _BASES[0], 16, llama(32, 4096, 1024, 14336)),
        Shape("8b-eighth", _BASES[0], 16, llama(4, 4096, 1024, 14336)),
        # Higher ranks leave more directions small.
        Shape("70b", _BASES[1], 64, llama(80, 8192, 1024, 28672), decay=0.1),
        Shape("moe-quarter", _BASES[2], 8, mixture(12, 72, 2048, 512, 768)),
        Shape("moe", _BASES[2], 8, mixture(48, 72, 2048, 512, 768)),
        Shape("peers", _BASES[0], 16, llama(2, 1024, 256, 3584)),
    )
}


@dataclasses.dataclass(frozen=True, slots=True)
class Factor:
    """One stored tensor: its name in the file and its shape."""

    name: str
    rows: int
    cols: int
    side: str

    @property
    def nbytes(self) -> int:
        """Bytes in BF16."""
        return 2 * self.rows * self.cols


def factors(shape: Shape) -> Iterator[Factor]:
    """Yield the tensors of an adapter in the order of its file, named as PEFT names them."""
    for module in shape.modules:
        stem = f"base_model.model.{module.name}"
        yield Factor(f"{stem}.lora_A.weight", shape.rank, module.d_in, "A")
        yield Factor(f"{stem}.lora_B.weight", module.d_out, shape.rank, "B")


def header(shape: Shape) -> bytes:
    """Return what a safetensors file of this shape begins with: the length of the header, and the header."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for factor in factors(shape):
        stop = offset + factor.nbytes
        entries[factor.name] = {"dtype": "BF16", "shape": [factor.rows, factor.cols], "data_offsets": [offset, stop]}
        offset = stop
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return struct.pack("<Q", len(text)) + text


def config(shape: Shape) -> dict[str, object]:
    """Return an ``adapter_config.json`` as PEFT writes it."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": shape.base,
        "revision": None,
        "r": shape.rank,
        "lora_alpha": 2 * shape.rank,
        "lora_dropout": 0.05,
        "target_modules": shape.leaves,
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
        "init_lora_weights": True,
        "modules_to_save": None,
        "rank_pattern": {},
        "alpha_pattern": {},
        "inference_mode": True,
    }
