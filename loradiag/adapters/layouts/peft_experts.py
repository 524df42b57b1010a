"""PEFT's ``target_parameters``: LoRA on parameters that stack the weights of all experts of a layer.

A is [E·r, in] and B is [out, r·E]. PEFT multiplies A as [E, r, in] with B as [out, r, E], so expert e owns rows
e·r … (e+1)·r of A and every E-th column of B from column e on. Two parameters of one module give two wrappers, one
inside the other: ``experts.base_layer.lora_A`` belongs to the parameter that the model defines first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from loradiag.adapters.names import place_of
from loradiag.adapters.scales import PeftScales
from loradiag.storage.tensors import MAX_STACK, Matrix, Tensor

# The order in which models define the parameters of their experts: what reads the residual stream before what writes it.
_LAST = ("down_proj", "w2", "wo", "c_proj")


class Stack(NamedTuple):
    """The parts of one stacked factor: by module, and the name that the patterns of the configuration match."""

    parts: dict[str, Matrix]
    parameter: str


def split(module: str, factor: str, tensor: Tensor, targets: Sequence[str], scales: PeftScales) -> Stack | None:
    """Split a factor into those of the single experts; None if the module is no target parameter, or cannot be split.

    Args:
        module: The module's name as in the file, ``.base_layer`` for each wrapper around it included.
        factor: ``A`` or ``B``.
        tensor: The stacked factor.
        targets: ``target_parameters`` of the configuration.
        scales: Says which rank a parameter has.
    """
    stem = module
    while stem.endswith(".base_layer"):
        stem = stem.removesuffix(".base_layer")
    parameters = _parameters(stem, targets)
    depth = module.count(".base_layer") - stem.count(".base_layer")
    if depth >= len(parameters) or len(tensor.shape) != 2:
        return None
    parameter = f"{stem}.{parameters[-1 - depth]}"
    rank = scales.expected_rank(parameter)
    rows, cols = tensor.shape
    wide = rows if factor == "A" else cols
    if not rank or not tensor.size or wide % rank or wide // rank > MAX_STACK:
        return None
    count = wide // rank
    if count == 1:
        return Stack({parameter: Matrix(tensor, rows, cols)}, parameter)
    if factor == "A":
        matrices = [Matrix(tensor, rank, cols, start=index * rank * cols) for index in range(count)]
    else:
        matrices = [Matrix(tensor, rows, cols, column_offset=index, column_step=count) for index in range(count)]
    return Stack({f"{parameter}.{index}": matrix for index, matrix in enumerate(matrices)}, parameter)


def _parameters(stem: str, targets: Sequence[str]) -> list[str]:
    """Names of the parameters of ``stem`` that are targets, in the order in which the model defines them."""
    # PEFT 0.21 writes bare names when it translates targets of Mixtral or Qwen. No linear layer has such a parameter.
    holds_experts = place_of(stem).role == "expert"
    names = set()
    for target in targets:
        parent, _, parameter = target.rpartition(".")
        if stem == parent or stem.endswith(f".{parent}") or (not parent and holds_experts):
            names.add(parameter)
    return sorted(names, key=lambda name: (name in _LAST, name))
