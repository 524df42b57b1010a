"""Base checkpoints: opened, read to the last row, fingerprinted; adapters beside them; tokenizers that lie with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.fuzzing.mutating import as_json, as_safetensors, joined, one_of, parted
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.adapters import CONFIG, WEIGHTS, check
from benchmarks.fuzzing.targets.seeds import Stored, config, lay, pack, pack_stored
from loradiag.api.inspecting import inspect_all
from loradiag.api.judging import default_policy
from loradiag.api.merging import merge_drift
from loradiag.bases.fingerprint import fingerprint
from loradiag.bases.opening import open_base
from loradiag.texts.reading import Sample, Texts

ROOT = Path(__file__).resolve().parents[3]
INDEX = "model.safetensors.index.json"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
LAYERS = "model.layers"
LLAMA = {
    "model_type": "llama",
    "vocab_size": 9,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "bitsandbytes"},
    "text_config": {"vocab_size": 9},
}
_STATE = {
    "quant_type": "nf4",
    "blocksize": 64,
    "dtype": "float16",
    "shape": [6, 8],
    "nested_blocksize": 256,
    "nested_dtype": "float32",
    "nested_offset": 0.1,
}


def _base(data: bytes, folder: Path) -> None:
    """As everything that takes a base opens it, and every weight of it is read."""
    told, index, first, second = parted(data, 4)
    sharded = bool(index or second)
    files = {"config.json": told, INDEX: index, SHARDS[0]: first if sharded else b"", SHARDS[1]: second}
    base = open_base(lay(folder / "base", {**files, "model.safetensors": b"" if sharded else first}))
    for weight in base.weights.values():
        rows = weight.shape[0]
        assert len(weight.read(0, min(rows, 64))) == min(rows, 64)
    found = fingerprint(base, full=True)
    json.dumps([found.parts, base.setting("vocab_size"), base.ties_embeddings]).encode()


def _beside(data: bytes, folder: Path) -> None:
    """As ``loradiag inspect ADAPTER --base BASE``."""
    told, weights, about, base = parted(data, 4)
    adapter = lay(folder / "adapter", {CONFIG: told, WEIGHTS: weights})
    place = lay(folder / "base", {"config.json": about, "model.safetensors": base})
    check(inspect_all(adapter, base=place, policy=default_policy()))


def _folded(data: bytes, folder: Path) -> None:
    """As ``loradiag merge-drift BASE ADAPTER`` without prompts, along every route that applies."""
    told, weights, about, base = parted(data, 4)
    adapter = lay(folder / "adapter", {CONFIG: told, WEIGHTS: weights})
    place = lay(folder / "base", {"config.json": about, "model.safetensors": base})
    check([merge_drift(place, adapter, fit=False, policy=default_policy())])


def _tokenizer(data: bytes, folder: Path) -> None:
    """A tokenizer of a stranger's, asked for a text and for a conversation. No code of it runs."""
    from loradiag.models.loading import tokenizer_in
    from loradiag.models.tokens import tokenized

    told, settings, about = parted(data, 3)
    files = {"tokenizer.json": told, "tokenizer_config.json": settings, "config.json": about}
    tokenizer = tokenizer_in(lay(folder / "tokenizer", files))
    for sample in (Sample("a b c", (), 1), Sample(None, ({"role": "user", "content": "a b"},), 1)):
        found = tokenized(Texts((sample,), "0" * 64, 0, "texts", "text"), tokenizer, 64)
        assert all(isinstance(one, int) for ids in found.ids for one in ids)


def _plain(layers: int = 2) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (9, 8), "lm_head.weight": (9, 8)}
    for layer in range(layers):
        for target in ("q_proj", "v_proj"):
            shapes[f"{LAYERS}.{layer}.self_attn.{target}.weight"] = (6, 8)
    return {**shapes, "model.norm.weight": (8,)}


def _stored(array: Any, dtype: str) -> Stored:
    return dtype, array.shape, array.tobytes()


def _quantized(state: bytes, *, nested: bool) -> bytes:
    """A 4-bit weight and an 8-bit one, as bitsandbytes stores them."""
    stem = f"{LAYERS}.0.self_attn.q_proj.weight"
    tensors: dict[str, Stored] = {
        stem: _stored(np.arange(24, dtype=np.uint8).reshape(24, 1), "U8"),
        f"{stem}.absmax": _stored(np.ones(1, np.uint8 if nested else "<f4"), "U8" if nested else "F32"),
        f"{stem}.quant_map": _stored(np.linspace(-1, 1, 16).astype("<f4"), "F32"),
        f"{stem}.quant_state.bitsandbytes__nf4": _stored(np.frombuffer(state, dtype=np.uint8), "U8"),
        f"{LAYERS}.0.self_attn.v_proj.weight": _stored(np.ones((6, 8), np.int8), "I8"),
        f"{LAYERS}.0.self_attn.v_proj.SCB": _stored(np.ones(6, "<f4"), "F32"),
        f"{LAYERS}.0.self_attn.v_proj.weight_format": _stored(np.zeros((), np.uint8), "U8"),
    }
    if nested:
        tensors[f"{stem}.nested_absmax"] = _stored(np.ones(1, "<f4"), "F32")
        tensors[f"{stem}.nested_quant_map"] = _stored(np.linspace(-1, 1, 256).astype("<f4"), "F32")
    return pack_stored(tensors)


