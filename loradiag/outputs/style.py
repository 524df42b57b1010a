"""How to show: what an output may need to know beside the reports."""

from __future__ import annotations

import msgspec

MEASURES = {
    "stable_rank": "stable rank",
    "effective_rank": "effective rank (1% rule)",
    "entropy_rank": "entropy rank",
    "energy_rank_99": "rank that holds 99% of the energy",
    "frobenius_norm": "‖ΔW‖_F",
    "spectral_norm": "σ₁",
    "relative_frobenius": "‖ΔW‖_F / ‖W‖_F",
    "swallowed_share": "share of entries that a merge loses",
    "intruders": "intruder dimensions",
}
"""Measures of a module that a heat map can show, with their titles."""

BESIDE_BASE = frozenset({"relative_frobenius", "swallowed_share", "intruders"})
"""Those that only a report with a base has."""

LOGARITHMIC = frozenset({"frobenius_norm", "spectral_norm", "relative_frobenius", "swallowed_share"})
"""Those whose values span decades: colours and differences of them go by ratios where all are positive."""


class Style(msgspec.Struct, frozen=True):
    """Attributes: colour escapes or none; width in columns; the measure of the heat map; whether to show everything."""

    color: bool = False
    width: int = 100
    measure: str = "stable_rank"
    verbose: bool = False
