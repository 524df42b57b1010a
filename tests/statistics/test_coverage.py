"""How often intervals hold the truth, and verdicts do not: by summing over all tables, or by simulation with fixed seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from math import sqrt

import numpy as np
import pytest
from scipy.special import gammaln, xlogy

from loradiag.core.margins import against_margin
from loradiag.statistics.corpus import bootstrap_difference
from loradiag.statistics.paired import paired
from loradiag.statistics.quantiles import normal, student
from loradiag.statistics.ratios import bootstrap_ratio
from loradiag.statistics.score import score_interval

Interval = Callable[[int, int, int, float], tuple[float, float]]


@cache
def score(lost: int, won: int, n: int, level: float) -> tuple[float, float]:
    """Tango's interval at a level."""
    return score_interval(lost, won, n, normal((1 + level) / 2))


def wald(lost: int, won: int, n: int, level: float) -> tuple[float, float]:
    """Mean ± t · SE, as of any metric."""
    mean = (won - lost) / n
    reach = student((1 + level) / 2, n - 1) * sqrt(max(lost + won - n * mean**2, 0) / (n * (n - 1)))
    return mean - reach, mean + reach


def tables(n: int, lost: float, won: float) -> Iterator[tuple[float, int, int]]:
    """All numbers of flips, with their chance; those below 1e-9 left out."""
    first, second = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    same = n - first - second
    first, second, same = first[same >= 0], second[same >= 0], same[same >= 0]
    ways = gammaln(n + 1) - gammaln(first + 1) - gammaln(second + 1) - gammaln(same + 1)
    chance = np.exp(ways + xlogy(first, lost) + xlogy(second, won) + xlogy(same, 1 - lost - won))
    for index in np.flatnonzero(chance > 1e-9):
        yield float(chance[index]), int(first[index]), int(second[index])


def coverage(interval: Interval, n: int, lost: float, won: float) -> float:
    """The chance that a 95% interval holds won − lost."""
    truth = won - lost
    held = 0.0
    for chance, first, second in tables(n, lost, won):
        low, high = interval(first, second, n, 0.95)
        held += chance * (low - 1e-12 <= truth <= high + 1e-12)
    return held


SHARES = [
    (20, 0.1, 0.02),
    (20, 0.1, 0.1),
    (20, 0.2, 0.05),
    (20, 0.3, 0.1),
    (50, 0.05, 0.01),
    (50, 0.05, 0.05),
    (50, 0.1, 0.02),
    (50, 0.3, 0.1),
    (200, 0.01, 0.01),
    (200, 0.02, 0.0),
    (200, 0.05, 0.01),
    (200, 0.07, 0.04),
    (200, 0.2, 0.05),
]


@pytest.mark.parametrize(("n", "lost", "won"), SHARES)
def test_score_interval_covers(n: int, lost: float, won: float) -> None:
    """The exact coverage of a 95% interval lies between .93 and .99."""
    assert 0.93 <= coverage(score, n, lost, won) <= 0.99


@pytest.mark.parametrize(
    ("n", "lost", "least"), [(20, 0.02, 0.35), (50, 0.02, 0.65), (20, 0.05, 0.65), (200, 0.005, 0.65)]
)
def test_few_flips_are_where_students_interval_fails(n: int, lost: float, least: float) -> None:
    """Where often no document flips, Student's interval is often the point 0. The score interval holds the truth."""
    assert coverage(wald, n, lost, 0.0) < least
    assert coverage(score, n, lost, 0.0) > 0.95


@pytest.mark.parametrize(("n", "lost", "won"), [(20, 0.1, 0.1), (50, 0.05, 0.01), (200, 0.07, 0.04)])
def test_simulated_documents_are_covered_as_the_sums_say(n: int, lost: float, won: float) -> None:
    """Documents drawn one by one, through ``paired``: within four standard errors of the exact coverage."""
    rng = np.random.default_rng(n)
    samples, held = 3000, 0
    known: dict[tuple[int, int], tuple[float, float]] = {}
    for draw in rng.random((samples, n)):
        changes = np.where(draw < lost, -1, np.where(draw < lost + won, 1, 0))
        counts = int(np.sum(changes < 0)), int(np.sum(changes > 0))
        if counts not in known:
            found = paired(changes < 0, changes > 0)
            assert found.low is not None
            assert found.high is not None
            known[counts] = found.low, found.high
        low, high = known[counts]
        held += low <= won - lost <= high
    expected = coverage(score, n, lost, won)
    assert held / samples == pytest.approx(expected, abs=4 * sqrt(expected * (1 - expected) / samples))


def held_share(results: list[tuple[float | None, float | None]], truth: float) -> float:
    """How many intervals hold the truth; no interval makes no claim."""
    return float(np.mean([low is None or high is None or low <= truth <= high for low, high in results]))


@pytest.mark.parametrize(("count", "same_size"), [(6, True), (6, False), (20, True), (20, False)])
def test_clusters_are_covered(count: int, same_size: bool) -> None:
    """Documents of one source share half their variance. Clustered: .95 within noise. As if independent: far below."""
    rng = np.random.default_rng(count + same_size)
    clustered, naive = [], []
    for _ in range(1000):
        sizes = np.full(count, 8) if same_size else rng.geometric(1 / 8, count)
        labels = np.repeat(np.arange(count), sizes)
        changes = rng.standard_normal(count)[labels] + rng.standard_normal(labels.size)
        with_clusters = paired(np.zeros(labels.size), changes, labels.tolist())
        without = paired(np.zeros(labels.size), changes)
        clustered.append((with_clusters.low, with_clusters.high))
        naive.append((without.low, without.high))
    assert 0.92 <= held_share(clustered, 0.0) <= 0.98
    assert held_share(naive, 0.0) < 0.75


