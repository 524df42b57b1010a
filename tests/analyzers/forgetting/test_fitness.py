"""What makes a comparison impossible, found without a model; the precision of the base; tokenizers beside each other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.forgetting.fitness import AS_STORED, check_fits, precision_of, tokenizer_difference
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.routes import plan_routes
from loradiag.bases.opening import open_base
from loradiag.core.errors import InputError
from tests.analyzers.small import llama_shapes, write_base
from tests.conftest import FIXTURES, MakeAdapter, peft_arrays, write_safetensors

BASE = FIXTURES / "base"


def inspected(adapter: Path, base: Path) -> Inspection:
    """An adapter beside a base."""
    return Inspection(open_adapter(adapter), base=open_base(base))


def saved(name: str, rows: int) -> dict[str, Any]:
    """Trained copies of an embedding or a head."""
    return {**peft_arrays(), f"base_model.model.{name}.weight": np.ones((rows, 48), np.float32)}


def test_an_adapter_that_fits(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """All parts have a place, saved modules of the base's own size too."""
    base = write_base(tmp_path / "base", llama_shapes())
    check_fits(inspected(make_adapter(), base))
    check_fits(inspected(make_adapter(saved("lm_head", 60), name="saved", modules_to_save=["lm_head"]), base))


@pytest.mark.parametrize("name", ["lm_head", "model.embed_tokens"])
@pytest.mark.parametrize("rows", [62, 58])
def test_another_vocabulary(make_adapter: MakeAdapter, tmp_path: Path, name: str, rows: int) -> None:
    """Both numbers of tokens, and what to do."""
    base = write_base(tmp_path / "base", llama_shapes())
    adapter = make_adapter(saved(name, rows), modules_to_save=[name.rpartition(".")[2]])
    with pytest.raises(
        InputError, match=rf"has {rows} tokens in .*, and the base 60: its vocabulary was resized"
    ) as error:
        check_fits(inspected(adapter, base))
    assert error.value.kind == "vocabulary"
    assert "resize_token_embeddings" in str(error.value)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (llama_shapes(layers=3), "layers.3.self_attn"),
        (llama_shapes(d_in=40), "layers.0.self_attn.q_proj"),
        (llama_shapes(d_out=16), "layers.0.self_attn.q_proj"),
    ],
)
def test_another_base(make_adapter: MakeAdapter, tmp_path: Path, shapes: Any, said: str) -> None:
    """The first part without a place is named."""
    base = write_base(tmp_path / "base", shapes)
    with pytest.raises(InputError, match="does not fit this base") as error:
        check_fits(inspected(make_adapter(), base))
    assert said in str(error.value)
    assert error.value.kind == "other-base"


def stored(folder: Path, dtype: str) -> Path:
    """A base whose weights are all of one type."""
    base = write_base(folder, llama_shapes())
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=shape) for name, shape in llama_shapes().items()}
    write_safetensors(base / "model.safetensors", arrays, dtype)
    return base


@pytest.mark.parametrize(
    ("dtype", "named", "given", "expected"),
    [
        ("BF16", "someone/base", None, AS_STORED),
        ("BF16", "someone/base", "bf16", AS_STORED),
        ("BF16", "someone/base", "nf4", "nf4"),
        ("BF16", "someone/base", "fp16", "fp16"),
        ("BF16", "someone/base", "fp32", "fp32"),
        ("BF16", "someone/base-bnb-4bit", None, "nf4"),
        ("BF16", "someone/base-bnb-4bit", "bf16", AS_STORED),
        ("BF16", "someone/base-8bit", None, "int8"),
        ("F16", "someone/base", "fp16", AS_STORED),
        ("F16", "someone/base", "bf16", "bf16"),
        ("F32", "someone/base", None, AS_STORED),
        ("F32", "someone/base", "bf16", "bf16"),
    ],
)
def test_precisions(
    make_adapter: MakeAdapter, tmp_path: Path, dtype: str, named: str, given: str | None, expected: str
) -> None:
    """As the user says, else as the base's name says, else as it is stored: then nothing is to be done."""
    base = stored(tmp_path / "base", dtype)
    inspection = inspected(make_adapter(base_model_name_or_path=named), base)
    assert inspection.base is not None
    assert precision_of(inspection, plan_routes(inspection.base), given) == expected


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the base's tokenizer, changed, beside an adapter."""

    def write(change: Callable[[dict[str, Any]], None] = lambda _: None, **config: Any) -> Path:
        folder = tmp_path / "own"
        folder.mkdir()
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(BASE / name, folder / name)
        document = json.loads((folder / "tokenizer.json").read_text())
        change(document)
        (folder / "tokenizer.json").write_text(json.dumps(document))
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps(settings | config))
        return folder

    return write


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Of the fixtures' base."""
    transformers = pytest.importorskip("transformers", reason="tokenizers are its own")
    return transformers.AutoTokenizer.from_pretrained(BASE)


