"""Which documents changed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.statistics.flips import Flips, Moves, flips, largest_moves

ANSWERS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)
SCORES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30)


def test_flips_by_hand() -> None:
    """Six documents, each kind."""
    found = flips([1, 1, 0, 0, 1, 1], [0, 1, 1, 0, 1, 0])
    assert found == Flips(lost=[0, 5], won=[2], right=2, wrong=1)
    assert all(type(index) is int for index in found.lost + found.won)


@settings(deadline=None)
@given(ANSWERS)
def test_every_document_is_somewhere(documents: list[tuple[bool, bool]]) -> None:
    """The four kinds make up the whole, and turn round with the models."""
    base, adapter = zip(*documents, strict=True)
    found, other = flips(base, adapter), flips(adapter, base)
    assert len(found.lost) + len(found.won) + found.right + found.wrong == len(base)
    assert (other.lost, other.won) == (found.won, found.lost)
    assert all(base[index] and not adapter[index] for index in found.lost)
    assert found.lost == sorted(found.lost)
    assert found.right == sum(map(min, documents))


def test_moves_by_hand() -> None:
    """Differences −2, 1, 0, −3, −2, 1: falls 3, 0, 4 (the earlier of equal ones first), rises 1, 5."""
    base, adapter = [5, 1, 2, 4, 3, 0], [3, 2, 2, 1, 1, 1]
    assert largest_moves(base, adapter) == Moves(fallen=3, risen=2, unchanged=1, falls=[3, 0, 4], rises=[1, 5])
    assert largest_moves(base, adapter, 1) == Moves(fallen=3, risen=2, unchanged=1, falls=[3], rises=[1])
    assert largest_moves(base, adapter, 0).falls == []


@settings(deadline=None)
@given(SCORES, st.integers(0, 12))
def test_moves_are_the_largest(documents: list[tuple[int, int]], count: int) -> None:
    """Against sorting pairs of difference and index; counts are of all documents, however many are listed."""
    base, adapter = zip(*documents, strict=True)
    changes = [after - before for before, after in documents]
    found = largest_moves(base, adapter, count)
    assert (
        found.falls == [index for change, index in sorted((c, i) for i, c in enumerate(changes)) if change < 0][:count]
    )
    assert (
        found.rises == [index for change, index in sorted((-c, i) for i, c in enumerate(changes)) if change < 0][:count]
    )
    assert (found.fallen, found.risen) == (sum(c < 0 for c in changes), sum(c > 0 for c in changes))
    assert found.fallen + found.risen + found.unchanged == len(changes)


def test_real_values() -> None:
    """Nothing but rises, of any size."""
    found = largest_moves(np.zeros(4), np.array([1e-9, 3.0, 0.5, 2.0]), 2)
    assert (found.falls, found.rises, found.risen) == ([], [1, 3], 4)
