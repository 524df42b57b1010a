"""Modules by the tensors that they share: one each as a rule, all experts of a layer where they are stacked."""

from __future__ import annotations

import re

import msgspec
import numpy as np

from loradiag.adapters.model import Adapter, Method, Module
from loradiag.core.errors import InputError, UsageError
from loradiag.core.text import printable, shorten
from loradiag.linalg.widen import Array, Raw, widen
from loradiag.storage.tensors import Matrix, Tensor

PREFIX = "base_model.model."
_MLX_NAMES = re.compile(r"model\.layers\.\d+\.[\w.]+|model\.embed_tokens|lm_head")


class Group(msgspec.Struct, frozen=True):
    """Modules whose factors lie in one pair of tensors, and which therefore have one rank.

    Attributes:
        key: The name that PEFT matches the keys of its patterns against.
        modules: One, or the experts in their order.
        name_a, name_b: What the new tensors are called.
        kept: Whether tensors that need no cut may stay as they are: they are in PEFT's form already.
    """

    key: str
    modules: tuple[Module, ...]
    name_a: str
    name_b: str
    kept: bool

    @property
    def rank(self) -> int:
        """Of each module."""
        return self.modules[0].rank

    def stored(self, factor: str) -> Tensor:
        """The tensor that holds a factor of all modules."""
        return self.modules[0].factors[factor].tensor

    def factors(self) -> list[tuple[Array, Array]]:
        """B [d_out, r] and A [r, d_in] of every module in float64; AdaLoRA's E is multiplied into A.

        Raises:
            InputError: There are non-finite values, or the file ends early.
        """
        raw = {name: self.stored(name).read() for name in self.modules[0].factors if name in ("A", "B", "E")}
        return [self._factors(module, raw) for module in self.modules]

    def _factors(self, module: Module, raw: dict[str, Raw]) -> tuple[Array, Array]:
        values = {name: _finite(module.factors[name], raw[name]) for name in raw}
        a = values["A"] * values["E"].reshape(-1, 1) if "E" in values else values["A"]
        return values["B"], a


def groups_of(adapter: Adapter) -> list[Group]:
    """Group the modules of an adapter.

    Raises:
        UsageError: Modules share tensors in a way that is not known, or MLX names mean nothing to PEFT.
    """
    together: dict[tuple[str, str], list[Module]] = {}
    for module in adapter.modules:
        tensors = (module.factors["A"].tensor.name, module.factors["B"].tensor.name)
        together.setdefault(tensors, []).append(module)
    if len({name for pair in together for name in pair}) != 2 * len(together):
        raise UsageError(f"{printable(str(adapter.path))}: cannot be resized: modules share single factors")
    make = _of_mlx if adapter.layout == "mlx" else _of_peft
    return [make(adapter, modules) for modules in together.values()]


def _of_peft(adapter: Adapter, modules: list[Module]) -> Group:
    first = modules[0]
    a, b = first.factors["A"].tensor.name, first.factors["B"].tensor.name
    if first.method is Method.ADALORA:  # keeps bare parameters where LoRA has layers
        a, b = (name if name.endswith(".weight") else f"{name}.weight" for name in (a, b))
        return Group(first.name, (first,), a, b, kept=False)
    if len(modules) == 1 and _whole(first):
        return Group(first.name, (first,), a, b, kept=True)
    keys = {module.name.rpartition(".")[0] for module in modules}
    if len(keys) == 1 and all(_expert(module, index, len(modules)) for index, module in enumerate(modules)):
        return Group(keys.pop(), tuple(modules), a, b, kept=True)
    raise UsageError(
        f"{printable(str(adapter.path))}: cannot be resized: {shorten(printable(first.name), 80)} shares its tensors"
    )


def _of_mlx(adapter: Adapter, modules: list[Module]) -> Group:
    first = modules[0]
    if len(modules) > 1 or not _whole(first) or first.method is not Method.LORA or not _MLX_NAMES.fullmatch(first.name):
        raise UsageError(
            f"{printable(str(adapter.path))}: cannot be resized: the MLX module {shorten(printable(first.name), 80)} "
            f"({first.method.value}) has no certain counterpart in PEFT"
        )
    if first.place.role == "embedding":
        a, b = f"{PREFIX}{first.name}.lora_embedding_A", f"{PREFIX}{first.name}.lora_embedding_B"
    else:
        a, b = f"{PREFIX}{first.name}.lora_A.weight", f"{PREFIX}{first.name}.lora_B.weight"
    return Group(first.name, (first,), a, b, kept=False)


def _whole(module: Module) -> bool:
    matrices = (module.factors["A"], module.factors["B"])
    return all(m.start == 0 and m.column_step == 1 and m.rows * m.cols == m.tensor.size for m in matrices)


def _expert(module: Module, index: int, count: int) -> bool:
    """Whether the module is expert ``index`` of ``count``, as PEFT stacks them."""
    a, b = module.factors["A"], module.factors["B"]
    return (a.start, b.column_offset, b.column_step) == (index * a.rows * a.cols, index, count) and not a.transposed


def _finite(matrix: Matrix, raw: Raw) -> Array:
    whole = raw[matrix.start : matrix.start + matrix.rows * matrix.cols].reshape(matrix.rows, matrix.cols)
    values = widen(whole[:, matrix.column_offset :: matrix.column_step], matrix.dtype)
    if not np.isfinite(values).all():
        raise nonfinite(matrix.tensor)
    return values.T if matrix.transposed else values


def nonfinite(tensor: Tensor) -> InputError:
    """The error for a tensor with NaN or infinite values."""
    name = shorten(printable(tensor.name), 120)
    problem = f"has NaN or infinite values in {name}"
    return InputError(tensor.container.path, problem, "train or save it again", kind="nonfinite")
