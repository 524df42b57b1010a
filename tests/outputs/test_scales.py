"""Scales of a terminal hold whatever a float may be."""

from __future__ import annotations

import pytest

from loradiag.outputs.terminal.forest import Scale


@pytest.mark.parametrize(
    ("low", "high", "share", "cell"),
    [
        (0.0, 1.0, 0.5, 5),
        (0.0, 1.0, -3.0, 0),
        (0.0, 1.0, 1e308, 10),
        (0.0, 1e-3, 1.7e308, 10),
        (-1.7e308, 1.7e308, 0.0, 5),
        (-1.7e308, 1.7e308, 1.7e308, 10),
    ],
)
def test_the_cell_of_a_share(low: float, high: float, share: float, cell: int) -> None:
    """By its part of the way from end to end, on eleven cells; what lies beyond is held at the border."""
    assert Scale(low, high, 11).at(share) == cell
