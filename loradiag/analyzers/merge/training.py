"""In which precision the base was while the adapter was trained, as far as that can be told."""

from __future__ import annotations

import re
from typing import NamedTuple

from loradiag.adapters.model import Adapter
from loradiag.analyzers.merge.routes import Plan
from loradiag.bases.model import Base

PRECISIONS = ("bf16", "fp16", "fp32", "nf4", "fp4", "int8")
_NAMED = (
    (re.compile(r"bnb-?4-?bit|4-?bit-?bnb|nf4|[-_]4bit", re.IGNORECASE), "nf4"),
    (re.compile(r"fp4", re.IGNORECASE), "fp4"),
    (re.compile(r"bnb-?8-?bit|8-?bit-?bnb|llm-?int8|[-_]8bit", re.IGNORECASE), "int8"),
)


class TrainedOn(NamedTuple):
    """The precision, and how it is known: ``given``, ``stored``, ``named`` or ``assumed``."""

    precision: str
    source: str


def trained_on(adapter: Adapter, base: Base, plan: Plan, carrier: str, given: str | None) -> TrainedOn:
    """Tell the precision of the base during training.

    PEFT does not record it. A base that is stored in 4 or 8 bits was used so; the name of one often says it; else the base's
    own 16-bit format is assumed, which is wrong for an adapter that was trained by QLoRA on a 16-bit checkpoint.
    """
    if given is not None:
        return TrainedOn(given, "given")
    if plan.stored_in is not None:
        return TrainedOn(plan.stored_in, "stored")
    for name in (adapter.provenance.base or "", base.name):
        for pattern, precision in _NAMED:
            if pattern.search(name.rpartition("/")[2]):
                return TrainedOn(precision, "named")
    return TrainedOn(carrier, "assumed")
