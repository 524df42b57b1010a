"""Maximum mean discrepancy, against its definition written out in loops."""

from __future__ import annotations

from math import exp

import numpy as np
import numpy.typing as npt
import pytest

from loradiag.statistics.mmd import Tolerated, closeness, compare_samples, scale_of, tolerated_change

Singles = npt.NDArray[np.float32]


def directions(count: int, seed: int, toward: float = 0.0) -> Singles:
    """Random unit vectors in eight dimensions, leaning towards the first axis."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 8))
    vectors[:, 0] += toward
    unit: Singles = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def by_definition(x: Singles, y: Singles, gamma: float) -> float:
    """Gretton et al. 2012, equation 3, term by term in float64."""

    def k(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
        return exp(-gamma * float(np.sum((a - b) ** 2)))

    xs, ys = x.astype(np.float64), y.astype(np.float64)
    n, m = len(xs), len(ys)
    first = sum(k(xs[i], xs[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    second = sum(k(ys[i], ys[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return first + second - 2 * sum(k(a, b) for a in xs for b in ys) / (n * m)


def test_effect_is_the_unbiased_estimate() -> None:
    """The value is that of the double sums."""
    x, y = directions(12, 1, 0.5), directions(17, 2)
    assert compare_samples(x, y, 0.7, permutations=10).effect == pytest.approx(by_definition(x, y, 0.7), abs=1e-5)


def test_permuted_values_are_those_of_permuted_samples() -> None:
    """The p-value is the share of random divisions, each computed by the definition, that reach the observed value."""
    x, y = directions(15, 5, 0.3), directions(20, 6)
    both = np.concatenate([x, y])
    rng = np.random.default_rng(0)
    observed = by_definition(x, y, 1.0)
    reached = 0
    for _ in range(300):
        order = rng.permutation(35)
        reached += by_definition(both[order[:15]], both[order[15:]], 1.0) >= observed
    p = compare_samples(x, y, 1.0, permutations=2000).p
    assert p == pytest.approx((1 + reached) / 301, abs=3 * np.sqrt(0.25 / 300))


def test_false_alarms_and_power() -> None:
    """Of samples of one kind p ≤ .05 comes in about 5% of cases; a shift is found, with p far below 1/(permutations + 1)."""
    p = [
        compare_samples(directions(40, 2 * i), directions(60, 2 * i + 1), 1.0, permutations=200, seed=i).p
        for i in range(300)
    ]
    assert float(np.mean(np.array(p) <= 0.05)) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    assert compare_samples(directions(80, 1, 1.5), directions(80, 2), 1.0).p < 1e-5


def test_a_tolerated_discrepancy_is_taken_off() -> None:
    """With all of the observed discrepancy tolerated, p is about a half."""
    x, y = directions(100, 1, 1.0), directions(100, 2)
    found = compare_samples(x, y, 1.0)
    assert found.p < 0.01
    assert 0.3 < compare_samples(x, y, 1.0, tolerated=Tolerated(found.effect, 0.0)).p < 0.6
    wide = compare_samples(x, y, 1.0, tolerated=Tolerated(found.effect / 2, 0.05)).p
    assert compare_samples(x, y, 1.0, tolerated=Tolerated(found.effect / 2, 0.0)).p < wide


def test_tolerance_is_the_mean_over_changes_of_that_size() -> None:
    """Random changes Δ of shares with Cohen's w of .2 give ΔᵀGΔ of that mean, by simulation over directions."""
    rng = np.random.default_rng(7)
    vectors = np.concatenate([directions(80, i, 3.0 * i) for i in range(4)])
    topics = np.repeat(np.arange(4), 80)
    gamma = 1.0
    shares = np.full(4, 0.25)
    mean = np.zeros((4, 4))
    wide = vectors.astype(np.float64)
    kernel = np.exp(-gamma * (2 - 2 * wide @ wide.T))
    for i in range(4):
        for j in range(4):
            block = kernel[np.ix_(topics == i, topics == j)]
            mean[i, j] = (block.sum() - (80 if i == j else 0)) / (80 * 80 - (80 if i == j else 0))
    values, variances = [], []
    for _ in range(20_000):
        z = rng.normal(size=4)
        z -= np.sqrt(shares) * (z @ np.sqrt(shares))
        delta = 0.2 * z / np.linalg.norm(z) * np.sqrt(shares)
        values.append(delta @ mean @ delta)
        witness = mean @ delta
        variances.append(shares @ witness**2 - (shares @ witness) ** 2)
    close = closeness(vectors, topics, 4, gamma)
    found = tolerated_change(close, 0.2, 4)
    assert found.discrepancy == pytest.approx(float(np.mean(values)), rel=0.02)
    assert found.deviation**2 == pytest.approx(float(np.mean(variances)), rel=0.03)
    assert tolerated_change(close, 0.2, 1) == Tolerated(0.0, 0.0)


def test_false_alarms_at_the_edge_of_the_tolerance() -> None:
    """Where shares differ by just the tolerated w, in any direction, p ≤ .05 comes in hardly more than 5% of windows."""
    rng = np.random.default_rng(3)
    pool = np.concatenate([directions(400, 50 + i, 2.5 * i) for i in range(6)])
    topics = np.repeat(np.arange(6), 400)
    gamma, shares, w = 1.0, np.full(6, 1 / 6), 0.3
    tolerated = tolerated_change(closeness(pool[::4], topics[::4], 6, gamma), w, 6)
    alarms = 0
    for trial in range(200):
        z = rng.normal(size=6)
        z -= np.sqrt(shares) * (z @ np.sqrt(shares))
        moved = shares + w * z / np.linalg.norm(z) * np.sqrt(shares)
        sides = [pool[_rows(rng, counts)] for counts in (rng.multinomial(150, moved), rng.multinomial(400, shares))]
        alarms += compare_samples(*sides, gamma, tolerated=tolerated, permutations=200, seed=trial).p <= 0.05
    assert alarms / 200 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200) + 0.02


def _rows(rng: np.random.Generator, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """So many rows of each topic."""
    return np.concatenate([400 * topic + rng.permutation(400)[:count] for topic, count in enumerate(counts)])


def test_scale_is_the_median_heuristic() -> None:
    """γ is one over the median of squared distances."""
    vectors = directions(30, 4)
    squares = [float(np.sum((vectors[i] - vectors[j]) ** 2)) for i in range(30) for j in range(i)]
    assert scale_of(vectors) == pytest.approx(1 / float(np.median(squares)), rel=1e-4)


def test_one_vector_is_no_sample() -> None:
    """A ValueError says so."""
    with pytest.raises(ValueError, match="sample"):
        compare_samples(directions(1, 0), directions(5, 0), 1.0)
