"""The numbers of a report that could tell a good adapter from a bad one: medians and means over its modules."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean, median

from loradiag.core.report import Report

MEASURES = {
    "stable_rank": "stable rank",
    "entropy_share": "entropy rank / r",
    "share_10": "10%-rank / r",
    "concentration": "energy of σ₁: σ₁²/Σσ²",
    "relative": "‖ΔW‖_F/‖W‖_F",
    "sigma_ratio": "σ₁(ΔW)/σ₁(W)",
    "rms": "root mean square entry of ΔW",
    "intruders": "intruders of 10, mean",
}


def measures(report: Report) -> dict[str, float]:
    """Those that the report has."""
    measured = report.measurements
    rows = [row for row in measured.spectrum.modules if row.spectral_norm] if measured.spectrum else []
    sizes = measured.relative.modules if measured.relative else []
    found = {
        "stable_rank": _middle(row.stable_rank for row in rows),
        "entropy_share": _middle((row.entropy_rank or 0) / row.rank for row in rows),
        "share_10": _middle((row.effective_rank_10 or 0) / row.rank for row in rows),
        "concentration": _middle(1 / row.stable_rank for row in rows if row.stable_rank),
        "relative": _middle(row.relative_frobenius for row in sizes),
        "sigma_ratio": _middle(row.relative_spectral for row in sizes),
        "rms": _middle(row.update_rms for row in measured.scale.modules) if measured.scale else None,
        "intruders": _mean(row.count for row in measured.intruders.modules) if measured.intruders else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
