"""Colours and axes of the page, against figures worked out elsewhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.outputs.page.axes import Axis, linear_axis, log_axis
from loradiag.outputs.page.colors import STEPS, ink_on, luminance, sequential, step_of
from loradiag.outputs.page.markup import element, escape


def test_the_scale_is_viridis() -> None:
    """Ends and middle are those of matplotlib's table."""
    assert [sequential(share) for share in (0.0, 0.5, 1.0)] == [(0x44, 1, 0x54), (0x21, 0x91, 0x8C), (0xFD, 0xE7, 0x25)]


def test_lightness_rises_along_the_scale() -> None:
    """The order of values survives colour blindness and a grey printer."""
    light = [luminance(sequential(step / (STEPS - 1))) for step in range(STEPS)]
    assert light == sorted(light)


def test_luminance_of_the_standard() -> None:
    """WCAG 2: white 1, black 0, pure green 0.7152."""
    assert luminance((255, 255, 255)) == pytest.approx(1.0)
    assert luminance((0, 0, 0)) == 0
    assert luminance((0, 255, 0)) == pytest.approx(0.7152)


def test_numbers_in_cells_can_be_read() -> None:
    """Ink and every colour of the scale contrast by at least 4.5 to 1, as WCAG 2 AA wants of small text."""
    for step in range(STEPS):
        light = luminance(sequential(step / (STEPS - 1)))
        ratio = 1.05 / (light + 0.05) if ink_on(sequential(step / (STEPS - 1))) == "#fff" else (light + 0.05) / 0.05
        assert ratio >= 4.5


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_share_has_a_colour(share: float) -> None:
    """Rounding at the ends falls on the ends."""
    assert 0 <= step_of(share) < STEPS


@given(st.lists(st.floats(min_value=1e-30, max_value=1e30), min_size=1, max_size=20))
def test_log_axis_holds_its_values(values: list[float]) -> None:
    """Every value falls between the ends, larger ones farther on, and ticks lie within."""
    axis = log_axis(values, 300, 10)
    assert axis is not None
    places = [axis.at(value) for value in sorted(values)]
    assert all(10 <= place <= 300 for place in places)
    assert places == sorted(places, reverse=True)
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks())
    assert len(axis.ticks()) <= 20


@given(st.lists(st.floats(min_value=-1e12, max_value=1e12), min_size=1, max_size=20))
def test_linear_axis_holds_its_values(values: list[float]) -> None:
    """The same of a linear one."""
    axis = linear_axis(values, 200, 10)
    assert all(10 <= axis.at(value) <= 200 for value in values)
    assert len(axis.ticks()) <= 12


def test_ticks_are_round() -> None:
    """Ones, twos and fives."""
    assert Axis(0, 10, 0, 1).ticks() == [0, 2, 4, 6, 8, 10]
    assert Axis(0.05, 2, 0, 1, log=True).ticks() == pytest.approx([0.05, 0.1, 0.2, 0.5, 1, 2])
    assert log_axis([0.0], 0, 1) is None
    assert math.isclose(Axis(1, 100, 0, 10, log=True).at(10), 5)


def test_markup_escapes_all_but_markup() -> None:
    """Text is escaped once, attributes too, and elements nest unharmed."""
    assert element("p", "a<b", element("b", "&"), title='"x"') == '<p title="&quot;x&quot;">a&lt;b<b>&amp;</b></p>'
    assert escape("\x1b\uffff") == "\\x1b\ufffd"
    assert element("input", checked=True, disabled=False, data_v=None) == "<input checked>"
