"""Wilson's interval beside scipy's."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from loradiag.statistics.wilson import wilson


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 40), (40, 40), (3, 10), (240, 400), (1, 10_000)])
def test_beside_scipy(hits: int, n: int) -> None:
    """The same bounds, at the edges too."""
    expected = binomtest(hits, n).proportion_ci(0.95, "wilson")
    assert wilson(hits / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
