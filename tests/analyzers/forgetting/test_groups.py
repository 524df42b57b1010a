"""Groups as lm-eval averages them, their intervals by hand, and p-values by Holm over what is judged together."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from scipy import stats

from loradiag.analyzers.forgetting.groups import adjusted, asked_instead, group_scores
from loradiag.core.forgetting import Score
from loradiag.models.harness.tasks import Group


def part(task: str, n: int, base: float, adapter: float, reach: float = 0.05, **fields: Any) -> Score:
    """A task's score, its interval longer below than above."""
    difference = adapter - base
    settings: dict[str, Any] = {
        "task": task, "metric": "acc", "n": n, "base": base, "adapter": adapter, "difference": difference,
        "standard_error": reach / 2, "ci_low": difference - 1.2 * reach, "ci_high": difference + reach,
        "bound_low": difference - reach, "bound_high": difference + 0.8 * reach, "binary": True, "lost": 4, "won": 1,
        "p_value": 0.04, "interval": "score",
    }  # fmt: skip
    return Score(**(settings | fields))


A, B = part("a", 100, 0.9, 0.8), part("b", 300, 0.6, 0.62, 0.02)


def one(group: Group, *scores: Score) -> Score:
    """The only score of a group."""
    (found,) = group_scores([group], list(scores), frozenset([group.name]))
    return found


@pytest.mark.parametrize(("by_documents", "weights"), [(True, (0.25, 0.75)), (False, (0.5, 0.5))])
def test_means(by_documents: bool, weights: tuple[float, float]) -> None:
    """Over documents or over tasks; the interval from the tasks' own distances, square by square."""
    found = one(Group("g", ["a", "b"], "acc", by_documents=by_documents), A, B)
    first, second = weights
    assert found.base == pytest.approx(first * 0.9 + second * 0.6)
    assert found.adapter == pytest.approx(first * 0.8 + second * 0.62)
    assert found.difference == pytest.approx(first * -0.1 + second * 0.02)
    middle = first * -0.1 + second * 0.02
    for name, one_reach, other_reach, sign in (
        ("ci_low", 0.06, 0.024, -1), ("ci_high", 0.05, 0.02, 1), ("bound_low", 0.05, 0.02, -1), ("bound_high", 0.04, 0.016, 1),
    ):  # fmt: skip
        assert getattr(found, name) == pytest.approx(
            middle + sign * math.hypot(first * one_reach, second * other_reach)
        )
    error = math.hypot(first * 0.025, second * 0.01)
    assert found.standard_error == pytest.approx(error)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(middle) / error))
    assert found.minimum_detectable == pytest.approx((1.644854 + 0.841621) * error)
    assert (found.n, found.lost, found.won, found.parts) == (400, 8, 2, ["a", "b"])
    assert (found.role, found.interval, found.test, found.binary) == ("group", "mover", "normal", True)


def test_who_guesses_in_a_group() -> None:
    """Has the mean over documents of what guessing gives; told of no group whose tasks differ in size and count the same."""
    first, second = (msgspec.structs.replace(row, chance=chance) for row, chance in ((A, 0.5), (B, 0.25)))
    by_documents, by_tasks = (Group("g", ["a", "b"], "acc", by_documents=by) for by in (True, False))
    assert one(by_documents, first, second).chance == pytest.approx((100 * 0.5 + 300 * 0.25) / 400)
    assert one(by_tasks, first, second).chance is None
    assert one(by_tasks, first, msgspec.structs.replace(second, n=100)).chance == pytest.approx(0.375)
    assert one(by_documents, first, B).chance is None


@pytest.mark.models
@pytest.mark.parametrize("by_documents", [True, False])
def test_scores_are_lm_evals(by_documents: bool) -> None:
    """Its own function, of the same numbers."""
    metrics = pytest.importorskip("lm_eval.api.metrics", reason="it is the reference")
    found = one(Group("g", ["a", "b"], "acc", by_documents=by_documents), A, B)
    assert found.base == pytest.approx(metrics.aggregate_subtask_metrics([0.9, 0.6], [100, 300], by_documents))
    assert found.adapter == pytest.approx(metrics.aggregate_subtask_metrics([0.8, 0.62], [100, 300], by_documents))


def test_the_metric_of_a_group() -> None:
    """The one that it names, though its tasks are judged by another; without a name the one that they are judged by."""
    rows = [
        msgspec.structs.replace(part(task, 10, base, base), metric=metric, primary=metric == "acc_norm")
        for task, shift in (("a", 0.0), ("b", 0.1))
        for metric, base in (("acc", 0.5 + shift), ("acc_norm", 0.7 + shift))
    ]
    named = one(Group("g", ["a", "b"], "acc"), *rows)
    assert (named.metric, named.base) == ("acc", pytest.approx(0.55))
    without = one(Group("g", ["a", "b"]), *rows)
    assert (without.metric, without.base) == ("acc_norm", pytest.approx(0.75))


@pytest.mark.parametrize(("wanted", "base"), [(None, 0.3), ("strict", 0.3), ("loose", 0.4)])
def test_the_reading_of_the_answers(wanted: str | None, base: float) -> None:
    """The group's own, else the first."""
    rows = [part("a", 10, 0.3, 0.3, filter="strict"), part("a", 10, 0.4, 0.4, filter="loose", primary=False)]
    found = one(Group("g", ["a"], "acc", wanted), *rows)
    assert (found.base, found.filter) == (base, wanted or "strict")


