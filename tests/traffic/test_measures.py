"""What is kept in place of texts, by hand."""

from __future__ import annotations

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.traffic.measures import finish_of, mean_nll, refusal_like, repetition, truncated_entropy


def test_mean_nll() -> None:
    """The mean of −log p; null, −inf, NaN and a server's −9999 are no log-probabilities."""
    assert mean_nll([-1.0, -3.0]) == (2.0, 2)
    assert mean_nll([None, -1.0, float("-inf"), float("nan"), -9999.0, 5.0]) == (1.0, 1)
    assert mean_nll([None]) is None
    assert mean_nll([1e-7]) == (0.0, 1)


def test_truncated_entropy() -> None:
    """Of two equal tokens log 2; of .9 and .05 what they come to when they add up to 1; of one token nothing."""
    assert truncated_entropy([[-1.0, -1.0]]) == (pytest.approx(log(2)), 2)
    p = 0.9 / 0.95
    expected = -(p * log(p) + (1 - p) * log(1 - p))
    assert truncated_entropy([[log(0.9), log(0.05)]]) == (pytest.approx(expected), 2)
    assert truncated_entropy([[-0.1], []]) is None


@given(st.lists(st.lists(st.floats(-20, 0), max_size=5), max_size=5))
def test_entropy_is_between_nothing_and_all_equal(tops: list[list[float]]) -> None:
    """0 at least, log k at most."""
    found = truncated_entropy(tops)
    if found:
        assert 0 <= found[0] <= log(max(map(len, tops))) + 1e-9
        assert exp(found[0]) >= 1 - 1e-9


def test_repetition() -> None:
    """Twelve words that are one, eleven words that all differ, and too few to tell."""
    assert repetition("so " * 12) == pytest.approx(1 - 1 / 9)
    assert repetition(" ".join("abcdefghijk")) == 0.0
    assert repetition("a b c d e f g h i j") is None


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I cannot do this.",
        "Sorry, but I am not able to",
        "As an AI language model, I",
        '"I cannot assist with that."',
        "Unfortunately, I can't",
        "I apologize, but",
    ],
)
def test_refusals_are_recognised(text: str) -> None:
    """As they usually begin."""
    assert refusal_like(text)


@pytest.mark.parametrize(
    "text", ["I can help.", "Sorry to hear that your card is late.", "It is on its way.", "As an airline, we"]
)
def test_other_answers_are_not(text: str) -> None:
    """Also those that begin alike."""
    assert not refusal_like(text)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("FinishReason.length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("abort", "error"),
        ("whatever", "other"),
        ("", None),
        (None, None),
    ],
)
def test_finish_reasons(reason: str | None, expected: str | None) -> None:
    """Six words for what servers call differently."""
    assert finish_of(reason) == expected
