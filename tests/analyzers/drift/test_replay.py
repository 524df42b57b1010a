"""The null replay."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from loradiag.analyzers.drift.replay import replay
from loradiag.analyzers.drift.wanted import Wanted, window_of
from loradiag.api.judging import default_policy
from loradiag.core.errors import InputError
from tests.analyzers.drift.making import baseline_of


def test_rates_and_their_intervals(tmp_path: Path) -> None:
    """Forty windows of what was held out: few alarms, counted, with exact intervals; the same seed gives the same."""
    baseline = baseline_of(tmp_path)
    wanted = Wanted(window=window_of("100"), permutations=100, exemplars=0)
    seen: list[int] = []
    found = replay(baseline, wanted, 40, default_policy().thresholds, seen.append)
    assert (found.window, found.calibration, found.alpha, found.alarms.trials) == (100, 500, 0.05, 40)
    assert seen == list(range(1, 41))
    assert found.alarms.count <= 6
    assert found.alarms.low <= found.alarms.rate <= found.alarms.high
    assert found.alarms.count <= found.novel.count + found.shifted.count
    assert replay(baseline, wanted, 40, default_policy().thresholds, seen.append) == found


def test_a_chain_that_cries_wolf_is_caught(tmp_path: Path) -> None:
    """With thresholds that call anything drift, every window alarms: the replay is no formality."""
    loose = {"LD801": {"alpha": 1.0, "least_share": 0.0}, "LD802": {"alpha": 1.0}}
    wanted = Wanted(window=window_of("100"), permutations=50, exemplars=0)
    found = replay(baseline_of(tmp_path), wanted, 10, loose, lambda _: None)
    assert (found.alarms.count, found.alarms.high) == (10, 1.0)


def test_too_few_held_out_requests(tmp_path: Path) -> None:
    """The error says what to do."""
    with pytest.raises(InputError, match="take smaller windows"):
        replay(baseline_of(tmp_path, held=120), Wanted(window=window_of("100")), 5, {}, lambda _: None)


def test_too_few_held_out_requests_for_a_small_share(tmp_path: Path) -> None:
    """Of a hundred that are left none lies beyond a threshold that half a percent do."""
    made = baseline_of(tmp_path, held=200)
    calibrated = msgspec.structs.replace(made.manifest.calibrated, rank=1, novel_rate=1 / 201)
    rare = msgspec.structs.replace(made, manifest=msgspec.structs.replace(made.manifest, calibrated=calibrated))
    with pytest.raises(InputError, match="200 held-out requests: too few for windows of 100"):
        replay(rare, Wanted(window=window_of("100")), 5, {}, lambda _: None)
