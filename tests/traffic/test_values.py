"""Values that strangers wrote."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.traffic.request import MAX_TEXT
from loradiag.traffic.values import asked, content, milliseconds, moment, number, text, whole, word
from tests.traffic.logs import NOON, NOON_US

ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["role", "content", "parts", "text", "type"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        float(NOON),
        NOON * 1000,
        NOON_US,
        NOON * 10**9,
        str(NOON * 10**9),
        "2026-11-01T12:00:00Z",
        "2026-11-01T12:00:00",
        "2026-11-01 13:00:00+01:00",
        "2026-11-01T12:00:00.000000+00:00",
    ],
)
def test_one_moment_in_all_its_spellings(value: Any) -> None:
    """Seconds, milli-, micro-, nanoseconds, and ISO 8601."""
    assert moment(value) == NOON_US


@pytest.mark.parametrize(
    "value", [0, -1, 12345, "soon", "", None, True, [], float("nan"), float("inf"), 10**40, "9" * 400]
)
def test_what_is_no_moment(value: Any) -> None:
    """Before 2000, after 2100, or none at all."""
    assert moment(value) is None


@given(ANY)
def test_nothing_raises(value: Any) -> None:
    """Whatever the value is, each gives what it promises or None."""
    for function, kinds in (
        (text, str),
        (word, str),
        (number, float),
        (whole, int),
        (moment, int),
        (content, str),
        (asked, str),
    ):
        found = function(value)
        assert found is None or isinstance(found, kinds)
        if isinstance(found, str):
            found.encode()


def test_texts_are_cut_and_made_whole() -> None:
    """A million characters; half of a pair becomes U+FFFD."""
    assert len(text("x" * (MAX_TEXT + 5)) or "") == MAX_TEXT
    assert text("a\ud800b") == "a\ufffdb"
    assert word("  7 ") == "7"
    assert word(12) == "12"
    assert word(True) is None


def test_numbers() -> None:
    """Also as text; infinity and a thousand digits are none."""
    assert (number("1.5"), number(2), number("inf"), number("9" * 400), number(True)) == (1.5, 2.0, None, None, None)
    assert (whole("3"), whole(3.5), whole(-1)) == (3, None, None)
    assert milliseconds(2000, 1000) is None
    assert milliseconds(1000, 3500) == 2.5


def test_the_last_of_the_users_messages() -> None:
    """Not the assistant's, and not the system's."""
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert asked(chat) == "a"
    assert asked([{"role": "system", "content": "s"}]) is None
    assert asked({"messages": chat}) == "a"
    picture = [{"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "what is it?"}]}]
    assert asked(picture) == "what is it?"
