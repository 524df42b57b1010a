"""How far an update has moved."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from loradiag.linalg.changes import distance, moved


class Factors(NamedTuple):
    """B [30, r] and A [r, 2,000]: more than one block."""

    b: Any
    a: Any


def factors(seed: int, rank: int = 12) -> Factors:
    """Random factors."""
    rng = np.random.default_rng(seed)
    return Factors(rng.normal(size=(30, rank)), rng.normal(size=(rank, 2000)))


def apart(now: Factors, before: Factors, dtype: str = "F64") -> float:
    """The distance, of factors in the orientation in which PEFT stores them."""
    return distance(moved(now.b, before.b, dtype, tall=True), moved(now.a, before.a, dtype, tall=False))


def test_the_distance_is_that_of_the_dense_updates() -> None:
    """Two unrelated updates are as far apart as numpy says of their products; stored the other way round too."""
    now, before = factors(0), factors(1)
    reference = np.linalg.norm(now.b @ now.a - before.b @ before.a)
    assert apart(now, before) == pytest.approx(reference, rel=1e-12)
    left, right = moved(now.b.T, before.b.T, "F64", tall=False), moved(now.a.T, before.a.T, "F64", tall=True)
    assert distance(left, right) == pytest.approx(reference, rel=1e-12)


@pytest.mark.parametrize("step", [1e-3, 1e-6, 1e-9])
def test_a_small_step_keeps_its_digits(step: float) -> None:
    """A change of a billionth of the update is known to six digits, where a difference of squares would keep none.

    The reference is worked out in extended precision, by the dense products.
    """
    before, direction = factors(0), factors(2)
    now = Factors(before.b + step * direction.b, before.a + step * direction.a)
    wide = [np.asarray(array, dtype=np.longdouble) for array in (*now, *before)]
    reference = np.sqrt(np.sum(np.square(wide[0] @ wide[1] - wide[2] @ wide[3])))
    assert apart(now, before) == pytest.approx(float(reference), rel=1e-6)


def test_stored_formats_are_widened() -> None:
    """BF16 comes as its 16 bits."""

    def cut(array: Any) -> Any:
        return (np.ascontiguousarray(array, np.float32).view(np.uint32) >> 16).astype(np.uint16)

    def back(bits: Any) -> Any:
        return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)

    now, before = (Factors(cut(found.b), cut(found.a)) for found in (factors(0), factors(1)))
    reference = np.linalg.norm(back(now.b) @ back(now.a) - back(before.b) @ back(before.a))
    assert apart(now, before, "BF16") == pytest.approx(reference, rel=1e-12)


def test_no_change_is_zero() -> None:
    """The same factors are no distance apart, exactly."""
    assert apart(factors(0), factors(0)) == 0.0


def test_what_is_not_finite_shows() -> None:
    """NaN in a factor comes out as NaN."""
    now = factors(0)
    now.b[0, 0] = np.nan
    assert np.isnan(apart(now, factors(0)))
