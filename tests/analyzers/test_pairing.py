"""Which weight of the base a module changes: prefixes, transposes, tied heads, experts, what is packed or fused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.pairing import Pair, Pairing, Renaming, find_renaming, pair, ties_embeddings
from loradiag.bases.opening import open_base
from tests.analyzers.small import Shapes, factors, llama_shapes, write_base
from tests.conftest import MakeAdapter


def pairing(make: MakeAdapter, tmp: Path, arrays: Any, shapes: Shapes, **settings: Any) -> Pairing:
    """Pair an adapter of these tensors with a base of these shapes. ``config``: the base's; others are the adapter's."""
    config = settings.pop("config", {})
    base = open_base(write_base(tmp / "base", shapes, **config))
    return pair(open_adapter(make(arrays, **settings)), base)


def by_name(found: Pairing) -> dict[str, Pair]:
    """Pairs by the name of the module."""
    return {pair.module.name: pair for pair in found.pairs}


@pytest.mark.parametrize("prefix", ["", "model.", "language_model.model.", "transformer.", "model.language_model."])
def test_beginnings_of_names_may_differ(make_adapter: MakeAdapter, tmp_path: Path, prefix: str) -> None:
    """A checkpoint of the bare model, or of one inside another, has the same weights."""
    found = pairing(make_adapter, tmp_path, None, llama_shapes(prefix=prefix))
    assert [pair.reason for pair in found.pairs] == [None] * 8
    assert {pair.weight.name for pair in found.pairs if pair.weight} == {
        f"{prefix}layers.{layer}.self_attn.{leaf}.weight" for layer in range(4) for leaf in ("q_proj", "v_proj")
    }
    assert found.renaming.back(f"{prefix}layers.0.mlp.up_proj") == "model.layers.0.mlp.up_proj"
    assert found.renaming.back("lm_head") == "lm_head"


def test_two_towers_are_translated_apart(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Qwen2-VL as transformers names it since 4.52 and as its checkpoint does."""
    arrays = factors(
        {f"model.language_model.layers.{layer}.self_attn.q_proj": (32, 48) for layer in range(3)}
        | {f"model.visual.blocks.{layer}.attn.qkv": (24, 16) for layer in range(2)}
        | {"lm_head": (60, 48), "model.language_model.embed_tokens": (48, 60)}
    )
    shapes = {f"model.layers.{layer}.self_attn.q_proj.weight": (32, 48) for layer in range(3)}
    shapes |= {f"visual.blocks.{layer}.attn.qkv.weight": (24, 16) for layer in range(2)}
    shapes |= {"lm_head.weight": (60, 48), "model.embed_tokens.weight": (60, 48)}
    found = pairing(make_adapter, tmp_path, arrays, shapes)
    assert {pair.reason for pair in found.pairs} == {None}
    assert {pair.weight.name for pair in found.pairs if pair.weight} == set(shapes)


