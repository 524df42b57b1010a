"""What the lake knows of answers, as it is compared: numbers or their logarithms, and how means and differences are told."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, expm1
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.statistics.checks import Floats

_MOST = 700.0
"""Of a logarithm: a float holds no more than e to 709."""


class Metric(msgspec.Struct, frozen=True):
    """One measure of a request.

    Attributes:
        name: As in reports.
        unit: Of its mean.
        column: Of the lake.
        logged: Whether its logarithm is compared, which the column is not already.
        ratio: Whether a difference is one of logarithms, and so told as a ratio.
        share: Whether values are 0 or 1.
    """

    name: str
    unit: str
    column: str
    logged: bool = False
    ratio: bool = False
    share: bool = False


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("perplexity", "of generated tokens", "nll", ratio=True),
        Metric("prompt_perplexity", "of prompt tokens", "prompt_nll", ratio=True),
        Metric("entropy", "nats", "entropy"),
        Metric("latency", "ms", "latency_ms", logged=True, ratio=True),
        Metric("first_token", "ms", "first_token_ms", logged=True, ratio=True),
        Metric("response_length", "tokens", "response_tokens", logged=True, ratio=True),
        Metric("response_characters", "characters", "response_chars", logged=True, ratio=True),
        Metric("prompt_length", "tokens", "prompt_tokens", logged=True, ratio=True),
        Metric("prompt_characters", "characters", "prompt_chars", logged=True, ratio=True),
        Metric("repetition", "share of 4-grams", "repetition"),
        Metric("refusal_like", "share of answers", "refusal_like", share=True),
        Metric("truncated", "share of answers", "truncated", share=True),
        Metric("failed", "share of requests", "failed", share=True),
    )
}

INSTEAD = {"response_characters": "response_length", "prompt_characters": "prompt_length"}
"""Lengths in characters stand in where tokens were not counted."""


def values_of(metric: Metric, column: npt.NDArray[Any]) -> Floats:
    """Return what is compared of a column [n], in float64; NaN where it is unknown, or has no logarithm."""
    numbers = column.astype(np.float64)
    return np.log(np.where(numbers > 0, numbers, np.nan)) if metric.logged else numbers


def mean_of(metric: Metric, mean: float) -> float:
    """Return a mean of what is compared in the unit of the metric: of logarithms the geometric mean, at most e^700."""
    return exp(min(mean, _MOST)) if metric.ratio else mean


def change_of(metric: Metric, difference: float) -> float:
    """Return a difference of what is compared: of logarithms the ratio less 1, at most e^700."""
    return expm1(min(difference, _MOST)) if metric.ratio else difference
