"""The promise behind every verdict: each tensor of a file has exactly one place, whatever the file is like."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.adapters import checks
from tests.adapters.hostile import entry, safetensors_bytes

ENDINGS = """
    lora_A.weight lora_B.weight lora_A lora_B lora_B.bias lora_E lora_embedding_A lora_embedding_B lora_magnitude_vector
    lora_diag lora_A.default.weight lora_down.weight lora_up.weight lora_mid.weight alpha dora_scale scalar diff hada_w1_a
    hada_w1_b hada_w2_a hada_w2_b hada_t1 lokr_w1 lokr_w1_a lokr_w1_b lokr_w2 lokr_w2_a lokr_w2_b lokr_t2 vera_lambda_b
    vera_lambda_d vera_A ia3_l prompt_embeddings lora_a lora_b m lora.down.weight lora.up.weight weight original_module.lora_A
    modules_to_save.weight trainable_tokens_delta oft_R.weight base_layer.weight
"""
STEMS = ["base_model.model.q_proj", "q_proj", "lora_unet_mid_block_x", "a.mlp.experts", "a.mlp.experts.base_layer"]
WHOLE = [
    "base_model.vera_A",
    "base_model.vera_B",
    "vera_A",
    "w_a_000",
    "w_b_000",
    "unet:0:up",
    "unet:0:down",
    "<s1>",
    "list:0",
    "x",
]
SHAPES = [
    [],
    [0],
    [1],
    [2],
    [3],
    [2, 3],
    [3, 2],
    [2, 2],
    [4, 3],
    [3, 4],
    [0, 3],
    [3, 0],
    [1, 1],
    [2, 2, 3],
    [2, 3, 2],
    [2, 2, 1, 1],
    [0, 2, 3],
    [2, 0, 3],
    [1 << 40, 0],
    [1 << 40, 2, 0],
]
SIZES = {"F32": 4, "BF16": 2, "F16": 2, "F64": 8, "I8": 1, "F8_E4M3": 1, "C64": 8}

NAMES = st.builds("{}.{}".format, st.sampled_from(STEMS), st.sampled_from(ENDINGS.split())) | st.sampled_from(WHOLE)
DTYPES = st.sampled_from([*["F32"] * 8, *SIZES])
STRAYS = st.dictionaries(NAMES, st.tuples(st.sampled_from(SHAPES), DTYPES), max_size=8)

# Modules that fit together, so that whole ones meet broken ones.
_Q, _U = "base_model.model.q_proj", "lora_unet_mid_block_x"
KITS: list[dict[str, list[int]]] = [
    {f"{_Q}.lora_A.weight": [2, 3], f"{_Q}.lora_B.weight": [4, 2]},
    {f"{_Q}.lora_A": [2, 3], f"{_Q}.lora_B": [4, 2], f"{_Q}.lora_E": [2, 1]},
    {f"{_Q}.vera_lambda_b": [4], f"{_Q}.vera_lambda_d": [2], "base_model.vera_A": [2, 3], "base_model.vera_B": [4, 2]},
    {"a.mlp.experts.lora_A.weight": [4, 3], "a.mlp.experts.lora_B.weight": [3, 4]},
    {"a.mlp.experts.base_layer.lora_A.weight": [4, 3], "a.mlp.experts.base_layer.lora_B.weight": [3, 4]},
    {f"{_U}.lora_down.weight": [2, 3], f"{_U}.lora_up.weight": [4, 2], f"{_U}.alpha": []},
    {f"{_U}.hada_w1_a": [4, 2], f"{_U}.hada_w1_b": [2, 3], f"{_U}.hada_w2_a": [4, 2], f"{_U}.hada_w2_b": [2, 3]},
    {f"{_U}.lokr_w1": [2, 2], f"{_U}.lokr_w2_a": [2, 2], f"{_U}.lokr_w2_b": [2, 2], f"{_U}.alpha": [1]},
    {"a.mlp.experts.lora_a": [2, 2, 3], "a.mlp.experts.lora_b": [2, 3, 2]},
    {"q_proj.lora_a": [3, 2], "q_proj.lora_b": [2, 4]},
    {"q_proj.lora.down.weight": [2, 3], "q_proj.lora.up.weight": [4, 2], "q_proj.alpha": []},
    {"w_a_000": [2, 3], "w_b_000": [4, 2], "unet:0:down": [2, 3], "unet:0:up": [4, 2]},
]


@st.composite
def files(draw: st.DrawFn) -> dict[str, tuple[list[int], str]]:
    """Some whole modules, some of their tensors lost, and strays of any kind and shape."""
    whole = {name: shape for kit in draw(st.lists(st.sampled_from(KITS), max_size=4)) for name, shape in kit.items()}
    lost = draw(st.sets(st.sampled_from(sorted(whole)), max_size=2)) if whole else set()
    kept = {name: (shape, draw(DTYPES)) for name, shape in whole.items() if name not in lost}
    strays = draw(STRAYS)
    mixed = kept | {name: tensor for name, tensor in strays.items() if name not in kept}
    return {name: mixed[name] for name in draw(st.permutations(sorted(mixed)))}


ODD = st.none() | st.booleans() | st.just("text") | st.just([1]) | st.just({"a": {}}) | st.floats()
PATTERN = st.dictionaries(st.sampled_from(["q_proj", ".*", "(", "a|b", "(a+)+"]), st.integers(0, 4) | ODD, max_size=2)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "peft_type": st.sampled_from(["LORA", "LORA", "ADALORA", "VERA", "OFT", 7]),
        "r": st.integers(1, 3) | ODD,
        "init_r": st.integers(1, 3) | ODD,
        "lora_alpha": st.integers(-2, 4) | ODD,
        "rank_pattern": PATTERN | ODD,
        "alpha_pattern": PATTERN | ODD,
        "target_parameters": st.just(["mlp.experts.down_proj", "mlp.experts.up_proj"]) | ODD,
        "modules_to_save": st.just(["q_proj"]) | ODD,
        "enable_lora": st.just([True, False, True]) | ODD,
        "use_qalora": ODD,
        "bias": st.sampled_from(["all", "none", 3]),
        "lora_parameters": st.fixed_dictionaries({}, optional={"rank": ODD, "scale": ODD, "alpha": ODD}) | ODD,
        "base_model_name_or_path": ODD,
    },
)


def file_of(tensors: dict[str, tuple[list[int], str]], seed: int) -> bytes:
    """A safetensors file with random bytes for values."""
    header, offset = {}, 0
    for name, (shape, dtype) in tensors.items():
        end = offset + int(np.prod(shape)) * SIZES[dtype]
        header[name] = entry(shape, [offset, end], dtype)
        offset = end
    body = np.random.default_rng(seed).integers(0, 256, offset, dtype=np.uint8).tobytes()
    return safetensors_bytes(header, body)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files(), st.none() | CONFIGS, st.integers(0, 2**32))
def test_every_tensor_has_one_place(tensors: dict[str, Any], config: dict[str, Any] | None, seed: int) -> None:
    """Any tensors, of any shapes, with any configuration: refused as a whole, or each tensor in one place."""
    text = None if config is None else json.dumps(config).encode()
    adapter = checks.survives(file_of(tensors, seed), config=text, measured=False)
    event(
        "refused" if adapter is None else f"{adapter.layout}: {sorted({place for _, place in adapter.parts.places()})}"
    )


@pytest.mark.parametrize("count", [0, 1 << 40])
@pytest.mark.parametrize(
    "shapes",
    [
        {"a.mlp.experts.lora_a": [2, 0, 3], "a.mlp.experts.lora_b": [2, 3, 0]},
        {"a.mlp.experts.lora_a": [2, 0], "a.mlp.experts.lora_b": [2, 3, 0]},
        {"a.mlp.experts.lora_A.weight": [2, 0], "a.mlp.experts.lora_B.weight": [0, 2]},
        {"a.mlp.experts.base_layer.lora_A.weight": [2, 0], "a.mlp.experts.base_layer.lora_B.weight": [0, 2]},
    ],
)
def test_stacks_without_an_entry(shapes: dict[str, list[int]], count: int) -> None:
    """A header that claims a million million experts of no size has each of its tensors in one place, at once."""
    claimed = {name: ([count if extent == 2 else extent for extent in shape], "F32") for name, shape in shapes.items()}
    config = {"peft_type": "LORA", "r": 8, "target_parameters": ["mlp.experts.down_proj", "mlp.experts.up_proj"]}
    text = None if "a.mlp.experts.lora_a" in shapes else json.dumps(config).encode()
    adapter = checks.survives(file_of(claimed, 0), config=text)
    assert adapter is not None
    assert set(adapter.parts.broken) == set(shapes)


# Tensors that are meant to be in one another's way: a slot taken twice, a stack over a single expert, a shared projection.
CLASHES = [
    {"base_model.model.q.lora_A.weight": [2, 3], "base_model.model.q.lora_A.default.weight": [2, 3]},
    {"q.lora_A.weight": [2, 3], "base_model.model.q.lora_A.weight": [2, 3], "base_model.model.q.lora_B.weight": [4, 2]},
    {"x.lora_a": [3, 2, 4], "x.lora_b": [3, 5, 2], "x.experts.1.lora_a": [4, 2]},
    {"x.experts.1.lora_a": [4, 2], "x.lora_a": [3, 2, 4], "x.lora_b": [3, 5, 2]},
    {"base_model.vera_A": [2, 3], "base_model.model.q.vera_lambda_b": [4], "base_model.model.q.vera_lambda_d": [2]},
    KITS[5] | {"lora_unet_a.alpha": [], "lora_unet_a.diff": [2, 2]},
    KITS[5] | {"lora_unet_a.alpha": []},
    KITS[5] | {f"{_U}.hada_w1_a": [2, 2], f"{_U}.lokr_w1_a": [2, 2]},
    KITS[7] | {f"{_U}.lokr_w1_a": [2, 2], f"{_U}.lora_mid.weight": [2, 2]},
    {
        "a.to_q_lora.down.weight": [2, 3],
        "a.to_q_lora.up.weight": [3, 2],
        "a.to_q.alpha": [],
        "a.to_q.network_alpha": [],
    },
]


def test_clashes_are_told() -> None:
    """Where two tensors want one place, one has it and the other is named."""
    for shapes in CLASHES:
        adapter = checks.survives(file_of({name: (shape, "F32") for name, shape in shapes.items()}, 0), "x.safetensors")
        assert adapter is not None
        parts = adapter.parts
        assert parts.unexpected or parts.broken or parts.unsupported, shapes


def test_a_taken_place() -> None:
    """Of two tensors for one slot the first is the module's and the second is unexpected."""
    names = [
        "base_model.model.q.lora_A.weight",
        "base_model.model.q.lora_A.other.weight",
        "base_model.model.q.lora_B.weight",
    ]
    tensors = dict(zip(names, [([2, 3], "F32"), ([2, 3], "F32"), ([4, 2], "F32")], strict=True))
    adapter = checks.survives(file_of(tensors, 1), "x.safetensors")
    assert adapter is not None
    assert adapter.parts.unexpected == [names[1]]
    assert len(adapter.modules) == 1
