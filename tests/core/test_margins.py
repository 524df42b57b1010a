"""Verdicts from intervals: where each begins, and which way round metrics are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.core.margins import against_margin, oriented

ENDS = st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted)
MARGIN = st.floats(0, 1)
FROM_FORGOT_TO_SAFE = ["forgot", "inconclusive", "safe"]


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (-0.04, 0.02, "safe"),
        (-0.09, -0.06, "forgot"),
        (-0.09, -0.04, "inconclusive"),
        (-0.05, 0.02, "inconclusive"),  # an end on −margin decides nothing
        (-0.09, -0.05, "inconclusive"),
        (-0.05, -0.05, "inconclusive"),
        (0.0, 0.0, "safe"),
        (None, None, "inconclusive"),
        (-0.01, None, "inconclusive"),
        (None, -0.5, "inconclusive"),
    ],
)
def test_verdicts_with_a_margin_of_five_percent(low: float | None, high: float | None, answer: str) -> None:
    """Safe above, forgot below, else inconclusive."""
    assert against_margin(low, high, 0.05) == answer


def test_no_margin_at_all() -> None:
    """No loss is tolerated: safe only if it got better, and the point 0 decides nothing."""
    assert against_margin(0.01, 0.02, 0.0) == "safe"
    assert against_margin(-0.02, -0.01, 0.0) == "forgot"
    assert against_margin(0.0, 0.0, 0.0) == "inconclusive"


@settings(deadline=None)
@given(ENDS, MARGIN, MARGIN)
def test_a_larger_margin_never_hurts(ends: list[float], one: float, other: float) -> None:
    """Tolerating more moves a verdict towards safe, never away."""
    verdicts = [FROM_FORGOT_TO_SAFE.index(against_margin(ends[0], ends[1], margin)) for margin in sorted((one, other))]
    assert verdicts[0] <= verdicts[1]


@settings(deadline=None)
@given(ENDS, MARGIN, st.floats(0, 1))
def test_a_wider_interval_never_decides_more(ends: list[float], margin: float, more: float) -> None:
    """Widening keeps the verdict, or makes it inconclusive."""
    narrow, wide = against_margin(ends[0], ends[1], margin), against_margin(ends[0] - more, ends[1] + more, margin)
    assert wide in (narrow, "inconclusive")


def test_orientation() -> None:
    """Perplexity up by 1 to 2: worse, by more than .5. Accuracy up: better. Ends that are unknown stay so."""
    assert oriented(1.0, 2.0, higher_is_better=False) == (-2.0, -1.0)
    assert against_margin(*oriented(1.0, 2.0, higher_is_better=False), 0.5) == "forgot"
    assert against_margin(*oriented(-2.0, -1.0, higher_is_better=False), 0.5) == "safe"
    assert oriented(1.0, 2.0, higher_is_better=True) == (1.0, 2.0)
    assert oriented(None, None, higher_is_better=False) == (None, None)
    assert oriented(1.0, None, higher_is_better=False) == (None, -1.0)
