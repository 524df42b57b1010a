"""Adapters that deserve a rule each: a sound one with one thing changed, alone or beside a base."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loradiag
from loradiag.core.findings import Finding
from tests.analyzers.small import Shapes, llama_shapes, write_base
from tests.conftest import MakeAdapter, peft_arrays, peft_config, write_safetensors

LAYERS = "base_model.model.model.layers"
Make = Callable[[MakeAdapter, Path], Path]


def with_changes(**changes: Any) -> Make:
    """A sound adapter with another configuration."""
    return lambda make, tmp: make(**changes)


def with_arrays(change: Callable[[dict[str, Any]], None], shape: dict[str, Any] | None = None, **changes: Any) -> Make:
    """A sound adapter with other tensors."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        arrays = peft_arrays(**(shape or {}))
        change(arrays)
        return make(arrays, **changes)

    return build


def scaled(factor: float, which: str = "lora_B") -> Callable[[dict[str, Any]], None]:
    """Multiply every factor of one side."""

    def change(arrays: dict[str, Any]) -> None:
        for name in arrays:
            if which in name:
                arrays[name] = arrays[name] * np.float32(factor)

    return change


def scaled_in(factor: float, fragment: str, otherwise: float) -> Callable[[dict[str, Any]], None]:
    """Multiply the B of matching modules, and those of all others by another factor."""

    def change(arrays: dict[str, Any]) -> None:
        for name in arrays:
            if "lora_B" in name:
                arrays[name] = arrays[name] * np.float32(factor if fragment in name else otherwise)

    return change


def shaped_spectrum(*sigma: float) -> Callable[[dict[str, Any]], None]:
    """Give every update the singular values ``sigma`` (before the scale), in orthogonal factors."""

    def change(arrays: dict[str, Any]) -> None:
        rng = np.random.default_rng(0)
        for name in [name for name in arrays if "lora_A" in name]:
            a, b = arrays[name], arrays[name.replace("lora_A", "lora_B")]
            left = np.linalg.qr(rng.standard_normal(b.shape))[0]
            right = np.linalg.qr(rng.standard_normal(a.T.shape))[0]
            arrays[name] = right.T.astype(np.float32)
            arrays[name.replace("lora_A", "lora_B")] = (left * np.array(sigma)).astype(np.float32)

    return change


def zero(fragment: str) -> Callable[[dict[str, Any]], None]:
    """Set the B of matching modules to zero."""

    def change(arrays: dict[str, Any]) -> None:
        for name in arrays:
            if "lora_B" in name and fragment in name:
                arrays[name] = np.zeros_like(arrays[name])

    return change


def truncated(make: MakeAdapter, tmp: Path) -> Path:
    """A weight file cut in its middle."""
    folder = make()
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return folder


def pointer(make: MakeAdapter, tmp: Path) -> Path:
    """A git-LFS pointer in place of the weights."""
    folder = make()
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 84213432\n"
    (folder / "adapter_model.safetensors").write_text(text)
    return folder


def without_tensors(make: MakeAdapter, tmp: Path) -> Path:
    """A safetensors file with an empty header."""
    folder = make()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    return folder


def duplicate_key(make: MakeAdapter, tmp: Path) -> Path:
    """Two header entries of one name."""
    folder = make()
    entry = '"x.lora_A.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    header = f"{{{entry},{entry}}}".encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")
    return folder


def two_files(make: MakeAdapter, tmp: Path) -> Path:
    """A second weight file with other values."""
    folder = make()
    write_safetensors(folder / "other.safetensors", peft_arrays(seed=5))
    return folder


def no_config(make: MakeAdapter, tmp: Path) -> Path:
    """Weights alone."""
    folder = make()
    (folder / "adapter_config.json").unlink()
    return folder


def pickled(make: MakeAdapter, tmp: Path) -> Path:
    """The same adapter as a torch pickle only."""
    torch = pytest.importorskip("torch", reason="writing a pickle needs torch")
    torch.save({name: torch.from_numpy(array) for name, array in peft_arrays().items()}, tmp / "adapter_model.bin")
    (tmp / "adapter_config.json").write_text(json.dumps(peft_config()))
    return tmp


