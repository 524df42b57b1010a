"""Every method of PEFT: what it saves is read without a crash, and each tensor has one place and, where it has to, a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loradiag.adapters.model import Method
from tests.adapters import checks
from tests.adapters import peft_models as models

pytest.importorskip("torch", reason="PEFT's own modules are the reference")
peft = pytest.importorskip("peft", reason="PEFT's own modules are the reference")
pytest.importorskip("transformers", reason="the small Llama comes from transformers")

pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore")]

QV = ["q_proj", "v_proj"]
# What a method needs beyond target_modules=QV to fit the small model.
RECIPES: dict[str, dict[str, Any]] = {
    "PROMPT_TUNING": {"num_virtual_tokens": 4, "task_type": "CAUSAL_LM"},
    "MULTITASK_PROMPT_TUNING": {"num_virtual_tokens": 4, "num_tasks": 2, "task_type": "CAUSAL_LM"},
    "P_TUNING": {"num_virtual_tokens": 4, "encoder_hidden_size": 16, "task_type": "CAUSAL_LM"},
    "PREFIX_TUNING": {"num_virtual_tokens": 4, "task_type": "CAUSAL_LM"},
    "CARTRIDGE": {"num_virtual_tokens": 4, "task_type": "CAUSAL_LM"},
    "CPT": {"cpt_token_ids": [1, 2], "cpt_mask": [1, 1], "cpt_tokens_type_mask": [1, 1], "task_type": "CAUSAL_LM"},
    "ADAPTION_PROMPT": {"adapter_layers": 1, "adapter_len": 4, "task_type": "CAUSAL_LM"},
    "XLORA": {"hidden_size": 32, "adapters": {}, "task_type": "CAUSAL_LM"},
    "ADALORA": {"total_step": 10, "target_modules": QV},
    "IA3": {"target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
    "LN_TUNING": {"target_modules": ["input_layernorm"]},
    "TRAINABLE_TOKENS": {"token_indices": [1, 2], "target_modules": ["embed_tokens"]},
    "FOURIERFT": {"n_frequency": 20, "target_modules": QV},
    "WAVEFT": {"n_frequency": 20, "target_modules": QV},
    "VBLORA": {"vector_length": 16, "num_vectors": 20, "topk": 2, "target_modules": QV},
    "MISS": {"r": 4, "target_modules": QV},
    "PSOFT": {"r": 4, "target_modules": QV},
    "SHIRA": {"r": 2, "target_modules": QV},
    "ROAD": {"group_size": 8, "target_modules": QV},
    "C3A": {"block_size": 8, "target_modules": QV},
}
ANALYSED = {
    "LORA": Method.LORA,
    "ADALORA": Method.ADALORA,
    "LOHA": Method.LOHA,
    "LOKR": Method.LOKR,
    "VERA": Method.VERA,
    "IA3": Method.IA3,
    "PROMPT_TUNING": Method.PROMPT,
    "PREFIX_TUNING": Method.PROMPT,
    "P_TUNING": Method.PROMPT,
    "CPT": Method.PROMPT,
    "CARTRIDGE": Method.PROMPT,
}


@pytest.mark.parametrize("peft_type", [member.value for member in peft.PeftType])
def test_every_type_is_accounted_for(peft_type: str, tmp_path: Path) -> None:
    """Nothing that PEFT wrote is unexpected, and what is not analysed is said to be of its type."""
    config = peft.PEFT_TYPE_TO_CONFIG_MAPPING[peft_type]
    try:
        wrapped = models.trained(models.tiny_llama(), config(**RECIPES.get(peft_type, {"target_modules": QV})))
        adapter = models.saved(wrapped, tmp_path)
    except (ValueError, TypeError, AttributeError, ImportError) as error:
        pytest.skip(f"PEFT {peft.__version__} does not build {peft_type} on the small Llama: {error}")
    checks.assert_accounted(adapter)
    assert adapter.parts.unexpected == []
    assert adapter.parts.problems == []
    assert adapter.provenance.peft_type == peft_type
    assert adapter.layout_reason == f"adapter_config.json says peft_type {peft_type}"
    if peft_type in ANALYSED:
        assert {module.method for module in adapter.modules} == {ANALYSED[peft_type]}
        assert adapter.parts.unsupported == []
    else:
        assert adapter.parts.unsupported
        assert {row.reason for row in adapter.parts.unsupported} == {f"{peft_type} is not analysed"}


def test_ia3_vectors(tmp_path: Path) -> None:
    """A feed-forward vector scales inputs, the others scale outputs."""
    config = peft.IA3Config(**RECIPES["IA3"])
    adapter = models.saved(models.trained(models.tiny_llama(), config), tmp_path)
    shapes = {module.name.rpartition(".")[2]: (module.d_out, module.d_in) for module in adapter.modules}
    assert shapes == {"k_proj": (16, None), "down_proj": (None, 48)}


VARIANTS: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "KaSA": ({"kasa_config": ("KasaConfig", {})}, {"unsupported": 12}),
    "QALoRA": ({"use_qalora": True, "qalora_group_size": 4}, {"unsupported": 8}),
    "BD-LoRA": (
        {
            "use_bdlora": (
                "BdLoraConfig",
                {"target_modules_bd_a": ["q_proj"], "target_modules_bd_b": ["v_proj"], "nblocks": 2},
            )
        },
        {"unsupported": 8},
    ),
    "MonteCLoRA": ({"monteclora_config": ("MontecloraConfig", {})}, {"module": 8, "training": 16}),
    "VeLoRA": ({"velora_config": ("VeloraConfig", {"num_groups": 4})}, {"module": 8, "training": 4}),
    "aLoRA": ({"alora_invocation_tokens": [1, 2]}, {"module": 8}),
    "MiCA": ({"init_lora_weights": "mica"}, {"module": 8}),
    "bias of B": ({"lora_bias": True}, {"module": 8, "bias": 4}),
    "embeddings": ({"target_modules": ["embed_tokens", "lm_head", "q_proj"]}, {"module": 8, "saved": 2}),
    "saved modules": ({"modules_to_save": ["lm_head", "embed_tokens"]}, {"module": 8, "saved": 2}),
    "saved deep inside": ({"modules_to_save": ["mlp"]}, {"module": 8, "saved": 6}),
    "tokens": ({"trainable_token_indices": [1, 2]}, {"module": 8, "saved": 1}),
    "repeated layers": ({"layer_replication": [[0, 2], [1, 2]]}, {"module": 12}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_of_lora(name: str, tmp_path: Path) -> None:
    """Variants whose update is another formula are set aside; state of training, biases and saved layers are extras."""
    settings, expected = VARIANTS[name]
    try:
        built = {
            key: getattr(__import__("peft.tuners.lora.config", fromlist=["x"]), value[0])(**value[1])
            if isinstance(value, tuple)
            else value
            for key, value in settings.items()
        }
        config = peft.LoraConfig(**({"target_modules": QV} | built))
    except (AttributeError, TypeError) as error:
        pytest.skip(f"PEFT {peft.__version__} has no {name}: {error}")
    adapter = models.saved(models.trained(models.tiny_llama(), config), tmp_path)
    checks.assert_accounted(adapter)
    kinds = {extra.tensor.name: extra.kind for extra in adapter.parts.extras}
    found: dict[str, int] = {}
    for tensor, place in adapter.parts.places():
        key = kinds.get(tensor, place)
        found[key] = found.get(key, 0) + 1
    assert found == expected
    assert not adapter.parts.problems


def test_all_biases(tmp_path: Path) -> None:
    """``bias="all"`` saves the biases of the base, which are extras and no surprise."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=16, n_head=2, vocab_size=30, n_positions=8))
    config = peft.LoraConfig(r=2, target_modules=["c_attn"], bias="all", fan_in_fan_out=True)
    adapter = models.saved(models.trained(model, config), tmp_path)
    checks.assert_accounted(adapter)
    assert len(adapter.modules) == 1
    assert {extra.kind for extra in adapter.parts.extras} == {"bias"}
    assert not adapter.parts.unexpected


def test_classifier_is_saved(tmp_path: Path) -> None:
    """A sequence classifier's head is a saved layer although the user named none."""
    from transformers import LlamaConfig, LlamaForSequenceClassification

    small = LlamaConfig(
        vocab_size=60, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, pad_token_id=0
    )
    config = peft.LoraConfig(r=2, target_modules=QV, task_type="SEQ_CLS")
    adapter = models.saved(models.trained(LlamaForSequenceClassification(small), config), tmp_path)
    checks.assert_accounted(adapter)
    assert [(extra.kind, extra.module) for extra in adapter.parts.extras] == [("saved", "score.weight")]
