"""Targets resolve to what PEFT resolves them to: its own function says so, and what it wraps in real models."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.adapters.model import Adapter
from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.reach import plan_of, reach
from loradiag.analyzers.targeting import Names, resolve
from loradiag.bases.model import Base
from loradiag.bases.opening import open_base
from loradiag.core.reach import Reach
from tests.adapters.peft_models import peft_layers, tiny_llama
from tests.conftest import FIXTURES

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")  # PEFT's advice

NAMES = [
    f"{head}.{place}"
    for head in ("model.layers.0", "model.layers.1", "model.layers.11", "layers.1", "vision.blocks.1")
    for place in (
        "self_attn.q_proj",
        "self_attn.k_proj",
        "mlp.down_proj",
        "mlp.experts.3.down_proj",
        "mlp.experts.11.w1",
    )
] + ["lm_head", "model.embed_tokens", "score", "q_proj", "encoder.block.2.layer.1.DenseReluDense.wo"]

CONFIGS: list[dict[str, Any]] = [
    {"target_modules": ["q_proj", "down_proj"]},
    {"target_modules": ["proj"]},
    {"target_modules": ["model.layers.1.self_attn.q_proj", "experts.3.down_proj", "q_proj"]},
    {"target_modules": ["q_proj", "score", "embed_tokens"], "exclude_modules": ["layers.1.self_attn.q_proj", "score"]},
    {"target_modules": r".*\.(q|k)_proj"},
    {"target_modules": r".*layers\.(1|11)\..*_proj"},
    {"target_modules": r"model\.layers\.[0-9]+\.mlp\.(?!experts).*"},
    {"target_modules": r".*experts\.\d{2}\.w1"},
    {"target_modules": "q_proj"},
    {"target_modules": r".*_proj", "exclude_modules": r".*experts.*"},
    {"target_modules": ["q_proj", "w1"], "layers_to_transform": [1]},
    {"target_modules": ["q_proj", "w1"], "layers_to_transform": 11},
    {"target_modules": ["q_proj", "w1"], "layers_to_transform": []},
    {"target_modules": ["q_proj", "wo"], "layers_to_transform": [1, 2], "layers_pattern": ["blocks", "block"]},
    {"target_modules": ["q_proj", "down_proj"], "layers_to_transform": [3], "layers_pattern": "experts"},
    {"target_modules": ["q_proj", "down_proj"], "modules_to_save": ["lm_head", "layers.1", "score"]},
    {"target_modules": ["q_proj", "down_proj"], "modules_to_save": [r"model.layers.\d\d"]},
]

TARGETS = {
    "names": {"target_modules": ["q_proj", "v_proj"]},
    "all": {"target_modules": "all-linear"},
    "regex": {"target_modules": r".*layers\.1\..*(gate|up)_proj"},
    "layers": {"target_modules": ["down_proj"], "layers_to_transform": [1]},
    "patterned": {"target_modules": ["down_proj"], "layers_to_transform": [0], "layers_pattern": "layers"},
    "embedding": {"target_modules": ["embed_tokens", "q_proj"], "exclude_modules": ["layers.0.self_attn.q_proj"]},
    "head": {"target_modules": ["q_proj", "lm_head"], "modules_to_save": ["embed_tokens"]},
}


def resolved(config: dict[str, Any], names: Names) -> set[str]:
    """All that the targets mean together."""
    return {name for entry in resolve(config, names) for name in entry.names}


def as_dict(config: Any) -> dict[str, Any]:
    """What PEFT would write of a configuration before it has seen the model."""
    values = config.to_dict()
    return {key: sorted(value) if isinstance(value, set) else value for key, value in values.items()}


@pytest.mark.models
@pytest.mark.parametrize("settings", CONFIGS, ids=str)
def test_agrees_with_pefts_own_function(settings: dict[str, Any]) -> None:
    """Name by name, ``check_target_module_exists`` says the same."""
    from peft import LoraConfig
    from peft.tuners.tuners_utils import check_target_module_exists

    wanted = {name for name in NAMES if check_target_module_exists(LoraConfig(**settings), name)}
    assert resolved(settings, Names(NAMES, NAMES, [])) == wanted


@pytest.mark.models
@given(
    targets=st.lists(
        st.sampled_from(["q_proj", "w1", "mlp.down_proj", "layers.1.self_attn.k_proj", "lm_head", "wo", "1"])
    ),
    excluded=st.lists(st.sampled_from(["experts.3.down_proj", "layers.11.self_attn.q_proj", "w1"]), max_size=2),
    saved=st.lists(st.sampled_from(["lm_head", "experts", "model", "self_attn", "proj"]), max_size=1),
    layers=st.none() | st.integers(0, 12) | st.lists(st.integers(0, 12), max_size=3),
    pattern=st.sampled_from([None, "layers", "blocks", ["experts", "layers"], []]),
)
def test_agrees_with_peft_on_any_combination(
    targets: list[str], excluded: list[str], saved: list[str], layers: Any, pattern: Any
) -> None:
    """Whatever is combined with whatever."""
    from peft import LoraConfig
    from peft.tuners.tuners_utils import check_target_module_exists

    settings = {
        "target_modules": targets,
        "exclude_modules": excluded,
        "modules_to_save": saved,
        "layers_to_transform": layers,
    }
    config = LoraConfig(target_modules=targets, exclude_modules=excluded, modules_to_save=saved)
    config.layers_to_transform, config.layers_pattern = layers, pattern  # past the checks of the constructor
    wanted = {name for name in NAMES if check_target_module_exists(config, name)}
    assert resolved({**settings, "layers_pattern": pattern}, Names(NAMES, NAMES, [])) == wanted


def stored(model: Any, folder: Path) -> Base:
    """Save a model as transformers saves it, and open it as a base."""
    model.save_pretrained(folder / "base")
    return open_base(folder / "base")


def wrapped(model: Any, config: Any, folder: Path) -> tuple[set[str], Adapter]:
    """What PEFT wraps in a model, and the adapter as it saves it."""
    from peft import get_peft_model

    peft_model = get_peft_model(model, config)
    peft_model.save_pretrained(folder / "adapter")
    return set(peft_layers(peft_model)), open_adapter(folder / "adapter")


def names_of(base: Base) -> Names:
    """The names of a base whose checkpoint calls everything as the model does."""
    plan = plan_of(base)
    return Names([*plan.plain, *plan.others], plan.plain, [*base.shapes])


def measured(adapter: Adapter, base: Base) -> Reach:
    """Reach, which there is as there is a base."""
    found = reach(Inspection(adapter, base=base))
    assert found is not None
    return found


def assert_whole(found: Reach) -> None:
    """Every module has its weight, and everything that the targets mean is adapted."""
    assert (found.absent, found.mismatched, found.skipped) == ([], [], [])
    assert all(target.resolved == target.adapted for target in found.targets)


@pytest.mark.models
@pytest.mark.parametrize("settings", TARGETS.values(), ids=TARGETS)
def test_resolves_what_peft_wraps_in_the_fixture(settings: dict[str, Any], tmp_path: Path) -> None:
    """A Llama with a head of its own, from its checkpoint."""
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM

    base = open_base(FIXTURES / "base")
    model = AutoModelForCausalLM.from_pretrained(FIXTURES / "base")
    config = LoraConfig(**settings, r=2, task_type="CAUSAL_LM")
    expected = as_dict(config)
    layers, adapter = wrapped(model, config, tmp_path)
    assert resolved(expected, names_of(base)) == layers
    assert_whole(measured(adapter, base))


def gpt2() -> Any:
    """GPT-2, whose checkpoint keeps [in, out] and whose head is tied."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=60, n_positions=16))


