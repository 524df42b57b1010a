"""What rules about adapters beside each other speak of: measurements as a comparison leaves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from loradiag.api.judging import default_policy, judged
from loradiag.core.comparing import ComparedAdapter, ComparedModule, ComparedPair, Comparison, Uncompared
from loradiag.core.findings import Finding
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject
from tests.conftest import MakeAdapter

Make = Callable[[MakeAdapter, Path], Path]

FILE = "comparison.json"


def adapter(label: str, **changes: Any) -> ComparedAdapter:
    """One that has nothing special."""
    fields: dict[str, Any] = {
        "label": label,
        "path": f"adapters/{label}",
        "sha256": f"hash of {label}",
        "layout": "peft",
        "method": "LoRA",
        "base": "someone/base",
        "ranks": {"8": 2},
        "modules": 2,
        "frobenius_norm": 3.0,
        "step": None,
        "stored_whole": [],
        "uncompared": [],
        "holds_part_of_base": False,
    }
    return ComparedAdapter(**{**fields, **changes})


def module(name: str = "model.layers.0.self_attn.q_proj", **changes: Any) -> ComparedModule:
    """A module in which two adapters hardly meet."""
    fields: dict[str, Any] = {
        "name": name,
        "role": "attention.q",
        "stack": "",
        "layer": 0,
        "rank_a": 8,
        "rank_b": 8,
        "left": 0.06,
        "right": 0.05,
        "left_expected": 0.05,
        "right_expected": 0.05,
        "cosine": 0.01,
        "distance": 1.4,
        "interference": 0.06,
        "sign_conflict": 0.5,
        "norm_a": 1.0,
        "norm_b": 1.0,
    }
    return ComparedModule(**{**fields, **changes})


def pair(a: int = 0, b: int = 1, **changes: Any) -> ComparedPair:
    """Two strangers of one base."""
    fields: dict[str, Any] = {
        "a": a,
        "b": b,
        "compared": 2,
        "only_a": 0,
        "only_b": 0,
        "misshapen": [],
        "left": 0.06,
        "right": 0.05,
        "left_expected": 0.05,
        "right_expected": 0.05,
        "left_excess": 0.01,
        "right_excess": 0.0,
        "cosine": 0.01,
        "distance": 1.4,
        "interference": 0.06,
        "sign_conflict": 0.5,
        "stored_by_both": [],
        "same_file": False,
        "modules": [module(), module("model.layers.1.self_attn.q_proj", layer=1)],
    }
    return ComparedPair(**{**fields, **changes})


def comparison(*pairs: ComparedPair, adapters: list[ComparedAdapter] | None = None) -> Comparison:
    """Adapters ``one``, ``two``, … beside each other."""
    count = max((row.b for row in pairs), default=1) + 1
    names = ["one", "two", "three", "four", "five"][:count]
    return Comparison(
        adapters=adapters or [adapter(name) for name in names], pairs=list(pairs), modules_left_out=0, sampled=9216
    )


def report(found: Comparison) -> Report:
    """What the default policy makes of it."""
    return judged(Subject(path="one, two"), Measurements(comparison=found), Accounting(), default_policy())


def compared(*pairs: ComparedPair, adapters: list[ComparedAdapter] | None = None) -> Make:
    """A comparison that came to this."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        (tmp / FILE).write_bytes(msgspec.json.encode(comparison(*pairs, adapters=adapters)))
        return tmp / FILE

    return build


def is_compared(path: Path) -> bool:
    """Whether a comparison is told of there."""
    return path.name == FILE


def findings_of(path: Path) -> list[Finding]:
    """What rules say of the comparison."""
    return report(msgspec.convert(json.loads(path.read_text()), Comparison)).findings


NOTHING: dict[str, Any] = dict.fromkeys(
    ("left", "right", "left_expected", "right_expected", "left_excess", "right_excess", "cosine", "distance",
     "interference", "sign_conflict"),
)  # fmt: skip
SAME = pair(distance=0.002, cosine=0.999998, interference=1.0, left=1.0, right=1.0, right_excess=1.0)
NEAR = pair(distance=0.2, cosine=0.98, interference=0.98, left=0.97, right=0.99, right_excess=0.99)
START = pair(distance=1.2, cosine=0.2, interference=0.2, right=0.7, right_excess=0.68)
ALIKE = pair(distance=1.1, cosine=0.4, interference=0.5, left=0.4, right_excess=0.07, sign_conflict=0.1)
APART = pair(compared=0, only_a=2, only_b=2, modules=[], **NOTHING)
SHAPES = pair(compared=0, misshapen=["model.layers.0.self_attn.q_proj"], modules=[], **NOTHING)
VECTORS = Uncompared(name="model.layers.0.mlp.down_proj", reason="ia3 has no thin factors to compare")

PROVOKED: dict[str, Make] = {
    "LD516": compared(SAME),
    "LD517": compared(NEAR),
    "LD518": compared(SHAPES),
    "LD519": compared(APART),
    "LD520": compared(pair(), adapters=[adapter("one", uncompared=[VECTORS]), adapter("two")]),
    "LD521": compared(START),
    "LD615": compared(ALIKE),
    "LD616": compared(pair(sign_conflict=0.61, cosine=-0.3)),
    "LD617": compared(
        pair(stored_by_both=["lm_head"]),
        adapters=[adapter("one", stored_whole=["lm_head"]), adapter("two", stored_whole=["lm_head", "score"])],
    ),
}
"""A comparison for every rule that it provokes."""
