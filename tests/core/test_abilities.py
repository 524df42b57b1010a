"""What margins make of scores: which margin counts, what becomes of each kind of score, how many documents would decide."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from loradiag.core.abilities import settle, share_of
from loradiag.core.forgetting import Forgetting, Score
from loradiag.statistics.combined import combined_interval
from loradiag.statistics.paired import paired

LIMITS = {"margin": 0.05, "alpha": 0.05}


def score(low: float | None, high: float | None, **fields: Any) -> Score:
    """A score of 1,000 documents and a base of .8, whose difference is bounded so."""
    middle = 0.0 if low is None or high is None else (low + high) / 2
    settings: dict[str, Any] = {
        "task": "task", "metric": "acc", "n": 1000, "base": 0.8, "adapter": 0.8 + middle, "difference": middle,
        "bound_low": low, "bound_high": high, "binary": True, "lost": 9, "won": 9, "p_value": 0.001, "p_adjusted": 0.001,
        "minimum_detectable": 0.02,
    }  # fmt: skip
    return Score(**(settings | fields))


def settled(row: Score, **limits: float) -> Score:
    """What becomes of it; ``__`` stands for a point."""
    named = {name.replace("__", "."): value for name, value in limits.items()}
    found = Forgetting(tasks=[row], groups=[row], harness="h", compute="float32", trained_on="stored")
    after = settle(found, LIMITS | named)
    assert after.tasks == after.groups
    return after.tasks[0]


@pytest.mark.parametrize(
    ("task", "own", "expected"),
    [
        ("mmlu_law", {}, 0.05),
        ("mmlu_law", {"margin.mmlu_law": 0.1}, 0.1),
        ("mmlu_law", {"margin.mmlu_art": 0.1}, 0.05),
        ("mmlu_law", {"margin.mmlu_*": 0.2}, 0.2),
        ("mmlu_law", {"margin.mmlu_*": 0.2, "margin.mmlu_law": 0.1}, 0.1),
        ("mmlu_law", {"margin.*": 0.3, "margin.mmlu_*": 0.2, "margin.m*": 0.4}, 0.2),
        ("mmlu_law", {"margin.mmlu_l?w*****": 0.2, "margin.mmlu_law": 0.0}, 0.0),
        ("mmlu", {"margin.mmlu_*": 0.2}, 0.05),
        ("MMLU_law", {"margin.mmlu_*": 0.2}, 0.05),
        ("a.b", {"margin.a.b": 0.2}, 0.2),
        ("task [x]", {"margin.task [x]": 0.2}, 0.2),
        ("alpha", {"alpha": 0.5}, 0.05),
    ],
)
def test_which_margin_counts(task: str, own: dict[str, float], expected: float) -> None:
    """The task's own, else that of the longest pattern, else the one for all."""
    assert share_of(task, {**LIMITS, **own}, 0.05) == expected


def test_a_margin_is_a_share_of_the_bases_score() -> None:
    """In the metric's own unit."""
    assert settled(score(-0.01, 0.01)).margin == pytest.approx(0.04)
    assert settled(score(-0.01, 0.01), margin__task=0.5).margin == pytest.approx(0.4)
    assert settled(score(-1.0, 1.0, base=20.0, binary=False)).margin == pytest.approx(1.0)
    assert settled(score(-0.01, 0.01, base=-0.8, binary=False)).margin == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.039, 0.01, "safe"),
        (0.01, 0.02, "safe"),
        (-0.2, -0.041, "forgot"),
        (-0.2, -0.039, "inconclusive"),
        (-0.041, 0.2, "inconclusive"),
        (None, None, "inconclusive"),
    ],
)
def test_three_answers(low: float | None, high: float | None, expected: str) -> None:
    """The margin is .04."""
    assert settled(score(low, high)).status == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-3.0, 0.9, "safe"), (1.1, 3.0, "forgot"), (0.5, 1.5, "inconclusive"), (-3.0, -1.1, "safe")],
)
def test_less_is_better(low: float, high: float, expected: str) -> None:
    """Perplexity of 20, of which one may be gained."""
    row = score(low, high, base=20.0, binary=False, higher_is_better=False)
    assert settled(row).status == expected


def test_significance() -> None:
    """One of many tasks comes out so by chance: only what Holm lets stand was forgotten; safe needs no test."""
    for p, expected in ((0.05, "forgot"), (0.0501, "inconclusive"), (1.0, "inconclusive"), (None, "forgot")):
        assert settled(score(-0.2, -0.1, p_adjusted=p)).status == expected
    assert settled(score(-0.2, -0.1, p_adjusted=0.2), alpha=0.3).status == "forgot"
    assert settled(score(-0.01, 0.01, p_adjusted=1.0)).status == "safe"


