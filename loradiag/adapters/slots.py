"""From named tensors to modules: what all layouts share.

A layout's reader says which module and which factor each tensor is (a slot). Here the slots of a module become a
:class:`Module`, or a problem that says why they do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec

from loradiag.adapters.model import Method, Module, Parts, Place, Scale
from loradiag.adapters.names import number_unet_layers, place_of
from loradiag.adapters.shapes import Shape, method_of, shape_of, used_by
from loradiag.core.dtypes import DTYPES
from loradiag.core.integrity import Problem
from loradiag.core.report import Unsupported
from loradiag.core.text import printable
from loradiag.storage.tensors import Matrix, Tensor, flattened

Resolver = Callable[[str, int, "Slots"], Scale]
"""From a module's name, its rank and its slots to its scale."""


class Slots(msgspec.Struct):
    """The tensors of one module: its factors by canonical name, and those that hold its α."""

    factors: dict[str, Matrix] = {}
    alphas: list[Tensor] = []
    alpha: float | None = None
    place: Place | None = None

    def tensors(self) -> dict[str, Tensor]:
        """All of them, by name."""
        stored = [*(matrix.tensor for matrix in self.factors.values()), *self.alphas]
        return {tensor.name: tensor for tensor in stored}


class SlotTable:
    """Slots of all modules, in the order of the file.

    Attributes:
        modules: Slots by module.
        taken: Names of tensors whose place another tensor had taken already.
        aside: Modules that cannot be analysed, with the reason.
        required: Factors that every module must have beyond those that its formula needs.
    """

    def __init__(self, required: tuple[str, ...] = ()) -> None:
        self.modules: dict[str, Slots] = {}
        self.taken: list[str] = []
        self.aside: dict[str, str] = {}
        self.required = required

    def add(self, module: str, factor: str, tensor: Tensor, matrix: Matrix | None = None) -> None:
        """Put a tensor into a slot of a module."""
        self.add_parts(factor, tensor, {module: flattened(tensor) if matrix is None else matrix})

    def add_parts(self, factor: str, tensor: Tensor, parts: Mapping[str, Matrix]) -> None:
        """Put the parts of one tensor into the same slot of several modules: of all, or if one is taken, of none."""
        if any(module in self.modules and factor in self.modules[module].factors for module in parts):
            self.taken.append(tensor.name)
            return
        for module, matrix in parts.items():
            self.slots(module).factors[factor] = matrix

    def add_alpha(self, module: str, tensor: Tensor) -> None:
        """Note the α that a scalar tensor holds. Reads the value: a few bytes."""
        slots = self.slots(module)
        if slots.alphas:
            self.taken.append(tensor.name)
            return
        slots.alphas.append(tensor)
        slots.alpha = scalar(tensor)

    def slots(self, module: str) -> Slots:
        """The slots of a module, made where there are none yet."""
        return self.modules.setdefault(module, Slots())


def scalar(tensor: Tensor) -> float | None:
    """Return the single finite number that a tensor holds; None if it holds none, several, or one that is not read."""
    if tensor.size != 1 or tensor.dtype not in DTYPES:
        return None
    from loradiag.linalg.widen import widen

    value = float(widen(tensor.read(), tensor.dtype)[0])
    return value if math.isfinite(value) else None


def assemble(
    table: SlotTable,
    resolve: Resolver,
    parts: Parts,
    expected_rank: Callable[[str], int | None] = lambda _name: None,
    name_of: Callable[[str], str] = lambda name: name,
) -> None:
    """Turn slots into modules and problems, and append them to ``parts``.

    Args:
        table: The slots.
        resolve: Gives each module its scale.
        parts: Receives modules, problems, unsupported, unexpected and broken tensors.
        expected_rank: The rank that the configuration gives a module; asked for LoRA and DoRA only.
        name_of: From a module's name in the file to the name that it is shown and placed by.
    """
    shown = _distinct({name: name_of(name) for name in table.modules})
    layers = number_unet_layers(list(shown.values()))
    assembly = _Assembly(table, resolve, expected_rank)
    for name, slots in table.modules.items():
        place = slots.place or place_of(shown[name])
        if shown[name] in layers:
            place = msgspec.structs.replace(place, layer=layers[shown[name]])
        assembly.module(name, shown[name], slots, place)
    assembly.finish(parts)


def _distinct(shown: dict[str, str]) -> dict[str, str]:
    """Two modules of a file must not be shown by one name: where they would be, both keep the file's."""
    first: dict[str, str] = {}
    clashing = {name for name, dotted in shown.items() if first.setdefault(dotted, name) != name}
    clashing |= {first[shown[name]] for name in clashing}
    return {name: name if name in clashing else dotted for name, dotted in shown.items()}


