"""One metric of pairs, and what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from loradiag.analyzers.canary.canary import decide
from loradiag.analyzers.canary.comparing import METRICS, compare
from loradiag.analyzers.drift.columns import values_of
from loradiag.statistics.sequences import bounded_sequence, normal_sequence

LATENCY, TRUNCATED, LENGTH = (METRICS[name] for name in ("latency", "truncated", "response_length"))


def latencies(count: int, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of times of both, of which the new ones take so much longer."""
    generator = np.random.default_rng(seed)
    old, new = generator.normal(5, 0.3, count), generator.normal(5, 0.3, count)
    return old, new + math.log(factor)


@pytest.mark.parametrize(("factor", "status"), [(1.4, "worse"), (1.0, "fine"), (0.7, "better"), (1.1, "undecided")])
def test_harm_beyond_the_margin_is_told_from_harm_within(factor: float, status: str) -> None:
    """With a margin of 10%: 40% more is worse, nothing is fine, 30% less is better, 10% could be either for ever."""
    found = compare(LATENCY, *latencies(3000, factor), alpha=0.05, floor=100)
    assert found is not None
    assert found.status == status
    assert found.difference == pytest.approx(factor - 1, abs=0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low < factor - 1 < found.high
    assert found.new / found.old - 1 == pytest.approx(found.difference)


def test_both_intervals_of_a_metric_share_its_chance() -> None:
    """Four fifths for the difference, one for how often the new one is larger: together no more than alpha."""
    old, new = latencies(1000, 1.1)
    found = compare(LATENCY, old, new, alpha=0.05, floor=100)
    assert found is not None
    apart = new - old
    difference = normal_sequence(apart, 0.04, [1000])[0]
    assert (found.low, found.high) == pytest.approx((math.expm1(difference.low), math.expm1(difference.high)))
    larger = bounded_sequence((np.sign(apart) + 1) / 2, 0.05 - 0.04, [1000])[0]
    assert (found.superiority_low, found.superiority_high) == pytest.approx((larger.low, larger.high), abs=0.002)


def test_a_change_in_either_direction_is_harm_where_it_is() -> None:
    """Answers that are a third shorter are no improvement."""
    old, new = latencies(2000, 0.67)
    found = compare(LENGTH, old, new, alpha=0.05, floor=100)
    assert found is not None
    assert (found.status, found.harm) == ("worse", "change")
    same = compare(LENGTH, *latencies(2000, 1.0), alpha=0.05, floor=100)
    assert same is not None
    assert same.status == "fine"


def test_shares_are_exact_and_say_how_many_more_are_needed() -> None:
    """Three points are tolerated: at the same share a thousand pairs leave it open, and many settle it."""
    generator = np.random.default_rng(1)
    old, new = (generator.random(1000) < 0.1).astype(float), (generator.random(1000) < 0.1).astype(float)
    found = compare(TRUNCATED, old, new, alpha=0.01, floor=100)
    assert found is not None
    assert (found.exact, found.status) == (True, "undecided")
    assert found.more is not None
    assert 100 < found.more < 100_000
    worse = compare(TRUNCATED, old, np.maximum(new, generator.random(1000) < 0.2), alpha=0.01, floor=100)
    assert worse is not None
    assert worse.status == "worse"


def test_few_pairs_say_nothing_and_unknown_values_do_not_count() -> None:
    """Below the floor, and where one of a pair does not know."""
    old, new = latencies(60, 3.0)
    found = compare(LATENCY, old, new, alpha=0.05, floor=100)
    assert found is not None
    assert found.status == "insufficient"
    old[:30] = np.nan
    fewer = compare(LATENCY, old, new, alpha=0.05, floor=100)
    assert fewer is not None
    assert (fewer.n, fewer.low) == (30, None)
    assert compare(LATENCY, np.full(5, np.nan), new[:5], alpha=0.05, floor=100) is None


def test_superiority_is_the_share_of_pairs_that_the_new_one_wins() -> None:
    """Ties count half, whatever outliers there are."""
    old = np.array([1.0, 2.0, 3.0, 4.0] * 100)
    new = np.array([2.0, 2.0, 2.0, 1e6] * 100)
    found = compare(METRICS["entropy"], old, new, alpha=0.05, floor=10)
    assert found is not None
    assert found.superiority == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert found.superiority_low < 0.625 < found.superiority_high


def test_the_path_ends_where_the_interval_is() -> None:
    """And begins with the first pairs."""
    found = compare(LATENCY, *latencies(3000, 1.2), alpha=0.05, floor=100)
    assert found is not None
    assert found.path[-1].n == 3000
    assert (found.path[-1].low, found.path[-1].high) == (found.low, found.high)
    assert len(found.path) <= 120


def test_logarithms_of_what_has_none_are_unknown() -> None:
    """A time of zero, or a negative one."""
    found = values_of(LATENCY.metric, np.array([1.0, 0.0, -5.0, np.nan, math.e]))
    assert found[[0, 4]] == pytest.approx([0.0, 1.0])
    assert np.isnan(found[[1, 2, 3]]).all()
    assert values_of(METRICS["perplexity"].metric, np.array([-1.0])) == pytest.approx([-1.0])


def test_looking_after_every_pair_promotes_what_is_worse_in_at_most_alpha_of_runs() -> None:
    """A new adapter that is exactly at its margin is ever called fine, or worse, in at most 10% of 150 runs."""
    generator = np.random.default_rng(2)
    wrong = 0
    for _ in range(150):
        apart = generator.normal(math.log(1.1), 0.4, 1500)
        found = compare(LATENCY, np.zeros(1500), apart, alpha=0.1, floor=50)
        assert found is not None
        wrong += any(point.high < 0.1 or point.low > 0.1 for point in found.path)
    assert wrong / 150 <= 0.1 + 3 * math.sqrt(0.09 / 150)


def test_what_to_do() -> None:
    """Back where anything is worse, forward where all is fine and the split was even, else on."""

    def rows(*factors: float):
        return [compare(LATENCY, *latencies(3000, factor), alpha=0.05, floor=100) for factor in factors]

    assert decide(rows(1.0, 1.4), []) == "roll back"
    assert decide(rows(1.0, 0.7), []) == "promote"
    assert decide(rows(1.0, 0.7), ["prompt_length"]) == "keep going"
    assert decide(rows(1.0, 1.1), []) == "keep going"
    assert decide([], []) == "insufficient"
