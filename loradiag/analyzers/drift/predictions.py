"""What the model answered: recent days beside earlier ones of the same adapter."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, expm1
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.analyzers.drift.counting import once
from loradiag.analyzers.drift.wanted import DAY, Wanted
from loradiag.analyzers.drift.windows import stamp
from loradiag.core.drift import PredictionShift
from loradiag.statistics.days import Change, cliffs_delta, compare_days, day_means
from loradiag.statistics.holm import holm
from loradiag.traffic.reading import Rows

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]

_MOST = 100_000
"""Values of a side that Kolmogorov–Smirnov and Cliff's δ are computed from."""


class Metric(msgspec.Struct, frozen=True):
    """One measure of a request.

    Attributes:
        name: As in reports.
        unit: Of its mean.
        values: What it is of each request [n]; NaN where it is unknown.
        ratio: Whether values are logarithms, so that a change is a ratio.
        share: Whether values are 0 or 1.
    """

    name: str
    unit: str
    values: Callable[[Rows], Floats]
    ratio: bool = False
    share: bool = False


def _logged(name: str) -> Callable[[Rows], Floats]:
    def values(rows: Rows) -> Floats:
        lengths = np.array(getattr(rows, name), dtype=np.float64)
        lengths[~(lengths > 0)] = np.nan
        return np.log(lengths)

    return values


def _plain(name: str) -> Callable[[Rows], Floats]:
    return lambda rows: np.asarray(getattr(rows, name), dtype=np.float64)


METRICS = (
    Metric("perplexity", "of generated tokens", _plain("nll"), ratio=True),
    Metric("prompt_perplexity", "of prompt tokens", _plain("prompt_nll"), ratio=True),
    Metric("entropy", "nats", _plain("entropy")),
    Metric("response_length", "tokens", _logged("response_tokens"), ratio=True),
    Metric("response_characters", "characters", _logged("response_chars"), ratio=True),
    Metric("prompt_length", "tokens", _logged("prompt_tokens"), ratio=True),
    Metric("prompt_characters", "characters", _logged("prompt_chars"), ratio=True),
    Metric("repetition", "share of 4-grams", _plain("repetition")),
    Metric("refusal_like", "share of answers", _plain("refusal_like"), share=True),
    Metric("truncated", "share of answers", _plain("truncated"), share=True),
)
"""Lengths in characters stand in where tokens were not counted."""

_INSTEAD = {"response_characters": "response_length", "prompt_characters": "prompt_length"}


def compare_answers(rows: Rows, wanted: Wanted) -> list[PredictionShift]:
    """Compare the answers of the most recent days with those of the days before them, measure by measure.

    Requests count once a conversation and once a text within each day. What no request of both periods has is left out.
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
        if _INSTEAD.get(metric.name) in {row.metric for row in found}:
            continue
        row = _compared(metric, rows, *sides)
        if row is not None:
            found.append(_placed(row, before, recent))
    return _adjusted(found)


def _counted(rows: Rows, dated: Indexes, days: Indexes, first: int, last: int) -> Indexes:
    """Positions of the requests of some days that count, day by day."""
    begin, end = np.searchsorted(days, first), np.searchsorted(days, last, side="right")
    cuts = np.flatnonzero(np.diff(days[begin:end])) + 1
    parts = [once(rows, part) for part in np.split(dated[begin:end], cuts) if part.size]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _compared(metric: Metric, rows: Rows, before: Indexes, recent: Indexes) -> PredictionShift | None:
    values = metric.values(rows)
    known = [side[np.isfinite(values[side])] for side in (before, recent)]
    if not all(side.size for side in known):
        return None
    numbers = [values[side] for side in known]
    means = [day_means(part, rows.time[side] // DAY) for part, side in zip(numbers, known, strict=True)]
    change = compare_days(means[0], means[1])
    few = [_thinned(part) for part in numbers]
    ks, ks_p = (None, None) if metric.share else _kolmogorov(*few)
    return PredictionShift(
        metric=metric.name,
        unit=metric.unit,
        reference=exp(change.reference) if metric.ratio else change.reference,
        current=exp(change.current) if metric.ratio else change.current,
        n_reference=known[0].size,
        n=known[1].size,
        days_reference=means[0].size,
        days=means[1].size,
        **_as_change(change, ratio=metric.ratio),
        p=change.p,
        ks=ks,
        ks_p=ks_p,
        effect=cliffs_delta(*few),
        top=_usual_top(rows, known[1]) if metric.name == "entropy" else None,
    )


def _as_change(change: Change, *, ratio: bool) -> dict[str, Any]:
    told = {"change": change.difference, "ci_low": change.low, "ci_high": change.high}
    return {name: value if value is None or not ratio else expm1(value) for name, value in told.items()}


def _kolmogorov(before: Floats, recent: Floats) -> tuple[float, float]:
    from scipy.stats import ks_2samp

    found = ks_2samp(before, recent, method="asymp")
    return float(found.statistic), float(found.pvalue)


def _thinned(values: Floats) -> Floats:
    return values if values.size <= _MOST else values[:: -(-values.size // _MOST)]


def _usual_top(rows: Rows, positions: Indexes) -> int | None:
    """How many tokens the logged entropies are of, for most requests."""
    tops = rows.entropy_top[positions]
    tops = tops[np.isfinite(tops)].astype(np.int64)
    return int(np.bincount(tops).argmax()) if tops.size else None


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
