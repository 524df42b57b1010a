"""Swallowed changes against exact arithmetic: W + δ as a fraction, compared with the halves between neighbours."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.linalg.rounding import margins_of, swallowed


class Format(NamedTuple):
    """Fields of a format: bits of the exponent and of the mantissa, the carrier, and whether the top exponent is numbers."""

    exponent: int
    mantissa: int
    carrier: str
    finite_top: bool = False


FORMATS = {
    "BF16": Format(8, 7, "<u2"),
    "F16": Format(5, 10, "<f2"),
    "F8_E4M3": Format(4, 3, "u1", finite_top=True),
    "F8_E5M2": Format(5, 2, "u1"),
    "F32": Format(8, 23, "<f4"),
}
NARROW = [name for name in FORMATS if name != "F32"]


def value_of(code: int, form: Format) -> Fraction | None:
    """The number that a code without its sign stands for, by the definition of the format; None for infinity and NaN."""
    field, mantissa = code >> form.mantissa, code & ((1 << form.mantissa) - 1)
    top = (1 << form.exponent) - 1
    if field == top and (not form.finite_top or mantissa == (1 << form.mantissa) - 1):
        return None
    bias = (1 << (form.exponent - 1)) - 1
    whole = mantissa if field == 0 else mantissa + (1 << form.mantissa)
    return Fraction(whole) * Fraction(2) ** (max(field, 1) - bias - form.mantissa)


@lru_cache
def magnitudes(name: str) -> list[Fraction]:
    """All numbers of a narrow format from 0 up: place i is code i, since codes of one sign are in order."""
    form = FORMATS[name]
    found = [value_of(code, form) for code in range(1 << (form.exponent + form.mantissa))]
    return [value for value in found if value is not None]


def neighbour(code: int, name: str) -> Fraction:
    """The number of the next code; beyond the largest, as far again as the one before."""
    above = value_of(code + 1, FORMATS[name])
    if above is not None:
        return above
    last, before = value_of(code, FORMATS[name]), value_of(code - 1, FORMATS[name])
    assert last is not None
    assert before is not None
    return 2 * last - before


def rounds_back(code: int, negative: bool, delta: Fraction, name: str) -> bool:
    """Whether code's number plus delta rounds to it, to nearest and ties to the even code."""
    own = value_of(code, FORMATS[name])
    if own is None:
        return False
    outward = -delta if negative else delta  # by symmetry
    up = (neighbour(code, name) - own) / 2
    below = value_of(code - 1, FORMATS[name]) if code else None
    down = up if below is None else (own - below) / 2
    return -down < outward < up if code & 1 else -down <= outward <= up


