"""Analyzers measure and know no thresholds. The table names them all; listing it imports none."""

from __future__ import annotations

from collections.abc import Mapping

from loradiag.core.lazy import Entry

# name under "measurements" -> where it lives, the extra that it needs, what it measures
ANALYZERS: Mapping[str, Entry] = {
    "spectrum": Entry("loradiag.analyzers.spectrum:spectrum", "", "singular values of every update"),
    "scale": Entry("loradiag.analyzers.scale:scale", "", "true scale, norms of factors and updates"),
    "integrity": Entry("loradiag.analyzers.integrity:integrity", "", "structure, non-finite and dead modules"),
    "vectors": Entry("loradiag.analyzers.vectors:vectors", "", "IA³ vectors and prompts"),
    "coverage": Entry("loradiag.analyzers.coverage:coverage", "", "which layers and roles are adapted"),
    "reach": Entry("loradiag.analyzers.reach:reach", "", "which weights of the base are changed, by full names"),
    "identity": Entry("loradiag.analyzers.identity:identity", "", "base, versions, storage"),
    "provenance": Entry("loradiag.analyzers.provenance:provenance", "", "what the stamp says, and whether it holds"),
    "training_log": Entry("loradiag.analyzers.training_log:training_log", "", "the log that the trainer left"),
    "base": Entry("loradiag.analyzers.base:base", "", "the base that was given"),
    "relative": Entry("loradiag.analyzers.relative:relative", "", "updates relative to the base, swallowed entries"),
    "intruders": Entry("loradiag.analyzers.intruders:intruders", "", "directions that the base has nothing like"),
    "fit": Entry("loradiag.analyzers.fit:fit", "", "whether the adapter was trained on this base"),
    "deployability": Entry("loradiag.analyzers.deployability:deployability", "", "which tools take it as it is"),
}

BESIDE_BASE = frozenset({"base", "reach", "relative", "intruders", "fit"})
"""Those that only measure beside a base; without one they need not even be imported."""
