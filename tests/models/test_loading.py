"""Bases as models that run: offline, quietly, and without running their code."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from loradiag.bases.opening import open_base
from loradiag.core.errors import InputError
from loradiag.models.loading import load_model, load_tokenizer
from loradiag.models.plain import plain_checkpoint
from tests.adapters.peft_models import tiny_llama
from tests.bases.making import stored, write_base
from tests.bases.test_bitsandbytes import NAME, by_hand, four_bits
from tests.conftest import FIXTURES

torch: Any = pytest.importorskip("torch", reason="models run in torch")
transformers: Any = pytest.importorskip("transformers", reason="its loaders are the reference")

pytestmark = pytest.mark.models

BASE = FIXTURES / "base"
HOSTILE = "import pathlib\npathlib.Path({!r}).touch()\n"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the fixtures' base."""
    return Path(shutil.copytree(BASE, tmp_path / "base"))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_model_is_what_transformers_loads(dtype: str) -> None:
    """Every parameter, in the type that is asked for, for evaluation only."""
    ours = load_model(BASE, dtype=dtype)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(BASE, dtype=getattr(torch, dtype)).state_dict()
    assert not ours.training
    assert not any(parameter.requires_grad for parameter in ours.parameters())
    assert ours.state_dict().keys() == theirs.keys()
    assert all(
        tensor.dtype == theirs[name].dtype and tensor.equal(theirs[name]) for name, tensor in ours.state_dict().items()
    )


def test_a_tokenizer_is_what_transformers_loads() -> None:
    """Also beside a single file."""
    theirs = transformers.AutoTokenizer.from_pretrained(BASE)("say Nunos fikix")["input_ids"]
    assert load_tokenizer(open_base(BASE))("say Nunos fikix")["input_ids"] == theirs


def test_loading_is_quiet_and_leaves_settings_alone(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is drawn; verbosity, bars and environment are what they were."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    logging = transformers.utils.logging
    logging.set_verbosity_info()
    logging.enable_progress_bar()
    try:
        load_model(BASE, dtype="float32")
        load_tokenizer(open_base(BASE))
        assert capfd.readouterr() == ("", "")
        assert logging.is_progress_bar_enabled()
        assert logging.get_verbosity() == logging.INFO
        assert os.environ["HF_HUB_OFFLINE"] == "0"
        assert "TRANSFORMERS_OFFLINE" not in os.environ
    finally:
        logging.set_verbosity_warning()
        logging.disable_progress_bar()


def test_no_tokenizer(copied: Path) -> None:
    """One line that says what is missing."""
    for file in copied.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(InputError, match=r"has no tokenizer that can be loaded .*; copy tokenizer\.json") as caught:
        load_tokenizer(open_base(copied))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"model_type": "no_such_model"}, {"model_type": "vit"}, {"hidden_size": "many"}])
def test_no_causal_model(change: dict[str, Any], copied: Path) -> None:
    """Of an unknown kind, of another kind, of a configuration that makes no sense."""
    config = json.loads((copied / "config.json").read_text()) | change
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="cannot be loaded as a causal language model") as caught:
        load_model(copied, dtype="float32")
    assert "\n" not in str(caught.value)
    assert "without --prompts" in str(caught.value)


@pytest.mark.parametrize("kind", ["llama", "hostile"])
def test_code_beside_the_weights_does_not_run(kind: str, copied: Path, tmp_path: Path) -> None:
    """Neither for a model that transformers knows, nor for one that only this code knows."""
    mark = tmp_path / "ran"
    for name in ("modeling_own", "tokenization_own", "configuration_own"):
        (copied / f"{name}.py").write_text(HOSTILE.format(str(mark)))
    own = {"AutoConfig": "configuration_own.C", "AutoModelForCausalLM": "modeling_own.M"}
    for file, changes in {
        "config.json": {"model_type": kind, "auto_map": own},
        "tokenizer_config.json": {
            "tokenizer_class": "Own",
            "auto_map": {"AutoTokenizer": ["tokenization_own.T", None]},
        },
    }.items():
        (copied / file).write_text(json.dumps(json.loads((copied / file).read_text()) | changes))
    for load in (lambda: load_model(copied, dtype="float32"), lambda: load_tokenizer(open_base(copied))):
        with contextlib.suppress(InputError):
            load()
    assert not mark.exists()


# --- a checkpoint of plain numbers ---


