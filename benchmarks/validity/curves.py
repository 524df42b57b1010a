"""How well single numbers tell what became of an adapter: areas under ROC curves, and rank correlations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata, spearmanr

from benchmarks.validity.cases import Outcome
from benchmarks.validity.measures import MEASURES
from benchmarks.validity.outcomes import diverged, forgot, rise, undertrained

Array = npt.NDArray[np.float64]
QUESTIONS: dict[str, Callable[[Any], bool]] = {"diverged": diverged, "undertrained": undertrained, "forgot": forgot}


class Area(msgspec.Struct, frozen=True):
    """The chance that an adapter of this kind has more of a measure than one that is not, with its bootstrap interval."""

    question: str
    measure: str
    positives: int
    others: int
    area: float
    low: float
    high: float


def known(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Adapters trained on the fixtures' base whose losses and accuracies were measured; copies and vectors left out."""
    return [
        one
        for one in outcomes
        if one.truth.get("accuracy")
        and not one.truth["copy"]
        and {"relative", "stable_rank"} <= one.measures.keys()
        and one.label not in ("PiSSA as stored", "no LoRA")
    ]


def areas(outcomes: Sequence[Outcome], draws: int = 1000) -> list[Area]:
    """Every measure against every question."""
    chosen = known(outcomes)
    found = []
    for question, holds in QUESTIONS.items():
        labels = np.array([holds(one.truth) for one in chosen])
        for measure in MEASURES:
            values = np.array([one.measures[measure] for one in chosen])
            low, high = _bootstrapped(values, labels, draws)
            found.append(
                Area(question, measure, int(labels.sum()), int((~labels).sum()), area(values, labels), low, high)
            )
    return found


def area(values: Array, labels: npt.NDArray[np.bool_]) -> float:
    """Mann and Whitney's U over its largest value; ties count half."""
    ranks = rankdata(values)
    positives = int(labels.sum())
    u = float(ranks[labels].sum()) - positives * (positives + 1) / 2
    return u / (positives * (labels.size - positives))


def _bootstrapped(values: Array, labels: npt.NDArray[np.bool_], draws: int) -> tuple[float, float]:
    """The 95% percentile interval over adapters, drawn with replacement within either kind."""
    rng = np.random.default_rng(0)
    yes, no = np.flatnonzero(labels), np.flatnonzero(~labels)
    seen = []
    for _ in range(draws):
        chosen = np.concatenate([rng.choice(yes, yes.size), rng.choice(no, no.size)])
        seen.append(area(values[chosen], labels[chosen]))
    low, high = np.quantile(seen, [0.025, 0.975])
    return float(low), float(high)


def correlations(outcomes: Sequence[Outcome], draws: int = 1000) -> list[tuple[str, str, int, float, float, float]]:
    """Spearman's of each measure with the rise of the loss on the base's own text: family, measure, n, value, interval."""
    ours = known(outcomes)
    zoo = [one for one in outcomes if "books" in one.truth and "relative" in one.measures and one.label != "no LoRA"]
    families = {
        "fixtures' base, all": [(one.measures, rise(one.truth)) for one in ours],
        "fixtures' base, none diverged": [(one.measures, rise(one.truth)) for one in ours if not diverged(one.truth)],
        "zoo": [(one.measures, float(one.truth["books"])) for one in zoo],
    }
    rows = []
    for family, pairs in families.items():
        for measure in MEASURES if len(pairs) > 4 else ():
            x = np.array([measured.get(measure, 0.0) for measured, _ in pairs])
            y = np.array([risen for _, risen in pairs])
            rows.append((family, measure, len(pairs), *_spearman(x, y, draws)))
    return rows


def _spearman(x: Array, y: Array, draws: int) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(draws):
        chosen = rng.integers(0, x.size, x.size)
        if np.unique(x[chosen]).size > 1 and np.unique(y[chosen]).size > 1:
            seen.append(float(spearmanr(x[chosen], y[chosen]).statistic))
    low, high = np.quantile(seen, [0.025, 0.975])
    return float(spearmanr(x, y).statistic), float(low), float(high)
