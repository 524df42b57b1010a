"""The figures of a window of traffic: what each is called, what it means, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.drift import Drift, DriftWindow
from loradiag.core.report import Report
from loradiag.core.text import printable, shorten
from loradiag.outputs.facts import short_number
from loradiag.outputs.figure import Figure
from loradiag.outputs.scores import p_words
from loradiag.outputs.windows import CONVENTION, NOVEL, are_days, ended

LEAST_COSINE = 0.7
"""The mean cosine that practitioners take for a limit, where the policy names none."""

BELOW = "↓"
"""Stands behind a mean cosine below the conventional limit."""

TO, ROUTE = "to", "route"
"""Titles of the columns of words, whose value is 0 where there are any."""


def share_words(share: float | None) -> str:
    """A share to a tenth of a percent, so that shares line up under each other."""
    return "–" if share is None else f"{share:.1%}"


def rate_words(share: float) -> str:
    """A share in running text: ``12%``, ``4.5%``."""
    text = f"{share:.0%}" if share >= 0.0995 else f"{share:.1%}"
    return text.replace(".0%", "%")


def interval_words(low: float | None, high: float | None) -> str:
    """``8.1–17.2%``."""
    return "–" if low is None or high is None else f"{100 * low:.1f}–{high:.1%}"


def effect_words(effect: float | None) -> str:
    """Cohen's w to two decimals."""
    if effect is None:
        return "–"
    return f"{effect:.2f}" if abs(effect) < 100 else short_number(effect)


def route_words(route: str | None) -> str:
    """An adapter's name, safe to show."""
    return "–" if route is None else shorten(printable(route), 24)


def least_cosine(report: Report) -> float:
    """The mean cosine to the nearest reference that is taken for a limit by convention, or by the policy."""
    return report.policy.thresholds.get(CONVENTION, {}).get("least_cosine", LEAST_COSINE)


def figures(report: Report, found: Drift, *, every: bool = False) -> list[Figure[DriftWindow]]:
    """The columns that this table has; no empty ones.

    Args:
        report: The report, for its policy.
        found: What was measured.
        every: Whether to show also what stands behind the p-values.
    """
    told = [*_requests(found), *_novelty(found), *_mix(found), *_rest(report, found), *(_BEHIND if every else ())]
    return [figure for figure in told if any(figure.value(row) is not None for row in found.windows)]


def _requests(found: Drift) -> Sequence[Figure[DriftWindow]]:
    by_day = are_days(found.windows)
    return (
        Figure(
            TO,
            "When the window ends, in UTC.",
            3,
            lambda row: None if row.end is None else 0.0,
            lambda row: ended(row, by_day=by_day),
        ),
        Figure(
            "pooled",
            f"Windows of {shorten(printable(found.window), 12)} that were put together to reach the floor of "
            f"{found.floor:,} requests.",
            4,
            lambda row: row.pooled if row.pooled > 1 else None,
            lambda row: f"{row.pooled}×" if row.pooled > 1 else "",
        ),
        Figure("logged", "Requests logged.", 1, lambda row: row.requests, lambda row: f"{row.requests:,}"),
        Figure(
            "n",
            "Requests that count: each conversation and each text once, and those that have an embedding.",
            17,
            lambda row: row.n,
            lambda row: f"{row.n:,}",
        ),
    )


def _novelty(found: Drift) -> Sequence[Figure[DriftWindow]]:
    expected = rate_words(found.baseline.novel_rate)
    return (
        Figure(
            "novel",
            f"Share of requests whose nearest reference is farther than that of all but {expected} of held-out references.",
            20,
            lambda row: row.novelty_share,
            lambda row: share_words(row.novelty_share),
        ),
        Figure(
            "95% interval",
            "Where the share of novel requests lies with 95% confidence.",
            8,
            lambda row: row.novelty_high,
            lambda row: interval_words(row.novelty_low, row.novelty_high),
        ),
        Figure(
            "p novel",
            f"Exact p-value of no more novel requests than the {expected} of held-out references, after Holm over all tests "
            "of all windows and adapters that were checked together.",
            16,
            lambda row: row.novelty_adjusted,
            lambda row: p_words(row.novelty_adjusted),
        ),
    )


def _mix(found: Drift) -> Sequence[Figure[DriftWindow]]:
    return (
        Figure(
            "mix w",
            "Cohen's w of the topics of requests that are not novel beside those of held-out references, corrected for what "
            f"chance alone gives; up to {found.tolerance:g} is tolerated.",
            13,
            lambda row: row.mix_effect,
            lambda row: effect_words(row.mix_effect),
        ),
        Figure(
            "p mix",
            "p-value (χ²) of a change of the mix of topics no larger than what is tolerated, after Holm.",
            14,
            lambda row: row.mix_adjusted,
            lambda row: p_words(row.mix_adjusted),
        ),
        Figure(
            "p MMD",
            "The same by maximum mean discrepancy, which sees changes within topics too, by permutation; after Holm.",
            9,
            lambda row: row.mmd_adjusted,
            lambda row: p_words(row.mmd_adjusted),
        ),
    )


def _rest(report: Report, found: Drift) -> Sequence[Figure[DriftWindow]]:
    least = least_cosine(report)

    def cosine(row: DriftWindow) -> str:
        if row.mean_nn_cosine is None:
            return "–"
        return f"{row.mean_nn_cosine:.3f}{BELOW if row.mean_nn_cosine < least else ''}"

    def route(row: DriftWindow) -> str | None:
        return row.recommended_route if row.status in NOVEL and found.others else None

    return (
        Figure(
            "cosine",
            f"Mean cosine of requests to their nearest reference; of held-out references it is "
            f"{found.baseline.mean_nn_cosine:.3f}. {BELOW}: below {least:g}, which is a convention and decides nothing.",
            11,
            lambda row: row.mean_nn_cosine,
            cosine,
        ),
        Figure(
            "e-value",
            "Of the watching process: 1/e bounds the chance of ever getting so far without drift.",
            7,
            lambda row: row.e_value,
            lambda row: "–" if row.e_value is None else f"{row.e_value:.3g}",
        ),
        Figure(
            ROUTE,
            "Where most of the novel requests belong: the adapter whose baseline takes them for its own, or the base.",
            10,
            lambda row: None if route(row) is None else 0.0,
            lambda row: route_words(route(row)) if row.status in NOVEL else "",
        ),
    )


def _behind(title: str, meaning: str, field: str) -> Figure[DriftWindow]:
    def value(row: DriftWindow) -> float | None:
        found: float | None = getattr(row, field)
        return found

    return Figure(title, meaning, 0, value, lambda row: p_words(value(row)))


_BEHIND: Sequence[Figure[DriftWindow]] = (
    Figure("known", "Requests that are not novel.", 2, lambda row: row.mix_n or None, lambda row: f"{row.mix_n:,}"),
    Figure(
        "MMD²",
        "Squared maximum mean discrepancy between these requests and held-out references, unbiased.",
        2,
        lambda row: row.mmd_effect,
        lambda row: "–" if row.mmd_effect is None else f"{row.mmd_effect:.1e}",
    ),
    _behind("p novel alone", "The p-value of novelty before Holm.", "novelty_p"),
    _behind("p mix alone", "The p-value of the mix of topics before Holm.", "mix_p"),
    _behind("p MMD alone", "The p-value of MMD before Holm.", "mmd_p"),
)
