"""What a model writes, against taking the likeliest token one by one; and how likely it finds documents, one by one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax

from loradiag.core.errors import UsageError
from loradiag.models.harness.continuing import continue_greedily, document_nats
from loradiag.models.harness.texts import Documents
from loradiag.models.harness.wrapping import exchange, wrap
from tests.adapters.peft_models import tiny_llama, trained
from tests.models.small import numbers, tokenizer

torch: Any = pytest.importorskip("torch", reason="models run in torch")

pytestmark = pytest.mark.models

MOST = 12


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


def prompts(count: int = 7, seed: int = 0) -> list[list[int]]:
    """Of 2 to 9 tokens."""
    rng = np.random.default_rng(seed)
    return [rng.integers(3, 60, rng.integers(2, 10)).tolist() for _ in range(count)]


def likeliest(model: Any, prompt: Sequence[int], most: int = MOST) -> list[int]:
    """Token by token, each time over all of the text, without padding."""
    ids = list(prompt)
    for _ in range(most):
        with torch.no_grad():
            ids.append(int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def sharp() -> Any:
    """A Llama that is sure of what it says."""
    found = tiny_llama(tie_word_embeddings=False, use_cache=True, eos_token_id=None).eval().requires_grad_(False)
    found.lm_head.weight.data *= 8
    return found.double()  # so that hardly two tokens are as likely


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_the_likeliest_token_each_time(batch: int) -> None:
    """However prompts of different lengths are batched."""
    model = sharp()
    told: list[tuple[int, int]] = []
    found = continue_greedily(
        prompts(), wrap(model, tokenizer(), batch=batch), MOST, lambda done, total: told.append((done, total))
    )
    assert found == [likeliest(model, prompt) for prompt in prompts()]
    assert told[-1] == (7, 7)
    assert len(told) == -(-7 // batch)


def test_beside_an_adapter() -> None:
    """In PEFT's layers; and the base again afterwards."""
    from peft import LoraConfig

    model = sharp()
    wrapped = wrap(model, tokenizer(), batch=4)
    alone = continue_greedily(prompts(), wrapped, MOST, silent)
    adapter = trained(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"])).eval()
    exchange(wrapped, adapter)
    beside = continue_greedily(prompts(), wrapped, MOST, silent)
    assert beside == [likeliest(adapter, prompt) for prompt in prompts()]
    assert beside != alone
    exchange(wrapped, adapter.unload())
    assert continue_greedily(prompts(), wrapped, MOST, silent) == alone


@pytest.mark.parametrize("with_adapter", [False, True])
def test_settings_of_the_checkpoint_are_set_aside(with_adapter: bool) -> None:
    """Sampling, penalties and bans would keep a model from reciting. Afterwards they are there again."""
    from peft import LoraConfig
    from transformers import GenerationConfig

    model = sharp()
    plain = [likeliest(model, prompt) for prompt in prompts()]
    banned = plain[0][0]
    settings = GenerationConfig(
        do_sample=True,
        temperature=5.0,
        top_p=0.9,
        repetition_penalty=5.0,
        no_repeat_ngram_size=2,
        suppress_tokens=[banned],
    )
    model.generation_config = settings
    if with_adapter:
        adapter = trained(model, LoraConfig(r=4, target_modules=["q_proj"])).eval()
        plain = [likeliest(adapter, prompt) for prompt in prompts()]
    asked = adapter if with_adapter else model
    before = (model.generation_config, asked.generation_config)
    assert continue_greedily(prompts(), wrap(asked, tokenizer(), batch=4), MOST, silent) == plain
    assert (model.generation_config, asked.generation_config) == before
    assert model.generation_config is settings


def test_a_text_that_ends() -> None:
    """Ends before its end token: the tokenizer's, or one that the checkpoint names. Others of the batch go on."""
    model = sharp()
    plain = [likeliest(model, prompt) for prompt in prompts()]
    first, second = plain[0][2], plain[1][4]
    words = tokenizer()
    words.eos_token = words.convert_ids_to_tokens(5)
    model.generation_config.eos_token_id = [first, second]
    expected = [ids[: min([ids.index(end) for end in (5, first, second) if end in ids], default=MOST)] for ids in plain]
    assert {len(ids) for ids in expected} > {MOST}
    assert continue_greedily(prompts(), wrap(model, words, batch=16), MOST, silent) == expected


def test_memory_that_does_not_suffice() -> None:
    """Is an error that says what to do; others are as they are."""

    def fail(**_given: Any) -> None:
        raise RuntimeError(message)

    model = SimpleNamespace(generate=fail)
    wrapped = SimpleNamespace(model=model, tokenizer=tokenizer(), batch_size=4, device="cpu")
    message = "CUDA out of memory. Tried to allocate 2 GiB"
    with pytest.raises(UsageError, match="--training-data: memory does not suffice; lower --batch"):
        continue_greedily(prompts(), wrapped, MOST, silent)
    message = "shapes do not fit"
    with pytest.raises(RuntimeError, match="shapes"):
        continue_greedily(prompts(), wrapped, MOST, silent)


def test_tokens_go_to_the_models_device() -> None:
    """And what is written comes back from it."""
    seen: list[str] = []

    def generate(*, input_ids: Any, attention_mask: Any, generation_config: Any) -> Any:
        seen.extend([input_ids.device.type, attention_mask.device.type])
        return torch.cat([torch.zeros(input_ids.shape), torch.full((input_ids.shape[0], 3), 9)], dim=1).long()

    wrapped = SimpleNamespace(
        model=SimpleNamespace(generate=generate), tokenizer=tokenizer(), batch_size=4, device=torch.device("meta")
    )
    assert continue_greedily(prompts(), wrapped, MOST, silent) == [[9, 9, 9]] * 7
    assert set(seen) == {"meta"}


def test_vllm_is_given_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are, all at once, and asked for the likeliest; of a stand-in: there is no vLLM here."""
    given: list[Any] = []

    def generate(requests: Any, generate: bool, sampling_params: Any) -> list[Any]:
        given.append((requests, generate, sampling_params))
        return [SimpleNamespace(outputs=[SimpleNamespace(token_ids=(*request[:2], 4, 8))]) for request in requests]

    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(SamplingParams=lambda **settings: settings))
    words = tokenizer()
    words.eos_token = words.convert_ids_to_tokens(4)
    wrapped = SimpleNamespace(
        lora_request=None, model=object(), tokenizer=words, batch_size=2, _model_generate=generate
    )
    asked = [[10, 11, 12], [13, 14]]
    assert continue_greedily(asked, wrapped, MOST, silent) == [[10, 11], [13, 14]]
    assert given == [(asked, True, {"temperature": 0.0, "max_tokens": MOST, "detokenize": False})]


def test_nats_of_documents() -> None:
    """In their order, whatever their lengths: every token, the first after the beginning token; in float64, one by one."""
    model = sharp()
    lines = ["one two three", "five", "hello good bye one two three four five", "good bye", "two two two two"]
    asked = Documents("t", lines, list(range(1, 6)), [len(line.split()) for line in lines])
    told: list[tuple[int, int]] = []
    found = document_nats(asked, wrap(model, tokenizer(), batch=2), lambda done, total: told.append((done, total)))
    for line, nats in zip(lines, found, strict=True):
        ids = [1, *numbers(line)]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, :-1].double().numpy()
        expected = -log_softmax(logits, 1)[np.arange(len(ids) - 1), ids[1:]].sum()
        assert nats == pytest.approx(expected, rel=1e-5)
    assert told[-1] == (5, 5)
