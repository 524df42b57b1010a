"""Measurements of adapters as plain numbers, for rules that are asked just short of a threshold and at it."""

from __future__ import annotations

from typing import Any

from loradiag.api.judging import default_policy, judged
from loradiag.core.beside import IntruderModule, Intruders, Relative, RelativeModule
from loradiag.core.findings import Finding
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.updates import ModuleScale, ModuleSpectrum, Scale, Spectrum


def spectrum(count: int = 3, **changes: Any) -> Spectrum:
    """Modules of rank 16 that draw nothing, with these changes in every one."""
    fields: dict[str, Any] = {
        "role": "attention.q",
        "stack": "",
        "method": "lora",
        "rank": 16,
        "d_out": 64,
        "d_in": 96,
        "scale": 1.0,
        "scale_source": "config",
        "sigma": [1.0],
        "effective_rank": 16,
        "effective_rank_10": 14,
        "entropy_rank": 11.0,
        "stable_rank": 4.0,
        "energy_rank_90": 9,
        "energy_rank_95": 11,
        "energy_rank_99": 14,
        "frobenius_norm": 1.0,
        "spectral_norm": 0.5,
    }
    return Spectrum(
        modules=[ModuleSpectrum(**{"name": f"m{index}", "layer": index, **fields, **changes}) for index in range(count)]
    )


def module_scale(name: str = "m0", **changes: Any) -> ModuleScale:
    """A module whose scale and sizes draw nothing."""
    fields: dict[str, Any] = {
        "role": "attention.q",
        "layer": 0,
        "rank": 16,
        "alpha": 16.0,
        "scale": 1.0,
        "scale_source": "config",
        "norm_a": 1.0,
        "norm_b": 0.1,
        "factor_ratio": 0.1,
        "update_rms": 0.005,
        "norm_ratio": 1.0,
        "norm_z": 0.0,
    }
    return ModuleScale(name=name, **{**fields, **changes})


def scaled(*rows: ModuleScale, convention: str = "alpha/r") -> Scale:
    """Scales of these modules, or of three that draw nothing."""
    return Scale(convention=convention, modules=list(rows) or [module_scale(f"m{index}") for index in range(3)])


def beside(*sizes: float, swallowed: float | None = 0.1) -> Relative:
    """‖ΔW‖_F/‖W‖_F of the modules m0, m1, … and the share that a merge would swallow."""
    fields: dict[str, Any] = {
        "role": "attention.q",
        "stack": "",
        "weight": "w",
        "dtype": "BF16",
        "quantization": None,
        "base_frobenius": 1.0,
        "base_spectral": 1.0,
        "update_spectral": 0.1,
        "relative_spectral": 0.1,
        "swallowed_share": swallowed,
        "reason": None,
    }
    rows = [
        RelativeModule(name=f"m{index}", layer=index, update_frobenius=size, relative_frobenius=size, **fields)
        for index, size in enumerate(sizes)
    ]
    return Relative(modules=rows, relative_frobenius=None, swallowed_share=swallowed)


def intruders(*counts: int | None, certified: bool = True) -> Intruders:
    """How many of ten leading directions of the modules m0, m1, … match nothing in the base."""
    rows = [
        IntruderModule(
            name=f"m{index}",
            role="attention.q",
            stack="",
            layer=index,
            count=count,
            k=10,
            epsilon=0.5,
            certified=certified,
            matches=[],
            leading=16,
            reason=None,
        )
        for index, count in enumerate(counts)
    ]
    return Intruders(modules=rows)


def report_of(**parts: Any) -> Report:
    """What the default policy makes of these measurements; spectrum and scale are sound where they are not given."""
    measured = Measurements(**{"spectrum": spectrum(), "scale": scaled(), **parts})
    return judged(Subject(path="x"), measured, Accounting(), default_policy())


def said(code: str, **parts: Any) -> list[Finding]:
    """What one rule says of these measurements."""
    return [finding for finding in report_of(**parts).findings if finding.code == code]
