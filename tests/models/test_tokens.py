"""Texts as token ids, and batches of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.core.errors import InputError
from loradiag.models.tokens import batches, tokenized
from loradiag.texts.reading import read_texts
from tests.conftest import FIXTURES
from tests.models.small import TEMPLATE, numbers, texts, tokenizer

torch: Any = pytest.importorskip("torch", reason="batches are torch tensors")
pytest.importorskip("transformers", reason="tokenizers are its own")

pytestmark = pytest.mark.models

TALK = ({"role": "user", "content": "hello two"}, {"role": "assistant", "content": "good bye"})


def test_ids_are_those_of_the_tokenizer() -> None:
    """Of the fixtures' base, with what it puts before a text."""
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(FIXTURES / "base")
    path = FIXTURES / "text" / "ledger_heldout.jsonl"
    found = tokenized(read_texts(path), theirs, 1000)
    lines = [json.loads(line)["text"] for line in path.read_text().splitlines()]
    assert found.ids == [theirs.encode(line) for line in lines]
    assert {ids[0] for ids in found.ids} == {theirs.bos_token_id}
    assert (found.truncated, found.too_short) == (0, 0)
    assert found.predicted == sum(len(theirs.encode(line)) - 1 for line in lines)


def test_long_samples_are_cut_and_short_ones_left_out() -> None:
    """Both are counted; a sample of exactly the length is not cut."""
    found = tokenized(texts("one two three four five", "one two three", "one", "two three"), tokenizer(), 3)
    assert found.ids == [numbers("one two three"), numbers("one two three"), numbers("two three")]
    assert (found.truncated, found.too_short, found.predicted) == (1, 1, 5)


def test_nothing_to_predict() -> None:
    """Is an error that says what to do."""
    with pytest.raises(
        InputError, match=r"texts\.jsonl: has no sample of two tokens or more; give longer texts"
    ) as caught:
        tokenized(texts("one", "two"), tokenizer(), 9)
    assert caught.value.kind == "empty"


@pytest.mark.parametrize("start", [False, True])
def test_conversations_go_through_the_template(start: bool) -> None:
    """Which writes the first token itself: it is not put there twice."""
    found = tokenized(texts(TALK, "one two"), tokenizer(TEMPLATE, start), 100)
    first = ["<s> one two", "one two"][not start]
    assert found.ids == [numbers("<s> <u> hello two <a> good bye"), numbers(first)]


def test_conversations_without_a_template() -> None:
    """Are named by their number in the file, in one line."""
    with pytest.raises(
        InputError, match="sample 2 is a conversation, and the chat template cannot render it"
    ) as caught:
        tokenized(texts("one two", TALK), tokenizer(), 100)
    assert "\n" not in str(caught.value)
    assert "a base whose tokenizer has a chat template" in str(caught.value)


@pytest.mark.parametrize("template", ["{{ raise_exception('no\nsystem') }}", "{% for %}", "{{ messages[9]['role'] }}"])
def test_templates_that_fail(template: str) -> None:
    """They are programs that come with a checkpoint."""
    with pytest.raises(InputError, match="sample 1 is a conversation") as caught:
        tokenized(texts(TALK), tokenizer(template), 100)
    assert "\n" not in str(caught.value)


lengths = st.lists(st.integers(2, 40), min_size=1, max_size=60)


@given(lengths=lengths, budget=st.integers(1, 200), padding=st.integers(0, 9))
def test_batches_hold_every_sequence_once(lengths: list[int], budget: int, padding: int) -> None:
    """Within the budget, padding included, unless one sequence alone is longer."""
    ids = [[100 * number + place for place in range(length)] for number, length in enumerate(lengths)]
    found = batches(ids, budget, padding)
    assert sorted(row for batch in found for row in batch.rows) == list(range(len(ids)))
    for batch in found:
        longest = max(len(ids[row]) for row in batch.rows)
        assert batch.ids.shape == batch.mask.shape == (len(batch.rows), longest)
        assert batch.ids.dtype == torch.long
        assert batch.ids.numel() <= budget or len(batch.rows) == 1
        for row, line, mask in zip(batch.rows, batch.ids.tolist(), batch.mask.tolist(), strict=True):
            assert line == ids[row] + [padding] * (longest - len(ids[row]))
            assert mask == [1] * len(ids[row]) + [0] * (longest - len(ids[row]))


@given(lengths=lengths, budget=st.integers(1, 200))
def test_batches_are_full_and_alike(lengths: list[int], budget: int) -> None:
    """Longest first, and no batch is closed while the next sequence would fit."""
    ids = [[1] * length for length in lengths]
    found = batches(ids, budget)
    order = [len(ids[row]) for batch in found for row in batch.rows]
    assert order == sorted(lengths, reverse=True)
    assert all((len(batch.rows) + 1) * batch.ids.shape[1] > budget for batch in found[:-1])
