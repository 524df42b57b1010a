"""How far the updates of an adapter have moved since they were last looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable

from loradiag.adapters.model import Adapter, Module
from loradiag.core.numbers import median
from loradiag.core.updates import Spectrum
from loradiag.linalg.changes import Moved, distance, moved
from loradiag.linalg.threads import parallel
from loradiag.linalg.widen import Array, widen
from loradiag.storage.tensors import Matrix


def relative_change(now: Adapter, before: Adapter, spectrum: Spectrum | None) -> float | None:
    """Return the median over modules of ‖ΔW − ΔW₀‖_F/‖ΔW‖_F.

    Args:
        now: The adapter as it is.
        before: The same adapter, earlier.
        spectrum: Of the adapter as it is, for ‖ΔW‖_F.

    Returns:
        None if no module has low-rank factors that are finite and an update other than zero.
    """
    earlier = {module.name: module for module in before.modules}
    norms = {row.name: row.frobenius_norm for row in spectrum.modules} if spectrum else {}
    pairs = [
        (module, earlier[module.name])
        for module in now.modules
        if norms.get(module.name) and _comparable(module, earlier.get(module.name))
    ]
    steps = zip(pairs, parallel(_distance, pairs), strict=True)
    return _median_finite(step / (norms[module.name] or math.nan) for (module, _), step in steps)


def _median_finite(values: Iterable[float]) -> float | None:
    return median(value for value in values if math.isfinite(value))


def _comparable(now: Module, before: Module | None) -> bool:
    """Whether both are B·A, or B·diag(E)·A, of one shape."""
    if before is None or not {"A", "B"} <= now.factors.keys() or "mid" in now.factors or not now.rank:
        return False
    return now.factors.keys() == before.factors.keys() and all(
        matrix.shape == before.factors[name].shape and matrix.dtype == before.factors[name].dtype
        for name, matrix in now.factors.items()
    )


def _distance(pair: tuple[Module, Module]) -> float:
    now, before = pair
    right = _moved(now.factors["A"].T, before.factors["A"].T)
    if "E" in now.factors or now.scale.value != before.scale.value:
        return distance(moved(_left(now), _left(before), "F64", tall=True), right)
    return abs(now.scale.value) * distance(_moved(now.factors["B"], before.factors["B"]), right)


def _moved(now: Matrix, before: Matrix) -> Moved:
    """Blocks of a factor whose logical shape is [n, r], in whichever orientation it is stored."""
    return moved(now.stored(), before.stored(), now.dtype, tall=not now.transposed)


def _left(module: Module) -> Array:
    """Scale · B · diag(E)."""
    b = widen(module.factors["B"].load(), module.factors["B"].dtype) * module.scale.value
    if "E" in module.factors:
        row = module.factors["E"]
        b = b * widen(row.load(), row.dtype).reshape(1, -1)
    return b
