"""All modules with all that was measured of each, those to look at first first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.findings import Severity
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.core.updates import ModuleScale, ModuleSpectrum, VectorModule
from loradiag.outputs.arrange import SEVERITY_MARKS, vectors_first, weights, worst_first
from loradiag.outputs.beside import Beside, beside, only_beside, shape
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.parts.tables import table

if TYPE_CHECKING:
    import pandas as pd

_NAME = 160
_SPECTRUM = (
    "rank", "scale", "scale_source", "method", "effective_rank", "effective_rank_10", "entropy_rank", "stable_rank",
    "energy_rank_90", "energy_rank_95", "energy_rank_99", "frobenius_norm", "spectral_norm", "d_out", "d_in",
)  # fmt: skip
_SCALE = ("alpha", "update_rms", "norm_ratio", "norm_z", "norm_a", "norm_b", "factor_ratio")
_VECTOR = ("method", "mean", "minimum", "maximum", "deviation", "effective_rank", "entropy_rank")
_TITLES: Mapping[str, tuple[str, str]] = {
    "scale_source": ("scale from", "How the scale was resolved."),
    "effective_rank": ("eff. 1%", "Singular values above 1% of the largest."),
    "effective_rank_10": ("eff. 10%", "Singular values above 10% of the largest."),
    "entropy_rank": ("entropy", "exp of the entropy of the singular values as shares of their sum."),
    "stable_rank": ("stable", "‖ΔW‖F² / σ₁²."),
    "energy_rank_90": ("90% in", "So many singular values hold 90% of the energy."),
    "energy_rank_95": ("95% in", "So many singular values hold 95% of the energy."),
    "energy_rank_99": ("99% in", "So many singular values hold 99% of the energy."),
    "frobenius_norm": ("‖ΔW‖F", "Size of the update."),
    "spectral_norm": ("σ₁", "The largest singular value of the update."),
    "update_rms": ("rms of ΔW", "Root mean square of the entries of the update."),
    "norm_ratio": ("÷ peers", "‖ΔW‖F over its median among modules of the same stack, role and shape."),
    "norm_z": ("z among peers", "Robust z-score of log ‖ΔW‖F among modules of the same stack, role and shape."),
    "norm_a": ("‖A‖F", "Size of the factor A."),
    "norm_b": ("‖B‖F", "Size of the factor B."),
    "factor_ratio": ("‖B‖ / ‖A‖", "After division by the roots of their numbers of entries."),
    "relative_frobenius": ("‖ΔW‖ / ‖W‖", "Size of the update beside its weight's."),
    "relative_spectral": ("σ₁ / σ₁(W)", "Largest singular value of the update beside its weight's."),
    "swallowed_share": ("lost", "Share of the changed entries that a merge into the base's format loses."),
    "intruders": (
        "intruders",
        "Leading directions of the merged weight that match none of the base's; ~: not certified.",
    ),
    "deviation": ("rms from neutral", "Root mean square distance from the value that does nothing."),
}


def has(report: Report) -> bool:
    """Whether there are modules of any kind."""
    return bool(worst_first(report) or vectors_first(report) or only_beside(report))


def modules(report: Report) -> None:
    """Tables of modules with a spectrum, of vectors and prompts, and of layers that are stored whole."""
    near = beside(report)
    parts = (
        ("modules", "module", [_spectrum(row, near) for row in worst_first(report)]),
        ("vectors", "vector or prompt", [_vector(row, near) for row in vectors_first(report)]),
        ("whole-layers", "layer stored whole", [_whole(row) for row in only_beside(report)]),
    )
    for name, noun, rows in parts:
        if rows:
            st.caption(_counted(len(rows), noun))
            frame = _scaled(rows, report) if name == "modules" else _frame(rows)
            table(frame, name, rows=18, column_config=_columns(frame))


def _counted(count: int, noun: str) -> str:
    words = {"vector or prompt": "vectors and prompts", "layer stored whole": "layers stored whole"}
    many = plural(count, noun) if count == 1 or noun not in words else f"{count:,} {words[noun]}"
    return f"{many}, those to look at first first. Click a title to sort."


def _place(row: ModuleSpectrum | VectorModule) -> dict[str, Any]:
    return {"module": label(row.name, _NAME), "role": label(row.role, 40), "layer": row.layer}


def _spectrum(row: ModuleSpectrum, near: Mapping[str, Beside]) -> dict[str, Any]:
    state = "✗ not finite" if row.spectral_norm is None else "✗ zero update" if row.spectral_norm == 0 else ""
    found = {**_place(row), "finding": "", "state": state, **{name: getattr(row, name) for name in _SPECTRUM}}
    found["method"], found["scale_source"] = label(row.method, 24), label(row.scale_source, 24)
    return found | (_beside(near.get(row.name)) if near else {})


def _beside(row: Beside | None) -> dict[str, Any]:
    names = ("relative_frobenius", "relative_spectral", "swallowed_share")
    told = {name: getattr(row.relative, name) if row else None for name in names}
    return {**told, "intruders": row.count if row else "–"}


def _scaled(rows: list[dict[str, Any]], report: Report) -> pd.DataFrame:
    """With scales, and marks of what findings name."""
    scale = report.measurements.scale
    scales: dict[str, ModuleScale] = {row.name: row for row in scale.modules} if scale else {}
    marks = {severity.weight: f"{SEVERITY_MARKS[severity]} {severity.value}" for severity in Severity}
    weight = weights(report)
    for found, row in zip(rows, worst_first(report), strict=True):
        found["finding"] = marks.get(weight.get(row.name, 0), "")
        found |= {name: getattr(scales.get(row.name), name, None) for name in _SCALE}
    return _frame(rows)


def _vector(row: VectorModule, near: Mapping[str, Beside]) -> dict[str, Any]:
    found = {**_place(row), "shape": shape(row.shape), **{name: getattr(row, name) for name in _VECTOR}}
    found["method"] = label(row.method, 24)
    return found | (_beside(near.get(row.name)) if near else {})


def _whole(row: Beside) -> dict[str, Any]:
    where = row.relative
    return {"module": label(where.name, _NAME), "role": label(where.role, 40), "layer": where.layer, **_beside(row)}


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Without columns that say nothing of any module."""
    import pandas as pd

    found = pd.DataFrame(rows)
    return found.loc[:, [name for name in found.columns if _tells(found[name])]]


def _tells(values: pd.Series) -> bool:
    return bool(values.notna().any() and (values != "").any())


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    config = st.column_config
    found: dict[str, Any] = {"module": config.TextColumn("module", pinned=True, width=330)}
    for name in frame.columns:
        title, about = _TITLES.get(name, (name.replace("_", " "), ""))
        if name in ("layer", "rank", "d_out", "d_in"):
            found[name] = config.NumberColumn(title, width="small")
        elif name == "swallowed_share":
            found[name] = config.NumberColumn(title, help=about, format="percent", width="small")
        elif frame[name].dtype.kind in "fi":
            found[name] = config.NumberColumn(title, help=about or None, format="%.4g", width="small")
        elif name != "module":
            found[name] = config.TextColumn(title, help=about or None)
    return found
