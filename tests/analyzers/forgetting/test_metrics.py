"""What a metric's values come to, beside scipy and what is written out by hand."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from loradiag.analyzers.forgetting.metrics import Column, NoValueError, by_document, measured
from loradiag.models.harness.answers import Metric

ACC = Metric("acc", "none", True, "mean")
NATS = Metric("word_perplexity", "none", False, "weighted_perplexity")
BITS = Metric("bits_per_byte", "none", False, "bits_per_byte")
LOG = Metric("perplexity", "none", False, "perplexity")
F1 = Metric("f1", "none", True, "f1")
Z = {0.95: 1.959964, 0.90: 1.644854}


def flipped(right: int, lost: int, won: int, wrong: int) -> tuple[list[float], list[float]]:
    """Documents of a 0/1 metric."""
    return [1.0] * (right + lost) + [0.0] * (won + wrong), [1.0] * right + [0.0] * lost + [1.0] * won + [0.0] * wrong


def tango(lost: int, won: int, n: int, z: float) -> tuple[float, float]:
    """The differences at which the score statistic is ±z, the nuisance parameter by numerical maximum likelihood."""

    def statistic(delta: float) -> float:
        def unlikely(q: float) -> float:
            same = max(1 - 2 * q - delta, 1e-300)
            return -(lost * math.log(q) + won * math.log(q + delta) + (n - lost - won) * math.log(same))

        low, high = max(0.0, -delta), (1 - delta) / 2
        q = optimize.minimize_scalar(
            unlikely, bounds=(low + 1e-12, high - 1e-12), method="bounded", options={"xatol": 1e-12}
        ).x
        return float((won - lost - n * delta) / math.sqrt(n * (2 * q + delta - delta**2)))

    middle = (won - lost) / n
    return (
        optimize.brentq(lambda delta: statistic(delta) - z, -0.999, middle),
        optimize.brentq(lambda delta: statistic(delta) + z, middle, 0.999),
    )


@pytest.mark.parametrize(("right", "lost", "won", "wrong"), [(60, 20, 5, 15), (30, 3, 2, 15), (80, 1, 9, 10)])
def test_zeros_and_ones(right: int, lost: int, won: int, wrong: int) -> None:
    """Tango's intervals at both levels, McNemar's exact test, the standard error of a mean."""
    before, after = flipped(right, lost, won, wrong)
    found = measured(Column(ACC, before, after))
    n = len(before)
    changes = np.subtract(after, before)
    assert (found["base"], found["adapter"]) == (pytest.approx((right + lost) / n), pytest.approx((right + won) / n))
    assert found["difference"] == pytest.approx((won - lost) / n)
    assert found["standard_error"] == pytest.approx(stats.sem(changes))
    assert found["p_value"] == pytest.approx(stats.binomtest(lost, lost + won).pvalue)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(tango(lost, won, n, Z[0.95]), abs=1e-5)
    assert (found["bound_low"], found["bound_high"]) == pytest.approx(tango(lost, won, n, Z[0.90]), abs=1e-5)
    assert found["minimum_detectable"] == pytest.approx((1.644854 + 0.841621) * stats.sem(changes))
    assert (found["interval"], found["test"], found["binary"], found["reason"]) == ("score", "mcnemar", True, None)


def test_nothing_flipped() -> None:
    """Has a width all the same: ±z²/(n + z²). Nothing is known of how much would be seen."""
    found = measured(Column(ACC, [1.0] * 30, [1.0] * 30))
    square = Z[0.90] ** 2
    assert (found["bound_low"], found["bound_high"]) == pytest.approx((-square / (30 + square), square / (30 + square)))
    assert (found["difference"], found["p_value"], found["minimum_detectable"]) == (0, 1, None)


def test_zeros_and_ones_of_few_sources() -> None:
    """Signs of whole clusters are turned: 2 of 2³ patterns are as far out as what was seen."""
    labels = list("aaabbbcccddd")
    before = [1.0] * 12
    after = [0.0] * 9 + [1.0] * 3
    found = measured(Column(ACC, before, after, labels))
    assert (found["test"], found["p_value"]) == ("sign flips", 2 / 8)
    alone = measured(Column(ACC, before, after))
    assert found["ci_low"] < alone["ci_low"]
    assert found["standard_error"] > alone["standard_error"]


def sign_flips(changes: Sequence[float]) -> float:
    """The share of all patterns of signs whose sum is as far out."""
    far = abs(sum(changes)) - 1e-9
    patterns = list(product((1, -1), repeat=len(changes)))
    return sum(abs(np.dot(signs, changes)) >= far for signs in patterns) / len(patterns)


def test_real_values() -> None:
    """Means, their difference, its standard error; the permutation test looks at every pattern."""
    rng = np.random.default_rng(4)
    before, after = rng.random(12), rng.random(12)
    found = measured(Column(ACC, before.tolist(), after.tolist()))
    assert found["difference"] == pytest.approx(np.mean(after) - np.mean(before))
    assert found["standard_error"] == pytest.approx(stats.sem(after - before))
    assert found["p_value"] == pytest.approx(sign_flips(after - before))
    assert (found["interval"], found["test"]) == ("bootstrap-t", "sign flips")
    low, high = stats.t.interval(0.95, 11, np.mean(after - before), stats.sem(after - before))
    reach = (high - low) / 2
    assert found["ci_low"] == pytest.approx(low, abs=0.4 * reach)
    assert found["ci_high"] == pytest.approx(high, abs=0.4 * reach)
    assert found["ci_low"] < found["bound_low"] < found["bound_high"] < found["ci_high"]
    assert found.get("binary", False) is False


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        (NATS, lambda nats, lengths: math.exp(nats.sum() / lengths.sum())),
        (BITS, lambda nats, lengths: nats.sum() / lengths.sum() / math.log(2)),
        (LOG, lambda nats, lengths: math.exp(nats.mean())),
    ],
)
def test_likelihoods(metric: Metric, score: Any) -> None:
    """As lm-eval's functions make a score of them: a rise is the adapter's less the base's."""
    rng = np.random.default_rng(5)
    lengths = rng.integers(5, 50, 40).astype(float)
    first = rng.random(40) * 2 * lengths / lengths.mean()
    second = first * rng.uniform(1.0, 1.3, 40)
    pairs = metric is not LOG
    before, after = (
        [[-nats, length] if pairs else -nats for nats, length in zip(column, lengths, strict=True)]
        for column in (first, second)
    )
    found = measured(Column(metric, before, after))
    scores = [score(column, lengths) for column in (first, second)]
    assert [found["base"], found["adapter"]] == pytest.approx(scores)
    assert found["difference"] == pytest.approx(scores[1] - scores[0])
    assert 0 < found["ci_low"] < found["bound_low"] < found["difference"] < found["bound_high"] < found["ci_high"]


