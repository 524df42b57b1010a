"""Where novel requests belong: to the baseline of another adapter, or to nobody's and so to the base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from loradiag.baselines.reading import Baseline
from loradiag.core.drift import BASE_ROUTE, RouteShare
from loradiag.embeddings.encoder import Halves
from loradiag.statistics.tails import conformal_p


def routes_of(vectors: Halves, others: Sequence[Baseline]) -> list[str]:
    """Return for each novel request [n, d] the adapter whose baseline takes it for its own, or ``base``.

    A baseline takes a request for its own unless its conformal p-value there is as small as that of what it calls novel. Of
    several the one is taken among whose held-out requests it would be the least unusual.
    """
    if not others or not len(vectors):
        return [BASE_ROUTE] * len(vectors)
    p = np.stack([_p(vectors, other) for other in others])
    best = p.argmax(axis=0)
    rates = np.array([other.manifest.calibrated.novel_rate for other in others])
    return [
        others[index].name if p[index, row] > rates[index] else BASE_ROUTE for row, index in enumerate(best.tolist())
    ]


def shares(routes: Sequence[str]) -> list[RouteShare]:
    """Count routes, most frequent first."""
    counts = sorted(Counter(routes).items(), key=lambda row: (-row[1], row[0]))
    return [RouteShare(route=route, count=count, share=count / len(routes)) for route, count in counts]


def _p(vectors: Halves, baseline: Baseline) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    cosines, _ = baseline.search.nearest(vectors)
    return conformal_p(cosines.astype(np.float64), baseline.scores.astype(np.float64))