@pytest.mark.parametrize("together", [0.0, 0.5, 1.0])
def test_flips_in_clusters_are_covered(together: float) -> None:
    """30 clusters of 5; 8% lost, 2% won; a document follows its cluster with the given chance. The interval errs wide."""
    rng = np.random.default_rng(17)
    labels = np.repeat(np.arange(30), 5)
    results = []
    for _ in range(500):
        draw = np.where(rng.random(150) < together, rng.random(30)[labels], rng.random(150))
        lost, won = draw < 0.08, (draw >= 0.08) & (draw < 0.1)
        found = paired(~won, ~lost, labels.tolist())
        results.append((found.low, found.high))
    assert 0.94 <= held_share(results, -0.06) <= 1


def perplexities(rng: np.random.Generator, n: int, sparse: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of nats of both models, and tokens: documents of very different lengths; all hurt a little, or one in ten much."""
    tokens = np.round(rng.lognormal(5, 0.7, n)) + 5
    base = rng.normal(2.5, 0.4, n)
    hurt = 0.3 * (rng.random(n) < 0.1) * rng.exponential(1, n) if sparse else rng.normal(0.05, 0.1, n)
    return base * tokens, (base + hurt) * tokens, tokens


@pytest.mark.parametrize(("sparse", "least"), [(False, 0.9), (True, 0.9)])
def test_perplexities_are_covered(sparse: bool, least: float) -> None:
    """The studentized interval of 60 documents, beside the truth of two million."""
    rng = np.random.default_rng(23)
    base, adapter, tokens = perplexities(rng, 2_000_000, sparse)
    truth = float(np.exp(adapter.sum() / tokens.sum()) - np.exp(base.sum() / tokens.sum()))
    results = []
    for _ in range(300):
        found = bootstrap_ratio(*perplexities(rng, 60, sparse), exponential=True, resamples=1000)
        results.append((found.low, found.high))
    assert least <= held_share(results, truth) <= 0.995
    assert np.mean([low is not None for low, _ in results]) > 0.7


def test_percentiles_moved_outwards_cover() -> None:
    """The mean of ten normal documents: Hesterberg's percentiles hold it as often as they say; plain ones would not."""
    rng = np.random.default_rng(29)
    results = []
    for _ in range(250):
        changes = rng.standard_normal(10)
        found = bootstrap_difference(lambda which, d=changes: (0.0, float(np.mean(d[which]))), 10, resamples=800)
        results.append((found.low, found.high))
    assert 0.92 <= held_share(results, 0.0) <= 0.985


def answers(n: int, lost: float, won: float, margin: float) -> dict[str, float]:
    """The chance of each verdict, from both ends of one 90% interval."""
    chances = {"safe": 0.0, "forgot": 0.0, "inconclusive": 0.0}
    for chance, first, second in tables(n, lost, won):
        chances[against_margin(*score(first, second, n, 0.9), margin)] += chance
    return chances


@pytest.mark.parametrize(("n", "share"), [(20, 0.05), (20, 0.2), (50, 0.05), (50, 0.2), (200, 0.005), (200, 0.05)])
def test_no_effect_is_hardly_ever_called_forgetting(n: int, share: float) -> None:
    """As many lost as won, and no margin at all: 5% within what whole numbers allow. With a margin of 5%: half as often."""
    assert answers(n, share, share, 0.0)["forgot"] <= 0.055
    assert answers(n, share, share, 0.05)["forgot"] <= 0.025


@pytest.mark.parametrize(("n", "won"), [(20, 0.0), (20, 0.1), (50, 0.02), (200, 0.0), (200, 0.05)])
def test_a_loss_of_the_margin_is_hardly_ever_decided_wrongly(n: int, won: float) -> None:
    """The true loss is the margin: either answer would be wrong, and comes about one time in twenty."""
    chances = answers(n, won + 0.05, won, 0.05)
    assert chances["safe"] <= 0.06
    assert chances["forgot"] <= 0.075
    assert sum(chances.values()) == pytest.approx(1, abs=1e-4)


def test_enough_documents_decide() -> None:
    """1000 documents, 1% lost and won: safe. 20% lost, 2% won: forgot."""
    assert answers(1000, 0.01, 0.01, 0.05)["safe"] > 0.999
    assert answers(1000, 0.2, 0.02, 0.05)["forgot"] > 0.999


def test_no_effect_on_a_real_metric_is_hardly_ever_called_forgetting() -> None:
    """Student's interval at 90%, no margin: 5% within four standard errors of 3000 samples."""
    rng = np.random.default_rng(31)
    forgot = 0
    for _ in range(3000):
        found = paired(np.zeros(25), rng.standard_normal(25), level=0.9)
        forgot += against_margin(found.low, found.high, 0.0) == "forgot"
    assert forgot / 3000 == pytest.approx(0.05, abs=4 * sqrt(0.05 * 0.95 / 3000))
