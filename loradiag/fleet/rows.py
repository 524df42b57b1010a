"""From an adapter and its report to its row in the table of the fleet."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path

import numpy as np

from loradiag.adapters.model import Adapter, Method, Module
from loradiag.adapters.stamps import Stamp
from loradiag.analyzers.updates import Values
from loradiag.core.findings import Disposition, Severity
from loradiag.core.fleet import FleetAdapter
from loradiag.core.numbers import median
from loradiag.core.report import Report
from loradiag.core.times import written_at
from loradiag.core.updates import ModuleSpectrum
from loradiag.linalg.sketches import Sampled, Sketcher, sample


def row_of(path: str, adapter: Adapter, report: Report, stamp: Stamp | None, sampled: Sampled) -> FleetAdapter:
    """Return what the table has of an adapter.

    Args:
        path: What it is called.
        adapter: Opened.
        report: Of its inspection.
        stamp: Beside it, if there is one that can be read.
        sampled: What a sample of its entries comes to.
    """
    subject, live = report.subject, _live(report)
    counted = [finding for finding in report.findings if finding.disposition is Disposition.ACTIVE]
    return FleetAdapter(
        path=path,
        sha256=subject.sha256,
        layout=subject.layout,
        method=subject.method,
        base=subject.base,
        revision=subject.revision,
        base_fingerprint=(stamp.base.fingerprint_full or stamp.base.fingerprint) if stamp and stamp.base else None,
        rank=_commonest([module.rank for module in adapter.modules]),
        scale=_scale(adapter.modules),
        modules=subject.modules,
        parameters=subject.parameters,
        bytes=subject.bytes,
        dtype=subject.dtype,
        step=subject.step,
        modified=_modified(adapter.weights),
        verdict=report.verdict.status.value,
        errors=sum(finding.severity is Severity.ERROR for finding in counted),
        warnings=sum(finding.severity is Severity.WARNING for finding in counted),
        codes=sorted({finding.code for finding in counted if finding.severity is not Severity.INFO}),
        stamped=stamp is not None,
        owner=stamp.owner if stamp else None,
        data_sha256=stamp.data.sha256 if stamp and stamp.data else None,
        evaluations=len(stamp.evaluation) if stamp else 0,
        spectral_norm=max((row.spectral_norm or 0.0 for row in live), default=None),
        frobenius_norm=math.hypot(*(row.frobenius_norm or 0.0 for row in live)) if live else None,
        energy_concentration=median(_concentration(row) for row in live),
        entropy_share=median(row.entropy_rank / row.rank for row in live if row.entropy_rank and row.rank),
        stable_rank=median(row.stable_rank for row in live if row.stable_rank),
        kurtosis=sampled.kurtosis,
    )


def _live(report: Report) -> list[ModuleSpectrum]:
    spectrum = report.measurements.spectrum
    return [row for row in spectrum.modules if row.spectral_norm and row.sigma] if spectrum else []


def _concentration(row: ModuleSpectrum) -> float:
    """The share of the energy that lies in the first direction: 1 / stable rank."""
    return 1.0 / row.stable_rank if row.stable_rank else 0.0


def _commonest(values: list[int]) -> int | None:
    return Counter(values).most_common(1)[0][0] if values else None


def _scale(modules: list[Module]) -> float | None:
    scales = Counter(module.scale.value for module in modules)
    return scales.most_common(1)[0][0] if scales else None


def _modified(weights: list[Path]) -> str | None:
    try:
        newest = max(os.stat(path).st_mtime for path in weights)
    except (OSError, ValueError):
        return None
    return written_at(newest)


def sampled_of(adapter: Adapter) -> Sampled:
    """Return the sketch of an adapter and the kurtosis of its entries, from a block of each plain LoRA or DoRA module.

    Raises:
        InputError: A file ends before its header says.
    """
    sketcher, values = Sketcher(), Values()
    for module in adapter.modules:
        if module.method in (Method.LORA, Method.DORA) and module.factors.keys() >= {"A", "B"} and module.rank:
            b, a = (values.wide(module.factors[name]) for name in ("B", "A"))
            with np.errstate(over="ignore", invalid="ignore"):
                block = b[sample(b.shape[0])] @ a[:, sample(a.shape[1])] * module.scale.value
            if np.isfinite(block).all():
                sketcher.add(module.name, block)
    return sketcher.result()
