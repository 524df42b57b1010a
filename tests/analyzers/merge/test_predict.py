"""Predicted gains beside a table that was measured, and beside the routes themselves on Gaussian weights."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest

from loradiag.analyzers.merge.fold import LoraFold
from loradiag.analyzers.merge.folding import Formats, Strip
from loradiag.analyzers.merge.kinds import way_of
from loradiag.analyzers.merge.measure import Change
from loradiag.analyzers.merge.predict import predicted_gain
from loradiag.analyzers.merge.routes import ROUTES, Settings

torch: Any = pytest.importorskip("torch", reason="weights are torch tensors")

pytestmark = pytest.mark.models

# Measured once on Gaussian matrices of 1024 by 1024 in BF16, with Gaussian updates, by bitsandbytes' own quantizers.
TABLE = {
    0.001: {"bf16": 0.53, "nf4-inplace": 0.002, "int8-inplace": 0.0, "nf4": 1.01},
    0.01: {"bf16": 1.0, "nf4-inplace": 0.015, "int8-inplace": 0.87, "nf4": 1.0},
    0.03: {"bf16": 1.0, "nf4-inplace": 0.04, "int8-inplace": 1.0, "nf4": 1.0},
    0.1: {"bf16": 1.0, "nf4-inplace": 0.84, "int8-inplace": 1.0, "nf4": 1.0},
}
SETTINGS = Settings()


@pytest.mark.parametrize("relative", TABLE)
def test_the_measured_table(relative: float) -> None:
    """What each route keeps of small updates, of rows that are shorter than those of the prediction."""
    for route, gain in TABLE[relative].items():
        if (route, relative) == ("nf4", 0.001):
            gain = TABLE[relative]["bf16"]  # the sum was rounded to BF16 first; the table's was not
        assert predicted_gain(ROUTES[route], relative, SETTINGS, "bf16") == pytest.approx(gain, abs=0.06), route


def along(route: str, relative: float, carrier: str, settings: Settings) -> tuple[float, float]:
    """The gain of a Gaussian weight and update, and its standard error."""
    generator = torch.Generator().manual_seed(3)
    w = (torch.randn(128, 4096, generator=generator) * 0.02).to(torch.bfloat16 if carrier == "bf16" else torch.float16)
    delta = torch.randn(w.shape, generator=generator) * 0.02 * relative
    way = way_of(ROUTES[route], "linear", carrier)
    merged = Strip(w, 0, Formats(settings)).along(way, LoraFold(delta))
    sums = Change(merged.source, delta).stored_as(
        merged.stored.values, merged.stored.codes, merged.plain, floating=False
    )
    assert sums.gain is not None
    assert sums.gain_error is not None
    return sums.gain, sums.gain_error


@pytest.mark.parametrize("relative", [0.0005, 0.002, 0.008, 0.03, 0.1])
@pytest.mark.parametrize("route", ROUTES)
def test_prediction_and_route_agree(route: str, relative: float) -> None:
    """All routes, at updates from a 2000th of the weight up."""
    gain, error = along(route, relative, "bf16", SETTINGS)
    assert predicted_gain(ROUTES[route], relative, SETTINGS, "bf16") == pytest.approx(gain, abs=0.06 + 3 * error)


@pytest.mark.parametrize("block", [32, 256])
@pytest.mark.parametrize("route", ["nf4-inplace", "fp4-inplace"])
def test_larger_blocks_have_larger_steps(route: str, block: int) -> None:
    """And erase larger updates."""
    settings = Settings(block, double=False)
    for relative in (0.05, 0.12):
        gain, error = along(route, relative, "bf16", settings)
        assert predicted_gain(ROUTES[route], relative, settings, "bf16") == pytest.approx(gain, abs=0.08 + 3 * error)


@pytest.mark.parametrize("relative", [2e-4, 1e-3])
def test_a_carrier_of_more_digits_keeps_smaller_updates(relative: float) -> None:
    """FP16 has three bits more than BF16."""
    for carrier in ("bf16", "fp16"):
        gain, error = along("nf4", relative, carrier, SETTINGS)
        assert predicted_gain(ROUTES["nf4"], relative, SETTINGS, carrier) == pytest.approx(gain, abs=0.06 + 3 * error)
    ours, theirs = (predicted_gain(ROUTES["nf4"], relative, SETTINGS, carrier) for carrier in ("fp16", "bf16"))
    assert ours > theirs + 0.2


@pytest.mark.parametrize("relative", [2e-4, 5e-4])
@pytest.mark.parametrize("route", ["bf16", "bf16-from-nf4"])
def test_an_fp16_base_stored_in_bf16(route: str, relative: float) -> None:
    """Loaded in BF16 it loses small updates; dequantized to FP16 and then stored in BF16 it gains some.

    There it lies halfway between BF16 numbers so often that small updates decide where it goes.
    """
    gain, error = along(route, relative, "fp16", SETTINGS)
    assert predicted_gain(ROUTES[route], relative, SETTINGS, "fp16") == pytest.approx(gain, abs=0.06 + 3 * error)
    assert (gain > 1) == (route == "bf16-from-nf4")


@pytest.mark.parametrize("carrier", ["bf16", "fp16"])
@pytest.mark.parametrize("route", ROUTES)
def test_larger_updates_fare_no_worse(route: str, carrier: str) -> None:
    """But for the noise of the matrix that the curve is of; and no ratio gives a NaN, or a number far from [0, 1]."""
    ratios = [
        0.0,
        1e-30,
        *(10.0**power for power in (-6, -4, -3.5, -3, -2.5, -2, -1.5, -1, -0.5, 0, 3)),
        1e30,
        math.inf,
    ]
    if carrier == "fp16" and route.startswith("bf16-from"):  # see above
        ratios = [ratio for ratio in ratios if ratio >= 1e-3]
    gains = [predicted_gain(ROUTES[route], relative, SETTINGS, carrier) for relative in ratios]
    assert all(-0.01 <= gain <= 1.05 for gain in gains)
    assert all(after >= before - 0.02 for before, after in pairwise(gains))
    assert gains[-1] == pytest.approx(1.0, abs=0.02)
