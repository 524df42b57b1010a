"""Stored numbers as torch tensors, beside the safetensors package's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.linalg.tensors import TORCH, tensor_of
from loradiag.storage.safetensors import SafetensorsFile

torch: Any = pytest.importorskip("torch", reason="what is made are torch tensors")

pytestmark = pytest.mark.models

KINDS = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "I8": "int8", "I32": "int32",
}  # fmt: skip


def patterns(kind: str) -> Any:
    """Bits of every sort: NaN, infinite, subnormal and zeros of both signs among them."""
    rng = np.random.default_rng(0)
    size = torch.empty(0, dtype=getattr(torch, KINDS[kind])).element_size()
    raw = rng.integers(0, 256, (7, 33 * size)).astype(np.uint8)
    raw[0, : 4 * size] = 0
    raw[0, size - 1], raw[0, 2 * size - 1] = 0x80, 0x7F
    return torch.from_numpy(raw).view(getattr(torch, KINDS[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_are_those_of_the_package(kind: str, tmp_path: Path) -> None:
    """Bit for bit in the types that torch computes with; as FP32 what is narrower or whole."""
    from safetensors.torch import load_file, save_file

    save_file({"x": patterns(kind)}, tmp_path / "x.safetensors")
    theirs = load_file(tmp_path / "x.safetensors")["x"]
    stored = SafetensorsFile(tmp_path / "x.safetensors").tensors["x"]
    assert stored.dtype == kind
    ours = tensor_of(stored.read().reshape(7, 33), stored.dtype)
    if kind in TORCH:
        assert ours.dtype == theirs.dtype == getattr(torch, TORCH[kind])
        assert ours.view(torch.uint8).equal(theirs.view(torch.uint8))
    else:
        assert ours.dtype == torch.float32
        np.testing.assert_array_equal(ours.numpy(), theirs.float().numpy())


@pytest.mark.parametrize("kind", TORCH)
def test_memory_is_the_tensors_own(kind: str) -> None:
    """What is read may lie in memory that the next reading overwrites, or that nobody may write."""
    carrier = {"BF16": "<u2", "F16": "<f2", "F32": "<f4", "F64": "<f8"}[kind]
    raw = np.ones(6, carrier).reshape(2, 3)
    found = tensor_of(raw, kind)
    before = found.clone()
    raw[:] = 0
    assert found.equal(before)
    fixed = np.frombuffer(raw.tobytes(), carrier).reshape(2, 3)
    tensor_of(fixed, kind).zero_()
    assert not fixed.any()


def test_parts_of_arrays() -> None:
    """Rows of a larger array, and arrays without entries."""
    whole = np.arange(60, dtype="<f4").reshape(6, 10)
    assert tensor_of(whole[2:4, ::2], "F32").tolist() == whole[2:4, ::2].tolist()
    assert tensor_of(whole[:0], "F32").shape == (0, 10)
    bits = (whole.view(np.uint32) >> np.uint32(16)).astype("<u2")
    assert tensor_of(bits[1:3], "BF16").float().tolist() == whole[1:3].tolist()
