"""Scales and axes of heat maps."""

from __future__ import annotations

import pytest
from loradiag_dashboard.parts.heatmap import centred, look_of, named


def test_scales_hold_all_values() -> None:
    """Logarithmic only where all are positive; one value alone lies in the middle."""
    assert look_of([1.0, 100.0], log=True).share(10.0) == pytest.approx(0.5)
    assert not look_of([0.0, 100.0], log=True).log
    assert look_of([5.0]).share(5.0) == pytest.approx(0.5)
    assert look_of([]).low < look_of([]).high


def test_zero_is_in_the_middle_of_differences() -> None:
    """Whichever way they go; the middle of a diverging scale is bright, its ends are not."""
    look = centred([-1.0, 4.0])
    assert look.share(0.0) == pytest.approx(0.5)
    assert look.share(-4.0) == 0.0
    assert [look.is_bright(value) for value in (-4.0, 0.0, 4.0)] == [False, True, False]
    assert centred([0.0]).share(0.0) == pytest.approx(0.5)


@pytest.mark.parametrize(("count", "step"), [(18, 1), (32, 2), (80, 5), (120, 10)])
def test_of_many_columns_the_round_ones_are_named(count: int, step: int) -> None:
    """As many as there is room for."""
    assert list(named([str(layer) for layer in range(count)])) == [str(layer) for layer in range(0, count, step)]