def test_encoder_is_not_taken_for_the_decoder(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Both have a block.0; the translation that serves all names is right."""
    stems = ("encoder.block.0.layer.0.SelfAttention.q", "decoder.block.0.layer.0.SelfAttention.q")
    shapes = {f"model.{stem}.weight": (32, 48) for stem in stems}
    found = pairing(make_adapter, tmp_path, factors(dict.fromkeys(stems, (32, 48))), shapes)
    assert [pair.weight.name for pair in found.pairs if pair.weight] == list(shapes)


def test_gpt2_is_transposed_even_where_it_is_square(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Conv1D keeps [in, out]; the square c_proj shows nothing of it by its shape."""
    shapes = {"h.0.attn.c_attn.weight": (48, 96), "h.0.attn.c_proj.weight": (48, 48), "h.0.ln_1.weight": (48,)}
    arrays = factors({"transformer.h.0.attn.c_attn": (96, 48), "transformer.h.0.attn.c_proj": (48, 48)})
    found = pairing(make_adapter, tmp_path, arrays, shapes, config={"model_type": "gpt2"})
    assert [pair.transposed for pair in found.pairs] == [True, True]
    other = pairing(
        lambda *args, **kwargs: make_adapter(*args, name="other", **kwargs),
        tmp_path,
        arrays,
        shapes,
        config={"model_type": "x"},
    )
    assert [pair.transposed for pair in other.pairs] == [True, False]


@pytest.mark.parametrize("rows", [60, 48])
def test_embedding_updates_are_transposed(make_adapter: MakeAdapter, tmp_path: Path, rows: int) -> None:
    """Their product is [dim, tokens], also where that is a square."""
    stem = "base_model.model.model.embed_tokens.lora_embedding"
    arrays = {f"{stem}_A": np.ones((2, rows)), f"{stem}_B": np.ones((48, 2))}
    (found,) = pairing(make_adapter, tmp_path, arrays, llama_shapes(rows=rows)).pairs
    assert found.transposed
    assert found.covers == ("model.embed_tokens",)


@pytest.mark.parametrize(
    ("config", "own_head", "tied"),
    [
        ({"tie_word_embeddings": True}, False, True),
        ({"tie_word_embeddings": True}, True, True),
        ({"tie_word_embeddings": False}, False, False),
        ({"tie_word_embeddings": None}, False, True),
        ({"tie_word_embeddings": None}, True, False),
    ],
)
def test_tied_heads_are_the_embedding(
    make_adapter: MakeAdapter, tmp_path: Path, config: dict[str, Any], own_head: bool, tied: bool
) -> None:
    """Said by the configuration, or else by the head's absence."""
    shapes = dict(llama_shapes())
    if not own_head:
        del shapes["lm_head.weight"]
    (found,) = pairing(make_adapter, tmp_path, factors({"lm_head": (60, 48)}), shapes, config=config).pairs
    assert ties_embeddings(open_base(tmp_path / "base")) == tied
    expected = "lm_head.weight" if own_head else "model.embed_tokens.weight" if tied else None
    assert (found.weight.name if found.weight else None) == expected
    assert found.reason == (None if expected else "absent")


EXPERTS = "model.layers.0.mlp.experts"


def stacked_adapter(make: MakeAdapter, tmp: Path, shapes: Shapes, **config: Any) -> list[Pair]:
    """LoRA on four experts of gate_up [64, 48]."""
    arrays = {
        f"base_model.model.{EXPERTS}.lora_A.weight": np.ones((8, 48)),
        f"base_model.model.{EXPERTS}.lora_B.weight": np.ones((64, 8)),
    }
    settings = {"target_modules": [], "target_parameters": ["gate_up_proj"], "r": 2}
    return pairing(make, tmp, arrays, shapes, config=config, **settings).pairs


def test_an_expert_is_a_slice_of_the_stack(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Expert 2 of a stack begins with row 2·out and holds that slice."""
    found = stacked_adapter(make_adapter, tmp_path, {f"{EXPERTS}.gate_up_proj": (4, 64, 48)})
    base = open_base(tmp_path / "base")
    whole = base.tensors[f"{EXPERTS}.gate_up_proj"].read().reshape(4, 64, 48)
    assert len(found) == 4
    for index, pair_ in enumerate(found):
        assert pair_.weight is not None
        assert pair_.covers == (f"{EXPERTS}.gate_up_proj.{index}",)
        np.testing.assert_array_equal(pair_.weight.read(0, 64), whole[index])


@pytest.mark.parametrize(("gate", "up"), [("gate_proj", "up_proj"), ("w1", "w3")])
@pytest.mark.parametrize("holder", ["mlp", "block_sparse_moe"])
def test_single_experts_stand_for_the_stack(
    make_adapter: MakeAdapter, tmp_path: Path, gate: str, up: str, holder: str
) -> None:
    """Gate above up, as transformers concatenates them."""
    stem = f"model.layers.0.{holder}.experts"
    shapes = {f"{stem}.{index}.{leaf}.weight": (32, 48) for index in range(4) for leaf in (up, gate)}
    found = stacked_adapter(make_adapter, tmp_path, shapes)
    tensors = open_base(tmp_path / "base").tensors
    for index, pair_ in enumerate(found):
        assert pair_.weight is not None
        assert pair_.covers == (f"{stem}.{index}.{gate}", f"{stem}.{index}.{up}")
        parts = [tensors[f"{name}.weight"].read().reshape(32, 48) for name in pair_.covers]
        np.testing.assert_array_equal(pair_.weight.read(0, 64), np.concatenate(parts))


def test_experts_of_gpt_oss_are_transposed(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """It keeps [in, out], which the square down_proj does not show."""
    arrays = {
        f"base_model.model.{EXPERTS}.lora_A.weight": np.ones((8, 48)),
        f"base_model.model.{EXPERTS}.lora_B.weight": np.ones((48, 8)),
    }
    settings = {"target_modules": [], "target_parameters": ["mlp.experts.down_proj"], "r": 2}
    shapes = {f"{EXPERTS}.down_proj": (4, 48, 48)}
    found = pairing(make_adapter, tmp_path, arrays, shapes, config={"model_type": "gpt_oss"}, **settings)
    assert [pair.transposed for pair in found.pairs] == [True] * 4


def test_bare_target_parameters_leave_linear_layers_alone(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """PEFT 0.21 writes gate_up_proj and down_proj without their parent; q_proj has no such parameter."""
    arrays = factors({"model.layers.0.self_attn.q_proj": (32, 48)})
    settings = {"target_parameters": ["down_proj", "gate_up_proj"], "r": 2}
    (found,) = pairing(make_adapter, tmp_path, arrays, llama_shapes(), **settings).pairs
    assert found.module.name == "model.layers.0.self_attn.q_proj"


def test_packed_weights_are_there_by_name(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """GPTQ keeps qweight, scales and g_idx in the place of a weight."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (60, 48)}
    for layer in range(4):
        stem = f"model.layers.{layer}.self_attn"
        shapes |= {f"{stem}.{leaf}.{part}": (6, 32) for leaf in ("q_proj", "v_proj") for part in ("qweight", "scales")}
    found = pairing(make_adapter, tmp_path, None, shapes)
    assert {pair.reason for pair in found.pairs} == {"packed"}
    assert found.pairs[0].covers == ("model.layers.0.self_attn.q_proj",)


def test_parts_of_a_fused_weight_are_told_from_absent_ones(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """The projections of an enable_lora adapter are thirds of c_attn."""
    arrays = {
        "base_model.model.h.0.attn.c_attn.lora_A.weight": np.ones((4, 48)),
        "base_model.model.h.0.attn.c_attn.lora_B.weight": np.ones((96, 2, 1)),
    }
    settings = {"enable_lora": [True, False, True], "r": 2, "target_modules": ["c_attn"]}
    found = by_name(pairing(make_adapter, tmp_path, arrays, {"h.0.attn.c_attn.weight": (48, 144)}, **settings))
    assert {name: (pair.reason, pair.covers) for name, pair in found.items()} == {
        f"h.0.attn.c_attn.{part}": ("part", ("h.0.attn.c_attn",)) for part in ("q", "v")
    }


def test_shapes_that_differ_are_shown_as_out_and_in(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """What the base has under the name comes along."""
    found = pairing(make_adapter, tmp_path, None, llama_shapes(layers=5, d_in=40))
    assert {(pair.reason, pair.shape) for pair in found.pairs} == {("shape", (32, 40))}


def test_prompts_change_no_weight(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Virtual tokens are missing from no base."""
    arrays = {"prompt_embeddings": np.ones((8, 48))}
    found = pairing(make_adapter, tmp_path, arrays, llama_shapes(), peft_type="PROMPT_TUNING")
    assert [pair.reason for pair in found.pairs] == ["prompt"]


WORDS = st.sampled_from(["model", "transformer", "language_model", "visual", "base"])
HEADS = st.lists(WORDS, max_size=3).map(lambda words: "".join(f"{word}." for word in words))


@given(theirs=HEADS, ours=HEADS, layers=st.integers(1, 4), more=st.booleans())
def test_any_beginning_is_found(theirs: str, ours: str, layers: int, more: bool) -> None:
    """Whatever stands before the layers on either side, each name leads to its own and back."""
    tails = [f"layers.{layer}.self_attn.q_proj" for layer in range(layers)]
    stems = [f"{ours}{tail}" for tail in tails] + (["lm_head", f"{ours}embed_tokens"] if more else [])
    renaming = find_renaming([f"{theirs}{tail}" for tail in tails], [f"{stem}.weight" for stem in stems])
    assert [renaming(f"{theirs}{tail}") for tail in tails] == stems[:layers]
    assert [renaming.back(stem) for stem in stems[:layers]] == [f"{theirs}{tail}" for tail in tails]


@given(names=st.lists(st.text(".01ab", max_size=12)), shapes=st.lists(st.text(".01ab", max_size=12)))
def test_no_name_upsets_it(names: list[str], shapes: list[str]) -> None:
    """Odd names lead to some translation, or to none."""
    assert isinstance(find_renaming(names, shapes), Renaming)
