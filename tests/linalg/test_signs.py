"""Signs of sampled entries beside those of dense updates."""

from __future__ import annotations

import numpy as np
import pytest

from loradiag.linalg.directions import directions
from loradiag.linalg.signs import KEPT, SIDE, conflict, sample, signs
from tests.linalg.test_directions import drawn


def test_small_updates_are_counted_whole() -> None:
    """Of every entry: those in the largest fifth of both, and the opposite signs among them."""
    (b, a), (d, c) = drawn(0, 40, 30, 4), drawn(1, 40, 30, 3)
    found = [signs(directions(*factors)) for factors in ((b, a), (d, c))]
    first, second = b @ a, d @ c
    large = [np.abs(matrix) >= np.quantile(np.abs(matrix), 1 - KEPT, method="higher") for matrix in (first, second)]
    both = large[0] & large[1]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].large.mean() == pytest.approx(KEPT, abs=0.01)
    assert conflict(*found) == (both.sum(), (np.sign(first) != np.sign(second))[both].sum())  # type: ignore[arg-type]


def test_a_sample_tells_of_the_whole() -> None:
    """On a block of a large update the share of opposite signs is that of all entries, to a few hundredths."""
    rng = np.random.default_rng(3)
    b, a = rng.standard_normal((600, 8)), rng.standard_normal((8, 500))
    d = 0.6 * b + 0.8 * rng.standard_normal((600, 8))
    found = [signs(directions(left, a)) for left in (b, d)]
    first, second = b @ a, d @ a
    large = [np.abs(matrix) >= np.quantile(np.abs(matrix), 1 - KEPT) for matrix in (first, second)]
    both = large[0] & large[1]
    whole = (np.sign(first) != np.sign(second))[both].mean()
    large_in_both, opposite = conflict(*found)  # type: ignore[arg-type]
    assert large_in_both > 300
    assert opposite / large_in_both == pytest.approx(whole, abs=0.05)


def test_itself_and_its_opposite() -> None:
    """None of the signs differ, or all do."""
    b, a = drawn(0, 200, 150, 4)
    same, opposite = signs(directions(b, a)), signs(directions(-b, a))
    assert same is not None
    assert opposite is not None
    count = int(same.large.sum())
    assert conflict(same, same) == (count, 0)
    assert conflict(same, opposite) == (count, count)


def test_nothing_has_no_signs() -> None:
    """An update that is zero."""
    assert signs(directions(np.zeros((5, 2)), np.ones((2, 5)))) is None


def test_places_are_always_the_same() -> None:
    """So many of them, in order, once each, or all."""
    assert sample(10).tolist() == list(range(10))
    assert np.array_equal(sample(5000), sample(5000))
    assert np.unique(sample(5000)).size == SIDE