def test_a_plain_base_is_its_own(tmp_path: Path) -> None:
    """Named by its directory or by its only file; nothing is written."""
    base = write_base(tmp_path / "base")
    (tmp_path / "scratch").mkdir()
    for path in (base, base / "model.safetensors"):
        assert plain_checkpoint(open_base(path), tmp_path / "scratch") == base
    assert os.listdir(tmp_path / "scratch") == []


@pytest.mark.parametrize("named", ["finetuned.safetensors", "finetuned.safetensors.index.json"])
@pytest.mark.parametrize("beside", ["model.safetensors", "other.safetensors"])
def test_weights_that_were_named_are_those_that_run(named: str, beside: str, copied: Path, tmp_path: Path) -> None:
    """Beside another model's, whether or not transformers would take those for the directory's."""
    from safetensors.torch import load_file, save_file

    whole = {name: tensor for file in copied.glob("*.safetensors") for name, tensor in load_file(file).items()}
    for file in [*copied.glob("*.safetensors"), *copied.glob("*.index.json")]:
        file.unlink()
    save_file(whole, copied / beside, {"format": "pt"})
    tuned = {name: tensor + 1 for name, tensor in whole.items()}
    names = sorted(tuned)
    parts = {f"{number}.safetensors": names[number::2] for number in range(2)} if "index" in named else {named: names}
    for file, held in parts.items():
        save_file({name: tuned[name] for name in held}, copied / file, {"format": "pt"})
    if "index" in named:
        listing = {name: file for file, held in parts.items() for name in held}
        (copied / named).write_text(json.dumps({"metadata": {}, "weight_map": listing}))
    (tmp_path / "scratch").mkdir()
    folder = plain_checkpoint(open_base(copied / named), tmp_path / "scratch")
    found = load_model(folder, dtype="float32").state_dict()
    assert all(found[name].equal(tensor.float()) for name, tensor in tuned.items())
    assert (folder / "tokenizer.json").read_bytes() == (BASE / "tokenizer.json").read_bytes()


def test_shards_without_an_index_run(copied: Path, tmp_path: Path) -> None:
    """Their names say that they belong together, which is enough for loradiag and not for transformers."""
    (copied / "model.safetensors.index.json").unlink()
    (tmp_path / "scratch").mkdir()
    model = load_model(plain_checkpoint(open_base(copied), tmp_path / "scratch"), dtype="float32")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).state_dict()
    assert all(model.state_dict()[name].equal(tensor) for name, tensor in theirs.items())


def test_a_quantized_base_is_copied_without_its_quantizer(tmp_path: Path) -> None:
    """Weights by hand, all others as they were, the configuration without the quantizer, and a tokenizer."""
    from safetensors.torch import load_file

    tensors = four_bits(8, 64, nested=4, dtype="float32")
    norm = torch.randn(64).numpy()
    config = {"model_type": "llama", "hidden_size": 64, "quantization_config": {"quant_method": "bitsandbytes"}}
    base = write_base(tmp_path / "base", {**tensors, "model.norm.weight": stored(norm)}, config)
    shutil.copy(BASE / "tokenizer.json", base)
    (tmp_path / "scratch").mkdir()
    folder = plain_checkpoint(open_base(base), tmp_path / "scratch")
    assert sorted(os.listdir(folder)) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert json.loads((folder / "config.json").read_text()) == {"model_type": "llama", "hidden_size": 64}
    found = load_file(folder / "model.safetensors")
    assert set(found) == {NAME, "model.norm.weight"}
    assert found[NAME].equal(torch.from_numpy(by_hand(tensors, 8, 64, 64, 4)))
    assert found["model.norm.weight"].equal(torch.from_numpy(norm))


@pytest.mark.filterwarnings("ignore")
def test_a_base_that_transformers_quantized_can_be_run(tmp_path: Path) -> None:
    """Its plain copy loads without a quantizer, with a tied head and all."""
    settings = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    tiny_llama(hidden_size=64, intermediate_size=128, tie_word_embeddings=True).bfloat16().save_pretrained(
        tmp_path / "plain"
    )
    quantized = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "plain", dtype=torch.bfloat16, quantization_config=settings
    )
    quantized.save_pretrained(tmp_path / "base")
    (tmp_path / "scratch").mkdir()
    model = load_model(plain_checkpoint(open_base(tmp_path / "base"), tmp_path / "scratch"), dtype="bfloat16")
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert {type(layer) for name, layer in model.named_modules() if name.endswith("_proj")} == {torch.nn.Linear}
    with torch.no_grad():
        assert torch.isfinite(model(input_ids=torch.arange(9)[None]).logits).all()
