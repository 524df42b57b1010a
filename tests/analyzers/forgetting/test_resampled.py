"""Metrics of all documents on resamples: how many, and the scores of lm-eval's own functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from loradiag.analyzers.forgetting.metrics import Column, measured
from loradiag.analyzers.forgetting.resampled import Resampled
from loradiag.models.harness.answers import Metric

harness = pytest.importorskip("lm_eval.api.metrics")
pytest.importorskip("sacrebleu")

TRANSLATIONS = ("bleu", "chrf", "chrfpp", "ter")
WORDS = [
    "the",
    "a",
    "small",
    "dog",
    "barks",
    "at",
    "one",
    "red",
    "bird",
    "and",
    "then",
    "it",
    "flies",
    "over",
    "houses",
]


def translations(n: int, share: float, references: int = 1) -> list[list[Any]]:
    """References with what was said, of which a share of the words is another."""
    rng = np.random.default_rng(12)
    rows = []
    for _ in range(n):
        truth = [str(word) for word in rng.choice(WORDS, rng.integers(3, 20))]
        said = [str(rng.choice(WORDS)) if rng.random() < share else word for word in truth]
        others = [" ".join(truth[:-1]), *(["a dog"] * references)][: references - 1]
        rows.append([[" ".join(truth), *others] if references > 1 else " ".join(truth), " ".join(said)])
    return rows


def words_said(items: Sequence[Any]) -> float:
    """A function that a task brings."""
    return float(np.mean([len(str(said)) for _, said in items]))


@pytest.mark.parametrize("references", [1, 2])
@pytest.mark.parametrize("name", TRANSLATIONS)
def test_scores_from_sums_are_those_of_the_function_itself(name: str, references: int) -> None:
    """On any resample, by lm-eval's own function of the texts; the function itself is called but a few times."""
    function = getattr(harness, name)
    before, after = translations(60, 0.3, references), translations(60, 0.5, references)
    found = Resampled(function, before, after)
    rng = np.random.default_rng(3)
    for _ in range(20):
        drawn = rng.integers(0, 60, 60)
        expected = [function([values[index] for index in drawn]) for values in (before, after)]
        assert found.at(drawn) == pytest.approx(expected, rel=1e-12)


def test_the_interval_is_that_of_a_bootstrap_of_texts() -> None:
    """Drawn here, with another generator, from the texts themselves."""
    function, name = harness.bleu, "bleu"
    before, after = translations(80, 0.3), translations(80, 0.45)
    found = measured(Column(Metric(name, "none", True, name), before, after, aggregate=function))
    rng = np.random.default_rng(5)
    changes = []
    for drawn in rng.integers(0, 80, (400, 80)):
        pair = [function([values[index] for index in drawn]) for values in (before, after)]
        changes.append(pair[1] - pair[0])
    assert found["difference"] == pytest.approx(function(after) - function(before))
    assert found["standard_error"] == pytest.approx(np.std(changes), rel=0.12)
    assert (found["bound_low"], found["bound_high"]) == pytest.approx(
        np.quantile(changes, [0.05, 0.95]), abs=0.5 * np.std(changes)
    )


def counted(function: Callable[[Sequence[Any]], float]) -> tuple[Callable[[Sequence[Any]], float], list[int]]:
    """The function under its own name, and how often it was called."""
    calls: list[int] = []

    def inner(items: Sequence[Any]) -> float:
        calls.append(len(items))
        return function(items)

    inner.__name__, inner.__module__ = function.__name__, function.__module__
    return inner, calls


def test_texts_are_read_a_few_times() -> None:
    """Not once for each of 2,000 resamples."""
    function, calls = counted(harness.chrf)
    found = Resampled(function, translations(40, 0.3), translations(40, 0.5))
    for drawn in np.random.default_rng(0).integers(0, 40, (200, 40)):
        found.at(drawn)
    assert calls == [40, 20, 40, 20]
    assert found.count == 2000


