"""What rules about the registry speak of: what it knows of an adapter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from loradiag.api.judging import default_policy, judged
from loradiag.core.findings import Finding
from loradiag.core.measurements import Measurements
from loradiag.core.registered import Registered
from loradiag.core.report import Accounting, Subject
from tests.conftest import MakeAdapter

Make = Callable[[MakeAdapter, Path], Path]

FILE = "registered.json"


def known(**changes: Any) -> Registered:
    """A live adapter of which all is known and good."""
    fields: dict[str, Any] = {
        "registry": "registry.sqlite",
        "stage": "live",
        "owner": "ledger team",
        "data_sha256": "d" * 64,
        "tags": ["ledger"],
        "paths": 1,
        "first_seen": "2026-10-01T00:00:00Z",
        "last_seen": "2026-11-01T00:00:00Z",
        "reports": 2,
        "evaluations": 3,
        "evaluated": "2026-10-20T00:00:00Z",
        "evaluated_days": 40.0,
        "inspected": "2026-11-01T00:00:00Z",
        "inspected_days": 28.0,
        "inspection": "pass",
        "inspection_decided": [],
    }
    return Registered(**{**fields, **changes})


def registered(**changes: Any) -> Make:
    """An adapter of which the registry knows this."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        (tmp / FILE).write_bytes(msgspec.json.encode(known(**changes)))
        return tmp / FILE

    return build


def is_registered(path: Path) -> bool:
    """Whether what a registry knows is told there."""
    return path.name == FILE


def findings_of(path: Path) -> list[Finding]:
    """What rules say of it."""
    found = msgspec.convert(json.loads(path.read_text()), Registered)
    return judged(Subject(path="a"), Measurements(registered=found), Accounting(), default_policy()).findings


PROVOKED: dict[str, Make] = {
    "LD530": registered(owner=None),
    "LD531": registered(data_sha256=None),
    "LD532": registered(evaluations=0, evaluated=None, evaluated_days=None),
    "LD533": registered(inspection="fail", inspection_decided=["LD105"]),
    "LD534": registered(evaluated_days=93.0),
    "LD535": registered(inspection=None, inspected=None, inspected_days=None),
}
"""What is known of an adapter for every rule that it provokes."""
