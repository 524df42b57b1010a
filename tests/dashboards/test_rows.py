"""Axes of charts of rows."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loradiag_dashboard.parts.rows import decades, rows_axis

from tests.outputs.samples import HOSTILE


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-6, 2.0, [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]),
        (0.03, 0.4, [0.05, 0.1, 0.2]),
        (1e-20, 1.0, [1e-20, 1e-18, 1e-16, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0]),
    ],
)
def test_ticks_of_a_logarithmic_axis(low: float, high: float, expected: list[float]) -> None:
    """Powers of ten; of few decades twice and five times these as well, of many every other."""
    assert decades(low, high) == pytest.approx(expected)


@given(st.floats(1e-12, 1e4), st.floats(1.5, 1e14))
def test_ticks_lie_between_the_ends(low: float, times: float) -> None:
    """In their order, and no more of them than there is room for."""
    ticks = decades(low, low * times)
    assert ticks == sorted(set(ticks))
    assert all(low <= tick <= low * times for tick in ticks)
    assert len(ticks) <= 12


def test_texts_are_data_to_vega() -> None:
    """The expression is a list of texts and an index, whatever is in them."""
    texts = [HOSTILE, '"]; alert(1); ["', "\u2028", "plain"]
    expression = rows_axis(texts).labelExpr
    found = re.fullmatch(r"(\[.*\])\[datum\.value\]", expression)
    assert found is not None
    assert json.loads(found[1]) == texts
    assert expression.isascii()
