"""Reports on merge drift, end to end: real bases, adapters and texts, and the numbers of models that PEFT merged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loradiag
from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from tests.analyzers.merge.making import (
    ADAPTERS,
    BASE,
    WHOLE_BLOCKS,
    adapter_of,
    base_of,
    gpt2,
    llama,
    loaded,
    merged,
    rounded,
    wrapped,
)
from tests.analyzers.merge.quantizing import dequantized, layers, quantized
from tests.analyzers.small import llama_shapes, write_base
from tests.conftest import FIXTURES, SHARED
from tests.models.small import exact, logits_of

torch: Any = pytest.importorskip("torch", reason="weights are torch tensors")
pytest.importorskip("peft", reason="its merges are the reference")

pytestmark = pytest.mark.models

LEDGER = FIXTURES / "text" / "ledger_heldout.jsonl"
TEXT = {"prompts": LEDGER, "limit": 10, "batch_tokens": 200}


def report_of(base: Path, adapter: Path, *routes: str, **options: Any) -> Report:
    """A report without the look whether both belong together."""
    return loradiag.merge_drift(base, adapter, routes=routes, fit=False, **options)


def merge_in(report: Report) -> Merge:
    """What it says of routes."""
    assert report.measurements.merge is not None
    return report.measurements.merge


def rows(report: Report) -> dict[str, Route]:
    """Its routes by name."""
    return {row.route: row for row in merge_in(report).routes}


def scaled(adapter: Path, folder: Path, factor: float) -> Path:
    """A copy of an adapter with another scale."""
    shutil.copytree(adapter, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["lora_alpha"] *= factor
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


# --- weights ---


def test_a_low_norm_adapter(tmp_path: Path) -> None:
    """Erased by a merge into 4 bits in place, kept by 16: the gate is about what was asked for."""
    low = scaled(ADAPTERS / "tiny", tmp_path / "low", 0.02)
    erased = report_of(BASE, low, "nf4-inplace")
    assert erased.verdict.status == "fail"
    assert "LD602" in erased.verdict.decided_by
    row = rows(erased)["nf4-inplace"]
    assert row.status == "fail"
    assert row.gain is not None
    assert row.gain < 0.1
    assert row.swallowed_share is not None
    assert row.swallowed_share > 0.9
    kept = report_of(BASE, low, "bf16")
    assert (kept.verdict.status, rows(kept)["bf16"].status, merge_in(kept).recommended) == ("pass", "pass", "bf16")
    both = report_of(BASE, low, "nf4-inplace", "bf16")
    assert both.verdict.status == "fail"
    assert merge_in(both).recommended == "bf16"


def test_without_a_gate_one_route_must_keep_the_adapter(tmp_path: Path) -> None:
    """The others say so in notes."""
    low = scaled(ADAPTERS / "tiny", tmp_path / "low", 0.01)
    report = report_of(BASE, low)
    assert report.verdict.status == "pass"
    assert {row.route for row in merge_in(report).routes if row.status == "fail"} >= {"nf4-inplace", "fp4-inplace"}
    about = [finding for finding in report.findings if finding.route == "nf4-inplace"]
    assert {finding.severity.value for finding in about} == {"info"}
    assert merge_in(report).recommended == "bf16"


def test_weights_alone_do_not_decide_few_bits() -> None:
    """Nor FP16, for its range."""
    for route, status in (
        ("nf4", "inconclusive"),
        ("int8", "inconclusive"),
        ("fp16", "inconclusive"),
        ("fp32", "pass"),
    ):
        report = report_of(BASE, ADAPTERS / "tiny", route)
        assert (report.verdict.status, rows(report)[route].status) == (status, status)
        assert report.verdict.decided_by == (["LD611"] if status == "inconclusive" else [])


def test_a_base_of_another_width(tmp_path: Path) -> None:
    """Nothing is folded, every module is named, and outputs are not tried."""
    base = write_base(tmp_path / "base", llama_shapes(d_in=64))
    report = report_of(base, ADAPTERS / "tiny", "bf16", prompts=LEDGER)
    assert (report.verdict.status, "LD610" in report.verdict.decided_by) == ("fail", True)
    assert len(merge_in(report).refused) == 8
    assert (merge_in(report).outputs, merge_in(report).recommended) == (None, None)


def test_gains_are_those_of_peft(tmp_path: Path) -> None:
    """⟨U, Δ⟩/‖Δ‖² over all modules, where U is what PEFT's merge in BF16 adds to the base, and Δ its FP64 merge."""
    adapter = scaled(ADAPTERS / "healthy", tmp_path / "low", 0.02)
    before = {name: tensor.double() for name, tensor in loaded(BASE, "bf16").state_dict().items()}
    after = {name: tensor.double() for name, tensor in merged(loaded(BASE, "bf16"), adapter).state_dict().items()}
    exactly = merged(loaded(BASE).double(), adapter).state_dict()
    row = rows(report_of(BASE, adapter, "bf16"))["bf16"]
    along, update = 0.0, 0.0
    for module in row.modules:
        name = f"{module.name}.weight"
        u, delta = after[name] - before[name], exactly[name] - before[name]
        assert module.gain == pytest.approx(float((u * delta).sum() / (delta**2).sum()), rel=1e-4)
        assert module.relative == pytest.approx(float(delta.norm() / before[name].norm()), rel=1e-4)
        assert module.error == pytest.approx(float((u - delta).norm() / delta.norm()), rel=1e-3)
        assert module.swallowed_share == pytest.approx(float((u == 0)[delta != 0].double().mean()), abs=1e-3)
        along, update = along + float((u * delta).sum()), update + float((delta**2).sum())
    assert row.gain == pytest.approx(along / update, rel=1e-4)
    assert 0.4 < along / update < 0.999  # rounding takes something
    assert len(row.modules) == 28
    assert sum(role.modules for role in row.roles) == 28


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_embeddings_in_gguf_have_their_blocks_along_rows(kind: str) -> None:
    """Which is how llama.cpp stores them, whatever way round the factors are."""
    import gguf

    which = getattr(gguf.GGMLQuantizationType, kind)
    before = loaded(BASE, "bf16").get_input_embeddings().weight.double()
    after = merged(loaded(BASE, "bf16"), ADAPTERS / "embedding_lora").get_input_embeddings().weight
    delta = merged(loaded(BASE).double(), ADAPTERS / "embedding_lora").get_input_embeddings().weight - before
    values = gguf.quants.dequantize(gguf.quants.quantize(after.float().numpy(), which), which)
    u = torch.from_numpy(values).double() - before
    row = rows(report_of(BASE, ADAPTERS / "embedding_lora", kind.lower()))[kind.lower()]
    (module,) = [module for module in row.modules if module.name == "model.embed_tokens"]
    assert module.gain == pytest.approx(float((u * delta).sum() / (delta**2).sum()), rel=1e-5)
    assert module.error == pytest.approx(float((u - delta).norm() / delta.norm()), rel=1e-4)


