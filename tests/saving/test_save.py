"""Merged checkpoints as other tools load them: transformers and PEFT are the references."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

import loradiag
from loradiag.core.errors import UsageError
from loradiag.saving import prove, save, shards
from loradiag.saving.prove import ProofError
from tests.adapters.peft_models import tiny_llama, trained
from tests.conftest import FIXTURES

pytestmark = pytest.mark.models

BASE = FIXTURES / "base"
ADAPTERS = FIXTURES / "adapters"


def measured(adapter: str | Path, *routes: str, base: Path = BASE, **options: Any) -> Any:
    """A report on the weights."""
    return loradiag.merge_drift(base, ADAPTERS / adapter, routes=routes, fit=False, **options)


def loaded(folder: Path) -> Any:
    """What transformers makes of a checkpoint."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    return AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A base and an adapter whose widths are multiples of 64: for others bitsandbytes dequantizes wrongly on a CPU."""
    import torch
    from peft import LoraConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = tmp_path_factory.mktemp("wide")
    model = tiny_llama(hidden_size=64, intermediate_size=128, num_key_value_heads=4, tie_word_embeddings=False)
    model.to(torch.bfloat16).save_pretrained(folder / "base")
    config = LoraConfig(r=4, lora_alpha=2, target_modules=["q_proj", "v_proj", "up_proj", "down_proj"])
    trained(model, config).save_pretrained(folder / "adapter")
    return folder / "base", folder / "adapter"


def merged_by_peft(adapter: str | Path, dtype: str, base: Path = BASE, **options: Any) -> Any:
    """The base with the adapter folded in by PEFT itself."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype), local_files_only=True, **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Merge lora module to .-bit linear may get different generations")
        return PeftModel.from_pretrained(model, ADAPTERS / adapter).merge_and_unload()


@pytest.mark.parametrize("adapter", ["healthy", "dora", "rslora", "embedding_lora", "all_linear_head", "patterns"])
@pytest.mark.parametrize(("route", "dtype"), [("bf16", "bfloat16"), ("fp16", "float16"), ("fp32", "float32")])
def test_plain_routes_are_what_peft_merges(adapter: str, route: str, dtype: str, tmp_path: Path) -> None:
    """Bit for bit, every parameter, loaded by transformers in the type that the configuration names."""
    report = measured(adapter, route)
    if report.measurements.merge.refused:  # a tied head: PEFT changes both, which no fold of one of them means
        with pytest.raises(UsageError, match="cannot be folded"):
            loradiag.save_merged(BASE, ADAPTERS / adapter, tmp_path / "out", report)
        return
    loradiag.save_merged(BASE, ADAPTERS / adapter, tmp_path / "out", report)
    ours, theirs = loaded(tmp_path / "out").state_dict(), merged_by_peft(adapter, dtype).state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype
        assert ours[name].equal(tensor), name


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("double", [True, False])
def test_in_place_routes_are_what_peft_merges(kind: str, double: bool, wide: tuple[Path, Path], tmp_path: Path) -> None:
    """Codes and what they decode to, of PEFT's merge into a base that transformers has quantized."""
    import bitsandbytes as bnb
    import torch
    from transformers import BitsAndBytesConfig

    base, adapter = wide
    report = measured(adapter, f"{kind}-inplace", base=base, double_quantization=double)
    loradiag.save_merged(base, adapter, tmp_path / "out", report)
    settings = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=kind,
        bnb_4bit_use_double_quant=double,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    theirs = merged_by_peft(adapter, "bfloat16", base, quantization_config=settings)
    ours, compared = dict(loaded(tmp_path / "out").named_modules()), 0
    for name, module in theirs.named_modules():
        if isinstance(module, bnb.nn.Linear4bit):
            both = ours[name].weight, module.weight
            assert both[0].data.equal(both[1].data), name
            back = [bnb.functional.dequantize_4bit(weight.data, weight.quant_state) for weight in both]
            assert back[0].equal(back[1]), name
            compared += 1
    assert compared == 14


