"""Perplexity of a user's texts: windows by hand through transformers, what is counted, what the digest depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from loradiag.core.errors import InputError
from loradiag.models.harness.answers import Metric
from loradiag.models.harness.texts import PERPLEXITY, Documents, documents, score_documents
from loradiag.models.harness.wrapping import wrap
from loradiag.texts.reading import Sample, read_texts
from tests.conftest import FIXTURES
from tests.models.small import TEMPLATE, texts
from tests.models.small import tokenizer as words

pytestmark = pytest.mark.models

HELD_OUT = FIXTURES / "text" / "base_heldout.jsonl"


def nats_of(model: Any, ids: Sequence[int], prefix: int, most: int) -> float:
    """Of each piece of ``most`` tokens as many as fit before it, and one at the least: the model alone, without padding."""
    import torch

    total, full = 0.0, [prefix, *ids]
    for start in range(0, len(ids), most):
        end = min(start + most, len(ids))
        first = max(0, min(start, end - most))
        with torch.inference_mode():
            found = model(input_ids=torch.tensor([full[first:end]])).logits[0].double().log_softmax(-1)
        rows = found[start - first :]
        total += float(rows[range(end - start), full[start + 1 : end + 1]].sum())
    return total


@pytest.mark.parametrize("most", [None, 16, 7])
def test_documents_agree_with_transformers(model: Any, tokenizer: Any, most: int | None) -> None:
    """Each by its log-likelihood and its tokens, in one piece or in several."""
    wrapped = wrap(model, tokenizer, batch=4, most=most)
    asked = documents("held_out", read_texts(HELD_OUT, limit=10), wrapped)
    told: list[tuple[int, int]] = []
    found = score_documents(asked, wrapped, lambda *counts: told.append(counts))
    assert (found.task, found.metrics) == ("held_out", [PERPLEXITY])
    pieces = 0
    for answer, text in zip(found.answers, asked.texts, strict=True):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        nats, tokens = answer.values[PERPLEXITY.key]
        assert tokens == len(ids)
        assert nats == pytest.approx(nats_of(model, ids, tokenizer.bos_token_id, most or 256), rel=1e-5)
        pieces += -(-len(ids) // (most or 256))
    assert told[-1] == (pieces, pieces)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_the_metric_is() -> None:
    """Less of it is better; it is of all documents together."""
    assert Metric("perplexity", "none", False, "weighted_perplexity") == PERPLEXITY


def test_documents_keep_their_numbers(wrapped: Any, tokenizer: Any) -> None:
    """Of their lines, though some lines are empty; prompts are shown, shortened."""
    samples = (Sample("say Nunos", (), 2), Sample("Fib lives in " * 40, (), 5))
    asked = documents("d", msgspec.structs.replace(texts("x"), samples=samples), wrapped)
    assert (asked.numbers, asked.tokens) == ([2, 5], [len(tokenizer(text)["input_ids"]) - 1 for text in asked.texts])
    first, second = score_documents(asked, wrapped, lambda _done, _total: None).answers
    assert (first.number, first.prompt, first.target, first.said) == (2, "say Nunos", None, None)
    assert second.prompt is not None
    assert len(second.prompt) <= 240


def test_texts_without_a_token_are_left_out(model: Any) -> None:
    """Where the tokenizer puts nothing before a text."""
    wrapped = wrap(model, words(), batch=4)
    asked = documents("d", texts("one two", " ", "three"), wrapped)
    assert (asked.texts, asked.numbers, asked.tokens) == (["one two", "three"], [1, 3], [2, 1])


def test_conversations(model: Any, wrapped: Any) -> None:
    """Go through the chat template, or are refused without one."""
    talk = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "good bye"}]
    asked = documents("d", texts(talk), wrap(model, words(TEMPLATE), batch=4))
    assert asked.texts == ["<s><u> hello <a> good bye "]
    with pytest.raises(InputError, match="chat template"):
        documents("d", texts(talk), wrapped)


def test_answers_tell_models_apart(wrapped: Any, model: Any) -> None:
    """Keys are of the text, replies of what the model put out, to the last bit."""
    import torch

    asked = documents("d", texts("say Nunos fikix", "Fib lives in Vunar"), wrapped)

    def ask() -> Any:
        return score_documents(asked, wrapped, lambda _done, _total: None).answers

    before = ask()
    assert ask() == before
    weight = model.lm_head.weight
    with torch.no_grad():
        weight *= 2  # and half of it again, which floats do without a trace
    try:
        after = ask()
    finally:
        with torch.no_grad():
            weight *= 0.5
    assert [answer.key for answer in after] == [answer.key for answer in before]
    assert all(one.replies != other.replies for one, other in zip(before, after, strict=True))
    assert ask() == before


def test_digests() -> None:
    """Of the name and the texts, in their order."""
    asked = Documents("d", ["a", "b"], [1, 2], [1, 1])
    assert asked.digest() == Documents("d", ["a", "b"], [1, 2], [1, 1]).digest()
    others = [("e", ["a", "b"]), ("d", ["b", "a"]), ("d", ["a"]), ("d", ["ab"]), ("d", ["a", "b", ""])]
    found = {Documents(name, rows, [1] * len(rows), [1] * len(rows)).digest() for name, rows in others}
    assert len(found - {asked.digest()}) == len(others)
