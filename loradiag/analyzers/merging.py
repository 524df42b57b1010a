"""From an update and the weight that it changes to the merged weight, strip of rows by strip of rows.

All in the orientation in which the base stores the weight, and in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from loradiag.adapters.model import Method, Module
from loradiag.analyzers.pairing import Pair
from loradiag.analyzers.updates import NotFiniteError, Values, contract
from loradiag.linalg import spectra
from loradiag.linalg.widen import Array, widen
from loradiag.storage.tensors import Matrix

MAX_DENSE = 1 << 26
"""Entries. Updates that have no thin factors (LoKr, LoHa of a large rank) are formed whole up to this size: 512 MiB."""


class NotMergedError(Exception):
    """The merged weight cannot be formed. The text says why, for the report."""


class Merge(Protocol):
    """How rows of a weight change."""

    def change(self, rows: Array, start: int) -> Array:
        """Return W′ − W for the rows from ``start`` on: [n, cols]."""


class LowRank:
    """W′ = W + L·R with L [rows, r] and R [r, cols]."""

    def __init__(self, left: Array, right: Array) -> None:
        self.left, self.right = np.ascontiguousarray(left), np.ascontiguousarray(right)

    def change(self, rows: Array, start: int) -> Array:
        """See :class:`Merge`."""
        return self.left[start : start + rows.shape[0]] @ self.right


class Dense:
    """W′ = W + D."""

    def __init__(self, delta: Array) -> None:
        self._delta = delta

    def change(self, rows: Array, start: int) -> Array:
        """See :class:`Merge`."""
        return self._delta[start : start + rows.shape[0]]


class Renormed:
    """DoRA (Liu et al. 2024, arXiv 2402.09353): each row of W + ΔW at the length that its magnitude says."""

    def __init__(self, inner: Merge, magnitude: Array) -> None:
        self._inner, self._magnitude = inner, magnitude

    def change(self, rows: Array, start: int) -> Array:
        """See :class:`Merge`."""
        moved = rows + self._inner.change(rows, start)
        lengths = np.linalg.norm(moved, axis=1)
        if not lengths.all():
            raise NotMergedError("a row of the merged weight is zero, and DoRA divides by its length")
        changed: Array = moved * (self._magnitude[start : start + rows.shape[0]] / lengths)[:, None] - rows
        return changed


class Rescaled:
    """IA³ (Liu et al. 2022, arXiv 2205.05638): rows, or columns, multiplied by a vector."""

    def __init__(self, factor: Array, *, by_row: bool) -> None:
        self._factor, self._by_row = factor - 1.0, by_row

    def change(self, rows: Array, start: int) -> Array:
        """See :class:`Merge`."""
        if self._by_row:
            return rows * self._factor[start : start + rows.shape[0], None]
        return rows * self._factor[None, :]


class Replaced:
    """A weight that is stored whole: W′ is what the file holds."""

    def __init__(self, stored: Matrix) -> None:
        self._stored = stored

    def change(self, rows: Array, start: int) -> Array:
        """See :class:`Merge`."""
        cols = rows.shape[1]
        raw = self._stored.tensor.read(self._stored.start + start * cols, rows.size)
        return widen(raw, self._stored.dtype).reshape(rows.shape) - rows


def merge_of(pair: Pair, values: Values) -> Merge:
    """Return how the weight of a pair changes.

    Raises:
        NotMergedError: The method has no merged weight that is known here, or the update is too large to form.
        InputError: A file ends before its header says.
    """
    module = pair.module
    make = _BY_METHOD.get(module.method)
    if make is None or pair.weight is None:
        raise NotMergedError(f"{module.method.value} has no merged weight")
    with np.errstate(over="ignore", invalid="ignore"):
        return make(pair, values)


def _load(module: Module, name: str, values: Values) -> Array:
    try:
        return values.dense(module.factors[name])
    except NotFiniteError as error:
        raise NotMergedError("the update has non-finite values") from error


def _low_rank(pair: Pair, values: Values) -> Merge:
    left, right = thin_factors(pair, values)
    return LowRank(right.T, left.T) if pair.transposed else LowRank(left, right)


def thin_factors(pair: Pair, values: Values) -> tuple[Array, Array]:
    """Factors of the update with the scale in them: [d_out, r] and [r, d_in].

    Raises:
        NotMergedError: They are not finite.
    """
    module = pair.module
    if module.method is Method.VERA:
        b, d = _load(module, "b", values).reshape(-1), _load(module, "d", values).reshape(-1)
        width = module.d_in if pair.weight is None else pair.weight.shape[0 if pair.transposed else 1]
        shared_a = _load(module, "vera_A", values)[:, :width]
        return b[:, None] * _load(module, "vera_B", values)[: b.size] * d[None, :], shared_a
    left, right = _load(module, "B", values), _load(module, "A", values)
    if "mid" in module.factors:
        right = contract(_load(module, "mid", values), right)
    if "E" in module.factors:
        left = left * _load(module, "E", values).reshape(1, -1)
    return left * module.scale.value, right


def _dora(pair: Pair, values: Values) -> Merge:
    magnitude = _load(pair.module, "magnitude", values).reshape(-1)
    if pair.transposed or pair.weight is None:
        raise NotMergedError("DoRA on a weight that is stored transposed is not merged here")
    if magnitude.size != pair.weight.shape[0]:
        raise NotMergedError("DoRA's magnitude has another length than the weight has rows")
    return Renormed(_low_rank(pair, values), magnitude)


def _loha(pair: Pair, values: Values) -> Merge:
    (a1, b1), (a2, b2) = _hadamard_sides(pair.module, values)
    if a1.shape[1] * a2.shape[1] < min(a1.shape[0], b1.shape[1]) // 2:
        left, right = loha_factors(pair.module, values)
        return LowRank(right.T, left.T) if pair.transposed else LowRank(left, right)
    return _dense(pair, lambda: (a1 @ b1) * (a2 @ b2) * pair.module.scale.value)


def loha_factors(module: Module, values: Values) -> tuple[Array, Array]:
    """Factors of rank r² of a LoHa update with the scale in them: [d_out, r²] and [r², d_in].

    Raises:
        NotMergedError: They are not finite.
    """
    (a1, b1), (a2, b2) = _hadamard_sides(module, values)
    return spectra.face_splitting(a1, a2) * module.scale.value, spectra.face_splitting(b1.T, b2.T).T


def _hadamard_sides(module: Module, values: Values) -> list[tuple[Array, Array]]:
    sides = []
    for number in ("1", "2"):
        a, b = _load(module, f"w{number}_a", values), _load(module, f"w{number}_b", values)
        core = f"t{number}"
        sides.append((a.T, contract(_load(module, core, values), b)) if core in module.factors else (a, b))
    return sides


def _lokr(pair: Pair, values: Values) -> Merge:
    first, second = (_kronecker_side(pair.module, side, values) for side in ("w1", "w2"))

    def form() -> Array:
        return np.asarray(np.kron(first, second) * pair.module.scale.value, dtype=np.float64)

    return _dense(pair, form)


def _kronecker_side(module: Module, side: str, values: Values) -> Array:
    if side in module.factors:
        return _load(module, side, values)
    a, b = _load(module, f"{side}_a", values), _load(module, f"{side}_b", values)
    if side == "w2" and "t2" in module.factors:
        return a.T @ contract(_load(module, "t2", values), b)
    return a @ b


def _dense(pair: Pair, form: Callable[[], Array]) -> Merge:
    assert pair.weight is not None
    if pair.weight.size > MAX_DENSE:
        raise NotMergedError(f"an update of {pair.weight.size:,} entries without thin factors is not formed")
    delta = form()
    delta = delta.T if pair.transposed else delta
    if delta.shape != pair.weight.shape:
        raise NotMergedError("the update has another shape than the weight")
    return Dense(np.ascontiguousarray(delta))


def _ia3(pair: Pair, values: Values) -> Merge:
    tensor = pair.module.factors["l"].tensor
    factor = _load(pair.module, "l", values).reshape(-1)
    # [1, in] scales what goes in, [out, 1] what comes out.
    of_input = len(tensor.shape) == 2 and tensor.shape[0] == 1
    by_row = of_input is pair.transposed
    if pair.weight is None or factor.size != pair.weight.shape[0 if by_row else 1]:
        raise NotMergedError("the vector has another length than the weight")
    return Rescaled(factor, by_row=by_row)


_BY_METHOD: Mapping[Method, Callable[[Pair, Values], Merge]] = {
    Method.LORA: _low_rank,
    Method.DORA: _dora,
    Method.ADALORA: _low_rank,
    Method.VERA: _low_rank,
    Method.LOHA: _loha,
    Method.LOKR: _lokr,
    Method.IA3: _ia3,
    Method.SAVED: lambda pair, _values: Replaced(pair.module.factors["saved"]),
}
