"""Windows of unit vectors through detectors that others use: evidently where it is installed, scipy and scikit-learn."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

warnings.filterwarnings("ignore")

ALPHA = 0.05
Detector = Callable[[Any, Any, Any], bool]


def mean_cosine(index: Any, _: Any, window: Any) -> bool:
    """The mean cosine to the nearest reference below the conventional 0.7."""
    return bool((window @ index.T).max(axis=1).mean() < 0.7)


def ks_on_cosines(index: Any, held: Any, window: Any) -> bool:
    """Kolmogorov–Smirnov of nearest cosines beside those of held-out references."""
    from scipy.stats import ks_2samp

    return bool(ks_2samp((held @ index.T).max(axis=1), (window @ index.T).max(axis=1)).pvalue <= ALPHA)


def dimensions(_: Any, held: Any, window: Any) -> bool:
    """Kolmogorov–Smirnov on every dimension, Bonferroni (alibi-detect's KSDrift)."""
    from scipy.stats import ks_2samp

    p = [ks_2samp(held[:, column], window[:, column]).pvalue for column in range(held.shape[1])]
    return bool(min(p) <= ALPHA / len(p))


def classifier(_: Any, held: Any, window: Any) -> bool:
    """Logistic regression told apart by five-fold predictions, one-sided rank test (alibi-detect's ClassifierDrift)."""
    from scipy.stats import mannwhitneyu
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    few = held[: len(window)]
    labels = np.repeat([0, 1], [len(few), len(window)])
    scores = cross_val_predict(
        LogisticRegression(max_iter=300), np.concatenate([few, window]), labels, cv=5, method="decision_function"
    )
    return bool(mannwhitneyu(scores[labels == 1], scores[labels == 0], alternative="greater").pvalue <= ALPHA)


def evidently_detectors() -> Mapping[str, Detector]:
    """The methods of evidently for embeddings, with their own defaults."""
    from evidently.legacy.metrics.data_drift import embedding_drift_methods as methods

    def ask(method: Any) -> Detector:
        import pandas as pd

        def detector(_: Any, held: Any, window: Any) -> bool:
            current, reference = (pd.DataFrame(part.astype(np.float64)) for part in (window, held))
            return bool(method(current, reference)[1])

        return detector

    return {
        "evidently: model": ask(methods.model()),
        "evidently: MMD": ask(methods.mmd()),
        "evidently: ratio": ask(methods.ratio()),
        "evidently: distance": ask(methods.distance()),
    }


def main() -> None:
    """Print a table: the share of windows on which each alarms."""
    data = np.load(sys.argv[1])
    index, held = data["index"].astype(np.float32), data["held"].astype(np.float32)
    detectors: dict[str, Detector] = {
        "mean nearest cosine < 0.7": mean_cosine,
        "KS on nearest cosines": ks_on_cosines,
        "KS per dimension, Bonferroni": dimensions,
        "classifier, 5 folds": classifier,
    }
    try:
        detectors.update(evidently_detectors())
    except ImportError:
        print("(evidently is not installed here)", file=sys.stderr)
    names = [str(name) for name in data["names"]]
    trials = len(data["w0"])
    print(f"\n# Others, {trials} of the same windows: share that alarms\n")
    print("| detector | " + " | ".join(names) + " |")
    print("|---|" + "---|" * len(names))
    for name, detector in detectors.items():
        rates = [
            np.mean([detector(index, held, window.astype(np.float32)) for window in data[f"w{number}"]])
            for number in range(len(names))
        ]
        print(f"| {name} | " + " | ".join(f"{rate:.2f}" for rate in rates) + " |", flush=True)


if __name__ == "__main__":
    main()
