"""PEFT's merge into layers of bitsandbytes, on the CPU: what loradiag calls ``…-inplace``, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loradiag.analyzers.merge.routes import ROUTES
from tests.analyzers.merge.making import (
    WHOLE_BLOCKS,
    adapter_of,
    along,
    base_of,
    inspected,
    llama,
    loaded,
    merged,
    rounded,
    swapped,
)
from tests.analyzers.merge.quantizing import dequantized, layers, quantized

torch: Any = pytest.importorskip("torch", reason="weights are torch tensors")
pytest.importorskip("peft", reason="its merges are the reference")
bnb: Any = pytest.importorskip("bitsandbytes", reason="its layers are the reference")

pytestmark = pytest.mark.models

KINDS = ["nf4", "fp4", "int8"]
FOUR_BITS = [(kind, block, double) for kind in ("nf4", "fp4") for block in (32, 64, 128) for double in (True, False)]
UPDATES: dict[str, dict[str, Any]] = {
    "lora": {},
    "patterns": {"use_rslora": True, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"down_proj": 11}},
    "dora": {"use_dora": True},
}


def made(folder: Path, precision: str = "bf16", **config: Any) -> tuple[Any, Path, Path]:
    """A model in a precision, its checkpoint, and an adapter. Rows are whole blocks of up to 128."""
    model = llama(**WHOLE_BLOCKS | {"hidden_size": 128})
    base = base_of(model, folder / "base", precision)
    return loaded(base, precision), base, adapter_of(rounded(model, precision), folder / "adapter", **config)


def check(ours: Any, theirs: Any, same: Any) -> None:
    """All layers of PEFT's model, by what ``same`` says of ours and of one."""
    found = layers(theirs)
    assert len(found) == 14
    for name, layer in found.items():
        assert same(ours, name, layer), name


def as_stored(ours: Any, name: str, layer: Any) -> bool:
    """Whether codes, and the numbers that they stand for, are those of the layer."""
    stored = ours[f"{name}.weight"].stored
    packed = stored.parts["codes"].reshape(layer.weight.data.shape)
    values = dequantized(layer)
    return bool(packed.equal(layer.weight.data) and stored.values.to(values.dtype).equal(values))


@pytest.mark.parametrize(("kind", "block", "double"), FOUR_BITS)
def test_four_bits(kind: str, block: int, double: bool, tmp_path: Path) -> None:
    """Codes and values of the merged layers; of the layers without an update, when the route is put into a model."""
    model, base, adapter = made(tmp_path)
    inspection = inspected(base, adapter)
    theirs = merged(quantized(model, kind, block=block, double=double), adapter)
    found = along(inspection, f"{kind}-inplace", block_size=block, double=double)
    assert len(found) == 8
    for name, layer in layers(theirs).items():
        assert layer.weight.quant_state.blocksize == block
        assert layer.weight.quant_state.nested == double
        assert f"{name}.weight" not in found or as_stored(found, name, layer)
    ours = swapped(inspection, block_size=block, double=double)
    ours.put_route(ROUTES[f"{kind}-inplace"])
    check(ours, theirs, in_the_model)


def in_the_model(ours: Any, name: str, layer: Any) -> bool:
    """Whether the model computes with the numbers of the layer."""
    return bool(ours.model.get_parameter(f"{name}.weight").equal(dequantized(layer).float()))


@pytest.mark.parametrize(
    ("update", "precision"),
    [*((update, "bf16") for update in UPDATES), ("dora", "fp16"), ("lora", "fp16"), ("lora", "fp32")],
)
@pytest.mark.parametrize("kind", KINDS)
def test_updates_and_precisions(kind: str, update: str, precision: str, tmp_path: Path) -> None:
    """LoRA and DoRA, in a base of each precision: an FP32 checkpoint is loaded in BF16 before it is quantized."""
    model, base, adapter = made(tmp_path, precision, **UPDATES[update])
    if precision == "fp32":
        model = model.bfloat16()
    theirs = merged(quantized(model, kind), adapter)
    ours = swapped(inspected(base, adapter), stored=precision)
    ours.put_route(ROUTES[f"{kind}-inplace"])
    check(ours, theirs, in_the_model)


