"""The fleet's bands beside scipy's median absolute deviation, and who lies outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from loradiag.core.fleet import FleetAdapter
from loradiag.fleet.bands import FAR, LEAST, banded, group_of


def adapters(values: list[float], **changes: Any) -> list[FleetAdapter]:
    """Adapters of one group with these norms."""
    fields: dict[str, Any] = {"base": "x/base", "method": "LoRA", "rank": 8, "modules": 4, **changes}
    return [FleetAdapter(path=f"a{place}", frobenius_norm=value, **fields) for place, value in enumerate(values)]


def test_bands_are_robust_standard_deviations() -> None:
    """In logarithms, as scipy has them."""
    values = np.exp(np.random.default_rng(0).normal(1.0, 0.4, 60))
    _, found = banded(adapters(values.tolist()))
    (band,) = found
    logs = np.log(values)
    spread = median_abs_deviation(logs, scale="normal")
    assert np.log(band.median) == pytest.approx(np.median(np.log(values)))
    assert np.log(band.high) == pytest.approx(np.median(logs) + FAR * spread, rel=1e-4)
    assert np.log(band.low) == pytest.approx(np.median(logs) - FAR * spread, rel=1e-4)
    assert (band.adapters, band.measure, band.group) == (60, "frobenius_norm", "base, LoRA, r=8")


def test_the_one_that_is_unlike_the_others() -> None:
    """Is told with its score; the others are not."""
    values = [*np.exp(np.random.default_rng(1).normal(0.0, 0.1, 40)), 40.0, 0.02]
    rows, _ = banded(adapters([float(value) for value in values]))
    assert [place for place, row in enumerate(rows) if row.outlying] == [40, 41]
    assert rows[40].outlying["frobenius_norm"] > FAR
    assert rows[41].outlying["frobenius_norm"] < -FAR


def test_few_have_no_band() -> None:
    """Nor do those that cannot be read, or do nothing."""
    assert banded(adapters([1.0] * (LEAST - 1)))[1] == []
    assert banded(adapters([1.0] * 20, problem="x"))[1] == []
    assert banded(adapters([0.0] * 20))[1] == []


def test_norms_that_have_nothing_in_common() -> None:
    """From the least to the largest that float32 holds: the band ends where floats do. What is infinite is no measure."""
    values = [1e-44, 1e38] * 10
    rows, (band,) = banded(adapters([*values, float("inf")]))
    assert 0 <= band.low < band.median < band.high < float("inf")
    assert band.adapters == 20
    assert not any(row.outlying for row in rows)


def test_copies_of_one_recipe_are_no_outliers() -> None:
    """A spread of nearly nothing does not make a hundredth an outlier."""
    rows, _ = banded(adapters([1.0] * 20 + [1.01]))
    assert not any(row.outlying for row in rows)


def test_groups_are_of_one_base_method_and_rank() -> None:
    """A local copy of a base keeps the last part of its name."""
    one = FleetAdapter(path="a", base="/models/llama", method="LoRA", rank=8)
    other = FleetAdapter(path="b", base="meta/llama", method="LoRA", rank=8)
    assert group_of(one) == group_of(other) == "llama, LoRA, r=8"
    assert group_of(FleetAdapter(path="c")) == "no base, unknown, r=None"


def test_healthy_fleets_have_few_outliers() -> None:
    """Of normal logarithms none in 100 fleets of 50 lies outside."""
    rng = np.random.default_rng(7)
    outside = 0
    for _ in range(100):
        rows, _ = banded(adapters(np.exp(rng.normal(0, 0.5, 50)).tolist()))
        outside += sum(bool(row.outlying) for row in rows)
    assert outside <= 1
