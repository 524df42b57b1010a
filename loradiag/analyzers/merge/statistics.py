"""From numbers of tokens to numbers of a route, with intervals from a bootstrap over sequences.

Tokens of one sequence are not independent, so whole sequences are drawn (a cluster bootstrap, percentile intervals).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from loradiag.models.scoring import Floats, Tokens

RESAMPLES = 2000
_SEED = 20251101
_LEVELS = (2.5, 97.5)


def summarise(route: Tokens, reference: Tokens, base: Tokens, sequences: int) -> Mapping[str, Any]:
    """What a route's next-token distributions come to.

    Args:
        route: Of the route, beside the reference.
        reference: Of the reference alone.
        base: Of the base, beside the reference.
        sequences: How many there are.

    Returns:
        Fields of :class:`loradiag.core.merge.Route`. None for what is not finite.
    """
    kld = route.kld[np.isfinite(route.kld)]
    p90, p95, p99, p999 = (float(value) for value in np.percentile(kld, (90, 95, 99, 99.9))) if kld.size else [None] * 4
    draws = draw(sequences)

    def sums(values: Floats) -> Floats:
        return np.bincount(route.sequence, weights=values, minlength=sequences).astype(np.float64)

    lost, whole = sums(route.kld), sums(base.kld)
    with np.errstate(invalid="ignore"):  # the difference of two infinite numbers is none
        worse, gained = sums(base.nll - route.nll), sums(base.nll - reference.nll)
        behind = sums(route.nll - reference.nll)
    tokens = np.bincount(route.sequence, minlength=sequences).astype(np.float64)
    return {
        "kld_mean": _finite(np.mean(route.kld)),
        "kld_median": _finite(np.median(route.kld)),
        "kld_p90": p90,
        "kld_p95": p95,
        "kld_p99": p99,
        "kld_p999": p999,
        "kld_max": _finite(np.max(route.kld)),
        "same_top1": float(np.mean(route.same)),
        "rms_delta_p": _finite(np.sqrt(np.mean(route.delta_p**2))),
        **_ratio("effect_loss", lost, whole, draws),
        **_ratio("nll_gain_retained", worse, gained, draws),
        **_ratio("ln_ppl_ratio", behind, tokens, draws),
        "nonfinite_logits": route.nonfinite,
    }


def draw(sequences: int, resamples: int = RESAMPLES) -> npt.NDArray[np.float64]:
    """How often each sequence is drawn in each resample: [resamples, sequences]. The same for every call."""
    generator = np.random.default_rng(_SEED)
    return generator.multinomial(sequences, np.full(sequences, 1 / sequences), size=resamples).astype(np.float64)


def _ratio(name: str, above: Floats, below: Floats, draws: Floats) -> dict[str, float | None]:
    """A ratio of sums over sequences, and the interval that resampled sequences give it."""
    total = float(below.sum())
    point = float(above.sum()) / total if total > 0 else None
    low = high = None
    if point is not None and above.size > 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = (draws @ above) / (draws @ below)
        if np.isfinite(ratios).all():
            low, high = (float(value) for value in np.percentile(ratios, _LEVELS))
    return {name: _finite(point), f"{name}_low": low, f"{name}_high": high}


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
