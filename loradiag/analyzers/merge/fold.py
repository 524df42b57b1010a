"""Folding: W + Δ as PEFT computes it, and the exact Δ to compare with.

:mod:`loradiag.analyzers.merging` has the exact change of every method in float64. Here is the arithmetic of PEFT's
``merge_and_unload`` for LoRA and DoRA, operation by operation, so that the stored bits are those that users get.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from loradiag.adapters.model import Method
from loradiag.analyzers.merging import Merge, merge_of
from loradiag.analyzers.pairing import Pair
from loradiag.analyzers.updates import Values
from loradiag.core.lazy import require
from loradiag.storage.tensors import Matrix

_STRIP = 1 << 20


class Fold(Protocol):
    """How one weight changes. Rows are given from ``start`` on, in the orientation in which the base stores them."""

    def merged(self, rows: Any, start: int) -> Any:
        """Return W + Δ for these rows, in the type that PEFT leaves it in before it is stored: a torch tensor [n, cols]."""

    def change(self, rows: Any, start: int) -> Any:
        """Return the exact Δ for these rows, in float64 or in the float32 that Δ was formed in: a torch tensor [n, cols]."""


class LoraFold:
    """W + s·B·A: the product in float32, the sum in the wider of both types.

    Args:
        delta: s·B·A in float32, as the weight is stored.
        rounded: Whether PEFT rounds it to the type of W before it is added: of embeddings it does.
    """

    def __init__(self, delta: Any, *, rounded: bool = False) -> None:
        self._delta, self._rounded = delta, rounded

    def merged(self, rows: Any, start: int) -> Any:
        """See :class:`Fold`."""
        delta = self._delta[start : start + rows.shape[0]]
        return rows + (delta.to(rows.dtype) if self._rounded else delta)

    def change(self, rows: Any, start: int) -> Any:
        """See :class:`Fold`."""
        return self._delta[start : start + rows.shape[0]]


class DoraFold:
    """m/‖W + s·B·A‖ · (W + s·B·A), row by row (Liu et al. 2024, arXiv 2402.09353), rounded to the type of W."""

    def __init__(self, delta: Any, magnitude: Any, exact: Merge) -> None:
        self._delta, self._magnitude, self._exact = delta, magnitude, ExactFold(exact)

    def merged(self, rows: Any, start: int) -> Any:
        """See :class:`Fold`."""
        torch = require("torch", "merge")
        moved = rows + self._delta[start : start + rows.shape[0]]
        factor = self._magnitude[start : start + rows.shape[0]] / torch.linalg.norm(moved, dim=1)
        return (factor.view(-1, 1) * moved).to(rows.dtype)

    def change(self, rows: Any, start: int) -> Any:
        """See :class:`Fold`."""
        return self._exact.change(rows, start)


class ExactFold:
    """Any method: the change in float64, strip by strip, and the sum rounded to float32."""

    def __init__(self, exact: Merge) -> None:
        self._exact = exact

    def merged(self, rows: Any, start: int) -> Any:
        """See :class:`Fold`."""
        return (rows.double() + self.change(rows, start)).float()

    def change(self, rows: Any, start: int) -> Any:
        """See :class:`Fold`."""
        torch = require("torch", "merge")
        values = rows.double().cpu().numpy()
        step = max(_STRIP // max(values.shape[1], 1), 1)
        with np.errstate(over="ignore", invalid="ignore"):
            parts = [
                self._exact.change(values[low : low + step], start + low) for low in range(0, values.shape[0], step)
            ]
        return torch.from_numpy(np.concatenate(parts) if parts else values).to(rows.device)


def fold_of(pair: Pair, values: Values, device: str = "cpu") -> Fold:
    """Return how the weight of a pair is folded.

    Raises:
        NotMergedError: The method has no merged weight that is known here, or its factors are not finite.
        InputError: A file ends before its header says.
    """
    exact = merge_of(pair, values)
    factors = pair.module.factors
    if pair.module.method is Method.LORA and factors.keys() == {"A", "B"}:
        return LoraFold(_delta(pair, values, device), rounded=embeds(pair))
    # Magnitudes are of outputs. Where these are columns, strips of rows do not have their norms: left to the exact fold.
    if pair.module.method is Method.DORA and factors.keys() == {"A", "B", "magnitude"} and not pair.transposed:
        return DoraFold(_delta(pair, values, device), _single(factors["magnitude"], values, device).reshape(-1), exact)
    return ExactFold(exact)


def embeds(pair: Pair) -> bool:
    """Whether the weight is an embedding: PEFT stores its factors transposed, and no layer stores the weight so."""
    return any(".lora_embedding_" in matrix.tensor.name for matrix in pair.module.factors.values())


def _delta(pair: Pair, values: Values, device: str) -> Any:
    """s·B·A in float32, in the orientation of the stored weight: the product first, then the scale, as PEFT has it."""
    left, right = (_single(pair.module.factors[name], values, device) for name in ("B", "A"))
    product = left @ right
    return (product.T if pair.transposed else product) * pair.module.scale.value


def _single(matrix: Matrix, values: Values, device: str) -> Any:
    torch = require("torch", "merge")
    dense = values.dense(matrix)  # merge_of has found them finite
    return torch.from_numpy(np.ascontiguousarray(dense, np.float32)).to(device)