# --- outputs ---


def texts() -> list[list[int]]:
    """Ids of the first texts, by the base's tokenizer."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    lines = LEDGER.read_text().splitlines()[: TEXT["limit"]]
    return [tokenizer.encode(json.loads(line)["text"]) for line in lines]


def tokens(ours: Any, theirs: Any) -> dict[str, Any]:
    """Numbers of all tokens, of a model beside the reference, sequence by sequence in float64."""
    parts = [exact(logits_of(ours, ids), logits_of(theirs, ids), ids) for ids in texts()]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def with_tokenizer(base: Path) -> Path:
    """A base with the tokenizer of the fixtures."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(BASE / name, base)
    return base


def check_outputs(report: Report, reference: Any, base: Any, models: dict[str, Any]) -> None:
    """A report's numbers are those of the models, each run alone, text by text."""
    outputs = merge_in(report).outputs
    assert outputs is not None
    apart = tokens(base, reference)
    own = tokens(reference, reference)
    assert (outputs.sequences, outputs.tokens) == (10, apart["nll"].size)
    assert outputs.base_kld == pytest.approx(apart["kld"].mean(), rel=1e-4)
    assert outputs.base_same_top1 == pytest.approx(apart["same"].mean(), abs=0.01)
    assert outputs.nll_base == pytest.approx(apart["nll"].mean(), rel=1e-5)
    assert outputs.nll_reference == pytest.approx(own["nll"].mean(), rel=1e-5)
    for name, model in models.items():
        row, expected = rows(report)[name], tokens(model, reference)
        assert row.kld_mean == pytest.approx(expected["kld"].mean(), rel=0.02, abs=4e-7), name
        assert row.kld_max == pytest.approx(expected["kld"].max(), rel=0.02, abs=3e-6), name
        assert row.same_top1 == pytest.approx(expected["same"].mean(), abs=0.01), name
        assert row.rms_delta_p == pytest.approx(np.sqrt((expected["delta_p"] ** 2).mean()), rel=0.02, abs=1e-5), name
        effect, noise = expected["kld"].sum() / apart["kld"].sum(), 4e-7 / apart["kld"].mean()
        assert row.effect_loss == pytest.approx(effect, rel=0.02, abs=noise), name
        assert row.ln_ppl_ratio == pytest.approx((expected["nll"] - own["nll"]).mean(), rel=0.02, abs=2e-5), name
        gained = (apart["nll"] - own["nll"]).sum()
        assert row.nll_gain_retained == pytest.approx((apart["nll"] - expected["nll"]).sum() / gained, abs=1e-3), name


