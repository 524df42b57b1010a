"""GGUF adapters, written by llama.cpp's own writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from tests.adapters import checks

gguf = pytest.importorskip("gguf", reason="GGUFWriter writes the files")

RNG = np.random.default_rng(13)
A, B = RNG.normal(size=(4, 64)).astype(np.float32), RNG.normal(size=(12, 4)).astype(np.float32)


def write(path: Path, tensors: dict[str, Any], *, alpha: float | None = 8.0, kind: str = "adapter") -> Path:
    """Write a GGUF file. Tensors are arrays, or pairs of raw blocks and their quantization."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(kind)
    writer.add_string("adapter.type", "lora")
    writer.add_array("general.tags", ["lora", "test"])
    writer.add_array("some.numbers", [1, 2, 3])
    if alpha is not None:
        writer.add_float32("adapter.lora.alpha", alpha)
    for name, tensor in tensors.items():
        if isinstance(tensor, tuple):
            writer.add_tensor(name, tensor[0], raw_dtype=tensor[1])
        else:
            writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


# llama.cpp: scale = α / rank if α is given and not zero, else 1.
@pytest.mark.parametrize(("alpha", "scale"), [(8.0, 2.0), (None, 1.0), (0.0, 1.0)])
def test_lora(alpha: float | None, scale: float, tmp_path: Path) -> None:
    """Factors lie as in PEFT, α in the metadata."""
    tensors = {"blk.3.attn_q.weight.lora_a": A, "blk.3.attn_q.weight.lora_b": B}
    adapter = open_adapter(write(tmp_path / "a.gguf", tensors, alpha=alpha))
    assert (adapter.layout, adapter.weight_format) == ("gguf", "gguf")
    assert adapter.provenance.peft_type == "lora"
    checks.assert_same_spectra(checks.our_spectra(adapter), {"blk.3.attn_q": checks.spectrum(scale * (B @ A))})
    (module,) = adapter.modules
    assert (module.place.role, module.place.layer, module.rank) == ("attention.q", 3, 4)
    checks.assert_accounted(adapter)


def test_precisions(tmp_path: Path) -> None:
    """F16, BF16 and block-quantized factors are read as the numbers that they stand for."""
    quantized = gguf.quantize(A, gguf.GGMLQuantizationType.Q8_0)
    short = (B.view(np.uint32) >> 16).astype(np.uint16)
    tensors = {
        "blk.0.ffn_up.weight.lora_a": (quantized, gguf.GGMLQuantizationType.Q8_0),
        "blk.0.ffn_up.weight.lora_b": (short.view(np.uint8), gguf.GGMLQuantizationType.BF16),
        "blk.1.ffn_up.weight.lora_a": A.astype(np.float16),
        "blk.1.ffn_up.weight.lora_b": B,
    }
    adapter = open_adapter(write(tmp_path / "a.gguf", tensors, alpha=4.0))
    dense = gguf.dequantize(quantized, gguf.GGMLQuantizationType.Q8_0)
    cut = (short.astype(np.uint32) << 16).view(np.float32)
    expected = {
        "blk.0.ffn_up": checks.spectrum(cut.astype(np.float64) @ dense),
        "blk.1.ffn_up": checks.spectrum(B.astype(np.float64) @ A.astype(np.float16)),
    }
    checks.assert_same_spectra(checks.our_spectra(adapter), expected)


def test_embedding_and_experts(tmp_path: Path) -> None:
    """The embedding's A is stored by rows of the vocabulary; experts are stacked."""
    experts_a, experts_b = RNG.normal(size=(3, 2, 8)).astype(np.float32), RNG.normal(size=(3, 6, 2)).astype(np.float32)
    tensors = {
        "token_embd.weight.lora_a": np.ascontiguousarray(A.T),
        "token_embd.weight.lora_b": B,
        "blk.0.ffn_gate_exps.weight.lora_a": experts_a,
        "blk.0.ffn_gate_exps.weight.lora_b": experts_b,
        "stray": A,
    }
    adapter = open_adapter(write(tmp_path / "a.gguf", tensors, alpha=None))
    expected = {"token_embd": checks.spectrum(B @ A)} | {
        f"blk.0.ffn_gate_exps.experts.{index}": checks.spectrum(experts_b[index] @ experts_a[index])
        for index in range(3)
    }
    checks.assert_same_spectra(checks.our_spectra(adapter), expected)
    assert {module.place.role for module in adapter.modules} == {"embedding", "expert"}
    assert adapter.parts.unexpected == ["stray"]
    checks.assert_accounted(adapter)


def test_a_model_is_no_adapter(tmp_path: Path) -> None:
    """A GGUF model is refused by name."""
    path = write(tmp_path / "a.gguf", {"blk.0.attn_q.weight": A}, kind="model")
    checks.assert_unreadable(path, "no-adapter", says="is a GGUF model")


def test_alpha_that_is_no_number(tmp_path: Path) -> None:
    """NaN as α makes no scale."""
    tensors = {"blk.3.attn_q.weight.lora_a": A, "blk.3.attn_q.weight.lora_b": B}
    checks.assert_unreadable(write(tmp_path / "a.gguf", tensors, alpha=float("nan")), "header", says="alpha")
