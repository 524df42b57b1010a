"""How far the updates of an adapter have moved since they were last looked at."""

from __future__ import annotations

import math

import numpy as np

from loradiag.adapters.model import Adapter, Module
from loradiag.core.numbers import median
from loradiag.linalg.changes import Factors, distance
from loradiag.linalg.threads import parallel
from loradiag.linalg.widen import widen


def relative_change(now: Adapter, before: Adapter) -> float | None:
    """Return the median over modules of ‖ΔW − ΔW₀‖_F/‖ΔW‖_F.

    Args:
        now: The adapter as it is.
        before: The same adapter, earlier.

    Returns:
        None if no module has low-rank factors that are finite and an update other than zero.
    """
    earlier = {module.name: module for module in before.modules}
    pairs = [(module, earlier[module.name]) for module in now.modules if _comparable(module, earlier.get(module.name))]
    return median(value for value in parallel(_ratio, pairs) if value is not None)


def _comparable(now: Module, before: Module | None) -> bool:
    """Whether both are B·A, or B·diag(E)·A, of one shape."""
    if before is None or not {"A", "B"} <= now.factors.keys() or "mid" in now.factors or not now.rank:
        return False
    return now.factors.keys() == before.factors.keys() and all(
        matrix.shape == before.factors[name].shape for name, matrix in now.factors.items()
    )


def _ratio(pair: tuple[Module, Module]) -> float | None:
    now, before = (_factors(module) for module in pair)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite shows in the result
        size, moved = distance(now, Factors(np.zeros_like(now.b), now.a)), distance(now, before)
        ratio = moved / size if size else math.nan
    return ratio if math.isfinite(ratio) else None


def _factors(module: Module) -> Factors:
    a, b = (widen(module.factors[name].load(), module.factors[name].dtype) for name in ("A", "B"))
    if "E" in module.factors:
        row = module.factors["E"]
        b = b * widen(row.load(), row.dtype).reshape(1, -1)
    return Factors(b * module.scale.value, a)
