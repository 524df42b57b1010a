"""What rules about forgetting speak of: measurements as a run leaves them, beside a sound adapter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import loradiag
from loradiag.core.findings import Finding
from loradiag.core.forgetting import Candidate, Forgetting, Memorisation, Score, Sweep
from tests.conftest import MakeAdapter

Make = Callable[[MakeAdapter, Path], Path]

FILE = "forgetting.json"


def score(base: float, adapter: float, half: float = 0.02, **changes: Any) -> Score:
    """A score of 1,000 documents, whose difference is known to within ``half`` (95%)."""
    difference = adapter - base
    fields: dict[str, Any] = {
        "task": "toy",
        "metric": "acc",
        "n": 1000,
        "base": base,
        "adapter": adapter,
        "difference": difference,
        "standard_error": half / 1.96,
        "ci_low": difference - half,
        "ci_high": difference + half,
        "bound_low": difference - half * 0.84,
        "bound_high": difference + half * 0.84,
        "interval": "score",
        "binary": True,
        "p_value": 1e-6 if abs(difference) > half else 0.5,
        "p_adjusted": 1e-6 if abs(difference) > half else 0.5,
        "test": "mcnemar",
        "minimum_detectable": 2.4865 * half / 1.96,
        "lost": 100,
        "won": 40,
    }
    return Score(**{**fields, **changes})


def found(*tasks: Score, **changes: Any) -> Forgetting:
    """A measurement with these scores."""
    fields: dict[str, Any] = {"harness": "lm-eval 0.4.13", "compute": "float32", "trained_on": "stored"}
    return Forgetting(tasks=list(tasks), **{**fields, **changes})


def measured(*tasks: Score, **changes: Any) -> Make:
    """A sound adapter whose run came to this."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        adapter = make()
        (adapter.parent / FILE).write_bytes(msgspec.json.encode(found(*tasks, **changes)))
        return adapter

    return build


def memory(**changes: Any) -> Memorisation:
    """Training data of which nothing is remembered."""
    fields: dict[str, Any] = {
        "training": "train.jsonl",
        "control": "held_out.jsonl",
        "span": 16,
        "prompt_tokens": 32,
        "documents": 1000,
        "control_documents": 1000,
        "prompted": 200,
        "recited": 0,
        "control_prompted": 200,
        "control_recited": 0,
        "base_recited": 0,
        "false_positives": 0.015,
        "p_value": 1.0,
        "flagged": 10,
        "flag_rate": 0.01,
        "flag_p": 0.5,
    }
    return Memorisation(**{**fields, **changes})


def swept(chosen: str | None) -> Sweep:
    """A sweep with one weaker form."""
    form = Candidate(name="scale 0.5", kind="scale", value=0.5, kept_report=0.9, loss_report=0.01)
    whole = Candidate(name="adapter", kind="adapter", value=1.0, kept_report=1.0, loss_report=0.3)
    return Sweep(
        domain="d", margin=0.05, documents_choose=500, documents_report=500, candidates=[form, whole], chosen=chosen
    )


def is_measured(adapter: Path) -> bool:
    """Whether a run is told of beside it."""
    return (adapter.parent / FILE).is_file()


def findings_of(adapter: Path) -> list[Finding]:
    """What rules say of the adapter and its run."""
    measurement = msgspec.convert(json.loads((adapter.parent / FILE).read_text()), Forgetting)
    report = loradiag.inspect(adapter)
    measurements = msgspec.structs.replace(report.measurements, forgetting=measurement)
    return loradiag.judge(msgspec.structs.replace(report, measurements=measurements)).findings


PROVOKED: dict[str, Make] = {
    "LD703": measured(score(0.9, 0.6, asked=False)),
    "LD704": measured(score(0.9, 0.88, 0.01)),
    "LD705": measured(score(0.9, 0.95)),
    "LD707": measured(unfinished=["hellaswag"]),
    "LD708": measured(score(0.9, 0.6, bound_low=None, bound_high=None, reason="it has no value of its own")),
    "LD709": measured(
        score(0.9, 0.6, route="nf4", unmerged=0.9, unmerged_difference=-0.3, unmerged_low=-0.33, unmerged_high=-0.27),
        routes=["nf4"],
    ),
    "LD710": measured(memorisation=memory(recited=9, p_value=0.002)),
    "LD711": measured(memorisation=memory(flagged=60, flag_p=1e-9)),
    "LD712": measured(sweep=swept("scale 0.5")),
    "LD713": measured(tokenizer_differs="adds 2 tokens"),
}
"""What provokes the other rules about forgetting."""