def test_aggregations_are_lm_evals() -> None:
    """The same scores as its own functions."""
    rng = np.random.default_rng(6)
    items = [(-value, weight) for value, weight in zip(rng.random(9) * 50, rng.integers(1, 30, 9), strict=True)]
    mean = sum(value for value, _ in items) / sum(weight for _, weight in items)
    column = [[float(value), float(weight)] for value, weight in items]
    assert measured(Column(NATS, column, column))["base"] == pytest.approx(math.exp(-mean))
    assert measured(Column(BITS, column, column))["base"] == pytest.approx(-mean / math.log(2))


def f1(items: Sequence[Any]) -> float:
    """Of pairs of truth and answer, by hand."""
    both = sum(truth and said for truth, said in items)
    return 2 * both / (sum(truth for truth, _ in items) + sum(said for _, said in items))


def corpus(n: int = 80) -> tuple[list[Any], list[Any]]:
    """Truths with answers, of which the adapter gives fewer right ones."""
    rng = np.random.default_rng(7)
    truth = rng.random(n) < 0.6
    first, second = (np.where(rng.random(n) < share, truth, ~truth) for share in (0.9, 0.7))
    return [[list(map(int, row)) for row in zip(truth, said, strict=True)] for said in (first, second)]  # type: ignore


def test_metrics_of_all_documents_together() -> None:
    """The scores by hand, the error as of resamples drawn here, the normal test by scipy."""
    before, after = corpus()
    found = measured(Column(F1, before, after, aggregate=f1))
    assert (found["base"], found["adapter"]) == (f1(before), f1(after))
    rng = np.random.default_rng(8)
    drawn = [rng.integers(0, 80, 80) for _ in range(3000)]
    changes = [f1([after[index] for index in row]) - f1([before[index] for index in row]) for row in drawn]
    assert found["standard_error"] == pytest.approx(np.std(changes), rel=0.08)
    assert found["p_value"] == pytest.approx(2 * stats.norm.sf(abs(found["difference"]) / found["standard_error"]))
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(np.quantile(changes, [0.025, 0.975]), abs=0.03)
    assert found["ci_low"] < found["bound_low"] < found["bound_high"] < found["ci_high"]
    assert (found["interval"], found["test"]) == ("bootstrap", "normal")


