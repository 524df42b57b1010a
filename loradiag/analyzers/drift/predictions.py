"""What the model answered: recent days beside earlier ones of the same adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.analyzers.drift.columns import INSTEAD, Metric, change_of, mean_of, values_of
from loradiag.analyzers.drift.columns import METRICS as KNOWN
from loradiag.analyzers.drift.counting import once
from loradiag.analyzers.drift.wanted import DAY, Wanted
from loradiag.analyzers.drift.windows import stamp
from loradiag.core.drift import PredictionShift
from loradiag.statistics.checks import Floats, Indexes
from loradiag.statistics.days import Change, cliffs_delta, compare_days, day_means
from loradiag.statistics.holm import holm
from loradiag.traffic.reading import Rows

_MOST = 100_000
"""Values of a side that Kolmogorov–Smirnov and Cliff's δ are computed from."""


Measure = Callable[[str, Indexes], npt.NDArray[np.float32]]
"""Gives a column of the lake at some positions, NaN where it is unknown."""


METRICS = tuple(metric for name, metric in KNOWN.items() if name not in ("latency", "first_token", "failed"))
"""What is compared: what says something of the answers, and not of the machine that gave them."""


def compare_answers(rows: Rows, measure: Measure, wanted: Wanted) -> list[PredictionShift]:
    """Compare the answers of the most recent days with those of the days before them, measure by measure.

    Requests count once a conversation and once a text within each day. What no request of both periods has is left out.

    Args:
        rows: All requests.
        measure: Gives what is known of them.
        wanted: How many days.
    """
    dated = np.flatnonzero(rows.time >= 0)
    if not dated.size:
        return []
    days = rows.time[dated] // DAY
    last = int(days[-1])
    recent = (last - wanted.recent_days + 1, last)
    before = (recent[0] - wanted.reference_days, recent[0] - 1)
    sides = [_counted(rows, dated, days, *period) for period in (before, recent)]
    found: list[PredictionShift] = []
    for metric in METRICS:
        if INSTEAD.get(metric.name) in {row.metric for row in found}:
            continue
        row = _compared(metric, rows, measure, *sides)
        if row is not None:
            found.append(_placed(row, before, recent))
    return _adjusted(found)


def _counted(rows: Rows, dated: Indexes, days: Indexes, first: int, last: int) -> Indexes:
    """Positions of the requests of some days that count, day by day."""
    begin, end = np.searchsorted(days, first), np.searchsorted(days, last, side="right")
    cuts = np.flatnonzero(np.diff(days[begin:end])) + 1
    parts = [once(rows, part) for part in np.split(dated[begin:end], cuts) if part.size]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _compared(metric: Metric, rows: Rows, measure: Measure, before: Indexes, recent: Indexes) -> PredictionShift | None:
    known, numbers = [], []
    for side in (before, recent):
        values = values_of(metric, measure(metric.column, side))
        finite = np.isfinite(values)
        known.append(side[finite])
        numbers.append(values[finite])
    if not all(side.size for side in known):
        return None
    means = [day_means(part, rows.time[side] // DAY) for part, side in zip(numbers, known, strict=True)]
    change = compare_days(means[0], means[1])
    few = [_thinned(part) for part in numbers]
    ks, ks_p = (None, None) if metric.share else _kolmogorov(*few)
    return PredictionShift(
        metric=metric.name,
        unit=metric.unit,
        reference=mean_of(metric, change.reference),
        current=mean_of(metric, change.current),
        n_reference=known[0].size,
        n=known[1].size,
        days_reference=means[0].size,
        days=means[1].size,
        **_as_change(metric, change),
        p=change.p,
        ks=ks,
        ks_p=ks_p,
        effect=cliffs_delta(*few),
        top=_usual_top(measure("entropy_top", known[1])) if metric.name == "entropy" else None,
    )


def _as_change(metric: Metric, change: Change) -> dict[str, Any]:
    told = {"change": change.difference, "ci_low": change.low, "ci_high": change.high}
    return {name: None if value is None else change_of(metric, value) for name, value in told.items()}


def _kolmogorov(before: Floats, recent: Floats) -> tuple[float, float]:
    from scipy.stats import ks_2samp

    found = ks_2samp(before, recent, method="asymp")
    return float(found.statistic), float(found.pvalue)


def _thinned(values: Floats) -> Floats:
    return values if values.size <= _MOST else values[:: -(-values.size // _MOST)]


def _usual_top(tops: npt.NDArray[np.float32]) -> int | None:
    """How many tokens the logged entropies are of, for most requests."""
    values, counts = np.unique(tops[np.isfinite(tops)], return_counts=True)
    return int(values[counts.argmax()]) if values.size else None


def _placed(row: PredictionShift, before: tuple[int, int], recent: tuple[int, int]) -> PredictionShift:
    return msgspec.structs.replace(
        row,
        reference_start=stamp(max(before[0], 0) * DAY),
        start=stamp(recent[0] * DAY),
        end=stamp((recent[1] + 1) * DAY),
    )


def _adjusted(found: list[PredictionShift]) -> list[PredictionShift]:
    """p-values after Holm over the metrics: those over days, and those of Kolmogorov and Smirnov, each among themselves."""
    days, ks = holm([row.p for row in found]), holm([row.ks_p for row in found])
    return [
        msgspec.structs.replace(row, p_adjusted=a, ks_adjusted=b) for row, a, b in zip(found, days, ks, strict=True)
    ]
