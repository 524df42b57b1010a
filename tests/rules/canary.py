"""What rules about the canary speak of: measurements as a comparison leaves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from loradiag.api.judging import default_policy, judged
from loradiag.core.canary import Canary, CanaryMetric, CanaryPoint
from loradiag.core.findings import Finding
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Subject
from tests.conftest import MakeAdapter

Make = Callable[[MakeAdapter, Path], Path]

FILE = "canary.json"


def metric(name: str = "latency", **changes: Any) -> CanaryMetric:
    """A metric that is certainly no worse."""
    fields: dict[str, Any] = {
        "metric": name,
        "unit": "ms",
        "n": 900,
        "old": 100.0,
        "new": 101.0,
        "ratio": True,
        "harm": "rise",
        "margin": 0.1,
        "difference": 0.01,
        "low": -0.03,
        "high": 0.05,
        "exact": False,
        "more": None,
        "status": "fine",
        "superiority": 0.51,
        "superiority_low": 0.46,
        "superiority_high": 0.56,
        "path": [
            CanaryPoint(n=50, difference=0.2, low=-0.2, high=0.6),
            CanaryPoint(n=900, difference=0.01, low=-0.03, high=0.05),
        ],
    }
    return CanaryMetric(**{**fields, **changes})


def canary(*metrics: CanaryMetric, **changes: Any) -> Canary:
    """A comparison of two adapters."""
    fields: dict[str, Any] = {
        "old": "v1",
        "new": "v2",
        "lake": "lake",
        "start": "2026-11-01T00:00:00Z",
        "end": "2026-11-03T00:00:00Z",
        "alpha": 0.05,
        "floor": 100,
        "old_requests": 2000,
        "new_requests": 900,
        "pairs": 900,
        "metrics": list(metrics),
        "decision": "promote",
    }
    return Canary(**{**fields, **changes})


def compared(*metrics: CanaryMetric, **changes: Any) -> Make:
    """A comparison that came to this."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        (tmp / FILE).write_bytes(msgspec.json.encode(canary(*metrics, **changes)))
        return tmp / FILE

    return build


def is_compared(path: Path) -> bool:
    """Whether a comparison is told of there."""
    return path.name == FILE


def findings_of(path: Path) -> list[Finding]:
    """What rules say of the comparison."""
    found = msgspec.convert(json.loads(path.read_text()), Canary)
    return judged(Subject(path="v2"), Measurements(canary=found), Accounting(), default_policy()).findings


WORSE = metric(status="worse", difference=0.4, low=0.3, high=0.5, new=140.0)
OPEN = metric("truncated", ratio=False, status="undecided", low=-0.02, high=0.05, more=2300)

PROVOKED: dict[str, Make] = {
    "LD815": compared(WORSE, decision="roll back"),
    "LD816": compared(metric(), OPEN, decision="keep going"),
    "LD817": compared(metric(), uneven=["prompt_length"], decision="keep going"),
}
"""A comparison for every rule that it provokes."""
