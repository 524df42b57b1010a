"""The pass over the base: norms, swallowed entries and intruders of the fixtures, against dense arithmetic in float64."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from loradiag.analyzers import weights
from loradiag.analyzers.weights import WeightFacts
from loradiag.linalg import leading
from tests.analyzers import beside
from tests.analyzers.small import llama_shapes, write_base
from tests.conftest import FIXTURES, MakeAdapter, peft_arrays, write_safetensors

pytest.importorskip("torch", reason="the reference reads the fixtures with torch")
pytestmark = pytest.mark.models
ADAPTERS = FIXTURES / "adapters"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """On small matrices, several BLAS threads wait for each other longer than they compute."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def dense_swallowed(old: beside.Matrix, new: beside.Matrix) -> int:
    """Entries that change and come out as they were, among the neighbours that BF16 has: no rounding by torch."""
    bits = (old.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    code = (bits & 0x7FFF).astype(np.uint32)
    value = np.abs(old)
    above = ((code + 1) << 16).view(np.float32).astype(np.float64)
    below = (np.maximum(code, 1) - 1 << 16).view(np.float32).astype(np.float64)
    outward = np.where(bits & 0x8000, -1, 1) * new - value
    up, down = (above - value) / 2, np.where(code == 0, (above - value) / 2, (value - below) / 2)
    even = code % 2 == 0
    back = np.where(even, (outward <= up) & (outward >= -down), (outward < up) & (outward > -down))
    return int(np.count_nonzero(back & (new != old)))


def dense_intruders(old: beside.Matrix, new: beside.Matrix) -> int:
    """The definition, with all left singular vectors."""
    left, changed = (np.linalg.svd(matrix, full_matrices=False)[0] for matrix in (old, new))
    return int(np.count_nonzero(np.abs(left.T @ changed[:, :10]).max(axis=0) < 0.5))


def compare(facts: Any, old: beside.Matrix, new: beside.Matrix, *, spectra: bool = True) -> None:
    """Everything that is known of one weight."""
    change = np.linalg.norm(new - old)
    assert facts.reason is None
    assert facts.norm == pytest.approx(np.linalg.norm(old), rel=1e-9)
    assert facts.change == pytest.approx(change, rel=1e-6)
    assert facts.swallowed == pytest.approx(dense_swallowed(old, new), abs=0 if change == 0 else 2)
    if spectra and change:
        assert facts.spectral == pytest.approx(np.linalg.norm(old, 2), rel=1e-6)
        if facts.intruders.certified:
            assert facts.intruders.count == dense_intruders(old, new)


@pytest.mark.parametrize("name", [*beside.LORA, "dora"])
def test_fixtures_against_dense_arithmetic(name: str) -> None:
    """Norms, swallowed entries, top singular values and intruders of every module; all certified."""
    found = beside.inspection(ADAPTERS / name).weights
    merges = beside.dense_merges(ADAPTERS / name)
    assert found.keys() >= merges.keys()
    for module, (old, new) in merges.items():
        turned = name == "embedding_lora" and "embed_tokens" in module
        compare(found[module], old, new, spectra=not turned)
        assert found[module].intruders is not None
        assert found[module].intruders.certified
        if name == "dora":
            assert found[module].change_spectral == pytest.approx(np.linalg.norm(new - old, 2), rel=1e-4)


ONE_BY_ONE, STREAMED, STREAMED_TOGETHER = {"_SMALL": 0}, {"_SMALL": 0, "HELD": 0, "_STRIP": 1000}, {"HELD": 0}


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("healthy", ONE_BY_ONE),
        ("healthy", STREAMED),
        ("healthy", STREAMED_TOGETHER),
        ("dora", STREAMED),
        ("diverged", STREAMED),
    ],
)
def test_every_path_gives_the_same_numbers(name: str, limits: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one, and read anew for every product, with iterations in the place of full decompositions."""
    expected = beside.inspection(ADAPTERS / name).weights
    for key, value in limits.items():
        monkeypatch.setattr(weights, key, value)
    monkeypatch.setattr(leading, "DENSE", 40)
    found = beside.inspection(ADAPTERS / name).weights
    assert found.keys() == expected.keys()
    for module, facts in found.items():
        same = expected[module]
        assert facts.norm == pytest.approx(same.norm, rel=1e-12)
        assert facts.change == pytest.approx(same.change, rel=1e-12)
        assert (facts.changed, facts.swallowed) == (same.changed, same.swallowed)
        assert facts.spectral == pytest.approx(same.spectral, rel=1e-5)
        assert facts.intruders is not None
        assert same.intruders is not None
        if facts.intruders.certified:
            assert facts.intruders.count == same.intruders.count
    unsure = [module for module, facts in found.items() if facts.intruders and not facts.intruders.certified]
    assert name == "diverged" or len(unsure) <= len(found) // 4, unsure


def one_module(make: MakeAdapter, tmp: Path, old: Any, **wanted: Any) -> WeightFacts:
    """The facts of q_proj of layer 0 with this weight in the base."""
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(0, 0.1, shape) for name, shape in llama_shapes().items()}
    arrays["model.layers.0.self_attn.q_proj.weight"] = old
    base = write_base(tmp / "base", llama_shapes())
    write_safetensors(base / "model.safetensors", arrays)
    return beside.inspection(make(), base, **wanted).weights["model.layers.0.self_attn.q_proj"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_base_that_is_not_finite_gives_no_numbers(make_adapter: MakeAdapter, tmp_path: Path, value: float) -> None:
    """One bad entry: a reason, and nothing else."""
    old = np.ones((32, 48), np.float32)
    old[3, 4] = value
    found = one_module(make_adapter, tmp_path, old)
    assert found == WeightFacts(reason="the base's weight, or the merged one, is not finite")


def test_a_zero_weight(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A weight of zeros has a norm of 0, and no directions to compare with."""
    found = one_module(make_adapter, tmp_path, np.zeros((32, 48), np.float32))
    assert (found.norm, found.spectral, found.intruders) == (0.0, None, None)
    assert found.swallowed == 0


def test_without_spectra(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Norms and swallowed entries alone."""
    found = one_module(make_adapter, tmp_path, np.ones((32, 48), np.float32), spectral=False)
    assert (found.spectral, found.intruders, found.left, found.right) == (None, None, None, None)
    b, a = (peft_arrays()[f"base_model.model.model.layers.0.self_attn.q_proj.lora_{s}.weight"] for s in "BA")
    assert found.change == pytest.approx(np.linalg.norm(2.0 * b.astype(float) @ a), rel=1e-12)


def test_progress_counts_every_weight() -> None:
    """It is told after each, the last time with all."""
    seen: list[tuple[int, int]] = []
    found = beside.inspection(ADAPTERS / "healthy")
    weights.measure_weights(found.pairing.pairs, weights.Wanted(spectral=False), lambda *told: seen.append(told))
    assert seen == [(count, len(found.pairing.pairs)) for count in range(1, len(found.pairing.pairs) + 1)]


def test_a_solver_that_gives_up_costs_only_what_it_was_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Norms and swallowed entries stay; spectra and intruders are None, with the reason in the report."""
    from scipy.sparse import linalg

    import loradiag

    def give_up(*_: Any, **__: Any) -> None:
        raise linalg.ArpackNoConvergence("no", np.zeros(0), np.zeros((0, 0)))

    monkeypatch.setattr(leading, "DENSE", 8)
    monkeypatch.setattr(linalg, "eigsh", give_up)
    report = loradiag.inspect(ADAPTERS / "healthy", FIXTURES / "base")
    assert report.measurements.relative is not None
    for row in report.measurements.relative.modules:
        assert row.relative_frobenius is not None
        assert row.relative_spectral is None
        assert row.reason == "the leading singular vectors did not converge"
    assert report.measurements.intruders is None
    assert report.verdict.decided_by == ["LD515"]
