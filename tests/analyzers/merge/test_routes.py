"""Routes over bases that are stored plainly, in 4 bits and in 8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.analyzers.merge.routes import ROUTES, Settings, bits, carrier, plan_routes, route_named, stored_scheme
from loradiag.analyzers.merge.training import PRECISIONS, trained_on
from loradiag.bases.model import Base
from loradiag.bases.opening import open_base
from loradiag.core.errors import UsageError
from loradiag.linalg.formats import FORMATS, format_named
from tests.bases.making import stored, write_base
from tests.bases.test_bitsandbytes import NAME, four_bits
from tests.conftest import MakeAdapter, peft_config

INPLACE = {"nf4": ["nf4-inplace", "bf16-from-nf4"], "int8": ["int8-inplace", "bf16-from-int8"]}


def plain(folder: Path, dtype: str = "BF16") -> Base:
    """A base of one matrix and one vector of plain numbers."""
    carriers = {"BF16": "<u2", "F16": "<f2", "F32": "<f4"}
    matrix, vector = (np.ones(shape).astype(carriers[dtype]) for shape in ((8, 64), (64,)))
    tensors = {NAME: stored(matrix, dtype), "model.norm.weight": stored(vector.astype("<f4"))}
    return open_base(write_base(folder, tensors))


def in_four_bits(folder: Path, **state: Any) -> Base:
    """A base of one matrix in NF4."""
    return open_base(write_base(folder, four_bits(8, 64, **state)))


def in_eight_bits(folder: Path) -> Base:
    """A base of one matrix in LLM.int8(), and an embedding in FP16."""
    tensors = {
        NAME: stored(np.ones((8, 64), "|i1")),
        NAME.replace(".weight", ".SCB"): stored(np.ones(8, "<f4")),
        "model.embed_tokens.weight": stored(np.ones((9, 64), "<f2")),
    }
    return open_base(write_base(folder, tensors))


def test_a_plain_base_takes_every_route(tmp_path: Path) -> None:
    """With the settings that were given."""
    plan = plan_routes(plain(tmp_path), (), Settings(32, double=False))
    assert [route.name for route in plan.routes] == list(ROUTES)
    assert (plan.left_out, plan.stored_in) == ({}, None)
    assert plan.settings == Settings(32, double=False)
    assert plan_routes(plain(tmp_path)).settings == Settings(64, double=True)


def test_names_choose_and_order(tmp_path: Path) -> None:
    """Each once."""
    plan = plan_routes(plain(tmp_path), ["nf4", "bf16", "nf4"])
    assert [route.name for route in plan.routes] == ["nf4", "bf16"]


@pytest.mark.parametrize(("make", "scheme"), [(in_four_bits, "nf4"), (in_eight_bits, "int8")])
def test_a_quantized_base_has_no_16_bits_to_fold_into(make: Any, scheme: str, tmp_path: Path) -> None:
    """Other routes are left out with the reason; asked for by name they are an error."""
    base = make(tmp_path)
    plan = plan_routes(base)
    assert [route.name for route in plan.routes] == INPLACE[scheme]
    assert plan.stored_in == stored_scheme(base) == scheme
    assert set(plan.left_out) == set(ROUTES) - set(INPLACE[scheme])
    assert plan.left_out["bf16"] == f"needs the 16-bit base, and this one is stored in {scheme}"
    assert plan.left_out["fp4-inplace"] == f"the base is stored in {scheme}"
    with pytest.raises(UsageError, match=f"--route q8_0: needs the 16-bit base, .* stored in {scheme}"):
        plan_routes(base, [INPLACE[scheme][0], "q8_0"])


@pytest.mark.parametrize("nested", [0, 256])
def test_a_base_in_four_bits_keeps_its_own_settings(nested: int, tmp_path: Path) -> None:
    """Whatever is asked for."""
    base = in_four_bits(tmp_path, block=32, nested=nested)
    assert plan_routes(base, (), Settings(128, double=not nested)).settings == Settings(32, double=bool(nested))


def test_settings_of_other_bases_are_those_asked_for(tmp_path: Path) -> None:
    """Eight bits have none of their own."""
    assert plan_routes(in_eight_bits(tmp_path), (), Settings(128)).settings == Settings(128)


NEAREST = {"nf5": "nf4", "nf4_inplace": "nf4-inplace", "Q8_0": "q8_0", "fp8": "fp8-e4m3", "bfloat16": "bf16"}


@pytest.mark.parametrize(("said", "meant"), NEAREST.items())
def test_unknown_names_suggest_the_nearest(said: str, meant: str) -> None:
    """Or all there are."""
    with pytest.raises(UsageError, match=f"no route is called '{said}'; did you mean {meant}\\?"):
        route_named(said)


def test_unknown_names_without_a_near_one_list_all() -> None:
    """And show no escapes."""
    for name in ("\x1b[2J", ""):
        with pytest.raises(UsageError, match=r"'; there are bf16, fp16, .*, q4_0$") as caught:
            route_named(name)
        assert "\x1b" not in str(caught.value)


def test_every_route_is_what_its_name_says() -> None:
    """Names, formats and sources fit together, and nothing is quantized in place but what was quantized before."""
    for name, route in ROUTES.items():
        assert route.name == name
        assert route.storage in FORMATS
        assert route.inplace == name.endswith("-inplace") == (route.source == route.storage)
        assert (route.source == "original") == (not route.inplace and "-from-" not in name)
        assert name.partition("-from-")[2] in ("", route.source)


@pytest.mark.parametrize(("dtype", "expected"), [("BF16", "bf16"), ("F16", "fp16"), ("F32", "bf16")])
def test_carriers_of_plain_bases(dtype: str, expected: str, tmp_path: Path) -> None:
    """Its own 16 bits, or else BF16."""
    assert carrier(plain(tmp_path, dtype)) == expected


def test_carriers_of_quantized_bases(tmp_path: Path) -> None:
    """What the 4-bit weights were, or what is beside the 8-bit ones."""
    assert carrier(in_four_bits(tmp_path / "a", dtype="float16")) == "fp16"
    assert carrier(in_four_bits(tmp_path / "b", dtype="bfloat16")) == "bf16"
    assert carrier(in_eight_bits(tmp_path / "c")) == "fp16"


@pytest.mark.models
@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("block", [32, 64, 128])
def test_bits_of_4_bit_formats(block: int, double: bool) -> None:
    """Counted: the bytes of all that is stored of a large weight."""
    torch: Any = pytest.importorskip("torch", reason="weights are torch tensors")
    matrix = torch.randn(512, 2048)
    for name in ("nf4", "fp4"):
        parts = format_named(name, block, double).store(matrix).parts
        held = [parts["codes"], parts["absmax"], *([parts["nested"].absmax] if double else [])]
        counted = sum(8 * tensor.numel() * tensor.element_size() for tensor in held) / matrix.numel()
        assert bits(name, Settings(block, double)) == pytest.approx(counted, rel=1e-3)


def test_bits_of_other_formats() -> None:
    """Counted: the bytes of a GGUF block of 32; the rest by name."""
    gguf: Any = pytest.importorskip("gguf", reason="its table of sizes is the reference")
    for name in ("q8_0", "q4_0"):
        entries, size = gguf.GGML_QUANT_SIZES[getattr(gguf.GGMLQuantizationType, name.upper())]
        assert bits(name, Settings()) == 8 * size / entries
    assert {name: bits(name, Settings()) for name in ("bf16", "fp16", "fp32", "int8", "fp8-e4m3")} == {
        "bf16": 16, "fp16": 16, "fp32": 32, "int8": 8, "fp8-e4m3": 8,
    }  # fmt: skip


# --- the precision of training ---

NAMED = {
    "unsloth/llama-3-8b-bnb-4bit": ("nf4", "named"),
    "someone/Llama-3-8B-NF4": ("nf4", "named"),
    "someone/llama-4bit": ("nf4", "named"),
    "someone/llama-fp4": ("fp4", "named"),
    "someone/llama-bnb-8bit": ("int8", "named"),
    "someone/llama-llm-int8": ("int8", "named"),
    "bnb-4bit/llama": ("bf16", "assumed"),
    "meta-llama/Llama-3.1-8B": ("bf16", "assumed"),
}


def told(adapter: Path, base: Base, given: str | None = None) -> tuple[str, str]:
    """What is told of an adapter."""
    from loradiag.adapters.opening import open_adapter

    return trained_on(open_adapter(adapter), base, plan_routes(base), carrier(base), given)


@pytest.mark.parametrize("name", NAMED)
def test_names_tell_the_precision_of_training(name: str, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """The last part of the base's name in the adapter."""
    adapter = make_adapter(config=peft_config(base_model_name_or_path=name))
    assert told(adapter, plain(tmp_path / "base")) == NAMED[name]


def test_the_precision_of_training_that_is_said_or_stored(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """What the user says comes first, then how the base is stored, then names."""
    adapter = make_adapter(config=peft_config(base_model_name_or_path="x/y-bnb-8bit"))
    base = in_four_bits(tmp_path / "stored-base")
    assert told(adapter, base, "fp32") == ("fp32", "given")
    assert told(adapter, base) == ("nf4", "stored")
    assert told(adapter, plain(tmp_path / "base")) == ("int8", "named")
    unsaid = make_adapter(name="unsaid", config=peft_config(base_model_name_or_path=None))
    assert told(unsaid, plain(tmp_path / "my-base-4bit")) == ("nf4", "named")
    assert told(unsaid, plain(tmp_path / "half", "F16")) == ("fp16", "assumed")
    assert set(PRECISIONS) <= set(ROUTES)