def drop(fragment: str) -> Callable[[dict[str, Any]], None]:
    """Remove tensors."""

    def change(arrays: dict[str, Any]) -> None:
        for name in [name for name in arrays if fragment in name]:
            del arrays[name]

    return change


def put(name: str, array: Any) -> Callable[[dict[str, Any]], None]:
    """Add or replace a tensor."""

    def change(arrays: dict[str, Any]) -> None:
        arrays[name] = array

    return change


def renamed(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    """Add copies of the modules whose names hold ``old``, with ``new`` in its place."""

    def change(arrays: dict[str, Any]) -> None:
        arrays.update({name.replace(old, new): array for name, array in list(arrays.items())})

    return change


def against(make_adapter: Make, shapes: Shapes | None = None, **config: Any) -> Make:
    """An adapter with a base beside it, which :func:`findings_of` inspects it against."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        write_base(tmp / "base", shapes or llama_shapes(), **config)
        return make_adapter(make, tmp)

    return build


def stamped(change: Callable[[Path, Path], object], **said: Any) -> Make:
    """A stamped adapter with its base beside it, of which one, or the stamp, was changed afterwards."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        adapter = make()
        write_base(tmp / "base", llama_shapes())
        loradiag.stamp(adapter, tmp / "base", **said)
        change(adapter, tmp / "base")
        return adapter

    return build


def beside_nan(make: MakeAdapter, tmp: Path) -> Path:
    """A base with one entry that is no number."""
    base = write_base(tmp / "base", llama_shapes())
    arrays = {name: np.ones(shape, np.float32) for name, shape in llama_shapes().items()}
    arrays["model.layers.0.self_attn.q_proj.weight"][1, 2] = np.nan
    write_safetensors(base / "model.safetensors", arrays)
    return make()


def mixed(make: MakeAdapter, tmp: Path) -> Path:
    """Half of the tensors in F32, half in F16."""
    folder = make()
    arrays = peft_arrays()
    header: dict[str, Any] = {}
    blob = b""
    for index, (name, array) in enumerate(arrays.items()):
        data = array.astype("<f2" if index % 2 else "<f4").tobytes()
        header[name] = {
            "dtype": "F16" if index % 2 else "F32",
            "shape": list(array.shape),
            "data_offsets": [len(blob), len(blob) + len(data)],
        }
        blob += data
    text = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + blob)
    return folder


def findings_of(path: Path, allow_pickle: bool = False) -> list[Finding]:
    """Findings on the adapter at ``path``, also if it cannot be read; against the base beside it, where there is one."""
    base = path.parent / "base"
    (report,) = loradiag.inspect_all(path, allow_pickle=allow_pickle, base=base if base.is_dir() else None)
    return report.findings


EXPERT_STACK = {"model.layers.0.mlp.experts.gate_up_proj": (4, 32, 48)}

FULL = {"layers": 6, "rank": 16, "d_in": 96, "d_out": 64}
R16 = {"r": 16, "lora_alpha": 16}

