"""The wrapper: a fixed batch, log-probabilities in FP32, silence, and another model put in."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from loradiag.models.harness.wrapping import exchange, wrap

pytestmark = pytest.mark.models


def instances(kind: str, *arguments: tuple[Any, ...]) -> list[Any]:
    """Requests."""
    from lm_eval.api.instance import Instance

    return [
        Instance(request_type=kind, doc={}, arguments=args, idx=0, metadata=("t", index, 1))  # type: ignore[arg-type]
        for index, args in enumerate(arguments)
    ]


QUESTIONS = [("Fib lives in", " Vunar"), ("Fib lives in", " Bugar"), ("Fib sings to", " Kagar")]


def test_settings(model: Any, tokenizer: Any) -> None:
    """As given: nothing is tried out or guessed."""
    wrapped = wrap(model, tokenizer, batch=3, most=99)
    assert (wrapped.batch_size, wrapped.max_length, wrapped.tokenizer) == (3, 99, tokenizer)
    assert wrapped.model is model
    assert wrap(model, tokenizer, batch=3).max_length == model.config.max_position_embeddings


def test_log_likelihoods(model: Any, tokenizer: Any, wrapped: Any) -> None:
    """Of the continuation after its context, by the model alone."""
    import torch

    for (context, continuation), (value, _) in zip(
        QUESTIONS, wrapped.loglikelihood(instances("loglikelihood", *QUESTIONS)), strict=True
    ):
        first, whole = (tokenizer(text)["input_ids"] for text in (context, context + continuation))
        with torch.inference_mode():
            found = model(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
        places = range(len(first) - 1, len(whole) - 1)
        assert value == pytest.approx(float(found[places, whole[len(first) :]].sum()), rel=1e-5)


def test_a_model_in_16_bits_has_log_probabilities_in_32(model: Any, tokenizer: Any) -> None:
    """Of its 16-bit logits: in 16 bits, log-probabilities of several digits before the point would tie."""
    import torch

    small = copy.deepcopy(model).to(torch.bfloat16)
    found = wrap(small, tokenizer, batch=1).loglikelihood(instances("loglikelihood", *QUESTIONS))
    for (context, continuation), (value, _) in zip(QUESTIONS, found, strict=True):
        first, whole = (tokenizer(text)["input_ids"] for text in (context, context + continuation))
        with torch.inference_mode():  # lm-eval leaves the last token out, whose logits nobody asks for
            logits = small(input_ids=torch.tensor([whole[:-1]])).logits[0].float()
        places = range(len(first) - 1, len(whole) - 1)
        assert value == pytest.approx(float(logits.log_softmax(-1)[places, whole[len(first) :]].sum()), rel=1e-6)


def test_exchanging(model: Any, tokenizer: Any) -> None:
    """Another model, the same limits and tokenizer; and back."""
    import torch

    wrapped = wrap(model, tokenizer, batch=2, most=50)
    asked = instances("loglikelihood", *QUESTIONS)
    before = wrapped.loglikelihood(asked)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.lm_head.weight *= 2
    exchange(wrapped, other)
    assert wrapped.model is other
    assert (wrapped.max_length, wrapped.batch_size, wrapped.tokenizer) == (50, 2, tokenizer)
    assert all(one[0] != two[0] for one, two in zip(before, wrapped.loglikelihood(asked), strict=True))
    exchange(wrapped, model)
    assert wrapped.loglikelihood(asked) == before


def test_silence(wrapped: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No bar is drawn, whoever asks for one."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    wrapped.loglikelihood(instances("loglikelihood", *QUESTIONS), disable_tqdm=False)
    wrapped.loglikelihood_rolling(instances("loglikelihood_rolling", ("say Nunos",)), disable_tqdm=False)
    until = {"until": ["."], "max_gen_toks": 2}
    wrapped.generate_until(instances("generate_until", ("say Nunos", until)), disable_tqdm=False)
    assert capfd.readouterr() == ("", "")
