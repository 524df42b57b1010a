"""The null replay: a baseline's own held-out requests come as traffic, and whatever is called drift is a false alarm."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path

import msgspec
import numpy as np

from loradiag.analyzers.drift.check import adjusted, check
from loradiag.analyzers.drift.wanted import Wanted
from loradiag.baselines.reading import Baseline
from loradiag.core.drift import Drift
from loradiag.core.errors import InputError
from loradiag.core.windows import Thresholds, settle
from loradiag.statistics.checks import Indexes
from loradiag.statistics.mmd import closeness, scale_of
from loradiag.statistics.shares import share_interval
from loradiag.statistics.tails import rank_of
from loradiag.traffic.reading import Lake
from loradiag.traffic.vectors import write_vectors

_SAMPLE = 1500
_LEAST = 40
"""Held-out requests that must be left to calibrate with."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How often something was seen: ``count`` of ``trials``, and the exact 95% interval of the rate."""

    count: int
    trials: int
    rate: float
    low: float
    high: float


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a replay.

    ``alarms``: windows that were called novel, shifted or both; ``novel`` and ``shifted``: either of these. ``alpha``: what was
    promised for any alarm in a window. ``calibration``: held-out requests that were left to calibrate with in each trial.
    """

    adapter: str
    window: int
    calibration: int
    alpha: float
    alarms: Rate
    novel: Rate
    shifted: Rate


def replay(
    baseline: Baseline, wanted: Wanted, trials: int, thresholds: Thresholds, progress: Callable[[int], None]
) -> Replay:
    """Send held-out requests through the whole chain, and count alarms.

    In every trial the held-out requests are dealt anew: one window of them comes as traffic, written into a lake and read
    from it, and the others calibrate. References and topics stay. So the rate is that of baselines of this kind, on average
    over what was held out.

    Args:
        baseline: Whose requests.
        wanted: The window, by number of requests, and the tolerance.
        trials: How many windows.
        thresholds: Of the policy.
        progress: Told the trials that are done.

    Raises:
        InputError: There are too few held-out requests for such a window.
    """
    size, held = wanted.window.size, len(baseline.scores)
    least = max(_LEAST, ceil(1 / _rate_of(baseline)))  # fewer have no threshold that so few lie beyond
    if held - size < least:
        problem = f"has {held:,} held-out requests: too few for windows of {size:,}"
        raise InputError(baseline.path, problem, "take smaller windows, or a baseline of more data", "small")
    generator = np.random.default_rng(wanted.seed)
    statuses = []
    with tempfile.TemporaryDirectory(prefix="loradiag-replay-") as folder:
        for trial in range(trials):
            deal = generator.permutation(held)
            found = _checked(baseline, deal[:size], deal[size:], Path(folder) / f"{trial}", wanted)
            statuses.append(settle(found, thresholds).windows[0].status)
            progress(trial + 1)
    return Replay(
        adapter=baseline.name,
        window=size,
        calibration=held - size,
        alpha=max((row["alpha"] for code in ("LD801", "LD802") if (row := thresholds.get(code))), default=0.0),
        alarms=_rate(statuses, ("novel", "shifted", "novel+shifted")),
        novel=_rate(statuses, ("novel", "novel+shifted")),
        shifted=_rate(statuses, ("shifted", "novel+shifted")),
    )


def _checked(baseline: Baseline, traffic: Indexes, held: Indexes, lake: Path, wanted: Wanted) -> Drift:
    """One window: written into a lake of its own, read from it, measured against what is left of the baseline."""
    write_vectors(lake, baseline.name, np.asarray(baseline.calibration[traffic]), baseline.manifest.encoder.sha256)
    unseen = msgspec.structs.replace(wanted, points=0)
    found = check(Lake(lake), baseline.name, _dealt(baseline, np.sort(held)), (), unseen, _silent)
    return adjusted([found])[0]


def _silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


def _dealt(baseline: Baseline, held: Indexes) -> Baseline:
    """The baseline as it would be with these held-out requests alone."""
    told = baseline.manifest.calibrated
    scores = np.asarray(baseline.scores[held])
    rank = rank_of(_rate_of(baseline), scores.size)
    threshold = float(np.sort(scores)[rank - 1])
    known = held[scores >= threshold][:_SAMPLE]
    vectors = np.asarray(baseline.calibration[known], dtype=np.float32)
    gamma = scale_of(vectors)
    calibrated = msgspec.structs.replace(
        told,
        calibration=scores.size,
        rank=rank,
        novel_rate=rank / (scores.size + 1),
        threshold=threshold,
        gamma=gamma,
        closeness=closeness(vectors, np.asarray(baseline.topics[known]), told.topics, gamma),
    )
    return msgspec.structs.replace(
        baseline,
        manifest=msgspec.structs.replace(baseline.manifest, calibrated=calibrated),
        calibration=np.asarray(baseline.calibration[held]),
        scores=scores,
        topics=np.asarray(baseline.topics[held]),
    )


def _rate_of(baseline: Baseline) -> float:
    """The share that counts as novel, and a little: it was rounded down to a rank among more requests than are left."""
    return baseline.manifest.calibrated.novel_rate + 1e-3


def _rate(statuses: Sequence[str], which: tuple[str, ...]) -> Rate:
    count = sum(status in which for status in statuses)
    low, high = share_interval(count, len(statuses))
    return Rate(count=count, trials=len(statuses), rate=count / len(statuses), low=low, high=high)
