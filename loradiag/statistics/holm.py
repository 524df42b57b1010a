"""p-values of several tasks, adjusted for there being several."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted by Holm's step-down method (Scandinavian Journal of Statistics 6, 1979, 65–70).

    The i-th smallest of m is multiplied by m − i + 1, and is at least its predecessor and at most 1. Rejecting those up to
    α keeps the chance of one false rejection or more at α, however the tasks depend on each other.

    Args:
        p_values: Of each task; None or NaN where there was no test, which then counts as none.

    Returns:
        In the same order, None where there was no test.

    Raises:
        ValueError: One is not between 0 and 1.
    """
    tested = [(p, index) for index, p in enumerate(p_values) if p is not None and p == p]
    if any(not 0 <= p <= 1 for p, _ in tested):
        raise ValueError("p_values must lie between 0 and 1")
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(sorted(tested)):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[index] = largest
    return adjusted
