"""Reports of adapters, made by hand."""

from __future__ import annotations

import hashlib
from typing import Any

from loradiag.api.judging import default_policy, judged
from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.identity import Provenance
from loradiag.core.integrity import Integrity
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject, Tool
from loradiag.core.verdict import Status, Verdict


def sha(name: str) -> str:
    """A hash of weights."""
    return hashlib.sha256(name.encode()).hexdigest()


def inspection(
    name: str = "a", *, created: str = "2026-08-01T00:00:00Z", failing: bool = False, **subject: Any
) -> Report:
    """An inspection of the adapter of this name, with one note, or with a verdict that it fails."""
    integrity = Integrity(modules=4, tensors=8, zero_modules=0, has_config=True, config_expected=True, problems=[])
    about = {"path": f"/fleet/{name}", "sha256": sha(name), "base": "owner/Base-8B", "modules": 4, **subject}
    return report(Measurements(integrity=integrity), created, failing, **about)


def report(measured: Measurements, created: str, failing: bool, **subject: Any) -> Report:
    """A report with these measurements."""
    made = judged(Subject(**subject), measured, Accounting(), default_policy())
    verdict = (
        Verdict(status=Status.FAIL, decided_by=["LD105"]) if failing else Verdict(status=Status.PASS, decided_by=[])
    )
    return Report(
        tool=Tool(),
        created=created,
        subject=made.subject,
        measurements=measured,
        accounting=made.accounting,
        findings=[],
        policy=made.policy,
        verdict=verdict,
    )


def score(task: str = "toy", value: float = 0.6, **changes: Any) -> Score:
    """A score of an adapter on 400 documents."""
    fields: dict[str, Any] = {
        "task": task,
        "metric": "acc",
        "n": 400,
        "base": 0.5,
        "adapter": value,
        "difference": value - 0.5,
        "ci_low": value - 0.55,
        "ci_high": value - 0.45,
        "binary": True,
    }
    return Score(**{**fields, **changes})


def evaluated(name: str, *scores: Score, created: str = "2026-08-01T00:00:00Z", shots: int | None = 0) -> Report:
    """A forgetting report of the adapter of this name."""
    found = Forgetting(tasks=list(scores), harness="0.4", compute="bfloat16", trained_on="bfloat16", shots=shots)
    return report(
        Measurements(forgetting=found), created, False, path=f"/fleet/{name}", sha256=sha(name), base="owner/Base-8B"
    )


def provenance(**changes: Any) -> Provenance:
    """A stamp as a report tells of it."""
    fields: dict[str, Any] = {
        "file": "loradiag-stamp.json",
        "problem": None,
        "created": "2026-07-01T00:00:00Z",
        "owner": "stamping team",
        "base_name": "owner/Base-8B",
        "base_revision": None,
        "base_fingerprint": "f" * 64,
        "base_fingerprint_full": None,
        "data_sha256": "d" * 64,
        "hyperparameters": {"r": "8"},
        "evaluation": {"ledger_val": 0.7},
        "notes": None,
        "weights_match": True,
        "base_match": None,
        "compared": None,
        "differing": [],
        "parts": 0,
    }
    return Provenance(**{**fields, **changes})


def stamped(name: str = "a", *, created: str = "2026-08-01T00:00:00Z", **changes: Any) -> Report:
    """An inspection that read a stamp."""
    import msgspec

    plain = inspection(name, created=created)
    measured = msgspec.structs.replace(plain.measurements, provenance=provenance(**changes))
    return msgspec.structs.replace(plain, measurements=measured)
