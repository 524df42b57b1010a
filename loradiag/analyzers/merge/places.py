"""Where in a loaded model the weights and vectors are that an adapter changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from loradiag.adapters.model import Adapter
from loradiag.analyzers.merge.refusals import names_of
from loradiag.analyzers.pairing import Pair, Renaming, base_names
from loradiag.core.errors import UsageError
from loradiag.core.text import listed, printable
from loradiag.storage.tensors import Tensor


class Place(msgspec.Struct, frozen=True):
    """Where in the model a pair's weight is: a parameter, or one matrix of a stack."""

    parameter: str
    index: int | None = None


def find_places(model: Any, pairs: Sequence[Pair], renaming: Renaming, remedy: str) -> dict[str, Place]:
    """Find the parameter that each pair changes, by the name of its module.

    Args:
        model: The base, loaded.
        pairs: The updates.
        renaming: From the adapter's names to the base's.
        remedy: What the user can do where the model has no place for one.

    Raises:
        UsageError: The model has no place for one.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    canonical = _canonical(model)
    places: dict[str, Place] = {}
    lost = []
    for pair in pairs:
        place = next(
            (found for name in base_names(pair.module.name, renaming) if (found := _place(name, parameters))), None
        )
        if place is None or pair.weight is None:
            lost.append(pair.module.name)
        else:
            places[pair.module.name] = Place(canonical[place.parameter], place.index)
    if lost:
        raise UsageError(f"the model has no place for {listed([printable(name) for name in lost], 3)}; {remedy}")
    return places


def _place(name: str, parameters: Mapping[str, Any]) -> Place | None:
    for candidate in (f"{name}.weight", name):
        if candidate in parameters:
            return Place(candidate)
    stem, _, last = name.rpartition(".")
    if last.isdecimal() and stem in parameters and parameters[stem].ndim == 3 and int(last) < parameters[stem].shape[0]:
        return Place(stem, int(last))
    return None


def _canonical(model: Any) -> dict[str, str]:
    """Every name of every parameter, with the name under which tied ones are listed once."""
    first = {id(parameter): name for name, parameter in model.named_parameters()}
    return {name: first[id(parameter)] for name, parameter in model.named_parameters(remove_duplicate=False)}


def extras_of(adapter: Adapter, model: Any, renaming: Renaming, remedy: str) -> dict[str, Tensor]:
    """Vectors that the adapter stores whole, by the parameter that they replace. Matrices are pairs of their own.

    Args:
        adapter: The adapter.
        model: The base, loaded.
        renaming: From the adapter's names to the base's.
        remedy: What the user can do where the model has no place for one.

    Raises:
        UsageError: The model has no place for one.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    found = {}
    for extra in adapter.parts.extras:
        if extra.kind in ("saved", "bias") and len(extra.tensor.shape) < 2:
            name = next((name for name in names_of(extra, renaming) if name in parameters), None)
            if name is None:
                raise UsageError(f"the model has no place for {printable(extra.tensor.name)}; {remedy}")
            found[name] = extra.tensor
    return found