def raw_of(codes: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Codes in the carrier type."""
    carrier = np.dtype(FORMATS[name].carrier)
    return codes.astype(f"<u{carrier.itemsize}").view(carrier)


def sign_bit(name: str) -> int:
    """The bit of the sign."""
    return 1 << (FORMATS[name].exponent + FORMATS[name].mantissa)


@pytest.mark.parametrize("name", NARROW)
def test_margins_of_every_code(name: str) -> None:
    """Both ends of every interval, in exact arithmetic: the half of the gap for even codes, next to it for odd ones."""
    margins = margins_of(name)
    sign = sign_bit(name)
    for code in range(sign):
        own = value_of(code, FORMATS[name])
        if own is None:
            for whole in (code, code | sign):
                assert (margins.low[whole], margins.high[whole]) == (np.inf, -np.inf)
            continue
        up = (neighbour(code, name) - own) / 2
        down = (own - (value_of(code - 1, FORMATS[name]) or 0)) / 2 if code else up
        ends = [float(end) for end in (up, down)]  # exact: a power of two
        expected = [float(np.nextafter(end, 0.0)) if code & 1 else end for end in ends]
        assert [margins.high[code], -margins.low[code]] == expected
        assert [-margins.low[code | sign], margins.high[code | sign]] == expected


def edges(code: int, name: str) -> list[float]:
    """Changes at which a code's answer turns, and their neighbours among the float64 numbers."""
    own = value_of(code, FORMATS[name]) or Fraction(0)
    gaps = {neighbour(code, name) - own} if value_of(code, FORMATS[name]) is not None else {Fraction(1)}
    if code and (below := value_of(code - 1, FORMATS[name])) is not None:
        gaps.add(own - below)
    found = [float(gap) * factor for gap in gaps for factor in (0.25, 0.5, 0.75, 1.0)]
    return [edge for value in found for edge in (value, np.nextafter(value, 0.0), np.nextafter(value, np.inf))]


def special(name: str) -> list[int]:
    """Zero, the smallest and largest subnormals, powers of two, the largest finite numbers, infinity and NaN."""
    form = FORMATS[name]
    one = ((1 << (form.exponent - 1)) - 1) << form.mantissa
    first = 1 << form.mantissa
    last = sign_bit(name) - 1
    largest = next(code for code in range(last, 0, -1) if value_of(code, form) is not None)
    return sorted({0, 1, 2, first - 1, first, first + 1, one - 1, one, one + 1, 2 * first, largest - 1, largest, last})


@pytest.mark.parametrize("name", FORMATS)
def test_edges_of_special_numbers(name: str) -> None:
    """Ties and their neighbours, of both signs, around every kind of number; one entry at a time."""
    for code in special(name):
        for change in edges(code, name):
            for delta in (change, -change):
                for negative in (False, True):
                    raw = raw_of(np.array([code | (sign_bit(name) if negative else 0)]), name)
                    expected = rounds_back(code, negative, Fraction(delta), name)
                    assert swallowed(raw, name, np.array([delta])) == expected, (code, negative, delta)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_counts_are_those_of_exact_arithmetic(name: str, data: st.DataObject) -> None:
    """Any codes, any changes around the size of their gaps: the count equals the sum of the single answers."""
    sign = sign_bit(name)
    codes = data.draw(st.lists(st.integers(0, sign - 1), min_size=1, max_size=12))
    negatives = data.draw(st.lists(st.booleans(), min_size=len(codes), max_size=len(codes)))
    deltas = []
    for code in codes:
        near = st.sampled_from(edges(code, name))
        wild = st.floats(allow_nan=False, allow_infinity=False, width=32)
        size = data.draw(near | near.map(lambda x: x * 0.9) | wild | st.just(0.0))
        deltas.append(data.draw(st.sampled_from([size, -size])))
    raw = raw_of(np.array([code | (sign if minus else 0) for code, minus in zip(codes, negatives, strict=True)]), name)
    expected = sum(
        delta != 0 and rounds_back(code, minus, Fraction(delta), name)
        for code, minus, delta in zip(codes, negatives, deltas, strict=True)
    )
    assert swallowed(raw, name, np.array(deltas)) == expected


@pytest.mark.parametrize("name", NARROW)
def test_large_changes_land_on_another_number(name: str) -> None:
    """The reference itself, against a search among all numbers: the nearest of W + δ is W where it says so."""
    rng = np.random.default_rng(0)
    numbers = magnitudes(name)
    for code in rng.integers(1, len(numbers) - 1, 300):
        delta = Fraction(float(rng.normal() * float(numbers[code + 1] - numbers[code])))
        total = numbers[code] + delta
        place = bisect_left(numbers, total)
        around = [index for index in (place - 1, place) if 0 <= index < len(numbers)]
        nearest = min(around, key=lambda index: (abs(numbers[index] - total), index & 1))
        assert (nearest == code) == rounds_back(int(code), False, delta, name)


def test_not_finite_changes_are_never_swallowed() -> None:
    """Infinite changes and NaN, on every format."""
    for name in FORMATS:
        raw = raw_of(np.arange(100), name)
        for change in (np.inf, -np.inf, np.nan):
            assert swallowed(raw, name, np.full(100, change)) == 0


def test_double_precision() -> None:
    """FP64: half a unit in the last place goes to the even neighbour."""
    ulp = 2.0**-52
    raw = np.array([1.0, 1.0, 1.0, 1.0 + ulp, 1.0, 0.0])
    delta = np.array([ulp / 2, ulp * 0.51, -ulp / 4, ulp / 2, 0.0, 5e-324])
    assert swallowed(raw, "F64", delta) == 2
