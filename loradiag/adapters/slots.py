"""From named tensors to modules: what all layouts share.

A layout's reader says which module and which factor each tensor is (a slot). Here the slots of a module become a
:class:`Module`, or a problem that says why they do not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from loradiag.adapters.model import Method, Module, Parts, Place, Scale
from loradiag.adapters.names import number_unet_layers, place_of
from loradiag.adapters.tensors import Matrix, Tensor, flattened
from loradiag.core.dtypes import DTYPES
from loradiag.core.measurements import Problem
from loradiag.core.report import Unsupported
from loradiag.core.text import printable

Resolver = Callable[[str, int, "Slots"], Scale]
"""From a module's name, its rank and its slots to its scale."""


@dataclasses.dataclass(slots=True)
class Slots:
    """The tensors of one module, by canonical factor name, and the α stored beside them."""

    factors: dict[str, Matrix] = dataclasses.field(default_factory=dict)
    tensors: list[Tensor] = dataclasses.field(default_factory=list)
    alpha: float | None = None
    place: Place | None = None


class SlotTable:
    """Slots of all modules, in the order of the file."""

    def __init__(self) -> None:
        self.modules: dict[str, Slots] = {}

    def add(self, module: str, factor: str, tensor: Tensor, matrix: Matrix | None = None) -> bool:
        """Put a tensor into its slot. False if the slot is taken: the tensor is then unexpected."""
        slots = self.modules.setdefault(module, Slots())
        if factor in slots.factors:
            return False
        slots.factors[factor] = flattened(tensor) if matrix is None else matrix
        slots.tensors.append(tensor)
        return True

    def add_alpha(self, module: str, tensor: Tensor) -> None:
        """Note the α that a scalar tensor holds. Reads the value: a few bytes."""
        slots = self.modules.setdefault(module, Slots())
        slots.tensors.append(tensor)
        slots.alpha = scalar(tensor)


def scalar(tensor: Tensor) -> float | None:
    """Return the single number that a tensor holds; None if it holds none or several, or in an unknown format."""
    if tensor.size != 1 or tensor.dtype not in DTYPES:
        return None
    raw = tensor.read()
    if tensor.dtype == "BF16":
        import numpy as np

        return float((raw.astype(np.uint32) << 16).view(np.float32)[0])
    return None if tensor.dtype.startswith("F8") else float(raw[0])


def assemble(
    table: SlotTable,
    resolve: Resolver,
    parts: Parts,
    expected_rank: Callable[[str], int | None] = lambda name: None,
    name_of: Callable[[str], str] = lambda name: name,
) -> None:
    """Turn slots into modules and problems, and append them to ``parts``.

    Args:
        table: The slots.
        resolve: Gives each module its scale.
        parts: Receives modules, problems and unsupported tensors.
        expected_rank: The rank that the configuration gives a module.
        name_of: From a module's name in the file to the name that it is shown and placed by.
    """
    dotted = {name: name_of(name) for name in table.modules}
    layers = number_unet_layers(list(dotted.values()))
    for name, slots in table.modules.items():
        shown = dotted[name]
        place = slots.place or place_of(shown)
        if shown in layers:
            place = dataclasses.replace(place, layer=layers[shown])
        _assemble_one(shown, slots, place, resolve, parts, expected_rank(shown))


def _assemble_one(
    name: str, slots: Slots, place: Place, resolve: Resolver, parts: Parts, expected: int | None
) -> None:
    def problem(kind: str, detail: str, observed: float | None = None, wanted: float | None = None) -> None:
        parts.problems.append(
            Problem(
                kind=kind,
                detail=detail,
                module=name,
                role=place.role,
                stack=place.stack,
                layer=place.layer,
                observed=observed,
                expected=wanted,
            )
        )

    unknown = [tensor for tensor in slots.tensors if tensor.dtype not in DTYPES or not DTYPES[tensor.dtype].floating]
    unknown = [tensor for tensor in unknown if tensor.size != 1]
    if unknown:
        parts.unsupported += [Unsupported(tensor=t.name, reason=f"stored as {printable(t.dtype)}") for t in slots.tensors]
        return
    method = _method(slots.factors)
    if method is None:
        present = ", ".join(sorted(slots.factors)) or "only alpha"
        problem("unpaired", f"has {present} and lacks the other half")
        return
    shape = _SHAPES[method](slots.factors)
    empty = [tensor.name for tensor in slots.tensors if tensor.size == 0]
    if empty and method is not Method.ADALORA:
        problem("empty-tensor", f"{printable(empty[0])} has no elements")
        return
    if isinstance(shape, str):
        problem("shape-mismatch", shape)
        return
    rank, d_out, d_in = shape
    if expected is not None and method in (Method.LORA, Method.DORA) and rank != expected:
        problem("rank-mismatch", f"factors have rank {rank}, the configuration says {expected}", rank, expected)
    scale = resolve(name, rank, slots)
    parts.modules.append(Module(name, method, place, slots.factors, rank, scale, d_out, d_in, expected))


