"""Spectra: the singular values of every update, and what derives from them."""

from __future__ import annotations

from loradiag.adapters.model import Method, Module
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.updates import ModuleFactors
from loradiag.core.updates import ModuleSpectrum, Spectrum
from loradiag.linalg.spectra import SpectrumMeasures

LEADING = 512
"""How many singular values of a module go into the report. LoHa and LoKr can have thousands."""


def spectrum(inspection: Inspection) -> Spectrum | None:
    """Measure the spectrum of every module that is a matrix update; None if there is none."""
    rows = [
        _row(module, inspection.factors.modules[module.name], inspection.spectra.get(module.name))
        for module in inspection.adapter.modules
        if module.method not in (Method.IA3, Method.PROMPT)
    ]
    return Spectrum(modules=rows) if rows else None


def _row(module: Module, factors: ModuleFactors, derived: SpectrumMeasures | None) -> ModuleSpectrum:
    return ModuleSpectrum(
        name=module.name,
        role=module.place.role,
        stack=module.place.stack,
        layer=module.place.layer,
        method=module.method.value,
        rank=_rank_bound(module, factors),
        d_out=module.d_out,
        d_in=module.d_in,
        scale=module.scale.value,
        scale_source=module.scale.source,
        sigma=[] if factors.sigma is None else factors.sigma[:LEADING].tolist(),
        **(dict.fromkeys(SpectrumMeasures._fields) if derived is None else derived._asdict()),
    )


def _rank_bound(module: Module, factors: ModuleFactors) -> int:
    if module.method in (Method.LOHA, Method.LOKR) and factors.sigma is not None:
        return int(factors.sigma.size)
    return module.rank