def test_eight_bits_are_what_peft_merges(wide: tuple[Path, Path], tmp_path: Path) -> None:
    """Codes and scales of LLM.int8(), merged in place."""
    import bitsandbytes as bnb
    from transformers import BitsAndBytesConfig

    base, adapter = wide
    report = measured(adapter, "int8-inplace", base=base)
    loradiag.save_merged(base, adapter, tmp_path / "out", report)
    theirs = merged_by_peft(adapter, "bfloat16", base, quantization_config=BitsAndBytesConfig(load_in_8bit=True))
    ours = dict(loaded(tmp_path / "out").named_modules())
    modules = {name: module for name, module in theirs.named_modules() if isinstance(module, bnb.nn.Linear8bitLt)}
    assert len(modules) == 14
    for name, module in modules.items():
        assert ours[name].weight.data.equal(module.weight.data), name
        assert ours[name].weight.SCB.reshape(-1).equal(module.weight.SCB.reshape(-1)), name


@pytest.mark.parametrize("route", ["nf4", "fp4", "int8"])
def test_quantized_folds_run(route: str, wide: tuple[Path, Path], tmp_path: Path) -> None:
    """Transformers loads them with no more than the configuration says, and they answer much like the exact fold."""
    import torch

    base, adapter = wide
    loradiag.save_merged(base, adapter, tmp_path / "out", measured(adapter, route, base=base))
    ids = torch.arange(12)[None]
    with torch.no_grad():
        models = (loaded(tmp_path / "out"), merged_by_peft(adapter, "float32", base), loaded(base))
        ours, theirs, before = (model(ids).logits.float().log_softmax(-1) for model in models)
    drift, effect = (float((theirs.exp() * (theirs - other)).sum(-1).mean()) for other in (ours, before))
    assert 0 < drift < 0.1 * effect


def test_a_base_that_is_stored_in_four_bits(tmp_path: Path) -> None:
    """Weights without an update stay as they are, bit for bit; the others are merged as PEFT does it."""
    from safetensors.torch import load_file

    base = tmp_path / "base"
    loradiag.save_merged(BASE, ADAPTERS / "healthy", base, measured("healthy", "nf4"))
    for route in ("nf4-inplace", "bf16-from-nf4"):
        again = measured("embedding_lora", route, base=base)
        assert again.measurements.merge.trained_on_source == "stored"
        loradiag.save_merged(base, ADAPTERS / "embedding_lora", tmp_path / route, again)
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "nf4-inplace"))
    assert before.keys() == after.keys()
    adapted = {module.name for module in again.measurements.merge.routes[0].modules}
    same = {name for name in before if before[name].equal(after[name])}
    for name in before:
        stem = name.partition(".weight")[0]
        assert (name in same) or stem in adapted
    config = json.loads((tmp_path / "bf16-from-nf4" / "config.json").read_text())
    assert "quantization_config" not in config
    assert str(loaded(tmp_path / "bf16-from-nf4").dtype) == "torch.bfloat16"


