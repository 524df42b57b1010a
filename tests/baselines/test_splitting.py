"""What is searched and what is held out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.baselines.splitting import split


@given(st.lists(st.integers(1, 400), min_size=100, max_size=900), st.integers(0, 99))
def test_conversations_stay_together(labels: list[int], seed: int) -> None:
    """No conversation is on both sides, each held-out one has one row, and no row is named twice."""
    records = np.array(labels, dtype=np.int64)
    found = split(records, seed)
    sides = set(records[found.index].tolist()), records[found.calibration].tolist()
    assert not sides[0] & set(sides[1])
    assert len(set(sides[1])) == len(sides[1])
    assert sides[0] | set(sides[1]) == set(labels)
    assert np.unique(found.index).size == found.index.size


@pytest.mark.parametrize(("conversations", "held"), [(100, 50), (900, 450), (1000, 500), (4000, 800), (60_000, 5000)])
def test_how_many_are_held_out(conversations: int, held: int) -> None:
    """A half of few, 500 of some thousand, a fifth of more, 5,000 at most."""
    assert split(np.arange(conversations), 0).calibration.size == held