def _packed() -> bytes:
    stem = f"{LAYERS}.0.self_attn.q_proj"
    parts = {"qweight": np.ones((1, 6), "<i4"), "qzeros": np.ones((1, 1), "<i4"), "g_idx": np.zeros(8, "<i4")}
    tensors = {f"{stem}.{name}": _stored(array, "I32") for name, array in parts.items()}
    return pack_stored({**tensors, f"{stem}.scales": _stored(np.ones((1, 6), "<f2"), "F16")})


def _shapes_apart() -> tuple[bytes, bytes, bytes]:
    """An index, and two shards."""
    shapes = list(_plain().items())
    parts = (dict(shapes[:3]), dict(shapes[3:]))
    names = {name: SHARDS[number] for number, part in enumerate(parts) for name in part}
    return json.dumps({"metadata": {}, "weight_map": names}).encode(), pack(parts[0]), pack(parts[1], "BF16")


def _bases() -> list[bytes]:
    about, state = json.dumps(LLAMA).encode(), json.dumps(_STATE).encode()
    index, first, second = _shapes_apart()
    whole = [
        pack(_plain()),
        pack(_plain(1), "BF16"),
        _quantized(state, nested=False),
        _quantized(state, nested=True),
        _packed(),
    ]
    return [joined(about, index, first, second), *(joined(about, b"", weights, b"") for weights in whole)]


def _of_a_base(data: bytes, random: Random) -> bytes:
    """A part changed; at times the words by which a quantized weight describes itself."""
    if random.random() < 0.25:
        state = as_json(json.dumps(_STATE).encode(), random)
        return joined(json.dumps(LLAMA).encode(), b"", _quantized(state, nested=random.random() < 0.5), b"")
    return one_of(as_json, as_json, as_safetensors, as_safetensors)(data, random)


def _pairs() -> list[bytes]:
    module = "base_model.model.model.layers.0.self_attn"
    shapes = {f"{module}.{target}.lora_A.weight": (2, 8) for target in ("q_proj", "v_proj")}
    shapes |= {f"{module}.{target}.lora_B.weight": (6, 2) for target in ("q_proj", "v_proj")}
    head = {"base_model.model.lm_head.weight": (9, 8)}
    dora = {f"{module}.{target}.lora_magnitude_vector": (6,) for target in ("q_proj", "v_proj")}
    about, base = json.dumps({**LLAMA, "quantization_config": None}).encode(), pack(_plain(1))
    adapters: list[tuple[Mapping[str, Any], dict[str, tuple[int, ...]]]] = [
        ({}, shapes),
        ({"use_dora": True}, {**shapes, **dora}),
        ({"modules_to_save": ["lm_head"]}, {**shapes, **head}),
    ]
    found = [joined(config(**changes), pack(made), about, base) for changes, made in adapters]
    state = json.dumps(_STATE).encode()
    return [*found, joined(config(), pack(shapes), json.dumps(LLAMA).encode(), _quantized(state, nested=False))]


def _tokenizers() -> list[bytes]:
    told = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": 0, "content": "<s>", "special": True, "normalized": False, "lstrip": False, "rstrip": False,
             "single_word": False}
        ],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [0],
            "tokens": ["<s>"]}}},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "vocab": {"<s>": 0, "a": 1, "b": 2, "ab": 3, "Ġ": 4}, "merges": [["a", "b"]]},
    }  # fmt: skip
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "model_max_length": 256,
        "chat_template": "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}",
        "auto_map": {"AutoTokenizer": ["x.Y", None]},
    }
    words = {"type": "WordLevel", "vocab": {"<s>": 0, "a": 1, "b": 2}, "unk_token": "<s>"}
    about = {"model_type": "llama"}
    plain = {key: value for key, value in settings.items() if key != "auto_map"}
    return [
        joined(json.dumps(one).encode(), json.dumps(its).encode(), json.dumps(about).encode())
        for one, its in ((told, plain), ({**told, "model": words, "pre_tokenizer": None}, plain), (told, settings))
    ]


TARGETS = {
    "base": Target(_base, _bases, _of_a_base, 1 << 14, framed=True),
    "beside": Target(_beside, _pairs, one_of(as_json, as_safetensors, as_json, as_safetensors), 1 << 14, framed=True),
    "folded": Target(_folded, _pairs, one_of(as_json, as_safetensors, as_json, as_safetensors), 1 << 14, framed=True),
    "tokenizer": Target(_tokenizer, _tokenizers, one_of(as_json, as_json, as_json), 1 << 13, framed=True),
}
