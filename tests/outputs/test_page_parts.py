"""Colours and axes of the page, against figures worked out elsewhere."""

from __future__ import annotations

import html
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.core.text import printable
from loradiag.outputs.page.axes import Axis, below, horizontal_lines, linear_axis, log_axis, whole_ticks
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


ABSURD = [0.0, 5e-324, -5e-324, 1e-310, 1e-12, 1.0, 1.0 + 2**-52, 1e15, 1e308, -1e308, 1.7e308, math.inf, -math.inf]
absurd = st.one_of(st.sampled_from(ABSURD), st.floats(allow_nan=False))


@given(st.lists(absurd, min_size=1, max_size=6), st.booleans())
def test_axes_hold_absurd_numbers(values: list[float], log: bool) -> None:
    """Denormals, the largest floats and infinities fall between the ends in their order, and the ticks can be drawn."""
    axis = log_axis(values, 10, 300) if log else linear_axis(values, 10, 300)
    if axis is None:
        assert max(values) <= 0
        return
    places = [axis.at(value) for value in sorted([*values, -math.inf, math.inf])]
    assert all(10 <= place <= 300 for place in places)
    assert places == sorted(places)
    ticks = axis.ticks()
    assert len(ticks) <= 40
    assert all(axis.low <= tick <= axis.high and math.isfinite(tick) for tick in ticks)
    for drawn in (horizontal_lines(axis, 0, 100), below(axis, 10, values), whole_ticks(axis, 10)):
        assert "nan" not in drawn


@given(absurd, absurd)
def test_ends_of_an_axis_may_be_absurd(one: float, other: float) -> None:
    """The same of an axis whose ends are given, as those of bands and of steps are."""
    low, high = sorted((one, other))
    axis = Axis(low, high, 0, 100)
    assert all(0 <= axis.at(value) <= 100 for value in (low, high, 0.0, -math.inf, math.inf))
    assert len(axis.ticks()) <= 12
    assert "nan" not in horizontal_lines(axis, 0, 100)


@pytest.mark.parametrize(
    ("low", "high", "ticks"), [(0.0, 1e308, 6), (-1e308, 1e308, 5), (0, 1e-200, 6), (1e15, 2e15, 6)]
)
def test_large_and_small_ticks_are_round_too(low: float, high: float, ticks: int) -> None:
    """A handful of even steps, of one digit and perhaps two, however far from 1."""
    found = Axis(low, high, 0, 100).ticks()
    digits = [f"{tick:.15e}".partition("e")[0].rstrip("0") for tick in found]
    assert ticks - 2 <= len(found) <= 12
    assert all(len(mantissa) <= 4 or not tick for mantissa, tick in zip(digits, found, strict=True))


def test_ticks_are_round() -> None:
    """Ones, twos and fives."""
    assert Axis(0, 10, 0, 1).ticks() == [0, 2, 4, 6, 8, 10]
    assert Axis(0.05, 2, 0, 1, log=True).ticks() == pytest.approx([0.05, 0.1, 0.2, 0.5, 1, 2])
    assert log_axis([0.0], 0, 1) is None
    assert math.isclose(Axis(1, 100, 0, 10, log=True).at(10), 5)


@given(st.text(st.characters(exclude_categories=[]), max_size=12))
def test_what_needs_no_escape_is_left_alone(text: str) -> None:
    """The short way that plain text takes comes to what the standard library makes of it."""
    kept = re.sub("[\ufdd0-\ufdef\ufffe\uffff]", "\ufffd", printable(text))
    assert escape(text) == html.escape(kept, quote=True)
    assert escape(f"{text}<") == escape(text) + "&lt;"


@pytest.mark.parametrize("code", range(128))
def test_every_character_of_ascii(code: int) -> None:
    """The same of each that the short way must know."""
    assert escape(chr(code)) == html.escape(printable(chr(code)), quote=True)


def test_markup_escapes_all_but_markup() -> None:
    """Text is escaped once, attributes too, and elements nest unharmed."""
    assert element("p", "a<b", element("b", "&"), title='"x"') == '<p title="&quot;x&quot;">a&lt;b<b>&amp;</b></p>'
    assert escape("\x1b\uffff") == "\\x1b\ufffd"
    assert element("i", "x", x=1e-7, y=-3, z=math.inf) == '<i x="1e-07" y="-3" z="inf">x</i>'
    assert element("input", checked=True, disabled=False, data_v=None) == "<input checked>"
