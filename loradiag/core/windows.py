"""What a policy's thresholds make of windows of traffic, and of the answers in them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from loradiag.core.drift import Drift, DriftWindow, PredictionShift, PredictionStatus, WindowStatus

NOVELTY, MIX = "LD801", "LD802"
"""The rules whose thresholds say when a window is novel (``alpha``, ``least_share``), and when its mix has shifted."""

PERPLEXITY, ANSWERS = "LD806", "LD807"
"""The rules whose thresholds say when answers have moved."""

FAMILY = "LD8"
"""What codes of rules about traffic begin with."""

RAISED = ("perplexity", "prompt_perplexity")
"""Measures that are judged by how much they rise, whatever else changes."""

SHARES = ("refusal_like", "truncated")
"""Measures whose values are 0 or 1, so that Cliff's δ is the difference of their shares."""

Thresholds = Mapping[str, Mapping[str, float]]


def settle(found: Drift, thresholds: Thresholds) -> Drift:
    """Give every window and every measure of answers its status."""
    return msgspec.structs.replace(
        found,
        windows=[_settled(row, found.floor, thresholds) for row in found.windows],
        predictions=[msgspec.structs.replace(row, status=moved(row, thresholds)) for row in found.predictions],
    )


def _settled(window: DriftWindow, floor: int, thresholds: Thresholds) -> DriftWindow:
    status = status_of(window, floor, thresholds)
    first = window.routes[0] if window.routes else None
    route = first.route if first and first.share > 0.5 and status in ("novel", "novel+shifted") else None
    return msgspec.structs.replace(window, status=status, recommended_route=route)


def status_of(window: DriftWindow, floor: int, thresholds: Thresholds) -> WindowStatus:
    """What became of a window."""
    if window.n < floor:
        return "insufficient"
    if window.novelty_share is None or not (thresholds.get(NOVELTY) or thresholds.get(MIX)):
        return "unjudged"
    novel = is_novel(window, thresholds.get(NOVELTY, {}))
    shifted = is_shifted(window, thresholds.get(MIX, {}))
    if novel and shifted:
        return "novel+shifted"
    return "novel" if novel else "shifted" if shifted else "steady"


def is_novel(window: DriftWindow, limits: Mapping[str, float]) -> bool:
    """Whether there are more novel requests than chance gives, and enough of them to matter."""
    if not limits or window.novelty_share is None:
        return False
    return _within(window.novelty_adjusted, limits["alpha"]) and window.novelty_share >= limits["least_share"]


def is_shifted(window: DriftWindow, limits: Mapping[str, float]) -> bool:
    """Whether known topics come in other shares, by either test."""
    if not limits:
        return False
    return any(_within(p, limits["alpha"]) for p in (window.mix_adjusted, window.mmd_adjusted))


def moved(row: PredictionShift, thresholds: Thresholds) -> PredictionStatus:
    """Whether a measure of the answers has changed; ``undecided`` where there are too few days to tell."""
    if row.metric in RAISED:
        limits = thresholds.get(PERPLEXITY, {})
        if not limits or row.change is None:
            return "unjudged"
        if row.ci_low is None:
            return "undecided"
        return "moved" if row.change >= limits["least_rise"] and row.ci_low > 0 else "steady"
    limits = thresholds.get(ANSWERS, {})
    if not limits or row.effect is None:
        return "unjudged"
    if row.p_adjusted is None:
        return "undecided"
    least = limits["least_difference" if row.metric in SHARES else "least_effect"]
    return "moved" if row.p_adjusted <= limits["alpha"] and abs(row.effect) >= least else "steady"


def _within(p: float | None, alpha: float) -> bool:
    return p is not None and p <= alpha
