"""Which documents are asked for, and which parts of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.analyzers.forgetting.excerpts import Excerpts, excerpts, shared_openings
from loradiag.core.errors import InputError, UsageError
from tests.analyzers.forgetting.pretended import Numbers, texts


def random(count: int, length: int, seed: int = 0) -> list[list[int]]:
    """Documents of which no two share anything."""
    return np.random.default_rng(seed).integers(100, 10**9, (count, length)).tolist()


def asked(training: Sequence[Sequence[int]], control: Sequence[Sequence[int]], **options: Any) -> Excerpts:
    """What is asked about documents of numbers."""
    wrapped = options.pop("wrapped", Numbers())
    return excerpts(texts(training, "seen.jsonl"), texts(control, "held.jsonl"), wrapped, **options)


@pytest.mark.parametrize(
    ("length", "expected"), [(200, (32, 64, 16)), (90, (30, 60, 16)), (30, (10, 20, 10)), (15, (5, 10, 6))]
)
def test_lengths_suit_the_documents(length: int, expected: tuple[int, int, int]) -> None:
    """Thirds of the median, within limits."""
    found = asked(random(9, length), random(9, length, 1))
    assert (found.prompt_tokens, found.continuation, found.span) == expected
    assert found.training.prompted == found.control.prompted == list(range(9))


def test_lengths_that_are_given() -> None:
    """Stay as they are; others suit."""
    found = asked(random(9, 90), random(9, 90, 1), prompt_tokens=3, span=40)
    assert (found.prompt_tokens, found.continuation, found.span) == (3, 64, 40)
    found = asked(random(9, 90), random(9, 90, 1), continuation=20)
    assert (found.prompt_tokens, found.continuation, found.span) == (30, 20, 16)


def test_what_the_model_takes() -> None:
    """Bounds what is written; a prompt that is too long with it loses its beginning."""
    wrapped = Numbers(max_length=50, bos=7)
    found = asked(random(9, 200), random(9, 200, 1), wrapped=wrapped)
    assert (found.prompt_tokens, found.continuation) == (32, 17)
    same = [*range(1000, 1030)]
    opened = asked([same + ids for ids in random(9, 200)], random(9, 200, 1), wrapped=wrapped)
    assert {len(prompt) for prompt in opened.prompts(opened.training)} == {33}
    assert opened.prompts(opened.training)[0] == opened.training.ids[0][29:62]
    with pytest.raises(UsageError, match="16 tokens in a row cannot be recited where 8 are written"):
        asked(random(9, 200), random(9, 200, 1), wrapped=Numbers(max_length=40))


def test_prompts_begin_as_texts_do() -> None:
    """With the tokenizer's own token, once; that is none of the document's."""
    training, control = random(5, 40), random(5, 40, 1)
    found = asked(training, control, wrapped=Numbers(bos=7), prompt_tokens=4)
    assert found.training.ids == training
    assert found.prompts(found.training) == [[7, *ids[:4]] for ids in training]
    assert found.control.documents.tokens == [40] * 5  # it is not predicted
    assert asked(training, control, prompt_tokens=4).prompts(found.training) == [ids[:4] for ids in training]


def test_prompts_go_beyond_what_many_share() -> None:
    """A system prompt is no prompt: it would be the same one for all."""
    system = list(range(1000, 1050))
    found = asked([system + ids for ids in random(20, 60)], [system + ids for ids in random(10, 60, 1)])
    assert set(found.training.openings) == {50}
    assert found.prompt_tokens == 20
    assert found.prompts(found.training)[0] == found.training.ids[0][:70]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 1), max_size=6), max_size=40))
def test_openings_against_counting(ids: list[list[int]]) -> None:
    """The longest beginning that a tenth of all documents have, three at least."""
    many = max(int(np.ceil(len(ids) / 10)), 3)
    expected = [
        max(
            size
            for size in range(len(own) + 1)
            if size == 0 or sum(own[:size] == other[:size] for other in ids) >= many
        )
        for own in ids
    ]
    assert shared_openings(ids) == expected


def test_documents_of_both_files() -> None:
    """Are left out of both, and so are those that recur: texts that people write again and again."""
    training, control = random(20, 40), random(10, 40, 1)
    found = asked([*training, control[3], training[2], control[4]], control)
    assert (found.shared, found.recurring) == (2, 1)
    assert found.training.ids == [ids for ids in training if ids != training[2]]
    assert found.control.ids == [*control[:3], *control[5:]]
    assert found.control.documents.numbers == [1, 2, 3, 6, 7, 8, 9, 10]


def test_repeats_of_one_file() -> None:
    """Count once, by their first number, where the other file has none of them. White space makes no difference."""
    training, control = random(4, 40), random(4, 40, 1)
    doubled = texts([training[0], training[0], training[1], training[1], *training[2:]], "seen.jsonl")
    spaced = doubled.samples[1]
    rows = (doubled.samples[0], type(spaced)(f" {spaced.text}\n", (), 2), *doubled.samples[2:])
    found = excerpts(type(doubled)(rows, "0" * 64, 0, "seen.jsonl", "text"), texts(control), Numbers())
    assert (found.shared, found.recurring) == (0, 0)
    assert found.training.documents.numbers == [1, 3, 5, 6]


def test_a_control_that_is_training_data() -> None:
    """Is none."""
    training = random(20, 40)
    with pytest.raises(InputError, match=r"held\.jsonl: has no document that the other .* lacks; give as control text"):
        asked(training, training[:5])


@pytest.mark.parametrize("short", ["seen", "held"])
def test_too_short(short: str) -> None:
    """Both files need a document of which there is something to recite."""
    documents = {"seen": random(9, 40), "held": random(9, 40, 1)}
    documents[short] = random(2, 12, 2)
    with pytest.raises(
        InputError, match=rf"{short}\.jsonl: has no document of 26 tokens or more \(a prompt of 13 and 13"
    ):
        asked(documents["seen"], documents["held"])


@pytest.mark.parametrize("option", ["prompt_tokens", "continuation", "span", "most"])
def test_lengths_below_one(option: str) -> None:
    """Are no lengths."""
    with pytest.raises(UsageError, match=f"{option}: must be at least 1"):
        asked(random(9, 40), random(9, 40, 1), **{option: 0})


def test_a_part_is_prompted() -> None:
    """Drawn from all that are long enough, the same each time, and not the same rows of both files."""
    training, control = [*random(50, 40), *random(50, 5, 2)], random(60, 40, 1)
    found, again = (asked(training, control, most=20) for _ in range(2))
    assert found.training.searched == list(range(50))
    assert found.training.prompted == sorted(set(found.training.prompted))
    assert set(found.training.prompted) < set(range(50))
    assert len(found.training.prompted) == len(found.control.prompted) == 20
    assert found.training.prompted != found.control.prompted
    assert again.training.prompted == found.training.prompted
    assert again.digest() == found.digest()


def test_what_changes_the_answers_changes_the_digest() -> None:
    """Texts, prompts and the length of what is written; not what counts as verbatim."""
    training, control = random(30, 40), random(10, 40, 1)
    first = asked(training, control)
    others = [
        asked(training[1:], control),
        asked(training, control[1:]),
        asked(training, control, prompt_tokens=9),
        asked(training, control, continuation=20),
        asked(training, control, most=5),
    ]
    assert len({first.digest(), *(other.digest() for other in others)}) == 6
    assert asked(training, control, span=8).digest() == first.digest()
    assert others[-1].size() < first.size()
    assert first.size() == sum(first.reading(side) + first.writing(side) for side in (first.training, first.control))
