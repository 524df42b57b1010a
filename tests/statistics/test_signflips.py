"""The sign-flip test against scipy's permutation test, McNemar, and a loop over all patterns."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from loradiag.statistics import signflips
from loradiag.statistics.mcnemar import mcnemar
from loradiag.statistics.signflips import sign_flip_p


def test_by_hand() -> None:
    """1, 2, 3: of eight patterns only +++ and −−− reach 6. 1, 2, −3: all reach 0. A single document: 1."""
    assert sign_flip_p([1, 2, 3]) == 2 / 8
    assert sign_flip_p([1, 2, -3]) == 1
    assert sign_flip_p([5]) == 1
    assert sign_flip_p([0, 0]) == 1


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5).map(lambda k: k / 10), min_size=1, max_size=8))
def test_all_patterns_by_a_loop(differences: list[float]) -> None:
    """Tenths, whose sums round differently in another order, and often tie."""
    whole = [round(10 * value) for value in differences]
    reached = [
        abs(sum(s * d for s, d in zip(signs, whole, strict=True))) >= abs(sum(whole))
        for signs in product((1, -1), repeat=len(whole))
    ]
    assert sign_flip_p(differences) == pytest.approx(np.mean(reached))


def test_against_scipy() -> None:
    """Ten documents, all 1024 patterns; sixty, both with random ones."""
    rng = np.random.default_rng(1)
    for n, noise in ((10, 1e-12), (60, 0.015)):
        changes = rng.normal(0.3, 1, n)
        reference = permutation_test(
            (changes,),
            lambda x: np.abs(np.mean(x)),
            permutation_type="samples",
            alternative="greater",
            vectorized=False,
            n_resamples=5000,
            rng=np.random.default_rng(2),
        )
        assert sign_flip_p(changes) == pytest.approx(reference.pvalue, abs=noise)


@settings(deadline=None)
@given(st.integers(0, 7), st.integers(0, 7), st.integers(0, 30))
def test_mcnemar_of_flips(lost: int, won: int, same: int) -> None:
    """Of a 0/1 metric it is McNemar's exact test; documents that did not flip do not matter, nor how many there are."""
    changes = [-1] * lost + [1] * won + [0] * (same + 1)
    assert sign_flip_p(changes) == pytest.approx(mcnemar(lost, won).p)


def test_clusters_flip_together() -> None:
    """Four clusters of twenty documents with the same difference: 2 of 16 patterns, not 2 of 2^80."""
    changes, labels = np.full(80, 0.5), np.repeat(list("abcd"), 20).tolist()
    assert sign_flip_p(changes, labels) == 2 / 16
    assert sign_flip_p(changes) == pytest.approx(1 / 10_001)


def test_random_patterns_never_give_zero() -> None:
    """(k + 1)/(N + 1); the same every time; another seed gives another, near by."""
    changes = np.random.default_rng(3).normal(0.2, 1, 70)
    p = sign_flip_p(changes)
    assert p == sign_flip_p(changes)
    assert p != sign_flip_p(changes, seed=1)
    assert p == pytest.approx(sign_flip_p(changes, seed=1), abs=0.03)
    assert sign_flip_p(np.ones(40), permutations=99) == 1 / 100


def test_random_patterns_agree_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirteen documents both ways."""
    changes = np.random.default_rng(4).normal(0.5, 1, 13)
    exact = sign_flip_p(changes)
    monkeypatch.setattr(signflips, "_EXACT", 0)
    assert sign_flip_p(changes, permutations=40_000) == pytest.approx(exact, abs=0.01)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same p however little memory there is."""
    changes = np.random.default_rng(5).normal(0.1, 1, 150)
    whole = sign_flip_p(changes)
    monkeypatch.setattr(signflips, "BLOCK", 1000)
    assert sign_flip_p(changes) == whole


def test_false_alarms() -> None:
    """Skewed clusters without an effect on average are not symmetric; normal ones are: 5% within noise of 400 samples."""
    rng = np.random.default_rng(6)
    labels = np.repeat(np.arange(20), 4).tolist()
    alarms = [
        sign_flip_p(rng.standard_normal(20).repeat(4) + rng.standard_normal(80), labels, permutations=400) <= 0.05
        for _ in range(400)
    ]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.035)