PROVOKED: dict[str, Make] = {
    "LD101": truncated,
    "LD102": pointer,
    "LD103": without_tensors,
    "LD104": duplicate_key,
    "LD105": with_arrays(put(f"{LAYERS}.0.self_attn.q_proj.lora_B.weight", np.full((32, 8), np.nan, np.float32))),
    "LD106": with_arrays(zero("")),
    "LD107": with_arrays(zero(".layers.1.")),
    "LD108": with_arrays(drop("layers.2.self_attn.q_proj.lora_B")),
    "LD109": with_arrays(put(f"{LAYERS}.0.self_attn.q_proj.lora_B.weight", np.ones((32, 4), np.float32))),
    "LD110": with_changes(r=4),
    "LD111": with_arrays(put(f"{LAYERS}.0.self_attn.q_proj.lora_B.weight", np.ones((0, 8), np.float32))),
    "LD112": two_files,
    "LD113": with_arrays(put("base_model.model.model.layers.0.mlp.up_proj.oft_r", np.ones((4, 4), np.float32))),
    "LD114": with_arrays(put("base_model.model.stowaway", np.ones((4, 4), np.float32))),
    "LD115": no_config,
    "LD116": with_changes(target_modules=["q_proj", "v_proj", "V"]),
    "LD201": with_arrays(shaped_spectrum(1, 0.5, *[1e-4] * 14), FULL, **R16),
    "LD202": with_arrays(shaped_spectrum(1, *[0.02] * 15), FULL, **R16),
    "LD203": with_arrays(shaped_spectrum(1, 0.5, 0.3, *[0.02] * 13), FULL, **R16),
    "LD204": with_arrays(shaped_spectrum(*[1.0] * 16), FULL, **R16),
    "LD205": with_arrays(scaled(1e-3)),
    "LD206": with_arrays(shaped_spectrum(60, 20, *[0.5] * 14), FULL, **R16),
    "LD207": with_arrays(shaped_spectrum(*np.linspace(2, 1, 16)), FULL, **R16),
    "LD208": against(with_arrays(scaled(100))),
    "LD301": with_changes(lora_alpha=256),
    "LD302": with_changes(use_rslora=True, lora_alpha=256),
    "LD303": with_changes(alpha_pattern={"q_proj": 1}),
    "LD304": with_arrays(
        put(f"{LAYERS}.4.self_attn.q_proj.lora_B.weight", np.full((32, 8), 5.0, np.float32)), {"layers": 9}
    ),
    "LD305": with_arrays(scaled(1e-6)),
    "LD306": no_config,
    "LD307": against(with_changes()),
    "LD308": against(with_arrays(scaled(1e-7))),
    "LD401": with_changes(),
    "LD402": with_arrays(renamed("self_attn.v_proj", "mlp.up_proj")),
    "LD403": with_arrays(lambda arrays: arrays.update(
        {
            "base_model.model.model.embed_tokens.lora_embedding_A": np.ones((8, 100), np.float32),
            "base_model.model.model.embed_tokens.lora_embedding_B": np.ones((32, 8), np.float32),
        }
    )),
    "LD404": with_arrays(put("base_model.model.lm_head.weight", np.ones((9, 9), np.float32)), modules_to_save=["lm_head"]),
    "LD405": with_arrays(drop(".layers.3.self_attn.q_proj"), {"layers": 8}),
    "LD406": against(with_changes(), llama_shapes(layers=3)),
    "LD407": against(with_changes(), llama_shapes(d_in=40)),
    "LD408": against(with_changes()),
    "LD409": against(with_arrays(drop(".layers.3.")), llama_shapes()),
    "LD410": against(with_arrays(put("base_model.model.lm_head.weight", np.ones((64, 48), np.float32)))),
    "LD411": against(
        with_arrays(put("base_model.model.lm_head.weight", np.ones((60, 48), np.float32))), tie_word_embeddings=True
    ),
    "LD412": against(with_changes(), {**llama_shapes(), **EXPERT_STACK}),
    "LD501": with_changes(base_model_name_or_path=None),
    "LD502": with_changes(base_model_name_or_path="/mnt/data/base"),
    "LD503": with_changes(revision=None),
    "LD504": mixed,
    "LD505": pickled,
    "LD506": with_changes(use_rslora=True),
    "LD507": with_changes(init_lora_weights="pissa_niter_16"),
    "LD508": with_arrays(renamed("q_proj", "c_attn")),
    "LD509": stamped(lambda adapter, base: write_base(base, llama_shapes(layers=5))),
    "LD510": stamped(lambda adapter, base: write_safetensors(adapter / "adapter_model.safetensors", peft_arrays(seed=3))),
    "LD511": against(with_changes()),
    "LD512": against(with_changes()),
    "LD513": stamped(lambda adapter, base: (adapter / "loradiag-stamp.json").write_text("{")),
    "LD514": stamped(lambda adapter, base: None, owner="somebody"),
    "LD515": beside_nan,
}  # fmt: skip
"""What provokes each rule about an adapter, alone or beside its base."""