def test_outputs_are_those_of_models_that_peft_merged() -> None:
    """The fixtures' base and an adapter trained on it: the reference, the base, and the routes of 16 bits and of 32."""
    adapter = ADAPTERS / "healthy"
    report = report_of(BASE, adapter, "bf16", "fp16", "fp32", trained_on="bf16", **TEXT)
    models = {name: merged(loaded(BASE, name), adapter).float() for name in ("bf16", "fp16", "fp32")}
    check_outputs(report, wrapped(loaded(BASE), adapter), loaded(BASE), models)
    outputs = merge_in(report).outputs
    assert outputs is not None
    assert (outputs.reference, outputs.compute, outputs.field) == ("peft", "float32", "text")
    assert 0 < (outputs.floor or 0) < 1e-6
    assert {row.status for row in merge_in(report).routes} == {"inconclusive"}  # ten texts are little evidence


def in_few_bits(model: Any, kind: str) -> Any:
    """A model of plain numbers, those that layers of bitsandbytes compute with."""
    found = rounded(model, "fp32")
    for name, layer in layers(quantized(model, kind)).items():
        found.get_submodule(name).weight.data = dequantized(layer).float()
    return found


def test_outputs_over_a_base_in_four_bits(tmp_path: Path) -> None:
    """An adapter that was trained over NF4: the reference is PEFT's over that, and merges are PEFT's into that."""
    model = rounded(llama(vocab_size=640, **WHOLE_BLOCKS), "bf16")
    for parameter in model.parameters():
        parameter.data *= 4
    base = with_tokenizer(base_of(model, tmp_path / "base"))
    adapter = adapter_of(rounded(model, "bf16"), tmp_path / "adapter", lora_alpha=1)
    report = report_of(base, adapter, "nf4-inplace", "nf4", trained_on="nf4", **TEXT)
    plain = loaded(base, "bf16")
    in_place = merged(quantized(plain, "nf4"), adapter)
    models = {"nf4": in_few_bits(merged(loaded(base, "bf16"), adapter), "nf4"), "nf4-inplace": rounded(plain, "fp32")}
    for name, layer in layers(in_place).items():
        models["nf4-inplace"].get_submodule(name).weight.data = dequantized(layer).float()
    check_outputs(report, wrapped(in_few_bits(plain, "nf4"), adapter), in_few_bits(plain, "nf4"), models)


def test_biases_of_an_fp32_base(tmp_path: Path) -> None:
    """PEFT writes them over those of the base, which must come back for what runs next."""
    model = llama(vocab_size=640, attention_bias=True, **WHOLE_BLOCKS)
    base = with_tokenizer(base_of(model, tmp_path / "base", "fp32"))
    adapter = adapter_of(model, tmp_path / "adapter", bias="all", target_modules=["q_proj"])
    report = report_of(base, adapter, "bf16", "fp32", trained_on="fp32", **TEXT)
    models = {name: merged(loaded(base, name), adapter).float() for name in ("bf16", "fp32")}
    check_outputs(report, wrapped(loaded(base), adapter), loaded(base), models)


FOLDED = [
    "healthy",
    "dora",
    "rslora",
    "patterns",
    "embedding_lora",
    "all_linear_head",
    "ia3",
    "bf16",
    "pissa_converted",
]


@pytest.mark.parametrize("name", FOLDED)
def test_a_fold_in_fp32_is_the_adapter(name: str) -> None:
    """Of every method: it is what PEFT computes beside the base, but for FP32's last digits; and no longer the base."""
    report = report_of(BASE, ADAPTERS / name, "fp32", trained_on="bf16", **TEXT)
    row, outputs = rows(report)["fp32"], merge_in(report).outputs
    assert outputs is not None
    assert (outputs.base_kld or 0) > 0.1
    assert (row.effect_loss or 0) < 1e-5
    assert row.same_top1 == pytest.approx(1, abs=0.01)
    assert row.gain == pytest.approx(1, abs=1e-5)


