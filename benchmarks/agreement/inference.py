"""Tests and intervals against scipy and plain sums, and e-processes against Ville's inequality."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import stats

from benchmarks.agreement.rows import Agreement
from loradiag.statistics.betting import bet, rank_factors, share_factors, shares_above, wealth
from loradiag.statistics.holm import holm
from loradiag.statistics.mcnemar import mcnemar
from loradiag.statistics.mix import compare_mix
from loradiag.statistics.paired import paired
from loradiag.statistics.shares import share_interval
from loradiag.statistics.tails import beyond_p

ALPHA = 0.05


def inference(*, quick: bool = False) -> Iterator[Agreement]:
    """Every test and interval that verdicts rest on."""
    rng = np.random.default_rng(0)
    draws = 20 if quick else 300
    yield _mcnemar(rng, draws)
    yield _clopper(rng, draws)
    yield _t(rng, draws)
    yield _chi_square(rng, draws)
    yield _holm(rng, draws)
    yield _beta_binomial(rng, draws)
    yield from _ville(rng, 200 if quick else 2000)


def _row(quantity: str, source: str, differences: list[float], tolerance: float = 1e-9) -> Agreement:
    return Agreement(
        quantity=quantity,
        source=source,
        cases=len(differences),
        difference=max(differences),
        tolerance=tolerance,
        relative=False,
    )


def _mcnemar(rng: np.random.Generator, draws: int) -> Agreement:
    pairs = rng.integers(0, 60, (draws, 2)) + np.array([0, 1])
    found = [abs(mcnemar(int(a), int(b)).p - stats.binomtest(int(a), int(a + b)).pvalue) for a, b in pairs]
    return _row("McNemar's exact p", "scipy.stats.binomtest", found)


def _clopper(rng: np.random.Generator, draws: int) -> Agreement:
    found = []
    for n in rng.integers(1, 400, draws):
        count = int(rng.integers(0, n + 1))
        ours = share_interval(count, int(n))
        theirs = stats.binomtest(count, int(n)).proportion_ci(0.95, "exact")
        found.append(max(abs(ours[0] - theirs.low), abs(ours[1] - theirs.high)))
    return _row("Clopper–Pearson intervals", "scipy.stats.binomtest.proportion_ci", found, 1e-8)


def _t(rng: np.random.Generator, draws: int) -> Agreement:
    found = []
    for _ in range(draws):
        before = rng.normal(0, 1, int(rng.integers(30, 80)))
        after = before + rng.normal(0.1, 0.4, before.size)
        ours = paired(before, after)
        error = float(stats.sem(after - before))
        found.append(max(abs(ours.difference - float((after - before).mean())), abs(ours.standard_error - error)))
    return _row("paired difference and its standard error", "numpy's mean, scipy.stats.sem", found)


def _chi_square(rng: np.random.Generator, draws: int) -> Agreement:
    found = []
    for _ in range(draws):
        reference, counts = rng.integers(40, 200, 6), rng.integers(20, 80, 6)
        theirs = stats.chi2_contingency(np.stack([counts, reference]), correction=False)
        found.append(abs(compare_mix(counts, reference).p - float(theirs.pvalue)))
    return _row("χ² of topics", "scipy.stats.chi2_contingency", found)


def _holm(rng: np.random.Generator, draws: int) -> Agreement:
    """By the definition: the largest of (m − i + 1)·pᵢ up to its own place."""
    found = []
    for _ in range(draws):
        p = rng.random(int(rng.integers(1, 12))) ** 3
        order = np.argsort(p)
        steps = np.minimum(1, np.maximum.accumulate((p.size - np.arange(p.size)) * p[order]))
        ours = np.array([value or 0.0 for value in holm(p.tolist())])
        found.append(float(np.abs(ours[order] - steps).max()))
    return _row("Holm's adjusted p", "the definition, in numpy", found)


def _beta_binomial(rng: np.random.Generator, draws: int) -> Agreement:
    found = []
    for _ in range(draws):
        n, m = int(rng.integers(50, 500)), int(rng.integers(20, 200))
        rank = max(1, n // 20)
        count = int(rng.integers(0, m // 4))
        found.append(abs(beyond_p(count, m, rank, n) - float(stats.betabinom.sf(count - 1, m, rank, n - rank + 1))))
    return _row("p of novel requests", "scipy.stats.betabinom", found)


def _ville(rng: np.random.Generator, runs: int) -> Iterator[Agreement]:
    """How many runs without drift ever reach 1/α, looked at after every request."""
    null, length = 0.08, 600
    peaks: dict[str, list[float]] = {"shares": [], "ranks": []}
    for _ in range(runs):
        state = wealth(shares_above(null).size)
        bet(state, share_factors(rng.random(length) < null, null, shares_above(null)))
        peaks["shares"].append(state.peak)
        factors = rank_factors(rng.random(length))
        state = wealth(factors.shape[1])
        bet(state, factors)
        peaks["ranks"].append(state.peak)
    for name, seen in peaks.items():
        reached = float(np.mean(np.array(seen) >= math.log(1 / ALPHA)))
        yield Agreement(
            quantity=f"e-process on {name}: share of runs of {length} that ever reach 1/α = 20",
            source="simulation under the null; Ville's inequality allows α",
            cases=runs,
            difference=reached,
            # Three standard errors of a share of α, by chance.
            tolerance=ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs),
            relative=False,
        )
