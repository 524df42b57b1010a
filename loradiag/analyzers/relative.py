"""Relative: how large every update is beside the weight that it changes, and what the base's format swallows of it."""

from __future__ import annotations

from loradiag.adapters.model import Method
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.pairing import Pair
from loradiag.analyzers.weights import WeightFacts
from loradiag.core.beside import Relative, RelativeModule

REASONS = {
    "absent": "the base has no weight of this name",
    "shape": "the base's weight has another shape",
    "packed": "the base stores this weight packed",
    "part": "the update belongs to a part of a fused weight",
}
HELD_PARTS = "the factors hold part of the base, so what training changed is not known"


def relative(inspection: Inspection) -> Relative | None:
    """Measure the relative update of every module; None without a base, or where no module changes a weight."""
    if inspection.base is None:
        return None
    facts = inspection.weights if inspection.comparable else {}
    rows = [
        _row(pair, facts.get(pair.module.name), inspection)
        for pair in (*inspection.pairing.pairs, *inspection.saved)
        if pair.module.method is not Method.PROMPT
    ]
    if not rows:
        return None
    known = [found for found in facts.values() if found.norm and found.change is not None]
    total, change = (
        sum(found.norm**2 for found in known if found.norm),
        sum((found.change or 0.0) ** 2 for found in known),
    )
    plain = [found for found in known if found.swallowed is not None and found.changed]
    return Relative(
        modules=rows,
        relative_frobenius=(change / total) ** 0.5 if total else None,
        swallowed_share=sum(found.swallowed or 0 for found in plain) / sum(found.changed for found in plain)
        if plain
        else None,
    )


def _row(pair: Pair, facts: WeightFacts | None, inspection: Inspection) -> RelativeModule:
    module = pair.module
    facts = facts or WeightFacts(reason=REASONS[pair.reason] if pair.reason else HELD_PARTS)
    size = _spectral(pair, facts, inspection)
    lost = facts.swallowed / facts.changed if facts.swallowed is not None and facts.changed else None
    return RelativeModule(
        name=module.name,
        role=module.place.role,
        stack=module.place.stack,
        layer=module.place.layer,
        weight=pair.weight.name if pair.weight else None,
        dtype=pair.weight.dtype if pair.weight else None,
        quantization=pair.weight.quantization if pair.weight else None,
        base_frobenius=facts.norm,
        base_spectral=facts.spectral,
        update_frobenius=facts.change,
        update_spectral=size,
        relative_frobenius=facts.change / facts.norm if facts.change is not None and facts.norm else None,
        relative_spectral=size / facts.spectral if size is not None and facts.spectral else None,
        swallowed_share=lost,
        reason=facts.reason,
    )


def _spectral(pair: Pair, facts: WeightFacts, inspection: Inspection) -> float | None:
    """‖W′ − W‖₂: from the factors, where the update is their product; else from the merged weight."""
    if facts.norm is None or pair.module.method in (Method.DORA, Method.IA3, Method.SAVED):
        return facts.change_spectral
    sigma = inspection.factors.modules[pair.module.name].sigma
    return float(sigma[0]) if sigma is not None and sigma.size else None