def test_answers_that_are_identical() -> None:
    """Are safe without a margin too, by any metric, however few documents there are."""
    row = score(0.0, 0.0, identical=True, p_value=1.0, p_adjusted=1.0, n=1)
    assert settled(row, margin=0.0).status == "safe"
    assert settled(score(0.0, 0.0, identical=False), margin=0.0).status == "inconclusive"
    assert settled(score(None, None, identical=True)).status == "safe"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"base": 0.0}, "safe"),
        ({"base": 0.0, "bound_low": None, "bound_high": None}, "safe"),
        ({"base": 0.0, "binary": False}, "inconclusive"),
        ({"base": 0.0, "binary": False, "bound_low": 0.1}, "safe"),
        ({"base": 0.0, "higher_is_better": False, "bound_low": 0.1}, "forgot"),
        ({"base": 0.0, "higher_is_better": False}, "inconclusive"),
    ],
)
def test_a_base_of_zero(fields: dict[str, Any], expected: str) -> None:
    """Who is never right has nothing to lose; who never makes a mistake has."""
    assert settled(score(-0.1, 0.2, **fields)).status == expected


@pytest.mark.parametrize(
    "fields",
    [{"primary": False}, {"role": "domain"}, {"base": None, "adapter": None, "difference": None}, {"difference": None}],
)
def test_what_is_not_judged(fields: dict[str, Any]) -> None:
    """Other metrics, the domain, and what has no score; what stood there before is taken away."""
    row = score(-0.2, -0.1, margin=0.3, needed=7, status="forgot", **fields)
    found = settled(row)
    assert (found.status, found.margin, found.needed) == ("unjudged", None, None)


def test_what_is_judged_again() -> None:
    """Under another margin; nothing else changes."""
    once = settled(score(-0.1, 0.0))
    again = settled(once, margin=0.2)
    assert (once.status, again.status) == ("inconclusive", "safe")
    assert settled(again) == once


def test_a_policy_without_the_rule() -> None:
    """Leaves everything as it was."""
    found = Forgetting(tasks=[score(-0.2, -0.1)], harness="h", compute="float32", trained_on="stored")
    assert settle(found, {}) is found


def test_documents_that_would_decide() -> None:
    """((z₀.₉₅ + z₀.₈) · SD/(distance to the margin))² + z₀.₉₅²/2, by hand; the direction is the metric's."""
    spread = 0.02 / 2.486475 * math.sqrt(1000)
    expected = (2.486475 * spread / 0.01) ** 2 + 1.644854**2 / 2
    assert settled(score(-0.05, -0.01, difference=-0.03)).needed == math.ceil(expected)
    assert settled(score(-0.07, -0.03, difference=-0.05)).needed == math.ceil(expected)
    rise = score(0.01, 0.05, difference=0.03, higher_is_better=False)
    assert settled(rise).needed == math.ceil(expected)
    assert settled(score(-0.05, -0.03, difference=-0.04)).needed is None  # on the margin: never
    for decided in (score(-0.01, 0.01), score(-0.3, -0.2), score(-0.01, 0.01, primary=False)):
        assert settled(decided).needed is None


def test_needed_documents_are_more_than_there_are() -> None:
    """Where a normal approximation says otherwise, none are named."""
    assert settled(score(-0.2, 0.0, minimum_detectable=0.001)).needed is None


def unflipped(n: int, labels: Any = None, **fields: Any) -> Score:
    """Nothing flipped among so many documents."""
    found = paired(np.ones(n), np.ones(n), labels, level=0.9)
    settings: dict[str, Any] = {"n": n, "base": 1.0, "difference": 0.0, "lost": 0, "won": 0, "minimum_detectable": None}
    return score(found.low, found.high, **(settings | fields))


@pytest.mark.parametrize("n", [2, 10, 20, 51])
def test_documents_without_flips(n: int) -> None:
    """1.644854² · .95/.05 = 51.4: 52 of them."""
    assert settled(unflipped(n)).needed == 52
    assert settled(unflipped(n), margin=0.0).needed is None


def test_documents_without_flips_that_are_clustered() -> None:
    """Are worth less: with as many as are named the margin is kept, with fewer by a tenth it is not."""
    row = unflipped(60, np.repeat(np.arange(12), 5).tolist())
    needed = settled(row).needed
    assert needed is not None
    assert needed > 60
    for share, status in ((1.05, "safe"), (0.9, "inconclusive")):
        clusters = round(needed * share / 5)
        assert settled(unflipped(5 * clusters, np.repeat(np.arange(clusters), 5).tolist())).status == status


def test_documents_without_flips_in_a_group() -> None:
    """Of four tasks, each with a width of its own: about as many as are named would do."""

    def group(each: int) -> Score:
        part = paired(np.ones(each), np.ones(each), level=0.9)
        low, high = combined_interval([0.25] * 4, [0.0] * 4, [(part.low or 0.0, part.high or 0.0)] * 4)
        return unflipped(4 * each, bound_low=low, bound_high=high, role="group")

    row = settled(group(13))
    assert row.status == "inconclusive"
    assert row.needed is not None
    assert settled(group(math.ceil(1.1 * row.needed / 4))).status == "safe"
    assert settled(group(math.floor(0.9 * row.needed / 4))).status == "inconclusive"


def test_too_few_documents_for_an_interval() -> None:
    """None flipped of one."""
    assert settled(unflipped(1)).needed == 52
    assert settled(score(None, None, lost=1, won=0, n=1, minimum_detectable=None)).needed is None
