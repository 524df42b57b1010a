"""How far a low-rank update has moved, from its factors before and now. No product of the size of a weight is formed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from loradiag.linalg.widen import Array


class Factors(NamedTuple):
    """ΔW = B·A with B [d_out, r] and A [r, d_in] in float64, the scale multiplied into B."""

    b: Array
    a: Array


def distance(now: Factors, before: Factors) -> float:
    """Return ‖B·A − B₀·A₀‖_F of two updates of one shape and rank.

    The difference is written as (B − B₀)·A + B₀·(A − A₀). Each of its terms is as small as the change, so nothing is lost
    where the change is a millionth of the update; ‖B·A‖² − 2⟨B·A, B₀·A₀⟩ + ‖B₀·A₀‖² would keep no digit of it. What is left
    are traces of r × r blocks: ‖L·R‖_F² = ⟨LᵀL, R·Rᵀ⟩.

    Returns:
        NaN or infinity where a factor has them.
    """
    step_b, step_a = now.b - before.b, now.a - before.a
    square = (
        np.sum((step_b.T @ step_b) * (now.a @ now.a.T))
        + 2 * np.sum((step_b.T @ before.b) * (now.a @ step_a.T))
        + np.sum((before.b.T @ before.b) * (step_a @ step_a.T))
    )
    return float(np.sqrt(max(square, 0.0))) if square == square else float("nan")
