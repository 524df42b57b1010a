"""Analyzers on adapters written to disk, against numbers calculated here from the same arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg

import loradiag
from loradiag.adapters.opening import open_adapter
from loradiag.analyzers import ANALYZERS
from loradiag.analyzers.inspection import Inspection
from loradiag.core.lazy import load
from loradiag.core.measurements import Measurements
from tests.conftest import MakeAdapter, peft_arrays

Q0 = "base_model.model.model.layers.0.self_attn.q_proj"


def measured(report: loradiag.Report, kind: str, name: str) -> Any:
    """The row about a module in one of the measurements."""
    part = getattr(report.measurements, kind)
    return next(row for row in part.modules if row.name == name)


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16"])
def test_every_spectrum_agrees_with_a_dense_svd(make_adapter: MakeAdapter, dtype: str) -> None:
    """Singular values of all modules equal those of scale · B · A, formed densely from the stored numbers."""
    arrays = peft_arrays(layers=3)
    adapter = make_adapter(arrays, dtype=dtype)
    report = loradiag.inspect(adapter)
    assert report.measurements.spectrum is not None
    for row in report.measurements.spectrum.modules:
        a, b = (stored(arrays[f"base_model.model.{row.name}.lora_{side}.weight"], dtype) for side in "AB")
        dense = scipy.linalg.svdvals(2.0 * b @ a)
        np.testing.assert_allclose(row.sigma, dense[: row.rank], atol=1e-10 * dense[0])
        assert row.frobenius_norm == pytest.approx(np.linalg.norm(2.0 * b @ a), rel=1e-10)


def stored(array: npt.NDArray[Any], dtype: str) -> npt.NDArray[np.float64]:
    """The float64 values of what a file of this format holds."""
    if dtype == "BF16":
        return (array.view(np.uint32) & 0xFFFF0000).view(np.float32).astype(np.float64)
    return array.astype({"F64": np.float64, "F32": np.float32, "F16": np.float16}[dtype]).astype(np.float64)


def test_norms_ratios_and_peers(make_adapter: MakeAdapter) -> None:
    """Norms of factors, entry sizes and the distance from the peers, against plain formulas."""
    arrays = peft_arrays(layers=9, targets=("q_proj",))
    arrays[f"{Q0.replace('.0.', '.4.')}.lora_B.weight"] *= 10
    report = loradiag.inspect(make_adapter(arrays))
    row = measured(report, "scale", "model.layers.4.self_attn.q_proj")
    a, b = (arrays[f"base_model.model.{row.name}.lora_{side}.weight"].astype(np.float64) for side in "AB")
    assert row.norm_a == pytest.approx(np.linalg.norm(a), rel=1e-12)
    assert row.norm_b == pytest.approx(np.linalg.norm(b), rel=1e-12)
    assert row.update_rms == pytest.approx(np.sqrt(np.mean(np.square(2 * b @ a))), rel=1e-10)
    assert row.factor_ratio == pytest.approx(np.sqrt(np.mean(b**2)) / np.sqrt(np.mean(a**2)), rel=1e-10)
    norms = []
    for layer in range(9):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        norms.append(
            np.linalg.norm(2.0 * arrays[f"{name}.lora_B.weight"].astype(float) @ arrays[f"{name}.lora_A.weight"])
        )
    assert row.norm_ratio == pytest.approx(norms[4] / np.median(norms), rel=1e-9)
    logs = np.log(norms)
    spread = 1.4826 * np.median(np.abs(logs - np.median(logs)))
    assert row.norm_z == pytest.approx((logs[4] - np.median(logs)) / spread, rel=1e-9)


def test_nonfinite_values_are_counted_where_they_are(make_adapter: MakeAdapter) -> None:
    """NaN and infinity in factors and in saved modules are all found, and the module has no spectrum."""
    arrays = peft_arrays()
    arrays[f"{Q0}.lora_B.weight"][3, 2] = np.nan
    arrays[f"{Q0}.lora_B.weight"][4, 2] = np.inf
    arrays["base_model.model.lm_head.weight"] = np.full((5, 5), np.inf, np.float32)
    report = loradiag.inspect(make_adapter(arrays, modules_to_save=["lm_head"]))
    assert measured(report, "spectrum", "model.layers.0.self_attn.q_proj").spectral_norm is None
    assert report.measurements.integrity is not None
    counts = {p.tensor: p.observed for p in report.measurements.integrity.problems if p.kind == "nonfinite"}
    assert counts == {f"{Q0}.lora_B.weight": 2, "base_model.model.lm_head.weight": 25}


@pytest.mark.parametrize(("factor", "said"), [("A", "A is zero"), ("B", "B is zero")])
def test_zero_updates(make_adapter: MakeAdapter, factor: str, said: str) -> None:
    """A factor that is zero throughout makes a zero update; the other modules are untouched."""
    arrays = peft_arrays()
    arrays[f"{Q0}.lora_{factor}.weight"][:] = 0
    report = loradiag.inspect(make_adapter(arrays))
    integrity = report.measurements.integrity
    assert integrity is not None
    assert [(p.module, p.detail) for p in integrity.problems] == [("model.layers.0.self_attn.q_proj", said)]
    assert measured(report, "spectrum", "model.layers.0.self_attn.q_proj").effective_rank == 0
    assert measured(report, "spectrum", "model.layers.0.self_attn.v_proj").effective_rank == 8


def test_a_at_its_initial_size_is_recognised(make_adapter: MakeAdapter) -> None:
    """The size of A is compared with kaiming_uniform(a=√5), whose root mean square is 1/√(3·d_in)."""
    arrays = peft_arrays(rank=64, d_in=512)
    for name in [name for name in arrays if "lora_B" in name]:
        arrays[name][:] = 0
    report = loradiag.inspect(make_adapter(arrays, r=64, lora_alpha=64))
    integrity = report.measurements.integrity
    assert integrity is not None
    for problem in integrity.problems:
        a = arrays[f"base_model.model.{problem.module}.lora_A.weight"].astype(float)
        assert problem.observed == pytest.approx(np.sqrt(np.mean(a**2)) * math.sqrt(3 * 512), rel=1e-9)
        assert problem.observed == pytest.approx(1.0, abs=0.03)


def test_every_analyzer_fills_its_own_key(make_adapter: MakeAdapter) -> None:
    """Contract: each analyzer of the table returns the type of the measurement that is called like it, or None."""
    inspection = Inspection(open_adapter(make_adapter()))
    for name, entry in ANALYZERS.items():
        assert name in Measurements.__struct_fields__
        result = load(entry)(inspection)
        assert result is None or type(result).__name__.lower() == name
        assert Measurements(**{name: result})


def test_progress_reaches_the_end(make_adapter: MakeAdapter) -> None:
    """Progress is told after each module, and ends at the number of modules."""
    seen: list[tuple[int, int]] = []
    loradiag.inspect(make_adapter(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 8) for n in range(1, 9)]


def test_holes_and_targets(make_adapter: MakeAdapter) -> None:
    """A layer missing in the middle, an unmatched target, and a role on every second layer that is no hole."""
    arrays = peft_arrays(layers=8)
    sparse = {
        name: array for name, array in peft_arrays(layers=8, targets=("k_proj",)).items() if int(name.split(".")[4]) % 2
    }
    gone = {name for name in arrays if ".layers.3." in name and "q_proj" in name}
    arrays = {name: array for name, array in {**arrays, **sparse}.items() if name not in gone}
    report = loradiag.inspect(make_adapter(arrays, target_modules=["q_proj", "v_proj", "k_proj", "V"]))
    coverage = report.measurements.coverage
    assert coverage is not None
    assert [(hole.layer, hole.roles) for hole in coverage.holes] == [(3, ["attention.q"])]
    assert {target.target: target.matched for target in coverage.targets} == {
        "q_proj": 7,
        "v_proj": 8,
        "k_proj": 4,
        "V": 0,
    }


@pytest.mark.parametrize(
    ("base", "kind"),
    [
        ("meta-llama/Llama-3.1-8B", "hub-id"),
        ("gpt2", "hub-id"),
        ("/home/me/models/x", "local-path"),
        ("./base", "local-path"),
        ("C:\\models\\x", "local-path"),
        ("a/b/c", "local-path"),
        ("", "missing"),
        (None, "missing"),
    ],
)
def test_kinds_of_base(make_adapter: MakeAdapter, base: str | None, kind: str) -> None:
    """Hub ids, local paths and nothing are told apart."""
    identity = loradiag.inspect(make_adapter(base_model_name_or_path=base)).measurements.identity
    assert identity is not None
    assert identity.base_kind == kind


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, set()),
        ({"use_rslora": True}, {"GGUF"}),
        ({"alpha_pattern": {"q_proj": 4}}, {"vLLM", "GGUF"}),
        ({"alora_invocation_tokens": [1, 2]}, {"PEFT merge"}),
    ],
)
def test_deployability(make_adapter: MakeAdapter, changes: dict[str, Any], refused: set[str]) -> None:
    """Tools that refuse an adapter, or would scale it wrongly, are named."""
    table = loradiag.inspect(make_adapter(**changes)).measurements.deployability
    assert table is not None
    assert {row.target for row in table.targets if row.status == "no"} == refused


def test_serving_rank_limit(make_adapter: MakeAdapter) -> None:
    """A rank above vLLM's default is possible with a flag, which is named."""
    arrays = peft_arrays(rank=32, d_in=64, d_out=64)
    table = loradiag.inspect(make_adapter(arrays, r=32)).measurements.deployability
    assert table is not None
    row = next(row for row in table.targets if row.target == "vLLM")
    assert row.status == "with-flag"
    assert "--max-lora-rank 32" in row.reasons[0]