def test_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several files with an index, which hold what one would."""
    report = measured("healthy", "bf16")
    loradiag.save_merged(BASE, ADAPTERS / "healthy", tmp_path / "one", report)
    monkeypatch.setattr(shards.write_shards, "__defaults__", (200_000,))
    saved = loradiag.save_merged(BASE, ADAPTERS / "healthy", tmp_path / "many", report)
    files = [name for name in saved.files if name.startswith("model-")]
    assert len(files) > 3
    assert files[0] == f"model-00001-of-{len(files):05d}.safetensors"
    assert all((tmp_path / "many" / name).stat().st_size < 300_000 for name in files)
    one, many = (loaded(tmp_path / name).state_dict() for name in ("one", "many"))
    assert all(many[name].equal(tensor) for name, tensor in one.items())


def test_card_and_record(tmp_path: Path) -> None:
    """What it was made of, for people and for programs, without a path of this machine."""
    report = measured("healthy", "bf16")
    loradiag.save_merged(BASE, ADAPTERS / "healthy", tmp_path / "out", report)
    card = (tmp_path / "out" / "README.md").read_text()
    record = json.loads((tmp_path / "out" / "loradiag-merge.json").read_text())
    for text in (card, json.dumps(record)):
        assert report.subject.base_fingerprint in text
        assert report.subject.sha256 in text
        assert str(FIXTURES) not in text
    assert "Precision: bf16" in card
    assert record["measured"]["gain"] == report.measurements.merge.routes[0].gain
    assert (record["base"]["name"], record["adapter"]["name"], record["status"]) == ("base", "healthy", "pass")


def test_routes_that_are_not_saved(tmp_path: Path) -> None:
    """Those that failed, were not measured, or have no form that transformers loads; nothing is left."""
    for routes, wanted, said in [
        (["fp8-e4m3"], None, "save bf16, and let the server quantize"),
        (["q8_0"], None, "llama.cpp"),
        (["bf16"], "nf4", "was not measured"),
    ]:
        report = measured("healthy", *routes)
        with pytest.raises(UsageError, match=said):
            loradiag.save_merged(BASE, ADAPTERS / "healthy", tmp_path / "out", report, route=wanted)
    report = measured("pissa", "bf16")
    with pytest.raises(UsageError, match="nothing was written"):
        loradiag.save_merged(BASE, ADAPTERS / "pissa", tmp_path / "out", report)
    assert os.listdir(tmp_path) == []


def test_places_that_are_refused(tmp_path: Path) -> None:
    """The base, the adapter, and a directory that holds something else."""
    report = measured("healthy", "bf16")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    for place, force, said in [
        (BASE, True, "the base itself"),
        (ADAPTERS / "healthy", True, "the adapter itself"),
        (tmp_path / "full", False, "--force replaces it"),
        (tmp_path / "full", True, "no checkpoint's directory"),
    ]:
        with pytest.raises(UsageError, match=said):
            loradiag.save_merged(BASE, ADAPTERS / "healthy", place, report, force=force)


def test_force_replaces_a_checkpoint(tmp_path: Path) -> None:
    """All of it."""
    report = measured("healthy", "bf16")
    shutil.copytree(BASE, tmp_path / "out")
    (tmp_path / "out" / "left").touch()
    saved = loradiag.save_merged(BASE, ADAPTERS / "healthy", tmp_path / "out", report, force=True)
    assert sorted(os.listdir(tmp_path / "out")) == saved.files
    assert "left" not in saved.files


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError(28, "No space left on device")])
def test_an_interrupt_leaves_nothing(error: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever it comes."""
    report = measured("healthy", "bf16")

    def fail(*arguments: object, **more: object) -> None:
        raise error

    for module, name in [(shards, "_name"), (save, "write_config"), (prove, "_check")]:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, fail)
            with pytest.raises(UsageError if isinstance(error, OSError) else error):
                loradiag.save_merged(BASE, ADAPTERS / "healthy", tmp_path / "out", report)
        assert os.listdir(tmp_path) == []


def test_a_full_disk_is_seen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it takes and what there is."""
    report = measured("healthy", "fp32")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**6, 10**6, 10**6))
    with pytest.raises(UsageError, match=r"needs 0\.0 GB in .*, and 0\.0 GB are free"):
        loradiag.save_merged(BASE, ADAPTERS / "healthy", tmp_path / "out", report)


# --- the proof ---


def spoiled(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Have tensors changed between measuring and writing."""
    whole = save.encoded

    def encoded(job: Any, stored: Any) -> Any:
        for ready in whole(job, stored):
            yield change(ready)

    monkeypatch.setattr(save, "encoded", encoded)


def test_a_flipped_bit_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a weight that has an update, in one that has none, and in the scales of a quantized one."""
    import msgspec

    def flip(wanted: str) -> Any:
        def change(ready: Any) -> Any:
            if ready.name != wanted:
                return ready
            data = bytearray(ready.data)
            data[6] ^= 0x40
            return msgspec.structs.replace(ready, data=bytes(data))

        return change

    cases = [
        ("bf16", "model.layers.0.self_attn.q_proj.weight"),
        ("bf16", "model.norm.weight"),
        ("nf4", "model.layers.0.self_attn.q_proj.weight"),
        ("nf4", "model.layers.1.mlp.up_proj.weight.nested_absmax"),
        ("int8", "model.layers.0.mlp.down_proj.SCB"),
    ]
    for route, name in cases:
        report = measured("healthy", route)
        with monkeypatch.context() as patch:
            spoiled(patch, flip(name))
            with pytest.raises(ProofError, match="otherwise than it was measured"):
                loradiag.save_merged(BASE, ADAPTERS / "healthy", tmp_path / "out", report)
        assert os.listdir(tmp_path) == []


def test_another_adapter_than_was_measured_is_found(tmp_path: Path) -> None:
    """By the gains of the report: two adapters of the same shape do not share them."""
    report = measured("healthy", "nf4")
    with pytest.raises(ProofError, match="was measured"):
        loradiag.save_merged(BASE, ADAPTERS / "healthy_seed2", tmp_path / "out", report)
    assert os.listdir(tmp_path) == []