def test_a_slow_machine_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores, interval and p are those of the answers, whatever a clock says of how long an evaluation takes."""
    before, after = corpus(60)
    quick = measured(Column(F1, before, after, aggregate=f1))
    hours = itertools.count(0.0, 3600.0)
    for clock in ("monotonic", "perf_counter", "time", "process_time"):
        monkeypatch.setattr(time, clock, lambda: next(hours))
    assert measured(Column(F1, before, after, aggregate=f1)) == quick


def test_both_levels_look_at_the_same_resamples_and_progress_is_told() -> None:
    """2,000 of each model, and the documents as they are."""
    before, after = corpus(20)
    calls, told = 0, []

    def counted(items: Sequence[Any]) -> float:
        nonlocal calls
        calls += 1
        return f1(items)

    measured(Column(F1, before, after, aggregate=counted, tell=lambda done, count: told.append((done, count))))
    assert calls == 2 * (2000 + 1)
    assert told[:2] == [(20, 2000), (40, 2000)]
    assert told[-1] == (2000, 2000)


def test_the_same_answers_in_a_metric_of_all_documents() -> None:
    """Are the point 0."""
    before, _ = corpus()
    found = measured(Column(F1, before, list(before), aggregate=f1))
    assert (found["difference"], found["ci_low"], found["ci_high"], found["p_value"]) == (0, 0, 0, 1)


def failing(error: Exception) -> Any:
    """A function that is called, and fails."""

    def aggregate(items: Sequence[Any]) -> float:
        raise error

    return aggregate


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (Column(ACC, [1.0, None], [1.0, 0.0]), "no value of its own"),
        (Column(ACC, [1.0, 0.0], [1.0, "a"]), "no value of its own"),
        (Column(ACC, [1.0, [1.0, 2.0]], [1.0, 0.0]), "no value of its own"),
        (Column(ACC, [1.0, math.nan], [1.0, 0.0]), "the values of 1 document are not finite"),
        (Column(ACC, [1.0, 0.5], [math.inf, -math.inf]), "of 2 documents are not"),
        (Column(NATS, [-1.0, -2.0], [-1.0, -2.0]), "no log-likelihoods|not log-likelihoods"),
        (Column(NATS, [[-1.0, 2.0], [-1.0]], [[-1.0, 2.0], [-1.0, 2.0]]), "not log-likelihoods"),
        (Column(NATS, [[-1.0, 2.0]] * 2, [[-math.inf, 2.0], [-1.0, 2.0]]), "of 1 document are not"),
        (Column(LOG, [-1.0, -2.0], [-1000.0, -2000.0]), "the score is not finite"),
        (Column(F1, [[1, 1]], [[1, 0]]), "none that can be resampled"),
        (Column(F1, [[1, 1], None], [[1, 0], [0, 0]], aggregate=f1), "none that can be resampled"),
        (Column(F1, [[1, 1]] * 2, [[1, 0]] * 2, aggregate=failing(ValueError("one class"))), r"f1 .*\(one class\)"),
        (
            Column(F1, [[1, 1]] * 2, [[1, 0]] * 2, aggregate=failing(OverflowError("math range"))),
            r"f1 .*\(math range\)",
        ),
        (Column(F1, [[1, 1]] * 2, [[1, 0]] * 2, aggregate=failing(KeyError())), r"f1 .*\(KeyError\)"),
        (Column(F1, [[1, 1], [0, 0]], [[1, 0], [0, 0]], aggregate=f1), "f1 cannot be computed of a resample"),
    ],
)
def test_what_cannot_be_compared(column: Column, said: str) -> None:
    """Says why."""
    with pytest.raises(NoValueError, match=said):
        measured(column)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (Column(ACC, [1.0], [0.0]), "too few documents"),
        (Column(ACC, [1.0] * 4, [0.0] * 4, ["a"] * 4), "too few documents"),
        (Column(ACC, [0.1], [0.2]), "too few documents"),
        (Column(ACC, [0.1, 0.2, 0.3], [0.2, 0.3, 0.4]), "too few that change"),
        (Column(F1, *corpus(3), aggregate=lambda items: float(np.mean([said for _, said in items]))), "do not bound"),
    ],
)
def test_what_has_no_interval(column: Column, said: str) -> None:
    """Has a difference, and a reason."""
    found = measured(column)
    assert found["difference"] is not None
    assert [found[name] for name in ("ci_low", "ci_high", "bound_low", "bound_high")] == [None] * 4
    assert said in found["reason"]


def test_values_by_document() -> None:
    """Of log-likelihoods the nats for each unit of length, of which less is better; lengths of 0 are taken for 1."""
    assert by_document([0.5, 1.0], ACC).tolist() == [0.5, 1.0]
    assert by_document([[-6.0, 3.0], [-1.0, 0.0]], NATS).tolist() == [2.0, 1.0]
    assert by_document([-2.0], LOG).tolist() == [2.0]
    with pytest.raises(NoValueError):
        by_document([[1, 1]], F1)
