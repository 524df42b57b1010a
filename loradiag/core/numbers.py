"""Small statistics over plain Python numbers, without the ten milliseconds that importing ``statistics`` takes."""

from __future__ import annotations

from collections.abc import Iterable


def median(values: Iterable[float]) -> float | None:
    """Return the median: the middle value, or the mean of the two in the middle; None of no values."""
    ordered = sorted(values)
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
