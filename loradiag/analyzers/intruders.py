"""Intruders: leading directions of the merged weight that the base has nothing like."""

from __future__ import annotations

from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.pairing import Pair
from loradiag.analyzers.weights import WeightFacts
from loradiag.core.beside import IntruderModule, Intruders
from loradiag.linalg.intruders import EPSILON, K


def intruders(inspection: Inspection) -> Intruders | None:
    """Count intruder dimensions of every module; None without a base, or where they were not asked for."""
    if inspection.base is None or not inspection.comparable:
        return None
    facts = inspection.weights
    rows = [_row(pair, facts[pair.module.name]) for pair in inspection.pairing.pairs if pair.module.name in facts]
    return Intruders(modules=rows) if any(row.count is not None for row in rows) else None


def _row(pair: Pair, facts: WeightFacts) -> IntruderModule:
    found, place = facts.intruders, pair.module.place
    return IntruderModule(
        name=pair.module.name,
        role=place.role,
        stack=place.stack,
        layer=place.layer,
        count=found.count if found else None,
        k=len(found.matches) if found else K,
        epsilon=EPSILON,
        certified=found.certified if found else False,
        matches=[min(float(match), 1.0) for match in found.matches] if found else [],
        leading=found.leading if found else 0,
        reason=None if found else facts.reason,
    )