class _Assembly:
    """Modules so far, and where the tensors that are in none of them go."""

    def __init__(self, table: SlotTable, resolve: Resolver, expected_rank: Callable[[str], int | None]) -> None:
        self._table = table
        self._resolve = resolve
        self._expected_rank = expected_rank
        self._modules: list[Module] = []
        self._problems: list[Problem] = []
        self._unsupported: dict[str, str] = {}
        self._unexpected: dict[str, None] = dict.fromkeys(table.taken)
        self._broken: dict[str, None] = {}

    def module(self, key: str, name: str, slots: Slots, place: Place) -> None:
        """Make a module of the slots called ``key``, or note why there is none."""
        reason = self._table.aside.get(key) or _odd_format(slots)
        if reason is not None:
            self._unsupported |= dict.fromkeys(slots.tensors(), reason)
            return
        problem = _Reporter(name, place, self._problems)
        method = method_of(slots.factors)
        shape = self._shape(method, slots, problem)
        if method is None or shape is None:
            self._broken |= dict.fromkeys(slots.tensors())
            return
        rank, d_out, d_in = shape
        expected = self._expected_rank(key) if method in (Method.LORA, Method.DORA) else None
        if expected is not None and rank != expected:
            problem("rank-mismatch", f"factors have rank {rank}, the configuration says {expected}", rank, expected)
        factors = used_by(method, slots.factors)
        left = [slots.factors[factor].tensor.name for factor in slots.factors.keys() - factors.keys()]
        self._unexpected |= dict.fromkeys(sorted(left))
        scale = self._resolve(key, rank, slots)
        alphas = tuple(slots.alphas)
        self._modules.append(Module(name, method, place, factors, rank, scale, d_out, d_in, expected, alphas))

    def _shape(self, method: Method | None, slots: Slots, problem: _Reporter) -> Shape | None:
        missing = [factor for factor in self._table.required if factor not in slots.factors]
        if method is None or missing:
            present = ", ".join(sorted(slots.factors)) or "only alpha"
            problem("unpaired", f"has {present} and lacks {' and '.join(missing) if missing else 'the other half'}")
            return None
        tensors = slots.tensors().values()
        empty = [tensor.name for tensor in tensors if tensor.size == 0]
        if empty and not (method is Method.ADALORA and _pruned(slots)):
            problem("empty-tensor", f"{printable(empty[0])} has no elements")
            return None
        if slots.alphas and slots.alpha is None:
            alpha = slots.alphas[0]
            problem("shape-mismatch", f"{printable(alpha.name)} {list(alpha.shape)} is not one finite number")
            return None
        shape = shape_of(method, slots.factors)
        if isinstance(shape, str):
            problem("shape-mismatch", shape)
            return None
        return shape

    def finish(self, parts: Parts) -> None:
        """Append everything to ``parts``: a tensor that any module uses is that module's, whatever else it is in."""
        found = Parts(modules=self._modules)
        placed = {name for name, _ in found.places()}
        parts.modules += self._modules
        parts.problems += self._problems
        for name, reason in self._unsupported.items():
            if name not in placed:
                placed.add(name)
                parts.unsupported.append(Unsupported(tensor=name, reason=reason))
        for names, target in ((self._broken, parts.broken), (self._unexpected, parts.unexpected)):
            target += [name for name in names if name not in placed]
            placed |= names.keys()


class _Reporter(msgspec.Struct, frozen=True):
    """Notes problems of one module."""

    name: str
    place: Place
    problems: list[Problem]

    def __call__(self, kind: str, detail: str, observed: float | None = None, wanted: float | None = None) -> None:
        place = self.place
        where = {"module": self.name, "role": place.role, "stack": place.stack}
        self.problems.append(
            Problem(kind=kind, detail=detail, **where, layer=place.layer, observed=observed, expected=wanted)
        )


def _odd_format(slots: Slots) -> str | None:
    """Why the numbers cannot be read: a factor in an unknown or in a whole-number format."""
    for matrix in slots.factors.values():
        if matrix.dtype not in DTYPES or not DTYPES[matrix.dtype].floating:
            return f"stored as {printable(matrix.dtype)}"
    return None


def _pruned(slots: Slots) -> bool:
    """Whether AdaLoRA pruned the module to rank 0: then all of its factors are empty in that dimension."""
    (rank_a, _), (_, rank_b) = slots.factors["A"].shape, slots.factors["B"].shape
    return rank_a == rank_b == slots.factors["E"].tensor.size == 0
