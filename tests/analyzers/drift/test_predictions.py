"""Answers of recent days beside earlier ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from loradiag.analyzers.drift.predictions import compare_answers
from loradiag.analyzers.drift.wanted import Wanted, window_of
from loradiag.core.drift import PredictionShift
from loradiag.traffic.reading import Rows
from tests.analyzers.drift.making import DAY, START, rows_of

WANTED = Wanted(window=window_of("1d"))


Month = tuple[Rows, dict[str, Any]]


def month(
    a_day: int = 40, days: int = 30, day_effect: float = 0.05, rise: float = 0.0, seed: int = 0, **more: Any
) -> Month:
    """A month whose nll differs from day to day, and rises in its last week: requests, and what is known of them."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), a_day)
    nll = 1.0 + rng.normal(0, day_effect, days)[day] + rng.normal(0, 0.3, day.size) + rise * (day >= days - 7)
    return rows_of(START + day * DAY + np.tile(np.arange(a_day), days)), {"nll": nll.astype(np.float32), **more}


def compared(made: Month) -> list[PredictionShift]:
    """As the check does it."""
    rows, columns = made
    unknown = np.full(rows.key.size, np.nan, dtype=np.float32)
    return compare_answers(rows, lambda name, at: np.asarray(columns.get(name, unknown), dtype=np.float32)[at], WANTED)


def of(made: Month) -> dict[str, PredictionShift]:
    """By metric."""
    return {row.metric: row for row in compared(made)}


def test_perplexity_by_scipy() -> None:
    """Welch's test over the means of days, exponentiated; Kolmogorov–Smirnov over requests."""
    rows = month(rise=0.2)
    found = of(rows)["perplexity"]
    nll = rows[1]["nll"]
    means = nll.astype(np.float64).reshape(30, 40).mean(axis=1)
    before, recent = means[:23], means[23:]
    expected = stats.ttest_ind(recent, before, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.reference == pytest.approx(np.exp(before.mean()))
    assert found.current == pytest.approx(np.exp(recent.mean()))
    assert found.change == pytest.approx(np.expm1(recent.mean() - before.mean()))
    assert (found.ci_low, found.ci_high) == pytest.approx((np.expm1(interval.low), np.expm1(interval.high)))
    assert found.p == pytest.approx(expected.pvalue)
    sides = nll[: 23 * 40], nll[23 * 40 :]
    assert found.ks_p == pytest.approx(stats.ks_2samp(*sides, method="asymp").pvalue)
    assert (found.days_reference, found.days, found.n_reference, found.n) == (23, 7, 920, 280)
    assert (found.start, found.end) == ("2026-11-24T00:00:00Z", "2026-12-01T00:00:00Z")


def test_a_perplexity_beyond_all_numbers_is_told_as_the_largest() -> None:
    """A server that began to write −999 for what it did not compute: e to 999 is no float."""
    found = of(month(rise=998.0))["perplexity"]
    assert found.reference == pytest.approx(np.e, rel=0.2)
    assert found.current > 1e300
    assert found.change is not None
    assert found.change > 1e300


def test_what_never_changes_has_not_changed() -> None:
    """The same prompt again and again, by a client that looks whether the server lives: on some days oftener than on others."""
    day = np.repeat(np.arange(30), np.where(np.arange(30) % 2, 40, 30))
    rows = rows_of(START + day * DAY + np.arange(day.size))
    found = of((rows, {"prompt_tokens": np.full(day.size, 7)}))["prompt_length"]
    assert (found.change, found.ci_low, found.ci_high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_days_that_differ_are_no_rise() -> None:
    """With an effect of days and no change, an interval excludes zero in about one of twenty months."""
    wrong = sum(
        not (row.ci_low or 0) <= 0 <= (row.ci_high or 0)
        for seed in range(200)
        for row in [of(month(seed=seed))["perplexity"]]
    )
    assert wrong <= 10 + 3 * np.sqrt(200 * 0.05 * 0.95)


def test_shares_and_lengths() -> None:
    """Truncated answers as a difference of shares; lengths as a ratio of geometric means, in tokens where there are any."""
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(30), 40)
    truncated = rng.random(day.size) < np.where(day >= 23, 0.4, 0.1)
    tokens = np.exp(rng.normal(3, 0.1, day.size)) * np.where(day >= 23, 2.0, 1.0)
    found = of(
        month(truncated=truncated, response_tokens=tokens, response_chars=tokens * 4, prompt_chars=np.full(day.size, 9))
    )
    expected = truncated.reshape(30, 40).mean(axis=1)
    assert found["truncated"].change == pytest.approx(expected[23:].mean() - expected[:23].mean())
    assert found["truncated"].effect == pytest.approx(truncated[day >= 23].mean() - truncated[day < 23].mean())
    assert found["truncated"].ks is None
    assert found["response_length"].change == pytest.approx(1.0, abs=0.05)
    assert found["response_length"].unit == "tokens"
    assert "response_characters" not in found
    assert found["prompt_characters"].reference == pytest.approx(9.0)
    assert "refusal_like" not in found


def test_few_days_leave_it_undecided() -> None:
    """With two days before, there is a change and no interval."""
    found = of(month(days=9))["perplexity"]
    assert found.change is not None
    assert (found.ci_low, found.p, found.p_adjusted) == (None, None, None)
    assert compared(month(days=5)) == []
    assert compared((rows_of([-1, -1]), {})) == []


def test_conversations_count_once_a_day() -> None:
    """One client that repeats itself a thousand times is one request of its day."""
    nll = np.concatenate([np.full(300, 1.0), np.full(1000, 9.0)])
    times = np.concatenate([START + np.repeat(np.arange(30), 10) * DAY, np.full(1000, START + 29 * DAY)])
    order = np.argsort(times, kind="stable")
    labels = np.concatenate([np.zeros(300), np.full(1000, 7)])
    rows = rows_of(times[order], conversation=labels[order])
    found = of((rows, {"nll": nll[order]}))["perplexity"]
    assert found.n == 71
    assert found.current == pytest.approx(np.exp((6 * 1.0 + (10 * 1.0 + 9.0) / 11) / 7))


def test_entropy_says_of_how_many_tokens() -> None:
    """The usual number of logged tokens."""
    rows = month(entropy=np.full(1200, 0.5), entropy_top=np.where(np.arange(1200) % 9, 5, 3))
    assert of(rows)["entropy"].top == 5