def test_another_function_of_that_name_is_asked_itself() -> None:
    """One that is not what sacrebleu's sums give, and one of references that are not equally many."""
    before, after = translations(30, 0.3), translations(30, 0.5)
    other, calls = counted(harness.bleu)

    def halved(items: Sequence[Any]) -> float:
        return other(items) / 2

    halved.__name__, halved.__module__ = "bleu", "lm_eval.api.metrics"
    drawn = np.random.default_rng(0).integers(0, 30, 30)
    expected = [harness.bleu([values[index] for index in drawn]) / 2 for values in (before, after)]
    assert Resampled(halved, before, after).at(drawn) == pytest.approx(expected)
    assert calls

    ragged = [[[truth, "a"][: 1 + index % 2], said] for index, (truth, said) in enumerate(before)]
    expected = [harness.bleu([values[index] for index in drawn]) for values in (ragged, ragged)]
    assert Resampled(harness.bleu, ragged, ragged).at(drawn) == pytest.approx(expected)


def test_what_sacrebleu_no_longer_has_is_read_from_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sums are no public function: another version may have none, and the scores stay."""
    from sacrebleu.metrics import BLEU

    before, after = translations(20, 0.3), translations(20, 0.5)
    drawn = np.random.default_rng(0).integers(0, 20, 20)
    expected = Resampled(harness.bleu, before, after).at(drawn)
    extract = BLEU._extract_corpus_statistics
    monkeypatch.setattr(BLEU, "_extract_corpus_statistics", lambda *given: [row[:3] for row in extract(*given)])
    found = Resampled(harness.bleu, before, after)
    monkeypatch.undo()
    assert found.at(drawn) == pytest.approx(expected)


def classified(name: str) -> tuple[list[list[Any]], list[list[Any]]]:
    """Truths with what both models said: two classes, three, three with names, or chances of four."""
    rng = np.random.default_rng(9)
    count = {"f1_score": 2, "brier_score": 4}.get(name, 3)
    truths = rng.integers(0, count, 50)
    if name == "brier_score":
        return tuple([[int(t), rng.dirichlet(np.ones(4)).tolist()] for t in truths] for _ in range(2))  # type: ignore
    said = [np.where(rng.random(50) < share, truths, rng.integers(0, count, 50)) for share in (0.7, 0.4)]
    names = ["no", "yes", "open"] if name == "named" else [0, 1, 2]
    rows = [[[names[t], names[a]] for t, a in zip(truths, side, strict=True)] for side in said]
    return rows[0], rows[1]


@pytest.mark.filterwarnings("ignore")  # scikit-learn says that one class alone has no such score, and gives 0
@pytest.mark.parametrize("name", ["f1_score", "matthews_corrcoef", "named", "brier_score"])
def test_scores_of_classes_are_those_of_the_function_itself(name: str) -> None:
    """On any resample, and where it has one class alone, and nothing right."""
    function, calls = counted(getattr(harness, "matthews_corrcoef" if name == "named" else name))
    before, after = classified(name)
    found = Resampled(function, before, after)
    rng = np.random.default_rng(3)
    alike = [index for index, (truth, _) in enumerate(before) if truth == before[0][0]]
    asked = [*rng.integers(0, 50, (15, 50)), *rng.integers(0, 50, (15, 2)), np.array(alike), np.array(alike[:1])]
    scores = [found.at(drawn) for drawn in asked]
    assert len(calls) == 4
    for drawn, said in zip(asked, scores, strict=True):
        expected = [function([values[index] for index in drawn]) for values in (before, after)]
        assert said == pytest.approx(expected, abs=1e-12)
    assert found.count == 2000


@pytest.mark.parametrize(
    ("documents", "known", "own"),
    [
        (20, 2000, 2000),
        (250, 2000, 2000),
        (1000, 2000, 500),
        (3000, 2000, 200),
        (10_000, 1000, 200),
        (100_000, 200, 200),
    ],
)
def test_how_many_resamples(documents: int, known: int, own: int) -> None:
    """By the number of documents: lm-eval's own functions are quick, of those that tasks bring nobody knows."""
    values = [[1, 1]] * documents
    assert Resampled(harness.f1_score, values, values).count == known
    assert Resampled(words_said, values, values).count == own
