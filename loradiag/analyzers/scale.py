"""Scales and norms: what multiplies each update, how large it comes out, and how that compares with its peers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

from loradiag.adapters.model import Method, Module
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.updates import ModuleFactors
from loradiag.core.numbers import median
from loradiag.core.updates import ModuleScale, Scale

_MAD_TO_SIGMA = 1.4826
"""The median absolute deviation of a normal distribution times this is its standard deviation."""

MIN_PEERS = 5
"""Fewer modules of one role and shape give no median worth comparing with."""


def scale(inspection: Inspection) -> Scale | None:
    """Measure scales and norms of all matrix updates; None if there is none."""
    modules = [m for m in inspection.adapter.modules if m.method not in (Method.IA3, Method.PROMPT)]
    if not modules:
        return None
    factors = inspection.factors.modules
    norms = {name: derived.frobenius_norm for name, derived in inspection.spectra.items()}
    peers = _against_peers(modules, norms)
    config = inspection.adapter.config or {}
    stored = not any(module.scale.alpha is not None for module in modules)
    convention = "stored" if stored else "alpha/sqrt(r)" if config.get("use_rslora") else "alpha/r"
    return Scale(
        convention=convention,
        modules=[
            _row(module, factors[module.name], norms.get(module.name), *peers.get(module.name, (None, None)))
            for module in modules
        ],
    )


def _row(
    module: Module, factors: ModuleFactors, norm: float | None, norm_ratio: float | None, norm_z: float | None
) -> ModuleScale:
    return ModuleScale(
        name=module.name,
        role=module.place.role,
        layer=module.place.layer,
        rank=module.rank,
        alpha=module.scale.alpha,
        scale=module.scale.value,
        scale_source=module.scale.source,
        norm_a=factors.norm_a,
        norm_b=factors.norm_b,
        factor_ratio=_ratio(module, factors),
        update_rms=norm / math.sqrt(module.d_out * module.d_in)
        if norm is not None and module.d_out and module.d_in
        else None,
        norm_ratio=norm_ratio,
        norm_z=norm_z,
    )


def _ratio(module: Module, factors: ModuleFactors) -> float | None:
    """Root mean square of the entries of B over that of A."""
    if not factors.norm_a or factors.norm_b is None or not module.d_in or not module.d_out or not module.rank:
        return None
    return (factors.norm_b / math.sqrt(module.d_out)) / (factors.norm_a / math.sqrt(module.d_in))


def _against_peers(modules: list[Module], norms: Mapping[str, float]) -> dict[str, tuple[float, float | None]]:
    """‖ΔW‖_F against the live modules of the same stack, role and shape: ratio to the median, robust z of the logarithm."""
    groups: dict[tuple[object, ...], list[tuple[str, float]]] = defaultdict(list)
    for module in modules:
        norm = norms.get(module.name)
        if norm:
            key = (module.place.stack, module.place.role, module.d_out, module.d_in)
            groups[key].append((module.name, math.log(norm)))
    scores: dict[str, tuple[float, float | None]] = {}
    for members in groups.values():
        if len(members) < MIN_PEERS:
            continue
        logs = [value for _, value in members]
        centre = median(logs) or 0.0
        spread = _MAD_TO_SIGMA * (median(abs(value - centre) for value in logs) or 0.0)
        for name, value in members:
            distance = value - centre
            scores[name] = (math.exp(distance), distance / spread if spread > 0 else None)
    return scores
