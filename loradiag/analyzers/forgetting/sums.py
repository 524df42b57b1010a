"""lm-eval's metrics of all documents that are functions of sums over documents: counted once, scored of any resample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import sqrt
from typing import Any

import numpy as np

from loradiag.core.lazy import require
from loradiag.models.harness.tasks import EXTRA
from loradiag.statistics.checks import Floats, Indexes

HARNESS = "lm_eval.api.metrics"
"""Where the functions are whose names are in :data:`SUMS`."""

Scorer = Callable[[Indexes], float]


def _scored(added: Floats, score: Callable[[Floats], float]) -> Scorer:
    """The score from what documents add [n, k]."""
    return lambda indexes: score(added[indexes].sum(axis=0))


def _f1(values: Sequence[Any]) -> Scorer:
    """F1 of class 1: twice the hits over how often 1 is true, and said."""
    truths, said = np.array(values, dtype=np.int64).T
    if not set(np.unique([truths, said])) <= {0, 1}:
        raise ValueError("F1 is of two classes")
    added = np.stack([2 * truths * said, truths + said], axis=1).astype(np.float64)
    return _scored(added, lambda sums: float(sums[0] / sums[1]) if sums[1] else 0.0)


def _matthews(values: Sequence[Any]) -> Scorer:
    """The correlation of classes (Gorodkin 2004), from how often each is true, how often said, and how often that is right."""
    both = np.array(values)
    classes = np.unique(both)
    truths, said = (both[:, side, None] == classes for side in (0, 1))
    right = (both[:, 0] == both[:, 1])[:, None]
    added = np.concatenate([truths, said, right], axis=1).astype(np.float64)

    def score(sums: Floats) -> float:
        true, told, hits = sums[: classes.size], sums[classes.size : -1], float(sums[-1])
        total = float(true.sum())
        spread = (total**2 - float(told @ told)) * (total**2 - float(true @ true))
        return (hits * total - float(true @ told)) / sqrt(spread) if spread else 0.0

    return _scored(added, score)


def _brier(values: Sequence[Any]) -> Scorer:
    """The mean of squares between what is true and the chances that were given."""
    truths = np.array([truth for truth, _ in values], dtype=np.int64)
    chances = np.array([given for _, given in values], dtype=np.float64)
    squares = np.sum((chances - np.eye(chances.shape[1])[truths]) ** 2, axis=1)
    return _scored(np.stack([squares, np.ones_like(squares)], axis=1), lambda sums: float(sums[0] / sums[1]))


def _translated(kind: str, options: Mapping[str, int], values: Sequence[Any]) -> Scorer:
    """BLEU, chrF or TER from matching n-grams, edits and lengths, as sacrebleu's own bootstrap computes them."""
    metric = getattr(require("sacrebleu.metrics", EXTRA), kind)(**options)
    truths, said = zip(*values, strict=True)
    if len({len(truth) for truth in truths if not isinstance(truth, str)}) > 1:
        raise ValueError("documents with different numbers of references are cut to the fewest of a resample")
    references, hypotheses = require(HARNESS, EXTRA)._sacreformat(truths, said)
    added = np.array(metric._extract_corpus_statistics(hypotheses, references), dtype=np.float64)
    whole = bool(np.all(added == np.rint(added)))

    def score(sums: Floats) -> float:
        return float(metric._compute_score_from_stats([int(one) for one in sums] if whole else sums.tolist()).score)

    return _scored(added, score)


SUMS: Mapping[str, Callable[[Sequence[Any]], Scorer]] = {
    "f1_score": _f1,
    "matthews_corrcoef": _matthews,
    "brier_score": _brier,
    "bleu": partial(_translated, "BLEU", {}),
    "chrf": partial(_translated, "CHRF", {}),
    "chrfpp": partial(_translated, "CHRF", {"word_order": 2}),
    "ter": partial(_translated, "TER", {}),
}
"""The name of lm-eval's function -> what makes its scorer; it may raise whatever values provoke that are others than these."""
