"""Ways to begin a training that leave part of the base in the adapter."""

from __future__ import annotations

RESIDUAL_STARTS = frozenset({"pissa", "olora", "corda", "loftq"})
"""Values of ``init_lora_weights`` that move part of the base into the factors before training."""


def holds_part_of_base(init: str | None) -> bool:
    """Whether the factors as stored hold part of the base, so that B·A is not what training changed."""
    return bool(init and init.lower().partition("_niter")[0] in RESIDUAL_STARTS)
