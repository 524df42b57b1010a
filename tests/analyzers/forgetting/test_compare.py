"""From two models' answers to a score: which documents, which metric first, what identical answers mean, what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from loradiag.analyzers.forgetting.compare import Subject, compare
from loradiag.core.errors import InputError
from loradiag.core.forgetting import Score
from loradiag.models.harness.answers import Metric, Scored
from tests.analyzers.forgetting.answering import ACC, PPL, scored

TASK = Subject("task", "task", asked=True)
F1 = Metric("f1", "none", True, "f1")


def one(base: Scored, adapter: Scored, **options: Any) -> Score:
    """The only score."""
    (found,) = compare(TASK, base, adapter, **{"aggregate": lambda _metric: None, **options})
    return found


def several(*metrics: Metric) -> Scored:
    """Two documents with several metrics, 0 for the first one and 1 for the second."""
    answers = [
        msgspec.structs.replace(answer, values={metric.key: float(index) for metric in metrics})
        for index, answer in enumerate(scored([0.0, 1.0]).answers)
    ]
    return Scored("task", "1", list(metrics), answers)


def test_a_score() -> None:
    """Names, direction, documents and what statistics say."""
    found = one(scored([1.0, 1.0, 0.0, 1.0]), scored([1.0, 0.0, 0.0, 0.0], model="adapter"))
    assert (found.task, found.metric, found.filter, found.role, found.route) == ("task", "acc", "none", "task", None)
    assert (found.asked, found.primary, found.higher_is_better, found.binary, found.identical) == (
        True, True, True, True, False,
    )  # fmt: skip
    assert (found.n, found.base, found.adapter, found.difference, found.lost, found.won) == (4, 0.75, 0.25, -0.5, 2, 0)
    assert (found.status, found.margin, found.needed, found.p_adjusted) == ("unjudged", None, None, None)


def test_what_is_asked_of_what() -> None:
    """As the subject says."""
    subject = Subject("domain", "domain", asked=False, route="nf4")
    (found,) = compare(subject, scored([1.0]), scored([1.0]), aggregate=lambda _metric: None)
    assert (found.task, found.role, found.asked, found.route) == ("domain", "domain", False, "nf4")


@pytest.mark.parametrize("change", ["fewer", "other", "number", "order"])
def test_different_documents(change: str) -> None:
    """Are not compared."""
    base = scored([1.0, 0.0, 1.0])
    rows = list(base.answers)
    rows = {
        "fewer": rows[:2],
        "other": [*rows[:2], msgspec.structs.replace(rows[2], key="another")],
        "number": [*rows[:2], msgspec.structs.replace(rows[2], number=7)],
        "order": [rows[1], rows[0], rows[2]],
    }[change]
    with pytest.raises(InputError, match="base and adapter were asked different documents; run loradiag cache clear"):
        one(base, msgspec.structs.replace(base, answers=rows))


@pytest.mark.parametrize(
    ("values", "metric"),
    [
        ([1.0, 0.0, 1.0, 1.0], ACC),
        ([0.3, 0.4, 0.9, 0.1], ACC),
        ([[-3.0, 2.0], [-5.0, 4.0], [-1.0, 1.0]], PPL),
        ([[1, 1], [1, 0], [0, 1], [1, 1], [0, 0], [1, 1]], F1),
        ([1.0], ACC),
    ],
)
def test_identical_answers(values: list[Any], metric: Metric) -> None:
    """To the last bit of what the model put out: exactly no difference, by whatever metric, of however few documents."""

    def aggregate(items: Sequence[Any]) -> float:
        return sum(truth == said for truth, said in items) / len(items)

    found = one(scored(values, metric), scored(values, metric), aggregate=lambda _metric: aggregate)
    ends = [found.ci_low, found.ci_high, found.bound_low, found.bound_high, found.difference, found.standard_error]
    assert ends == [0.0] * 6
    assert (found.identical, found.interval, found.p_value, found.lost_examples) == (True, "identical", 1.0, [])
    assert found.base == found.adapter


def test_the_same_scores_by_other_answers() -> None:
    """May have come out so by chance: they have a width."""
    found = one(scored([1.0] * 20), scored([1.0] * 20, model="adapter"))
    assert (found.identical, found.difference, found.lost, found.won) == (False, 0, 0, 0)
    assert found.bound_low is not None
    assert found.bound_low < -0.1


def test_one_answer_that_differs_is_enough() -> None:
    """Answers are identical only if all are."""
    base = scored([1.0, 0.0, 1.0])
    rows = list(base.answers)
    rows[1] = msgspec.structs.replace(rows[1], replies="otherwise")
    assert not one(base, msgspec.structs.replace(base, answers=rows)).identical


ACC_NORM, WHOLE, WORD = (
    Metric("acc_norm", "none", True, "mean"),
    Metric("exact_match", "whole", True, "mean"),
    Metric("exact_match", "word", True, "mean"),
)


@pytest.mark.parametrize(
    ("primary", "order"),
    [
        (None, ["acc,none", "acc_norm,none", "exact_match,whole", "exact_match,word"]),
        ("acc_norm", ["acc_norm,none", "acc,none", "exact_match,whole", "exact_match,word"]),
        ("exact_match", ["exact_match,whole", "exact_match,word", "acc,none", "acc_norm,none"]),
        ("exact_match,word", ["exact_match,word", "acc,none", "acc_norm,none", "exact_match,whole"]),
    ],
)
def test_the_metric_to_judge_by(primary: str | None, order: list[str]) -> None:
    """The first, or the one that is named, with its filter where there are several; it comes first, and it alone."""
    answers = several(ACC, ACC_NORM, WHOLE, WORD)
    found = compare(TASK, answers, answers, aggregate=lambda _metric: None, primary=primary)
    assert [f"{row.metric},{row.filter}" for row in found] == order
    assert [row.primary for row in found] == [True, False, False, False]


def test_a_metric_that_there_is_not() -> None:
    """Those that there are, each once."""
    answers = several(ACC, WHOLE, WORD)
    with pytest.raises(InputError, match="the task has no metric bleu; it has acc, exact_match"):
        compare(TASK, answers, answers, aggregate=lambda _metric: None, primary="bleu")


def test_less_is_better() -> None:
    """Perplexity: a document whose nats rise is lost, and the largest rises are shown first, by their nats a token."""
    base = scored([[-10.0, 5.0], [-8.0, 4.0], [-9.0, 3.0], [-4.0, 2.0]], PPL)
    adapter = scored([[-20.0, 5.0], [-8.0, 4.0], [-15.0, 3.0], [-2.0, 2.0]], PPL, model="adapter")
    found = one(base, adapter, examples=5)
    assert (found.higher_is_better, found.lost, found.won) == (False, 2, 1)
    assert [(row.document, row.base, row.adapter) for row in found.lost_examples] == [(0, 2.0, 4.0), (2, 3.0, 5.0)]
    assert [(row.document, row.base, row.adapter) for row in found.won_examples] == [(3, 2.0, 1.0)]
    assert found.difference is not None
    assert found.difference > 0


def test_examples() -> None:
    """So many as were asked for, those that moved most, with what was asked and answered; of the metric that is judged."""
    prompts, said = [f"question {index}" for index in range(4)], ["yes", "no", "yes", "no"]
    base = scored([0.9, 0.8, 0.7, 0.1], prompt=prompts, target=["yes"] * 4, said=["yes"] * 4)
    adapter = scored([0.6, 0.1, 0.6, 0.2], model="adapter", prompt=prompts, target=["yes"] * 4, said=said)
    found = one(base, adapter, examples=2)
    assert [row.document for row in found.lost_examples] == [1, 0]
    assert [row.document for row in found.won_examples] == [3]
    example = found.lost_examples[0]
    assert (example.base, example.adapter, example.prompt, example.target) == (0.8, 0.1, "question 1", "yes")
    assert (example.base_answer, example.adapter_answer) == ("yes", "no")
    assert one(base, adapter).lost_examples == []
    two = compare(TASK, several(ACC, WORD), several(ACC, WORD), aggregate=lambda _metric: None, examples=3)
    assert two[1].lost_examples == two[1].won_examples == []


@pytest.mark.parametrize(
    ("choices", "expected"), [([4, 4, 2, 2], 0.375), ([4, 4, 4, None], None), ([None] * 4, None), ([4] * 4, 0.25)]
)
def test_chance(choices: list[int | None], expected: float | None) -> None:
    """The mean of 1 in so many choices, where all documents have some."""
    found = one(scored([1.0, 0.0, 1.0, 1.0], choices=choices), scored([1.0] * 4, model="adapter", choices=choices))
    assert found.chance == expected


def test_chance_is_of_right_and_wrong() -> None:
    """Not of other numbers."""
    assert one(scored([0.5, 0.2], choices=[4, 4]), scored([0.1, 0.3], choices=[4, 4])).chance is None


@pytest.mark.parametrize(
    ("labels", "clusters"),
    [("aabbcc", 3), ("abcdef", None), ("aaaaaa", None), ("aab", None), ("", None)],
)
def test_sources(labels: str, clusters: int | None) -> None:
    """Count where several documents share some, and all have one."""
    column = [*labels, *[None] * (6 - len(labels))]
    values = [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    base = msgspec.structs.replace(scored(values, cluster=column), cluster_field="passage")
    found = one(base, scored(values[::-1], model="adapter", cluster=column))
    assert (found.clusters, found.cluster_field) == (clusters, "passage" if clusters else None)
    assert found.test == ("sign flips" if clusters else "mcnemar")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, None], "no value of its own"),
        ([1.0, float("nan")], "of 1 document are not finite"),
        (["a", "b"], "no value of its own"),
    ],
)
def test_values_that_cannot_be_compared(values: list[Any], said: str) -> None:
    """Leave the score without one, and say why."""
    found = one(scored([1.0, 1.0]), scored(values, model="adapter"))
    assert (found.base, found.difference, found.n, found.primary) == (None, None, 2, True)
    assert found.reason is not None
    assert said in found.reason


def test_a_metric_that_one_side_lacks() -> None:
    """Has no values there."""
    adapter = msgspec.structs.replace(scored([1.0, 0.0], WORD, "adapter"), metrics=[ACC])
    assert one(scored([1.0, 0.0]), adapter).reason is not None


def test_documents_of_all_metrics_together_are_not_counted() -> None:
    """F1 has no better and worse documents."""
    base, adapter = [[1, 1], [0, 0], [1, 1], [0, 1], [1, 0], [1, 1]], [[1, 1], [0, 0], [1, 0], [0, 1], [1, 1], [1, 1]]
    found = one(
        scored(base, F1),
        scored(adapter, F1, "adapter"),
        aggregate=lambda _metric: lambda items: sum(a == b for a, b in items) / len(items),
        examples=3,
    )
    assert (found.lost, found.won, found.lost_examples, found.binary) == (None, None, [], False)
    assert found.difference == 0
