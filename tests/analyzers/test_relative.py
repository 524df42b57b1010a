"""Relative updates in the report: of every method, of a quantized and of a packed base, of a series."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import loradiag
from loradiag.analyzers.merge.refusals import refused
from loradiag.core.verdict import Status
from tests.analyzers import beside
from tests.analyzers.small import llama_shapes, write_base
from tests.conftest import FIXTURES, MakeAdapter, write_safetensors

ADAPTERS = FIXTURES / "adapters"
Q0 = "model.layers.0.self_attn.q_proj"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """On small matrices, several BLAS threads wait for each other longer than they compute."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@pytest.mark.models
@pytest.mark.parametrize("name", ["healthy", "dora", "embedding_lora"])
def test_norms_against_dense_arithmetic(name: str) -> None:
    """Of every module, and of all together."""
    pytest.importorskip("torch", reason="the reference reads the fixtures with torch")
    measured = loradiag.inspect(ADAPTERS / name, beside.BASE).measurements.relative
    assert measured is not None
    rows = beside.by_name(measured)
    merges = beside.dense_merges(ADAPTERS / name)
    for module, (old, new) in merges.items():
        row = rows[module]
        assert row.relative_frobenius == pytest.approx(np.linalg.norm(new - old) / np.linalg.norm(old), rel=1e-6)
        assert row.relative_spectral == pytest.approx(np.linalg.norm(new - old, 2) / np.linalg.norm(old, 2), rel=1e-5)
        assert (row.dtype, row.quantization, row.reason) == ("BF16", None, None)
    if name != "embedding_lora":
        change = sum(np.sum((new - old) ** 2) for old, new in merges.values())
        total = sum(np.sum(old**2) for old, _ in merges.values())
        assert measured.relative_frobenius == pytest.approx((change / total) ** 0.5, rel=1e-6)


def test_pissa_as_stored_has_no_relative_size() -> None:
    """What training changed is not in the factors: a reason, and no number."""
    measured = loradiag.inspect(ADAPTERS / "pissa", beside.BASE).measurements
    assert measured.relative is not None
    assert measured.intruders is None
    for row in measured.relative.modules:
        assert (row.relative_frobenius, row.relative_spectral, row.swallowed_share) == (None, None, None)
        assert row.reason == "the factors hold part of the base, so what training changed is not known"


def test_a_series_beside_its_base() -> None:
    """Every checkpoint is measured, and the updates grow."""
    reports = list(loradiag.inspect_all(ADAPTERS / "series", loradiag.Against(base=beside.BASE, spectra=False)))
    sizes = [
        report.measurements.relative.relative_frobenius or 0.0 for report in reports if report.measurements.relative
    ]
    assert len(sizes) == 6
    assert sizes == sorted(sizes)
    assert {report.measurements.intruders for report in reports} == {None}
    assert len({report.subject.base_fingerprint for report in reports}) == 1


def test_a_packed_base_leaves_the_verdict_open(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """GPTQ's codes are not unpacked: LD515 names the modules, and nothing passes."""
    shapes = {name: shape for name, shape in llama_shapes().items() if name != f"{Q0}.weight"}
    base = write_base(tmp_path / "base", shapes, quantization_config={"quant_method": "gptq", "bits": 4})
    arrays = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    arrays |= {f"{Q0}.qweight": np.ones((6, 32)), f"{Q0}.qzeros": np.ones((1, 4)), f"{Q0}.scales": np.ones((1, 32))}
    write_safetensors(base / "model.safetensors", arrays)
    report = loradiag.inspect(make_adapter(), base)
    assert report.verdict.status is Status.INCONCLUSIVE
    (finding,) = (finding for finding in report.findings if finding.code == "LD515")
    assert finding.modules == [Q0]
    assert report.measurements.relative is not None
    row = beside.by_name(report.measurements.relative)[Q0]
    assert (row.reason, row.relative_frobenius) == ("the base stores this weight packed", None)


def test_a_layer_in_a_format_that_nobody_reads_is_not_compared(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Scales of MX formats have the right shape and no values of their own: named among what is left out, and never read."""
    base, adapter = write_base(tmp_path / "base", llama_shapes()), make_adapter()
    file, name = adapter / "adapter_model.safetensors", "base_model.model.lm_head.weight"
    data = file.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :] + bytes(60 * 48)
    header[name] = {"dtype": "F8_E8M0", "shape": [60, 48], "data_offsets": [len(body) - 60 * 48, len(body)]}
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + body)
    found = loradiag.inspect(adapter, base)
    assert found.measurements.fit is not None
    assert found.measurements.fit.copies == []
    assert found.measurements.relative is not None
    assert "lm_head" not in beside.by_name(found.measurements.relative)
    assert [row.name for row in refused(beside.inspection(adapter, base))] == [name]


def test_a_base_with_nan_is_not_compared(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """The module says why, the others have their numbers, and the verdict is open."""
    shapes = llama_shapes()
    base = write_base(tmp_path / "base", shapes)
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(0, 0.1, shape) for name, shape in shapes.items()}
    arrays[f"{Q0}.weight"][0, 0] = np.nan
    write_safetensors(base / "model.safetensors", arrays)
    report = loradiag.inspect(make_adapter(), base)
    assert report.measurements.relative is not None
    rows = beside.by_name(report.measurements.relative)
    assert rows.pop(Q0).reason == "the base's weight, or the merged one, is not finite"
    assert all(row.relative_frobenius for row in rows.values())
    assert report.verdict.status is Status.INCONCLUSIVE


@pytest.mark.models
@pytest.mark.filterwarnings("ignore")
def test_a_base_of_four_bits(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Norms beside the values that bitsandbytes gives back; what a merge would lose cannot be counted."""
    functional = pytest.importorskip("bitsandbytes.functional")
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    weight = torch.randn(128, 128, generator=torch.Generator().manual_seed(0)) * 0.1
    codes, state = functional.quantize_4bit(weight, blocksize=64, quant_type="nf4")
    stored = {f"{Q0}.weight": codes}
    stored |= {f"{Q0}.weight.{name}": tensor.contiguous() for name, tensor in state.as_dict(packed=True).items()}
    base = tmp_path / "base"
    base.mkdir()
    save_file(stored, base / "model.safetensors")
    (base / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": "bitsandbytes"}}))
    rng = np.random.default_rng(1)
    a, b = (rng.normal(0, 0.1, shape).astype(np.float32) for shape in ((8, 128), (128, 8)))
    stem = f"base_model.model.{Q0}"
    adapter = make_adapter({f"{stem}.lora_A.weight": a, f"{stem}.lora_B.weight": b}, target_modules=["q_proj"])
    measured = loradiag.inspect(adapter, base).measurements.relative
    assert measured is not None
    (row,) = measured.modules
    old = functional.dequantize_4bit(codes, state).double().numpy()
    delta = 2.0 * b.astype(np.float64) @ a
    assert row.quantization == "nf4"
    assert row.swallowed_share is None
    assert row.relative_frobenius == pytest.approx(np.linalg.norm(delta) / np.linalg.norm(old), rel=1e-6)
    assert row.relative_spectral == pytest.approx(np.linalg.norm(delta, 2) / np.linalg.norm(old, 2), rel=1e-5)
