"""How far an update has moved."""

from __future__ import annotations

import numpy as np
import pytest

from loradiag.linalg.changes import Factors, distance


def factors(seed: int, rank: int = 4) -> Factors:
    """Random factors of a weight of 30 × 20."""
    rng = np.random.default_rng(seed)
    return Factors(rng.normal(size=(30, rank)), rng.normal(size=(rank, 20)))


def test_the_distance_is_that_of_the_dense_updates() -> None:
    """Two unrelated updates are as far apart as numpy says of their products."""
    now, before = factors(0), factors(1)
    assert distance(now, before) == pytest.approx(np.linalg.norm(now.b @ now.a - before.b @ before.a), rel=1e-12)


@pytest.mark.parametrize("step", [1e-3, 1e-6, 1e-9])
def test_a_small_step_keeps_its_digits(step: float) -> None:
    """A change of a billionth of the update is known to six digits, where a difference of squares would keep none.

    The reference is worked out in extended precision, by the dense products.
    """
    before, direction = factors(0), factors(2)
    now = Factors(before.b + step * direction.b, before.a + step * direction.a)
    wide = [np.asarray(array, dtype=np.longdouble) for array in (*now, *before)]
    reference = np.sqrt(np.sum(np.square(wide[0] @ wide[1] - wide[2] @ wide[3])))
    assert distance(now, before) == pytest.approx(float(reference), rel=1e-6)


def test_no_change_is_zero() -> None:
    """The same factors are no distance apart, exactly."""
    assert distance(factors(0), factors(0)) == 0.0


def test_what_is_not_finite_shows() -> None:
    """NaN in a factor comes out as NaN."""
    now = factors(0)
    now.b[0, 0] = np.nan
    assert np.isnan(distance(now, factors(0)))
