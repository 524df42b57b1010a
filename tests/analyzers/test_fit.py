"""Evidence of fit: strong on the base that an adapter was trained on, none on the same base with other labels."""

from __future__ import annotations

from pathlib import Path

import pytest

import loradiag
from loradiag.core.beside import Fit
from tests.analyzers import beside
from tests.analyzers.small import llama_shapes, write_base
from tests.conftest import FIXTURES, SHARED, MakeAdapter

pytest.importorskip("torch", reason="the relabelled base is written with torch")
pytestmark = pytest.mark.models
ADAPTERS = FIXTURES / "adapters"
ZOO = SHARED / "zoo"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another base of the same shape: the fixtures' own with its hidden units in another order."""
    return beside.relabelled(tmp_path_factory.mktemp("other") / "base")


def fit_of(adapter: Path, base: Path) -> Fit:
    """The evidence."""
    found = loradiag.inspect(adapter, base).measurements.fit
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["healthy", "healthy_seed2", "bf16", "no_replay", "rslora", "dora", "all_linear_head"])
def test_alignment_tells_the_own_base_from_another(name: str, other: Path) -> None:
    """Z above 6 on the own one, below 3 on the other, in as many modules."""
    own, foreign = fit_of(ADAPTERS / name, beside.BASE), fit_of(ADAPTERS / name, other)
    assert (own.alignment_z or 0) > 6
    assert (foreign.alignment_z or 0) < 3
    assert own.alignment_modules == foreign.alignment_modules > 8
    assert own.alignment_p == pytest.approx(1 / 201)
    assert own.shapes_agree == foreign.shapes_agree == own.modules
    assert own.alignment_expected == foreign.alignment_expected


def test_the_relabelled_base_computes_the_same(other: Path) -> None:
    """The reference is what it says: a model of the same function."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokens = torch.arange(12)[None]
    outputs = [
        transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(tokens).logits
        for folder in (beside.BASE, other)
    ]
    assert torch.allclose(*outputs, atol=1e-4)


def test_copies_resemble_the_base_that_they_were_taken_from(other: Path) -> None:
    """Embedding and head, trained further, against the base's: cosines by the definition."""
    own, foreign = fit_of(ADAPTERS / "all_linear_head", beside.BASE), fit_of(ADAPTERS / "all_linear_head", other)
    assert len(own.copies) == len(foreign.copies) == 2
    assert min(copy.cosine for copy in own.copies) > 0.9
    assert max(abs(copy.cosine) for copy in foreign.copies) < 0.3
    ours, theirs = beside.tensors(ADAPTERS / "all_linear_head"), beside.tensors(beside.BASE)
    for copy in own.copies:
        one, two = ours[f"base_model.model.{copy.name}"].ravel(), theirs[copy.name].ravel()
        assert copy.cosine == pytest.approx(one @ two / ((one @ one) * (two @ two)) ** 0.5, rel=1e-9)


def test_magnitudes_follow_the_rows_of_the_own_base(other: Path) -> None:
    """DoRA's start as the lengths of the rows."""
    assert (fit_of(ADAPTERS / "dora", beside.BASE).magnitude_correlation or 0) > 0.8
    # Relabelling moves rows of o_proj and down_proj only: the lengths of all other rows stay where they were.
    assert (fit_of(ADAPTERS / "dora", other).magnitude_correlation or 0) < 0.9


def test_what_is_not_there_is_no_evidence(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Random factors do not lean; no copies, no magnitudes; names that differ are said to."""
    found = fit_of(make_adapter(), write_base(tmp_path / "base", llama_shapes()))
    assert abs(found.alignment_z or 0) < 5
    assert (found.copies, found.magnitude_correlation, found.names_agree) == ([], None, False)
    named = fit_of(make_adapter(name="second", base_model_name_or_path="someone/base"), tmp_path / "base")
    assert named.names_agree


@pytest.mark.shared
@pytest.mark.skipif(not ZOO.is_dir(), reason="the larger base is not part of the repository")
def test_a_larger_base(tmp_path: Path) -> None:
    """Supported by its own base, doubted on the relabelled one."""
    foreign = beside.relabelled(tmp_path / "other", ZOO / "base")
    codes = []
    for base in (ZOO / "base", foreign):
        report = loradiag.inspect(ZOO / "adapters" / "med_r16", base)
        codes.append({finding.code: finding.message for finding in report.findings})
    assert "supports this base" in codes[0]["LD511"]
    assert "LD512" not in codes[0]
    assert "LD512" in codes[1]