def test_a_layout_that_peft_does_not_read(tmp_path: Path) -> None:
    """The update is added exactly, and the report says so."""
    adapter = tmp_path / "adapter"
    shutil.copytree(ADAPTERS / "tiny", adapter)
    report = report_of(BASE, adapter, "bf16", **TEXT)
    (adapter / "adapter_model.safetensors").rename(adapter / "lora.safetensors")
    renamed = report_of(BASE, adapter, "bf16", **TEXT)
    first, second = (merge_in(one).outputs for one in (report, renamed))
    assert first is not None
    assert second is not None
    assert (first.reference, second.reference) == ("peft", "fold")
    assert second.base_kld == pytest.approx(first.base_kld, rel=1e-3)


@pytest.mark.parametrize("case", ["DoRA stored transposed", "NaN"])
def test_updates_that_have_no_fold_are_not_run(case: str, tmp_path: Path) -> None:
    """Without a part it is another adapter: the report says which, and outputs are not measured."""
    if case == "NaN":
        base, adapter = BASE, FIXTURES / "broken" / "nan"
    else:
        model = gpt2(vocab_size=640, n_positions=256)
        base = with_tokenizer(base_of(model, tmp_path / "base"))
        config = {"target_modules": ["c_attn"], "fan_in_fan_out": True, "use_dora": True}
        adapter = adapter_of(model, tmp_path / "adapter", **config)
    report = report_of(base, adapter, "bf16", "nf4-inplace", **TEXT)
    assert report.verdict.status == "fail"
    assert "LD610" in report.verdict.decided_by
    assert merge_in(report).outputs is None
    assert any(module.reason for module in merge_in(report).routes[0].modules)


def test_parts_that_cannot_be_folded_are_not_run() -> None:
    """PiSSA's factors, which hold part of the base."""
    report = report_of(BASE, ADAPTERS / "pissa", "bf16", **TEXT)
    assert (report.verdict.status, report.verdict.decided_by) == ("fail", ["LD610"])
    assert merge_in(report).outputs is None


def test_longer_texts_than_the_model_takes(tmp_path: Path) -> None:
    """Are cut to its own limit, and counted."""
    file = tmp_path / "long.txt"
    file.write_text("say Nunos fikix again " * 200 + "\n" + "say Nunos fikix .\n")
    report = report_of(BASE, ADAPTERS / "tiny", "bf16", prompts=file)
    outputs = merge_in(report).outputs
    assert outputs is not None
    assert (outputs.sequences, outputs.truncated) == (2, 1)
    assert outputs.tokens < 256 + 20


def test_weights_with_outliers_overflow_in_fp16(tmp_path: Path) -> None:
    """What FP16 cannot hold is stored as infinite: here the sum, and neither of what was added."""
    from tests.conftest import write_safetensors

    base = tmp_path / "base"
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(0, 0.1, shape) for name, shape in llama_shapes().items()}
    write_base(base, llama_shapes())
    name = "model.layers.0.self_attn.q_proj.weight"
    weights[name][1, 2] = 65_000.0
    write_safetensors(base / "model.safetensors", weights)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    stem = f"base_model.model.{name.removesuffix('.weight')}"
    arrays = {f"{stem}.lora_A.weight": np.zeros((1, 48)), f"{stem}.lora_B.weight": np.zeros((32, 1))}
    arrays[f"{stem}.lora_A.weight"][0, 2], arrays[f"{stem}.lora_B.weight"][1, 0] = 100, 10
    write_safetensors(adapter / "adapter_model.safetensors", arrays)
    config = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["q_proj"], "fan_in_fan_out": False}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    report = report_of(base, adapter, "fp16", "bf16")
    half, wide = (rows(report)[route] for route in ("fp16", "bf16"))
    assert (half.overflowed, half.nonfinite, half.status) == (1, 1, "fail")
    assert (wide.overflowed, wide.nonfinite, wide.status) == (0, 0, "pass")
    assert "LD601" in report.verdict.decided_by


# --- adapters that are not part of the repository ---


@pytest.mark.shared
def test_an_erased_adapter_of_the_zoo(tmp_path: Path) -> None:
    """A real adapter with a fiftieth of its scale: NF4 in place takes it back, 16 bits keep it."""
    zoo = SHARED / "zoo"
    if not zoo.is_dir():
        pytest.skip("../shared is not here")
    low = scaled(zoo / "adapters" / "med_r16", tmp_path / "low", 0.02)
    report = report_of(zoo / "base", low, "nf4-inplace", "bf16")
    erased, kept = (rows(report)[route] for route in ("nf4-inplace", "bf16"))
    assert (erased.status, kept.status) == ("fail", "pass")
    assert erased.gain is not None
    assert kept.gain is not None
    assert erased.gain < 0.2
    assert kept.gain > 0.9
    whole = report_of(zoo / "base", zoo / "adapters" / "med_r16", "bf16")
    assert rows(whole)["bf16"].gain == pytest.approx(1, abs=0.01)