def t5() -> Any:
    """An encoder and a decoder that share an embedding, and tables of relative positions."""
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(T5Config(d_model=32, d_ff=48, d_kv=8, num_layers=2, num_heads=4, vocab_size=60))


def bart() -> Any:
    """Encoder and decoder of layers alike, with tables of positions."""
    from transformers import BartConfig, BartForConditionalGeneration

    sizes = {"encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "encoder_attention_heads": 4, "decoder_attention_heads": 4}
    settings = BartConfig(
        d_model=32, vocab_size=60, encoder_layers=2, decoder_layers=2, max_position_embeddings=16, **sizes
    )
    return BartForConditionalGeneration(settings)


def bert_classifier() -> Any:
    """A classifier: PEFT leaves its head alone."""
    from transformers import BertConfig, BertForSequenceClassification

    settings = BertConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, vocab_size=60
    )
    return BertForSequenceClassification(settings)


def neox() -> Any:
    """A fused attention weight, and a head of another name."""
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    settings = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    return GPTNeoXForCausalLM(GPTNeoXConfig(**settings, vocab_size=60))


MODELS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "llama-tied": (lambda: tiny_llama(tie_word_embeddings=True), {"target_modules": "all-linear"}),
    "gpt2-all": (gpt2, {"target_modules": "all-linear", "fan_in_fan_out": True}),
    "gpt2-names": (gpt2, {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True}),
    "gpt2-embeddings": (gpt2, {"target_modules": ["c_attn", "wte", "wpe"], "fan_in_fan_out": True}),
    "t5-all": (t5, {"target_modules": "all-linear", "task_type": "SEQ_2_SEQ_LM"}),
    "t5-names": (t5, {"target_modules": ["q", "v"], "layers_to_transform": [1], "layers_pattern": "block"}),
    "t5-regex": (t5, {"target_modules": r"decoder\..*(EncDecAttention|SelfAttention)\.(q|v)"}),
    "bart-all": (bart, {"target_modules": "all-linear"}),
    "bart-names": (bart, {"target_modules": ["q_proj", "fc1"], "exclude_modules": r".*decoder.*fc1"}),
    "bert-classifier": (bert_classifier, {"target_modules": "all-linear", "task_type": "SEQ_CLS"}),
    "neox-all": (neox, {"target_modules": "all-linear"}),
}


