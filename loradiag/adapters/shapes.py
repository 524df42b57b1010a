"""Whether the factors of a module fit together, and the rank and the shape of the update that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from loradiag.adapters.model import Method
from loradiag.storage.tensors import Matrix

Factors = Mapping[str, Matrix]

Shape = tuple[int, int | None, int | None]
"""Rank, d_out, d_in."""


def method_of(factors: Factors) -> Method | None:
    """Tell by its factors how a module's update is stored; None if one of them is missing."""
    names = factors.keys()
    if {"A", "B"} <= names:
        return Method.ADALORA if "E" in names else Method.DORA if "magnitude" in names else Method.LORA
    if {"w1_a", "w1_b", "w2_a", "w2_b"} <= names and ".hada_" in factors["w1_a"].tensor.name:
        return Method.LOHA
    if ("w1" in names or {"w1_a", "w1_b"} <= names) and ("w2" in names or {"w2_a", "w2_b"} <= names):
        return Method.LOKR
    if {"b", "d", "vera_A", "vera_B"} <= names:
        return Method.VERA
    return Method.IA3 if "l" in names else Method.PROMPT if "prompt" in names else None


def used_by(method: Method, factors: Factors) -> Factors:
    """Those factors that the formula of ``method`` uses. A module may carry others, left over or misnamed."""
    used = set(_USED[method])
    for side in ("w1", "w2"):
        if method is Method.LOKR and side in factors:
            used -= {f"{side}_a", f"{side}_b", "t2" if side == "w2" else ""}
    return {name: matrix for name, matrix in factors.items() if name in used}


def shape_of(method: Method, factors: Factors) -> Shape | str:
    """Return rank and shape of the update, or what is wrong with the shapes of the factors."""
    return _SHAPES[method](factors)


_USED: Mapping[Method, frozenset[str]] = {
    Method.LORA: frozenset({"A", "B", "mid"}),
    Method.DORA: frozenset({"A", "B", "mid", "magnitude"}),
    Method.ADALORA: frozenset({"A", "B", "E", "magnitude"}),
    Method.LOHA: frozenset({"w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2", "magnitude"}),
    Method.LOKR: frozenset({"w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2", "magnitude"}),
    Method.VERA: frozenset({"b", "d", "vera_A", "vera_B"}),
    Method.IA3: frozenset({"l"}),
    Method.PROMPT: frozenset({"prompt"}),
}


def _lora(factors: Factors) -> Shape | str:
    (rank_a, d_in), (d_out, rank_b) = factors["A"].shape, factors["B"].shape
    if "mid" in factors:
        rows, cols = factors["mid"].shape  # [r, r·kh·kw]
        if rank_a == 0 or rows != rank_b or cols % rank_a:
            return f"A {factors['A'].shape}, B {factors['B'].shape} and the core {(rows, cols)} do not multiply"
        return rank_a, d_out, d_in * (cols // rank_a)
    if rank_a != rank_b:
        return f"A is {rank_a} × {d_in} and B is {d_out} × {rank_b}: the inner dimensions differ"
    if "E" in factors and factors["E"].tensor.size != rank_a:
        return f"E has {factors['E'].tensor.size} values for rank {rank_a}"
    return rank_a, d_out, d_in


def _loha(factors: Factors) -> Shape | str:
    sides = []
    for side in ("1", "2"):
        product = _product(factors[f"w{side}_a"], factors[f"w{side}_b"], factors.get(f"t{side}"), f"w{side}")
        if isinstance(product, str):
            return product
        sides.append(product)
    if sides[0][1:] != sides[1][1:]:
        return f"the two products have shapes {sides[0][1:]} and {sides[1][1:]}"
    return sides[0]


def _lokr(factors: Factors) -> Shape | str:
    rank, rows, cols = 0, 1, 1
    for side in ("w1", "w2"):
        if side in factors:
            inner, (out, extent) = 0, factors[side].shape
        else:
            core = factors.get("t2") if side == "w2" else None
            product = _product(factors[f"{side}_a"], factors[f"{side}_b"], core, side)
            if isinstance(product, str):
                return product
            inner, out, extent = product
        rank, rows, cols = max(rank, inner), rows * out, cols * extent
    return rank or min(rows, cols), rows, cols


def _product(a: Matrix, b: Matrix, core: Matrix | None, side: str) -> tuple[int, int, int] | str:
    """Inner dimension and shape of a·b; with a Tucker core [r, r·kh·kw] both sides are stored as [r, extent]."""
    if core is None:
        if a.shape[1] != b.shape[0]:
            return f"{side}_a {a.shape} and {side}_b {b.shape} do not multiply"
        return a.shape[1], a.shape[0], b.shape[1]
    (rank, out), (rank_b, extent) = a.shape, b.shape
    rows, cols = core.shape
    if rank_b == 0 or rows != rank or cols % rank_b:
        return f"the core of {side} {core.shape} does not multiply with {side}_a {a.shape} and {side}_b {b.shape}"
    return rank, out, extent * (cols // rank_b)


def _vera(factors: Factors) -> Shape | str:
    rank, d_out = factors["d"].tensor.size, factors["b"].tensor.size
    (rows_a, _), (rows_b, cols_b) = factors["vera_A"].shape, factors["vera_B"].shape
    if rows_a != rank or cols_b != rank or rows_b < d_out:
        shared = f"the shared A {factors['vera_A'].shape} and B {factors['vera_B'].shape}"
        return f"{shared} do not fit the vectors d ({rank}) and b ({d_out})"
    return rank, d_out, None


def _ia3(factors: Factors) -> Shape | str:
    shape = factors["l"].tensor.shape
    if len(shape) == 2 and shape[0] == 1 < shape[1]:  # of a feed-forward module: it scales the input
        return 1, None, shape[1]
    return 1, factors["l"].tensor.size, None


def _prompt(factors: Factors) -> Shape | str:
    tokens, width = factors["prompt"].shape
    return min(tokens, width), width, tokens


_SHAPES: Mapping[Method, Callable[[Factors], Shape | str]] = {
    Method.LORA: _lora,
    Method.DORA: _lora,
    Method.ADALORA: _lora,
    Method.LOHA: _loha,
    Method.LOKR: _lokr,
    Method.VERA: _vera,
    Method.IA3: _ia3,
    Method.PROMPT: _prompt,
}
