"""From one module to the directions of its update, whatever its method, or why there are none."""

from __future__ import annotations

import numpy as np

from loradiag.adapters.model import Method, Module
from loradiag.analyzers.merging import NotMergedError, loha_factors, thin_factors
from loradiag.analyzers.pairing import Pair
from loradiag.analyzers.updates import Values
from loradiag.linalg.directions import Directions, directions
from loradiag.linalg.widen import Array


class NoDirectionsError(Exception):
    """An update has no directions that are known here. The text says why, for the report."""


def directions_of(module: Module, values: Values) -> Directions:
    """Return the directions of a module's update, with its scale, in float64.

    DoRA is compared by the low-rank update alone: how it turns the weight depends on the base.

    Args:
        module: The module.
        values: What reads its factors.

    Raises:
        NoDirectionsError: It is no low-rank update (IA³, prompts, LoKr), not finite, or its shape is not known.
        InputError: A file ends before its header says.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return _directions(module, values)
    except (NotMergedError, np.linalg.LinAlgError) as error:
        reason = str(error) if isinstance(error, NotMergedError) else "the update has non-finite values"
        raise NoDirectionsError(reason) from error


def _directions(module: Module, values: Values) -> Directions:
    if module.method in (Method.LORA, Method.DORA) and "mid" not in module.factors:
        b, a = (values.wide(module.factors[name]) for name in ("B", "A"))  # what is not finite shows in their products
        return directions(b, a, module.scale.value)
    return directions(*_factors(module, values))


def _factors(module: Module, values: Values) -> tuple[Array, Array]:
    if module.method is Method.LOHA:
        return loha_factors(module, values)
    if module.method in (Method.IA3, Method.PROMPT, Method.LOKR):
        raise NoDirectionsError(f"{module.method.value} has no thin factors to compare")
    if module.method is Method.VERA and module.d_in is None:
        raise NoDirectionsError("the input width of the module is not known without the base")
    return thin_factors(Pair(module), values)
