"""Levels, rises and thinned points of losses, beside numpy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.statistics.losses import level, rises, running_medians, thinned

finite = st.floats(-1e6, 1e6)


@given(values=st.lists(finite, min_size=3, max_size=60), window=st.integers(1, 9))
def test_running_medians_are_those_of_numpy(values: list[float], window: int) -> None:
    """Window by window."""
    window = min(window, len(values))
    expected = [np.median(values[index : index + window]) for index in range(len(values) - window + 1)]
    assert running_medians(values, window) == pytest.approx(expected)


def test_the_level_is_deaf_to_a_single_bad_batch() -> None:
    """A fall from 5 to 1 with one loss of 40 in it: start, least and end are those without it."""
    losses = list(np.linspace(5, 1, 100))
    losses[60] = 40.0
    found = level(losses)
    assert found is not None
    assert found.window == 10
    assert found.start == pytest.approx(np.median(losses[:10]))
    assert found.end == found.least == pytest.approx(np.median(losses[-10:]))
    assert level([1.0, 2.0]) is None


def test_a_rise_is_measured_over_what_was_before_it() -> None:
    """Noise of ±0.1 around 2, then 7 for two points: one rise of 5, beside a usual one of 0.2, back three points later."""
    losses = [2.1 if index % 2 else 1.9 for index in range(60)]
    losses[40], losses[41] = 6.0, 7.0
    found = max(rises(losses), key=lambda row: row.rise)
    assert (found.at, found.before, found.rise) == (41, 2.0, 5.0)
    assert found.usual == pytest.approx(0.2)
    assert found.recovered == 42


def test_a_rise_that_stays_has_not_recovered() -> None:
    """Up to the end."""
    found = max(rises([1.0] * 30 + [3.0] * 10), key=lambda row: row.rise)
    assert (found.rise, found.usual, found.recovered) == (2.0, 0.0, None)


def test_a_falling_loss_has_no_rises() -> None:
    """Nor have fewer losses than tell what is usual."""
    assert rises(list(np.linspace(5, 1, 200))) == []
    assert rises([1.0, 9.0, 1.0]) == []


@given(values=st.lists(st.one_of(finite, st.none()), max_size=400), most=st.integers(16, 64))
def test_thinning_keeps_ends_extremes_and_what_is_missing(values: list[float | None], most: int) -> None:
    """No more than asked for, in order, with the first, the last, the least, the largest, and some None if there is one."""
    kept = thinned(values, most)
    assert len(kept) <= most
    assert kept == sorted(set(kept))
    if not values:
        return
    assert kept[0] == 0
    assert kept[-1] == len(values) - 1
    shown, known = [values[index] for index in kept], [value for value in values if value is not None]
    if known:
        assert min(known) in shown
        assert max(known) in shown
    if len(known) < len(values):
        assert None in shown
