"""IA³ vectors and prompts: measures that make sense for what is no matrix update."""

from __future__ import annotations

import numpy as np

from loradiag.adapters.model import Method, Module
from loradiag.analyzers.inspection import Inspection
from loradiag.core.updates import VectorModule, Vectors
from loradiag.linalg.spectra import measures, of_dense
from loradiag.linalg.widen import widen

_NEUTRAL = {Method.IA3: 1.0, Method.PROMPT: 0.0}


def vectors(inspection: Inspection) -> Vectors | None:
    """Measure IA³ vectors and prompts; None if there are none."""
    rows = [_row(module) for module in inspection.adapter.modules if module.method in _NEUTRAL]
    return Vectors(modules=rows) if rows else None


def _row(module: Module) -> VectorModule:
    matrix = next(iter(module.factors.values()))
    values = widen(matrix.load(), matrix.dtype)
    finite = bool(np.isfinite(values).all()) and values.size > 0
    prompt = module.method is Method.PROMPT and finite
    derived = measures(of_dense(values)) if prompt else None
    return VectorModule(
        name=module.name,
        role=module.place.role,
        layer=module.place.layer,
        method=module.method.value,
        shape=list(matrix.tensor.shape),
        mean=float(values.mean()) if finite else None,
        minimum=float(values.min()) if finite else None,
        maximum=float(values.max()) if finite else None,
        deviation=float(np.sqrt(np.mean(np.square(values - _NEUTRAL[module.method])))) if finite else None,
        effective_rank=derived.effective_rank if derived else None,
        entropy_rank=derived.entropy_rank if derived else None,
    )
