"""Requests matched in time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loradiag.analyzers.canary.pairing import counted, pairs_of
from tests.analyzers.drift.making import DAY, START, rows_of

TIMES = st.lists(st.integers(0, 3 * DAY - 1), max_size=40).map(
    lambda times: np.array(sorted(times), dtype=np.int64) + START
)


@given(TIMES, TIMES)
def test_every_request_of_the_rarer_side_of_a_day_has_a_partner_of_that_day(old, new) -> None:
    """Nobody is used twice, partners are of one day, and none of the rarer side is left over."""
    first, second = pairs_of(old, new)
    assert len(set(first.tolist())) == len(set(second.tolist())) == first.size
    days = old[first] // DAY, new[second] // DAY
    assert days[0].tolist() == days[1].tolist()
    for day in range(START // DAY, START // DAY + 3):
        assert int((days[0] == day).sum()) == min(int((old // DAY == day).sum()), int((new // DAY == day).sum()))
    complete = np.maximum(old[first], new[second])
    assert complete.tolist() == sorted(complete.tolist())


def test_partners_are_near_in_time() -> None:
    """One new request among many old ones has the latest."""
    minute = 60_000_000
    old = START + np.arange(100) * minute
    new = START + np.array([17 * minute + 5, 60 * minute + 40_000_000])
    first, second = pairs_of(old, new)
    assert (first.tolist(), second.tolist()) == ([17, 60], [0, 1])


@given(TIMES, TIMES, st.integers(0, 3 * DAY))
def test_what_was_matched_stays_matched(old, new, after) -> None:
    """Whoever looked earlier saw the beginning of the same sequence of pairs: intervals at all times are about that."""
    now = START + after
    early = np.stack(pairs_of(old[old < now], new[new < now]))
    late = np.stack(pairs_of(old, new))
    assert early.tolist() == late[:, : early.shape[1]].tolist()


@given(
    st.lists(st.tuples(st.integers(0, 2 * DAY - 1), st.integers(0, 3), st.integers(0, 3)), max_size=30),
    st.integers(0, 30),
)
def test_what_counted_goes_on_to_count(requests, until) -> None:
    """Of a conversation and of a text the first of the day, which no later one replaces."""
    requests = sorted(requests)

    def rows(part):
        times, conversations, texts = zip(*part, strict=True) if part else ((), (), ())
        return rows_of(START + np.array(times, dtype=np.int64), conversation=conversations, text_hash=texts)

    early, late = (counted(rows(part)).tolist() for part in (requests[:until], requests))
    assert early == late[: len(early)]


def test_a_ramp_up_over_days_that_differ_is_no_confounder() -> None:
    """On the first day values are 1 and a hundredth is new; on the second they are 2, and half: pairs do not differ."""
    old = START + np.r_[np.arange(990), DAY + np.arange(500)] * 1_000_000 % (2 * DAY)
    old.sort()
    new = np.sort(START + np.r_[np.arange(10) * 50, 86_400 + np.arange(500)] * 1_000_000)
    first, second = pairs_of(old, new)
    levels = lambda times: 1.0 + ((times - START) // DAY)  # noqa: E731
    assert np.all(levels(old[first]) == levels(new[second]))
    assert abs(levels(new).mean() - levels(old).mean()) > 0.4


def test_conversations_and_texts_count_once_a_day() -> None:
    """And requests without a time not at all."""
    rows = rows_of(
        [-1, START, START + 1, START + 2, START + DAY],
        conversation=[0, 5, 5, 0, 5],
        text_hash=[1, 2, 3, 4, 5],
    )
    found = counted(rows)
    assert found.size == 3
    assert set(rows.conversation[found].tolist()) == {0, 5}
    assert counted(rows_of([-1, -1])).size == 0


def test_sides_that_have_no_day_in_common_make_no_pairs() -> None:
    """The new adapter came after the old one was gone."""
    first, second = pairs_of(np.array([START]), np.array([START + DAY]))
    assert first.size == second.size == 0