def last(vocab: Mapping[str, int]) -> str:
    """The token of the largest number."""
    return max(vocab, key=vocab.__getitem__)


def add(document: dict[str, Any]) -> None:
    """Two more tokens."""
    vocab = document["model"]["vocab"]
    vocab |= {"<new>": len(vocab), "<newer>": len(vocab) + 1}


def drop(document: dict[str, Any]) -> None:
    """The last token, and the merge that makes it."""
    name = last(document["model"]["vocab"])
    del document["model"]["vocab"][name]
    document["model"]["merges"] = [
        pair
        for pair in document["model"]["merges"]
        if "".join(pair.split(" ") if isinstance(pair, str) else pair) != name
    ]


def swap(document: dict[str, Any]) -> None:
    """Two tokens."""
    vocab = document["model"]["vocab"]
    first, second = list(vocab)[300:302]
    vocab[first], vocab[second] = vocab[second], vocab[first]


@pytest.mark.models
@pytest.mark.parametrize(
    ("change", "config", "said"),
    [
        (lambda _: None, {}, None),
        (add, {}, "adds 2 tokens"),
        (drop, {}, "lacks 1 token"),
        (lambda _: None, {"chat_template": "{{ messages }}"}, "has another chat template"),
        (add, {"chat_template": "{{ messages }}"}, "adds 2 tokens, has another chat template"),
    ],
)
def test_tokenizers_that_differ(own: Any, tokenizer: Any, change: Any, config: Any, said: str | None) -> None:
    """In words; None of a copy."""
    assert tokenizer_difference(own(change, **config), tokenizer) == said


@pytest.mark.models
def test_tokenizers_that_number_otherwise(own: Any, tokenizer: Any) -> None:
    """Are refused: the first token that differs is named, with both numbers."""
    vocab = json.loads((BASE / "tokenizer.json").read_text())["model"]["vocab"]
    first, second = list(vocab)[300:302]
    with pytest.raises(InputError, match="numbers 2 tokens otherwise than the base's") as error:
        tokenizer_difference(own(swap), tokenizer)
    assert error.value.kind == "tokenizer"
    numbers = (f"{vocab[second]} there, {vocab[first]} here", f"{vocab[first]} there, {vocab[second]} here")
    assert any(said in str(error.value) for said in numbers)
    assert "--tokenizer" in str(error.value)


@pytest.mark.models
def test_tokenizers_that_cannot_be_loaded(own: Any, tokenizer: Any) -> None:
    """Are told, and are no error: the base's is used."""
    folder = own()
    (folder / "tokenizer.json").write_text("{")
    assert str(tokenizer_difference(folder, tokenizer)).startswith("cannot be loaded")


@pytest.mark.models
def test_no_tokenizer_at_all(make_adapter: MakeAdapter, tokenizer: Any) -> None:
    """Is the rule; nor is there one beside a single file."""
    adapter = make_adapter()
    assert tokenizer_difference(adapter, tokenizer) is None
    assert tokenizer_difference(adapter / "adapter_model.safetensors", tokenizer) is None
