"""Reference bands: where a measure lies among public trained adapters of similar rank."""

from __future__ import annotations

import bisect
import json
from functools import lru_cache
from typing import Any

SOURCE = "quantiles over public trained LoRA adapters of ranks 2 to 36 (loradiag/rules/reference_bands.json)"


@lru_cache(maxsize=1)
def _groups() -> dict[str, Any]:
    from importlib import resources

    text = resources.files("loradiag.rules").joinpath("reference_bands.json").read_text("utf-8")
    groups: dict[str, Any] = json.loads(text)["groups"]
    return groups


def _group_of(rank: float) -> str:
    """Name of the group of ranks that ``rank`` belongs to; ``all`` outside every group."""
    for name in _groups():
        low, _, high = name.partition("-")
        if high and int(low) <= rank <= int(high):
            return name
    return "all"


def percentile(measure: str, value: float, rank: float) -> str:
    """Say where ``value`` lies among public adapters: ``below the 2nd percentile``, ``around the 25th percentile``."""
    quantiles = sorted((float(level), edge) for level, edge in _groups()[_group_of(rank)][measure].items())
    edges = [edge for _, edge in quantiles]
    if value < edges[0]:
        return f"below the {_ordinal(quantiles[0][0])} percentile"
    if value > edges[-1]:
        return f"above the {_ordinal(quantiles[-1][0])} percentile"
    left, right = bisect.bisect_left(edges, value), bisect.bisect_right(edges, value)
    # A value that several quantiles share stands for all of them; name the middle one.
    middle = (left + right - 1) // 2 if right > left else right - 1
    return f"around the {_ordinal(quantiles[max(middle, 0)][0])} percentile"


def _ordinal(level: float) -> str:
    number = round(level * 100)
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
