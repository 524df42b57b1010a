"""Noise and fall of losses, beside curves that are drawn with known ones, and beside numpy's own line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from loradiag.statistics.noise import waver

Array = npt.NDArray[np.float64]


def course(count: int) -> Array:
    """A loss that falls from 3 to 1, fast at first."""
    return 1 + 2 * np.exp(-np.arange(count) / (count / 8))


def waves(rho: float, size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Rows of normal noise of deviation 1 whose neighbours correlate by ``rho``."""
    found = rng.standard_normal(size)
    for place in range(1, size[1]):
        found[:, place] = rho * found[:, place - 1] + np.sqrt(1 - rho**2) * found[:, place]
    return found


@pytest.mark.parametrize("deviation", [0.003, 0.03, 0.3])
def test_noise_is_told_from_the_course(deviation: float) -> None:
    """Of independent noise it is the deviation, and that of means over many is the same, within what 1,000 values tell."""
    draw = np.random.default_rng(3).standard_normal(1000)
    falling = waver((course(1000) + deviation * draw).tolist())
    straight = waver((np.linspace(3, 2.98, 1000) + deviation * draw).tolist())
    assert falling is not None
    assert straight is not None
    assert falling.noise == pytest.approx(deviation, rel=0.1)
    assert straight.slow_noise == pytest.approx(deviation, rel=0.25)
    # What the course does within a window adds to the noise of means and never takes from it.
    assert falling.slow_noise >= falling.noise
    assert falling.fall > 20 * falling.fall_error


@pytest.mark.parametrize(("rho", "short"), [(0.0, 1.0), (0.5, 0.8)])
def test_errors_are_those_of_many_draws(rho: float, short: float) -> None:
    """Of 300 level logs; where neighbours waver together that of the fall reads a fifth low, as documented."""
    rows = 2 + 0.1 * waves(rho, (300, 200), np.random.default_rng(8))
    found = [waver(row.tolist()) for row in rows]
    falls = np.array([row.fall for row in found if row])
    errors = np.array([row.fall_error for row in found if row])
    assert len(falls) == 300
    assert np.median(errors) == pytest.approx(short * falls.std(), rel=0.2)
    assert np.mean(falls > 2 * errors) < 0.1
    ends = np.array([np.median(row[:20]) - np.median(row[-20:]) for row in rows])
    levels = np.array([row.level_error for row in found if row])
    assert np.median(levels) == pytest.approx(ends.std(), rel=0.2)


def test_what_single_differences_miss_where_neighbours_waver_together() -> None:
    """The documented bias, √((6 − 8ρ + 2ρ²)/6) = 0.65 at ρ = 0.5; of the 1.73 = √((1 + ρ)/(1 − ρ)) of means it tells most."""
    (row,) = waves(0.5, (1, 20_000), np.random.default_rng(1))
    found = waver(row.tolist())
    assert found is not None
    assert found.noise == pytest.approx(0.6455, rel=0.05)
    assert 0.8 * 3**0.5 < found.slow_noise < 3**0.5


def test_the_fall_is_that_of_the_nearest_line() -> None:
    """As numpy fits it, where nothing is clipped; a spike of a thousand deviations moves it by less than its error."""
    draw = np.random.default_rng(4).uniform(-0.1, 0.1, 120)
    values = 2 - 0.05 * np.log(np.arange(1, 121)) + draw
    found = waver(values.tolist())
    assert found is not None
    slope = np.polyfit(np.log(np.arange(1, 121)), values, 1)[0]
    assert found.fall == pytest.approx(-slope * np.log(120), abs=0.02)
    values[90] += 100
    spiked = waver(values.tolist())
    assert spiked is not None
    assert spiked.fall == pytest.approx(found.fall, abs=found.fall_error)
    assert spiked.noise == pytest.approx(found.noise, rel=0.1)


def test_a_level_loss_has_neither_noise_nor_fall() -> None:
    """Nor one that is exactly a line, but for the fall."""
    found = waver([2.0] * 40)
    assert found is not None
    assert found == pytest.approx((0, 0, 0, 0, 0))
    line = waver([3 - 0.01 * place for place in range(40)])
    assert line is not None
    assert line.noise == pytest.approx(0, abs=1e-12)
    assert line.fall > 0.2


def test_what_tells_nothing_is_none() -> None:
    """Under twelve values, and differences that no float holds; under twenty, means are as single ones."""
    assert waver([1.0, 2.0] * 5 + [1.0]) is None
    assert waver([1.7e308, -1.7e308] * 20) is None
    few = waver(np.random.default_rng(2).normal(2, 0.1, 19).tolist())
    assert few is not None
    assert few.slow_noise == few.noise
