"""Small statistics, against the standard library."""

from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from loradiag.core.numbers import median


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_median(values: list[float]) -> None:
    """Equal to statistics.median."""
    assert median(values) == statistics.median(values)


def test_median_of_nothing() -> None:
    """There is none."""
    assert median([]) is None
