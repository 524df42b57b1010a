"""How far a low-rank update has moved, from its factors before and now. No product of the size of a weight is formed."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from loradiag.linalg.widen import Array, Raw, widen_into

_BLOCK = 1 << 16
"""Elements widened at a time: enough that threads seldom wait for each other's interpreter lock."""


class Moved(NamedTuple):
    """What is to be known of one factor, with D = now − before in its tall orientation [n, r]: three r × r blocks."""

    step: Array
    cross: Array
    before: Array

    @property
    def now(self) -> Array:
        """NowᵀNow, from the three."""
        return self.before + self.cross + self.cross.T + self.step

    @property
    def now_step(self) -> Array:
        """NowᵀD."""
        return self.cross.T + self.step


def moved(now: Raw, before: Raw, dtype: str, *, tall: bool) -> Moved:
    """Return DᵀD, DᵀBefore and BeforeᵀBefore, accumulated in float64 over cache-sized blocks.

    Args:
        now: [n, r] if ``tall``, else [r, n], in the carrier type of ``dtype``.
        before: The same factor earlier.
        dtype: Storage format of both.
        tall: Which of the two dimensions is the long one.
    """
    length, rank = now.shape if tall else now.shape[::-1]
    width = max(_BLOCK // max(rank, 1), 1)
    blocks = Moved(*(np.zeros((rank, rank)) for _ in range(3)))
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite shows in the result
        for start in range(0, length, width):
            part = np.s_[start : start + width] if tall else np.s_[:, start : start + width]
            late, early = np.empty(now[part].shape), np.empty(now[part].shape)
            widen_into(now[part], dtype, late)
            widen_into(before[part], dtype, early)
            step = np.subtract(late, early, out=late)
            if not tall:
                step, early = step.T, early.T
            blocks.step[...] += step.T @ step
            blocks.cross[...] += step.T @ early
            blocks.before[...] += early.T @ early
    return blocks


def distance(b: Moved, a: Moved) -> float:
    """Return ‖B·A − B₀·A₀‖_F of two updates of one shape and rank, from the blocks of B and of Aᵀ.

    The difference is (B − B₀)·A + B₀·(A − A₀). Each of its terms is as small as the change, so nothing is lost where the
    change is a millionth of the update; ‖B·A‖² − 2⟨B·A, B₀·A₀⟩ + ‖B₀·A₀‖² would keep no digit of it. What is left are traces
    of r × r blocks: ⟨L·R, M·S⟩_F = tr(LᵀM · S·Rᵀ).

    Returns:
        NaN or infinity where a factor has them.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        square = float(np.sum(b.step * a.now) + 2 * np.sum(b.cross * a.now_step) + np.sum(b.before * a.step))
    return square if math.isnan(square) else math.sqrt(max(square, 0.0))
