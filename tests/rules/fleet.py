"""What rules about fleets speak of: measurements as a scan leaves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from loradiag.api.judging import default_policy, judged
from loradiag.core.findings import Finding
from loradiag.core.fleet import Fleet, FleetAdapter, FleetBand, FleetBase, FleetOverlap, FleetPair
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject
from tests.conftest import MakeAdapter

Make = Callable[[MakeAdapter, Path], Path]

FILE = "fleet.json"


def adapter(name: str = "a", **changes: Any) -> FleetAdapter:
    """A sound one with a stamp."""
    fields: dict[str, Any] = {
        "path": f"adapters/{name}",
        "sha256": f"hash of {name}",
        "layout": "peft",
        "method": "LoRA",
        "base": "someone/base",
        "base_fingerprint": "f" * 64,
        "rank": 8,
        "scale": 2.0,
        "modules": 4,
        "parameters": 1000,
        "bytes": 4096,
        "dtype": "BF16",
        "modified": "2026-11-01T00:00:00Z",
        "verdict": "pass",
        "stamped": True,
        "owner": "team-a",
        "data_sha256": "d" * 64,
        "spectral_norm": 1.0,
        "frobenius_norm": 3.0,
        "energy_concentration": 0.3,
        "entropy_share": 0.8,
        "stable_rank": 3.0,
        "kurtosis": 3.1,
        "group": "base, LoRA, r=8",
    }
    return FleetAdapter(**{**fields, **changes})


def fleet(*rows: FleetAdapter, **changes: Any) -> Fleet:
    """A scan that found these."""
    prints: dict[str, int] = {}
    for row in rows:
        if row.base_fingerprint:
            prints[row.base_fingerprint] = prints.get(row.base_fingerprint, 0) + 1
    fields: dict[str, Any] = {
        "adapters": list(rows),
        "bases": [FleetBase(base="someone/base", adapters=len(rows), fingerprints=prints)],
        "bands": [
            FleetBand(
                group="base, LoRA, r=8", measure="frobenius_norm", adapters=len(rows), low=1.0, median=3.0, high=9.0
            )
        ],
        "pairs": [],
        "compared": 0,
        "overlaps": [],
        "read": len(rows),
    }
    return Fleet(**{**fields, **changes})


def report(found: Fleet) -> Report:
    """What the default policy makes of it."""
    return judged(Subject(path="adapters"), Measurements(fleet=found), Accounting(), default_policy())


def scanned(*rows: FleetAdapter, **changes: Any) -> Make:
    """A scan that came to this."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        (tmp / FILE).write_bytes(msgspec.json.encode(fleet(*rows, **changes)))
        return tmp / FILE

    return build


def is_scanned(path: Path) -> bool:
    """Whether a scan is told of there."""
    return path.name == FILE


def findings_of(path: Path) -> list[Finding]:
    """What rules say of the scan."""
    return report(msgspec.convert(json.loads(path.read_text()), Fleet)).findings


SAME = FleetPair(a=0, b=1, relation="same", cosine=1.0, distance=0.001)
OVERLAP = FleetOverlap(
    module="model.layers.0.self_attn.q_proj",
    adapters=[0, 1],
    nearest=[1, 0],
    nearest_left=[0.4, 0.4],
    mean_left=0.4,
    mean_right=0.1,
    expected_left=0.08,
    expected_right=0.08,
    file="out/overlap-0.npy",
)

PROVOKED: dict[str, Make] = {
    "LD522": scanned(adapter("a"), adapter("b", verdict="fail", errors=1, codes=["LD107"])),
    "LD523": scanned(adapter("a"), FleetAdapter(path="adapters/b", problem="is cut short")),
    "LD524": scanned(adapter("a"), adapter("b", base_fingerprint="0" * 64)),
    "LD525": scanned(adapter("a"), adapter("b", stamped=False, base=None, owner=None)),
    "LD526": scanned(adapter("a"), adapter("b"), pairs=[SAME]),
    "LD527": scanned(adapter("a"), adapter("b", outlying={"frobenius_norm": 12.0})),
    "LD528": scanned(adapter("a"), incomplete=True),
}
"""A scan for every rule that it provokes."""