def _method(factors: Mapping[str, Matrix]) -> Method | None:
    names = factors.keys()
    if {"A", "B"} <= names:
        return Method.ADALORA if "E" in names else Method.DORA if "magnitude" in names else Method.LORA
    if {"w1_a", "w1_b", "w2_a", "w2_b"} <= names and not names & {"w1", "w2"} and "hada" in factors["w1_a"].tensor.name:
        return Method.LOHA
    if ("w1" in names or {"w1_a", "w1_b"} <= names) and ("w2" in names or {"w2_a", "w2_b"} <= names):
        return Method.LOKR
    if {"b", "d"} <= names:
        return Method.VERA
    if "l" in names:
        return Method.IA3
    if "prompt" in names:
        return Method.PROMPT
    return None


Shape = tuple[int, int | None, int | None]


def _lora_shape(factors: Mapping[str, Matrix]) -> Shape | str:
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


def _loha_shape(factors: Mapping[str, Matrix]) -> Shape | str:
    sides = []
    for number in ("1", "2"):
        a, b = factors[f"w{number}_a"], factors[f"w{number}_b"]
        core = factors.get(f"t{number}")
        if core is not None:  # with a Tucker core both sides are stored as [r, extent] and the core as [r, r·kh·kw]
            (rank, out), (rank_b, extent) = a.shape, b.shape
            rows, cols = core.shape
            if rank == 0 or rank_b == 0 or rows != rank or cols % rank_b:
                return f"the core of w{number} does not multiply with its sides"
            sides.append((rank, out, extent * (cols // rank_b)))
        elif a.shape[1] != b.shape[0]:
            return f"w{number}_a {a.shape} and w{number}_b {b.shape} do not multiply"
        else:
            sides.append((a.shape[1], a.shape[0], b.shape[1]))
    if sides[0][1:] != sides[1][1:]:
        return f"the two products have shapes {sides[0][1:]} and {sides[1][1:]}"
    return sides[0]


def _lokr_shape(factors: Mapping[str, Matrix]) -> Shape | str:
    rank, rows, cols = 0, 1, 1
    for side in ("w1", "w2"):
        if side in factors:
            out, extent = factors[side].shape
        else:
            a, b = factors[f"{side}_a"], factors[f"{side}_b"]
            core = factors.get("t2") if side == "w2" else None
            if core is not None:
                (rank_a, out), (rank_b, extent) = a.shape, b.shape
                if rank_b == 0 or core.shape[0] != rank_a or core.shape[1] % rank_b:
                    return "the core of w2 does not multiply with its sides"
                extent *= core.shape[1] // rank_b
            elif a.shape[1] != b.shape[0]:
                return f"{side}_a {a.shape} and {side}_b {b.shape} do not multiply"
            else:
                rank_a, (out, extent) = a.shape[1], (a.shape[0], b.shape[1])
            rank = max(rank, rank_a)
        rows, cols = rows * out, cols * extent
    return rank or min(rows, cols), rows, cols


def _vera_shape(factors: Mapping[str, Matrix]) -> Shape | str:
    return factors["d"].tensor.size, factors["b"].tensor.size, None


def _ia3_shape(factors: Mapping[str, Matrix]) -> Shape | str:
    return 1, factors["l"].tensor.size, None


def _prompt_shape(factors: Mapping[str, Matrix]) -> Shape | str:
    tokens, width = factors["prompt"].shape
    return min(tokens, width), width, tokens


_SHAPES: Mapping[Method, Callable[[Mapping[str, Matrix]], Shape | str]] = {
    Method.LORA: _lora_shape,
    Method.DORA: _lora_shape,
    Method.ADALORA: _lora_shape,
    Method.LOHA: _loha_shape,
    Method.LOKR: _lokr_shape,
    Method.VERA: _vera_shape,
    Method.IA3: _ia3_shape,
    Method.PROMPT: _prompt_shape,
}
