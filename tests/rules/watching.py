"""What rules about the watch speak of: measurements as a watch leaves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from loradiag.api.judging import default_policy, judged
from loradiag.core.findings import Finding
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Subject
from loradiag.core.watching import Watch, WatchAlarm, WatchSignal
from tests.conftest import MakeAdapter

Make = Callable[[MakeAdapter, Path], Path]

FILE = "watch.json"


def alarm(**changes: Any) -> WatchAlarm:
    """An alarm that is open."""
    fields: dict[str, Any] = {
        "id": 3,
        "adapter": "support",
        "signal": "novelty",
        "raised": "2026-11-20T10:00:00Z",
        "e_value": 4.2e5,
        "line": 44.0,
        "requests": 1200,
        "message": "21.0% of recent requests are unlike the baseline",
        "status": "open",
    }
    return WatchAlarm(**{**fields, **changes})


def watch(*alarms: WatchAlarm, **changes: Any) -> Watch:
    """An adapter under watch."""
    fields: dict[str, Any] = {
        "adapter": "support",
        "lake": "lake",
        "baseline": "baselines/support",
        "since": "2026-11-01T00:00:00Z",
        "seen": "2026-11-20T09:59:00Z",
        "requests": 1500,
        "counted": 1300,
        "alpha": 0.05,
        "share": 0.5,
        "e_value": 4.2e5 if alarms else 0.4,
        "line": 44.0,
        "signals": [
            WatchSignal(
                signal="novelty",
                unit="requests",
                n=1300,
                e_value=0.4,
                peak=3.0,
                line=290.0,
                recent=0.05,
                expected=0.05,
                tolerated=0.08,
            )
        ],
        "alarms": list(alarms),
    }
    return Watch(**{**fields, **changes})


def watched(*alarms: WatchAlarm) -> Make:
    """A watch with these alarms."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        (tmp / FILE).write_bytes(msgspec.json.encode(watch(*alarms)))
        return tmp / FILE

    return build


def is_watched(path: Path) -> bool:
    """Whether a watch is told of there."""
    return path.name == FILE


def findings_of(path: Path) -> list[Finding]:
    """What rules say of the watch."""
    found = msgspec.convert(json.loads(path.read_text()), Watch)
    return judged(Subject(path="support"), Measurements(watch=found), Accounting(), default_policy()).findings


PROVOKED: dict[str, Make] = {
    "LD813": watched(alarm()),
    "LD814": watched(alarm(status="acknowledged", by="ann", why="a campaign", changed="2026-11-20T11:00:00Z")),
}
"""A watch for every rule that it provokes."""
