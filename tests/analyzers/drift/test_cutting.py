"""Windows, and what counts in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.analyzers.drift.counting import once
from loradiag.analyzers.drift.cutting import cut
from loradiag.analyzers.drift.wanted import Wanted, window_of
from loradiag.core.errors import UsageError
from tests.analyzers.drift.making import DAY, START, rows_of


def wanted(window: str, **changes: object) -> Wanted:
    """Windows of a kind."""
    return Wanted(window=window_of(window), **{"last": None, "floor": 5, **changes})  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_each_conversation_and_each_text_counts_once(labels: list[tuple[int, int]]) -> None:
    """No two that are left share either; where nothing is shared, nothing is left out; the order stays."""
    conversations, texts = ([pair[side] for pair in labels] for side in (0, 1))
    rows = rows_of(np.arange(len(labels)), conversation=conversations, text_hash=texts)
    kept = once(rows, np.arange(len(labels)))
    for column in (rows.conversation, rows.text_hash):
        there = column[kept][column[kept] != 0]
        assert np.unique(there).size == there.size
    assert np.array_equal(kept, np.sort(kept))
    assert kept.size >= 1
    alone = [index for index, pair in enumerate(labels) if pair == (0, 0)]
    assert set(alone) <= set(kept.tolist())


def test_which_of_a_conversation_counts_is_a_draw() -> None:
    """Over many conversations of two requests, the first is kept about half of the time."""
    pairs = np.repeat(np.arange(1, 401), 2)
    rows = rows_of(np.arange(800), conversation=pairs)
    kept = once(rows, np.arange(800))
    assert kept.size == 400
    assert 140 < int(np.sum(kept % 2 == 0)) < 260


def test_days_begin_at_midnight() -> None:
    """Ten requests a day, three days: three windows, in the order of time."""
    rows = rows_of(START + np.repeat(np.arange(3), 10) * DAY + 1000)
    found = cut(rows, wanted("1d"))
    assert [(window.start, window.end) for window in found] == [
        (START + day * DAY, START + (day + 1) * DAY) for day in range(3)
    ]
    assert [window.counted.tolist() for window in found] == [list(range(start, start + 10)) for start in (0, 10, 20)]
    assert [window.start for window in cut(rows, wanted("1d", last=1))] == [START + 2 * DAY]


def test_small_windows_are_put_together_backwards() -> None:
    """Two a day need three days for the floor of five; the oldest rest stays small; empty days in between count."""
    rows = rows_of(START + np.repeat([0, 1, 2, 4, 5], 2) * DAY)
    found = cut(rows, wanted("1d"))
    assert [(window.pooled, window.counted.size) for window in found] == [(2, 4), (4, 6)]
    assert found[1].start == START + 2 * DAY
    assert found[1].end == START + 6 * DAY
    short = cut(rows, wanted("1d", pool=2))
    assert [window.counted.size for window in short] == [2, 4, 4]


def test_windows_of_a_number_are_counted_from_the_newest() -> None:
    """Those that count: repeated texts do not. The oldest window has what is left."""
    texts = [number // 2 + 1 for number in range(50)]  # each text twice
    rows = rows_of(START + np.arange(50), text_hash=texts)
    found = cut(rows, wanted("10"))
    # Nineteen requests have ten texts where one of the copies lies before: that one opens the next window.
    assert [window.counted.size for window in found] == [7, 10, 10]
    assert [window.logged for window in found] == [13, 18, 19]
    assert found[-1].end == START + 49


def test_all_in_one_and_without_times() -> None:
    """Undated requests are in ``all``, and in no other window."""
    rows = rows_of([START, START + 1, -1, -1])
    (window,) = cut(rows, wanted("all"))
    assert (window.logged, window.start, window.end) == (4, START, START + 1)
    assert [window.logged for window in cut(rows, wanted("1d"))] == [2]
    assert cut(rows_of([]), wanted("all")) == []
    assert cut(rows_of([-1]), wanted("1d")) == []


def test_what_has_no_vector_does_not_count() -> None:
    """It is logged, and that is all."""
    rows = rows_of(START + np.arange(10), embedded=[True, False] * 5)
    (window,) = cut(rows, wanted("1d"))
    assert (window.logged, window.counted.tolist()) == (10, [0, 2, 4, 6, 8])


@pytest.mark.parametrize(
    ("word", "kind", "size"), [("1d", "time", DAY), ("6h", "time", DAY // 4), ("200", "count", 200), ("all", "all", 0)]
)
def test_words_for_windows(word: str, kind: str, size: int) -> None:
    """Times, numbers, all."""
    window = window_of(word)
    assert (window.kind, window.size) == (kind, size)


@pytest.mark.parametrize("word", ["", "0", "-1", "1x", "d", "1.5d", "٣", "9" * 30])
def test_other_words_are_refused(word: str) -> None:
    """With what to write."""
    with pytest.raises(UsageError, match="such as 1d"):
        window_of(word)