def test_all_parts_identical() -> None:
    """So is the group."""
    same = {
        "identical": True,
        "ci_low": 0.0,
        "ci_high": 0.0,
        "bound_low": 0.0,
        "bound_high": 0.0,
        "standard_error": 0.0,
    }
    rows = [part(name, 10, 0.5, 0.5, **same) for name in "ab"]
    found = one(Group("g", ["a", "b"], "acc"), *rows)
    assert (found.identical, found.interval, found.p_value, found.ci_low, found.ci_high) == (True, "identical", 1, 0, 0)
    mixed = one(Group("g", ["a", "b"], "acc"), rows[0], part("b", 10, 0.5, 0.4))
    assert (mixed.identical, mixed.interval) == (False, "mover")


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([A], "1 of its 2 tasks have no such metric"),
        ([A, msgspec.structs.replace(B, metric="f1")], "1 of its 2 tasks"),
        ([A, msgspec.structs.replace(B, higher_is_better=False)], "different metrics"),
        ([A, msgspec.structs.replace(B, bound_low=None, bound_high=None)], "no interval"),
        ([A, msgspec.structs.replace(B, ci_low=None, ci_high=None)], "no interval"),
        ([A, msgspec.structs.replace(B, base=None, adapter=None, difference=None)], "no interval"),
    ],
)
def test_groups_without_a_score(scores: list[Score], said: str) -> None:
    """Say why."""
    found = one(Group("g", ["a", "b"], "acc"), *scores)
    assert (found.difference, found.parts) == (None, ["a", "b"])
    assert found.reason is not None
    assert said in found.reason


def test_tasks_of_different_metrics() -> None:
    """Have no mean."""
    rows = [A, msgspec.structs.replace(B, metric="f1")]
    assert "different metrics" in (one(Group("g", ["a", "b"]), *rows).reason or "")


def test_every_route_has_its_own() -> None:
    """From the tasks' scores along it."""
    rows = [A, B, *(part(name, 100, 0.7, 0.5, route="nf4") for name in "ab")]
    found = group_scores([Group("g", ["a", "b"], "acc"), Group("h", ["a"], "acc")], rows, frozenset(["g"]))
    assert [(row.task, row.route, row.asked) for row in found] == [
        ("g", None, True), ("g", "nf4", True), ("h", None, False), ("h", "nf4", False),
    ]  # fmt: skip
    assert found[1].adapter == pytest.approx(0.5)


def test_tasks_are_asked_where_their_group_has_no_score() -> None:
    """Only of groups that were asked."""
    rows = [msgspec.structs.replace(row, asked=False) for row in (A, B, part("c", 10, 0.5, 0.5))]
    groups = [
        Score(task="g", metric="acc", role="group", parts=["a", "b"], asked=True),
        Score(task="h", metric="acc", role="group", parts=["c"], asked=False),
    ]
    assert [row.asked for row in asked_instead(rows, groups)] == [True, True, False]
    fine = [msgspec.structs.replace(groups[0], difference=0.1)]
    assert [row.asked for row in asked_instead(rows, fine)] == [False] * 3


def test_an_interval_that_misses_its_estimate() -> None:
    """Resampling can do that: it is stretched, and the group has one."""
    beside = part("a", 100, 0.5, 0.4, ci_low=-0.08, ci_high=0.0, bound_low=-0.07, bound_high=-0.01)
    found = one(Group("g", ["a", "b"], "acc"), beside, B)
    assert found.ci_low == pytest.approx(found.difference - 0.5 * 0.024)  # type: ignore[operator]
    assert found.ci_high == pytest.approx(found.difference + 0.5 * math.hypot(0.1, 0.02))  # type: ignore[operator]


def test_families() -> None:
    """By hand: p · the number that is left, never less than the one before. Asked and not asked, and routes, each apart."""
    asked = [part(name, 10, 0.5, 0.4, p_value=p) for name, p in zip("abcd", (0.01, 0.04, 0.03, None), strict=True)]
    parts = [part(name, 10, 0.5, 0.4, p_value=p, asked=False) for name, p in zip("ef", (0.02, 0.6), strict=True)]
    served = [part(name, 10, 0.5, 0.4, p_value=0.03, route="nf4") for name in "ab"]
    others = [
        part("a", 10, 0.5, 0.4, p_value=1e-9, metric="acc_norm", primary=False),
        part("domain", 10, 0.5, 0.4, p_value=1e-9, role="domain"),
    ]
    found = [row.p_adjusted for row in adjusted([*asked, *parts, *served, *others])]
    assert found[:4] == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06), None]
    assert found[4:6] == [pytest.approx(0.04), pytest.approx(0.6)]
    assert found[6:8] == [pytest.approx(0.06), pytest.approx(0.06)]
    assert found[8:] == [None, None]


def test_groups_are_of_the_family() -> None:
    """With the tasks that were asked beside them."""
    group = Score(task="g", metric="acc", role="group", p_value=0.01, difference=0.1)
    found = adjusted([part("a", 10, 0.5, 0.4, p_value=0.03), group])
    assert [row.p_adjusted for row in found] == [pytest.approx(0.03), pytest.approx(0.02)]
