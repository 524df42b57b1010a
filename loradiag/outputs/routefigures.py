"""The figures of a route: what each is called, what it means, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.merge import Merge, Route
from loradiag.outputs.facts import percent, short_number
from loradiag.outputs.figure import Figure
from loradiag.outputs.routes import measured

NOTICEABLE = 0.02
"""From this difference on, a gain is shown beside the one that was predicted."""


def gain_words(value: float | None) -> str:
    """A gain to three decimals, which line up under each other."""
    if value is None:
        return "–"
    return f"{value + 0.0:.3f}".replace("-0.000", "0.000") if abs(value) < 1000 else short_number(value)


def share_words(value: float | None) -> str:
    """A share near one, to a tenth of a percent; it may be negative."""
    if value is None:
        return "–"
    return f"{value:.1%}".replace("-0.0%", "0.0%") if abs(value) < 100 else f"{short_number(value)}×"


def interval_words(low: float | None, high: float | None, between: str = "–") -> str:
    """``0.045–0.051``, with as many decimals as the two ends need to be compared with a threshold."""
    return "–" if low is None or high is None else f"{_end(low)}{between}{_end(high)}"


def _end(value: float) -> str:
    for least, decimals in ((10, 0), (1, 1), (0.01, 3)):
        if least <= abs(value) < 1e5:
            return f"{value:.{decimals}f}"
    return f"{value:.1e}" if value else "0"


_BITS: Figure[Route] = Figure(
    "bits",
    "Bits that an entry of a linear weight takes, its share of the scales included.",
    16,
    lambda row: row.bits,
    lambda row: short_number(row.bits),
)
_GAIN: Figure[Route] = Figure(
    "gain",
    "Delta gain g = ⟨U, Δ⟩/‖Δ‖²: how much of the update Δ there is in the change U that is stored. 1: all of it; 0: none.",
    12,
    lambda row: row.gain,
    lambda row: gain_words(row.gain),
)
_PREDICTED: Figure[Route] = Figure(
    "predicted",
    "The gain that Gaussian weights and updates of the same ‖Δ‖/‖W‖ would have on this route.",
    4,
    lambda row: row.predicted_gain,
    lambda row: gain_words(row.predicted_gain),
)
_OUTPUTS: Sequence[Figure[Route]] = (
    Figure(
        "ρ",
        "Effect loss ρ = ΣKL(adapter ‖ route)/ΣKL(adapter ‖ base): how far the route's next-token distributions are from "
        "the adapter's, in units of how far the base's are. 0: nothing is lost; 1: as far off as the base.",
        20,
        lambda row: row.effect_loss,
        lambda row: short_number(row.effect_loss),
    ),
    Figure(
        "95% interval",
        "Where ρ lies with 95% confidence, by a bootstrap over the samples.",
        9,
        lambda row: row.effect_loss_high,
        lambda row: interval_words(row.effect_loss_low, row.effect_loss_high),
    ),
    Figure(
        "KLD",
        "Mean KL(adapter ‖ route) per token, in nats.",
        14,
        lambda row: row.kld_mean,
        lambda row: short_number(row.kld_mean),
    ),
    Figure(
        "KLD p99",
        "The KL(adapter ‖ route) that 99% of the tokens stay below, in nats.",
        5,
        lambda row: row.kld_p99,
        lambda row: short_number(row.kld_p99),
    ),
    Figure(
        "same top-1",
        "Share of tokens for which the route's likeliest next token is the adapter's.",
        7,
        lambda row: row.same_top1,
        lambda row: share_words(row.same_top1),
    ),
    Figure(
        "NLL kept",
        "Of what the adapter gains on the text over its base, in nats per token, the share that the route keeps. "
        "Below 0: worse than the base.",
        10,
        lambda row: row.nll_gain_retained,
        lambda row: share_words(row.nll_gain_retained),
    ),
)
_WEIGHTS: Sequence[Figure[Route]] = (
    Figure(
        "cosine",
        "Cosine between the update Δ and the change U that is stored.",
        1,
        lambda row: row.cosine,
        lambda row: gain_words(row.cosine),
    ),
    Figure(
        "error",
        "‖U − Δ‖/‖Δ‖: what storing adds and takes, in units of the update. In few bits it is large also where the gain is 1.",
        2,
        lambda row: row.error,
        lambda row: short_number(row.error),
    ),
    Figure(
        "swallowed",
        "Of the entries that the update changes, the share that is stored as it would be without the adapter.",
        3,
        lambda row: row.swallowed_share,
        lambda row: percent(row.swallowed_share),
    ),
)
_RARE: Sequence[Figure[Route]] = (
    Figure(
        "RMS Δp",
        "Root mean square difference of the probability of the true next token, route beside adapter.",
        0,
        lambda row: row.rms_delta_p,
        lambda row: percent(row.rms_delta_p),
    ),
    Figure(
        "ln PPL ratio",
        "ln(perplexity of the route/perplexity of the adapter) on the text. Above 0: the route is worse.",
        0,
        lambda row: row.ln_ppl_ratio,
        lambda row: short_number(row.ln_ppl_ratio),
    ),
    Figure(
        "its interval",
        "Where ln PPL ratio lies with 95% confidence, by the same bootstrap.",
        0,
        lambda row: row.ln_ppl_ratio_low,
        lambda row: interval_words(row.ln_ppl_ratio_low, row.ln_ppl_ratio_high, " to "),
    ),
    Figure(
        "overflow",
        "Finite entries that became infinite when they were stored.",
        0,
        lambda row: float(row.overflowed),
        lambda row: f"{row.overflowed:,}",
    ),
)


def figures(merge: Merge, *, every: bool = False, rare: bool = False) -> list[Figure[Route]]:
    """The columns that this table has: those of outputs where there are any, else those of weights; no empty ones.

    Args:
        merge: The routes.
        every: Whether to show the predicted gain though it is that which was measured, and weights beside outputs.
        rare: Whether to show as well what only a wide table has room for.
    """
    rows = measured(merge)
    outputs = any(row.effect_loss is not None or row.kld_mean is not None for row in rows)
    surprising = any(_surprises(row) for row in rows)
    found: Sequence[Figure[Route]] = (
        _BITS,
        _GAIN,
        *((_PREDICTED,) if every or surprising else ()),
        *(_OUTPUTS if outputs else ()),
        *(_WEIGHTS if every or not outputs else ()),
        *(_RARE if rare else ()),
    )
    return [figure for figure in found if any(figure.value(row) is not None for row in rows)]


def _surprises(row: Route) -> bool:
    return row.gain is not None and row.predicted_gain is not None and abs(row.gain - row.predicted_gain) >= NOTICEABLE