def test_products_beyond_float64_do_not_end_the_program(make_adapter: MakeAdapter) -> None:
    """Finite FP64 factors whose product overflows are reported as values that no loader can hold."""
    arrays = {name: array.astype(np.float64) for name, array in peft_arrays().items()}
    for side in "AB":
        arrays[f"{Q0}.lora_{side}.weight"] *= 1e154 if side == "A" else 1e157
    report = loradiag.inspect(make_adapter(arrays, dtype="F64"))
    assert "LD105" in {finding.code for finding in report.findings}
    assert measured(report, "spectrum", "model.layers.0.self_attn.v_proj").spectral_norm > 0


def test_norms_too_large_to_square_are_the_same_everywhere(make_adapter: MakeAdapter) -> None:
    """Singular values around 1e200 are numbers, and their squares are none: both tables have the norm all the same."""
    arrays = {name: array.astype(np.float64) for name, array in peft_arrays().items()}
    small = np.linalg.norm(2.0 * arrays[f"{Q0}.lora_B.weight"] @ arrays[f"{Q0}.lora_A.weight"])
    for side in "AB":
        arrays[f"{Q0}.lora_{side}.weight"] *= 1e100
    report = loradiag.inspect(make_adapter(arrays, dtype="F64"))
    row = measured(report, "spectrum", "model.layers.0.self_attn.q_proj")
    other = measured(report, "scale", "model.layers.0.self_attn.q_proj")
    assert row.frobenius_norm == pytest.approx(small * 1e200)
    assert other.update_rms == pytest.approx(small * 1e200 / np.sqrt(row.d_out * row.d_in))


def test_numbers_of_layers_that_no_network_has_are_no_holes(make_adapter: MakeAdapter) -> None:
    """A name that claims to be the layer 999,999 does not make a million of them missing."""
    arrays = peft_arrays(layers=5)
    renamed = {name.replace(".layers.4.", ".layers.999999."): array for name, array in arrays.items()}
    coverage = loradiag.inspect(make_adapter(renamed)).measurements.coverage
    assert coverage is not None
    assert coverage.holes == []
    assert coverage.stacks[0].last_layer == 999_999


def test_updates_too_small_to_square_have_no_peers(make_adapter: MakeAdapter) -> None:
    """Singular values whose squares are zero in FP64, as factors of 1e-170 give, count as zero: no logarithm of nothing."""
    arrays = {name: np.full(array.shape, 1e-170) for name, array in peft_arrays(layers=6).items()}
    report = loradiag.inspect(make_adapter(arrays, dtype="F64"))
    assert report.measurements.scale is not None
    assert {row.norm_z for row in report.measurements.scale.modules} == {None}
    assert {row.norm_ratio for row in report.measurements.scale.modules} == {None}