@pytest.mark.models
@pytest.mark.parametrize(("make", "settings"), MODELS.values(), ids=MODELS)
def test_resolves_what_peft_wraps(make: Callable[[], Any], settings: dict[str, Any], tmp_path: Path) -> None:
    """Models of several families, saved by transformers, wrapped by PEFT: our names are the wrapped ones."""
    from peft import LoraConfig

    model = make()
    base = stored(model, tmp_path)
    config = LoraConfig(**settings, r=2)
    expected = as_dict(config)
    layers, adapter = wrapped(model, config, tmp_path)
    found = measured(adapter, base)
    assert_whole(found)
    assert {module.name for module in adapter.modules} == layers
    if "neox" not in make.__name__:  # whose checkpoint calls the head embed_out
        assert resolved(expected, names_of(base)) == layers


def mixtral() -> Any:
    """Experts that the checkpoint calls w1, w2, w3 of block_sparse_moe, and the model a stack of mlp."""
    from transformers import MixtralConfig, MixtralForCausalLM

    settings = {"num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2}
    return MixtralForCausalLM(MixtralConfig(**SMALL, **settings))


def qwen3_moe() -> Any:
    """Experts stored one by one, stacked in the model; the first layer has none."""
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

    settings = {"num_key_value_heads": 2, "num_experts": 4, "moe_intermediate_size": 24, "mlp_only_layers": [0]}
    return Qwen3MoeForCausalLM(Qwen3MoeConfig(**SMALL, **settings, head_dim=8))


def gpt_oss() -> Any:
    """Experts stored as a stack of [in, out]."""
    from transformers import GptOssConfig, GptOssForCausalLM

    settings = {"num_key_value_heads": 2, "num_local_experts": 4, "head_dim": 8}
    return GptOssForCausalLM(GptOssConfig(**(SMALL | {"intermediate_size": 32}), **settings))


SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 60,
    "pad_token_id": 0,
}
EXPERTS = ["experts.gate_up_proj", "experts.down_proj"]
MIXTURES: dict[str, tuple[Callable[[], Any], dict[str, Any], int, int]] = {
    "mixtral": (mixtral, {"target_modules": ["q_proj"], "target_parameters": EXPERTS}, 24, 24),
    "mixtral-attention": (mixtral, {"target_modules": ["q_proj", "v_proj"]}, 24, 0),
    "mixtral-old-names": (mixtral, {"target_modules": ["q_proj", "w1", "w2", "w3"]}, 24, 24),
    "mixtral-all": (mixtral, {"target_modules": "all-linear"}, 24, 24),
    "qwen3-one": (qwen3_moe, {"target_modules": ["q_proj"], "target_parameters": EXPERTS[:1]}, 12, 8),
    "qwen3-only": (qwen3_moe, {"target_modules": [], "target_parameters": EXPERTS}, 12, 12),
    "gpt-oss": (gpt_oss, {"target_modules": ["q_proj"], "target_parameters": EXPERTS}, 16, 16),
}


@pytest.mark.models
@pytest.mark.parametrize(("make", "settings", "experts", "expected"), MIXTURES.values(), ids=MIXTURES)
def test_experts_are_found(
    make: Callable[[], Any], settings: dict[str, Any], experts: int, expected: int, tmp_path: Path
) -> None:
    """Mixtures: what PEFT adapts of their experts is found in the checkpoint, however that stores them."""
    from peft import LoraConfig

    model = make()
    base = stored(model, tmp_path)
    _, adapter = wrapped(model, LoraConfig(**settings, r=2), tmp_path)
    found = measured(adapter, base)
    assert_whole(found)
    assert (found.experts, found.experts_reached) == (experts, expected)


EXPRESSIONS = st.lists(
    st.sampled_from(
        [
            r"layers\.",
            r"\d+",
            "[0-9]+",
            "(1|2)",
            "[2-5]",
            "[a-z0-9]+",
            r"\d{2}",
            "1?",
            r"\.q",
            ".*",
            r"[^3]",
            "[{2}]",
            r"\062",
        ]
    ),
    min_size=1,
    max_size=5,
).map("".join)


@given(EXPRESSIONS, st.lists(st.from_regex(r"layers\.[0-9]{1,3}\.q", fullmatch=True), max_size=6))
def test_digits_are_told_apart_where_the_expression_does(expression: str, names: list[str]) -> None:
    """One name speaks for others only if the expression cannot tell."""
    wanted = {name for name in names if re.fullmatch(expression, name)}
    assert resolved({"target_modules": expression}, Names(names, names, [])) == wanted
