"""How far the updates of an adapter have moved, against the dense products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loradiag
from loradiag.adapters.opening import open_adapter
from loradiag.callbacks.moving import relative_change
from tests.conftest import MakeAdapter, peft_arrays


def change(now: Path, before: Path) -> float | None:
    """The change between two adapters on disk."""
    spectrum = loradiag.inspect(now).measurements.spectrum
    return relative_change(open_adapter(now), open_adapter(before), spectrum)


def dense(arrays: dict[str, Any], scale: float) -> list[Any]:
    """All updates of a file, formed whole."""
    names = sorted(name.removesuffix(".lora_A.weight") for name in arrays if "lora_A" in name)
    pairs = [(arrays[f"{name}.lora_B.weight"], arrays[f"{name}.lora_A.weight"]) for name in names]
    return [scale * b.astype(np.float64) @ a.astype(np.float64) for b, a in pairs]


@pytest.mark.parametrize("alpha", [16, 4])
def test_the_median_change_is_that_of_dense_updates(make_adapter: MakeAdapter, alpha: int) -> None:
    """Also where the scale is another one than before."""
    now, before = peft_arrays(seed=0), peft_arrays(seed=1)
    found = change(make_adapter(now, name="now", lora_alpha=alpha), make_adapter(before, name="before"))
    pairs = zip(dense(now, alpha / 8), dense(before, 2), strict=True)
    assert found == pytest.approx(np.median([np.linalg.norm(n - b) / np.linalg.norm(n) for n, b in pairs]), rel=1e-9)


def test_what_cannot_be_compared_is_left_out(make_adapter: MakeAdapter) -> None:
    """Dead modules, broken ones, and ones that were not there or had another rank."""
    now, before = peft_arrays(layers=5, seed=0), peft_arrays(layers=4, seed=0)
    names = list(now)
    now[names[1]][:] = 0
    now[names[5]][0, 0] = np.nan
    before[names[9]][0, 0] = np.inf
    rest = [name for name in names if "layers.4" not in name]
    for name in rest[12:]:
        before[name] = before[name] * np.float32(0.5) if "lora_B" in name else before[name]
    for name in rest[10:12]:
        before[name] = before[name][:4] if "lora_A" in name else before[name][:, :4]
    found = change(make_adapter(now, name="now"), make_adapter(before, name="before"))
    # What is left: two modules that have not moved, and two that are twice what they were.
    assert found == pytest.approx(0.25, rel=1e-6)


def test_nothing_to_compare_is_none(make_adapter: MakeAdapter) -> None:
    """An untrained adapter has not moved by any share of itself."""
    arrays = peft_arrays()
    for name in arrays:
        arrays[name] *= "lora_A" in name
    assert change(make_adapter(arrays, name="now"), make_adapter(name="before")) is None
