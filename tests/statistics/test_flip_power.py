"""Power of tests of flips: the numbers of the notes, all outcomes by brute force, and simulated documents."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest, multinomial

from loradiag.statistics.flip_power import mcnemar_power, paired_z_power, unpaired_z_power


def test_a_thousand_documents() -> None:
    """7% lost and 4% won of 1000: what the pairs are worth.

    McNemar .796 and paired z .819 (.824 summed over all tables); a test that forgot the pairs .16 where the base gets 71%
    right. Numbers from a sum over all tables that was written apart from this code.
    """
    assert mcnemar_power(1000, 0.07, 0.04) == pytest.approx(0.796377, abs=1e-5)
    assert paired_z_power(1000, 0.07, 0.04) == pytest.approx(0.819168, abs=1e-5)
    assert unpaired_z_power(1000, 0.71, 0.07, 0.04) == pytest.approx(0.161235, abs=1e-5)


@pytest.mark.parametrize(("n", "lost", "won"), [(12, 0.4, 0.1), (25, 0.3, 0.3), (30, 0.25, 0.0)])
def test_mcnemar_by_brute_force(n: int, lost: float, won: float) -> None:
    """Every table, its chance from scipy's multinomial, its p from scipy's binomial test."""
    power = 0.0
    for first in range(n + 1):
        for second in range(n + 1 - first):
            if first + second and binomtest(first, first + second).pvalue <= 0.05:
                shares = [lost, won, 1 - lost - won]
                power += multinomial.pmf([first, second, n - first - second], n, shares)
    assert mcnemar_power(n, lost, won) == pytest.approx(power, abs=1e-9)


def test_paired_and_unpaired_z_by_simulation() -> None:
    """400 documents, 12% lost and 6% won, the base 70% right: both tests as one would write them, 20 000 times."""
    rng = np.random.default_rng(1)
    n, kept = 400, 0.7 - 0.12
    lost, won, right, _ = rng.multinomial(n, [0.12, 0.06, kept, 0.3 - 0.06], size=20_000).T
    mean = (won - lost) / n
    spread = np.sqrt((lost + won - n * mean**2) / (n - 1))
    assert paired_z_power(n, 0.12, 0.06) == pytest.approx(np.mean(np.abs(mean) > 1.96 * spread / np.sqrt(n)), abs=0.015)
    base, adapter = (lost + right) / n, (won + right) / n
    error = np.sqrt((base * (1 - base) + adapter * (1 - adapter)) / n)
    assert unpaired_z_power(n, 0.7, 0.12, 0.06) == pytest.approx(np.mean(np.abs(mean) > 1.96 * error), abs=0.015)


def test_no_effect_is_found_at_most_at_the_level() -> None:
    """Size of the tests: McNemar's stays below 5%, by a fair margin of few documents; z has 5%; unpaired far less."""
    for n in (10, 50, 1000):
        assert mcnemar_power(n, 0.05, 0.05) <= 0.05
    assert mcnemar_power(10, 0.05, 0.05) < 0.001
    assert paired_z_power(100, 0.1, 0.1) == pytest.approx(0.05)
    assert unpaired_z_power(100, 0.7, 0.1, 0.1) < 0.01


def test_nothing_flips() -> None:
    """No flip, no rejection; if every document is lost, always one from six documents on (2/2^6 < .05)."""
    assert mcnemar_power(100, 0.0, 0.0) == 0
    assert paired_z_power(100, 0.0, 0.0) == 0
    assert mcnemar_power(6, 1.0, 0.0) == pytest.approx(1)
    assert mcnemar_power(5, 1.0, 0.0) == 0
    assert paired_z_power(6, 1.0, 0.0) == 1


def test_turning_round_and_growing() -> None:
    """Lost and won change places; more documents and a lower level find more."""
    assert mcnemar_power(200, 0.07, 0.04) == pytest.approx(mcnemar_power(200, 0.04, 0.07))
    assert paired_z_power(200, 0.07, 0.04) == pytest.approx(paired_z_power(200, 0.04, 0.07))
    assert mcnemar_power(400, 0.07, 0.04) > mcnemar_power(200, 0.07, 0.04)
    assert mcnemar_power(200, 0.07, 0.04, level=0.9) > mcnemar_power(200, 0.07, 0.04)


def test_hundred_thousand_documents() -> None:
    """Large numbers are summed around where flips are likely: as good as the normal approximation there."""
    assert mcnemar_power(100_000, 0.0505, 0.048) == pytest.approx(paired_z_power(100_000, 0.0505, 0.048), abs=0.01)
    assert binom.ppf(1 - 1e-12, 100_000, 0.0985) < 100_000