@pytest.mark.parametrize("kind", KINDS)
def test_bases_as_they_are_loaded_for_training(kind: str, tmp_path: Path) -> None:
    """Every number of every layer, and what is not quantized in its own precision."""
    model, base, adapter = made(tmp_path)
    theirs = quantized(model, kind)
    ours = swapped(inspected(base, adapter))
    ours.put_base(kind)
    check(ours, theirs, in_the_model)
    for name, parameter in model.named_parameters():
        if name.rpartition(".")[0] not in layers(theirs):
            assert ours.model.get_parameter(name).equal(parameter.float()), name


def saved(model: Any, kind: str, folder: Path, base: Path) -> Path:
    """Have transformers store a quantized base."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    four = {"load_in_4bit": True, "bnb_4bit_quant_type": kind, "bnb_4bit_use_double_quant": True}
    settings = BitsAndBytesConfig(**({"load_in_8bit": True} if kind == "int8" else four))
    AutoModelForCausalLM.from_pretrained(base, dtype=model.dtype, quantization_config=settings).save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_bases_that_are_stored_in_few_bits(kind: str, tmp_path: Path) -> None:
    """Merged in place as PEFT does it when transformers has loaded them."""
    model, base, adapter = made(tmp_path)
    stored = saved(model, kind, tmp_path / "stored", base)
    theirs = merged(loaded(stored, "bf16"), adapter)
    found = along(inspected(stored, adapter), f"{kind}-inplace")
    for name, layer in layers(theirs).items():
        assert f"{name}.weight" not in found or as_stored(found, name, layer), name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_stored_bases_as_they_run(kind: str, tmp_path: Path) -> None:
    """The numbers of the layers as transformers has loaded them; a fold in 16 bits starts from these."""
    model, base, adapter = made(tmp_path)
    stored = saved(model, kind, tmp_path / "stored", base)
    theirs = loaded(stored, "bf16")
    (tmp_path / "plain").mkdir()
    inspection = inspected(stored, adapter)
    ours = swapped(inspection, stored="fp32", scratch=tmp_path / "plain")
    ours.put_route(ROUTES[f"{kind}-inplace"])
    ours.put_base(kind)
    check(ours, theirs, in_the_model)
    for name, one in along(inspection, f"bf16-from-{kind}").items():
        layer = theirs.get_submodule(name.removesuffix(".weight"))
        assert one.source.equal(dequantized(layer).bfloat16()), name


@pytest.mark.parametrize("kind", KINDS)
def test_folds_into_a_dequantized_base(kind: str, tmp_path: Path) -> None:
    """What people write by hand: dequantize to BF16, have PEFT merge, store BF16."""
    model, base, adapter = made(tmp_path)
    plain = model
    for name, layer in layers(quantized(model, kind)).items():
        plain.get_parameter(f"{name}.weight").data = dequantized(layer).bfloat16()
    theirs = merged(plain, adapter).state_dict()
    ours = swapped(inspected(base, adapter))
    ours.put_route(ROUTES[f"bf16-from-{kind}"])
    for name, tensor in ours.model.state_dict().items():
        assert tensor.equal(theirs[name].float()), name


@pytest.mark.parametrize("kind", KINDS)
def test_quantizing_the_sum(kind: str, tmp_path: Path) -> None:
    """PEFT's merge in BF16, quantized as it is loaded from disk."""
    model, base, adapter = made(tmp_path)
    theirs = quantized(merged(model, adapter), kind)
    ours = swapped(inspected(base, adapter))
    ours.put_route(ROUTES[kind])
    check(ours, theirs, in_the_model)
