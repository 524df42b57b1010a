"""Diagnostics and monitoring for trained LoRA adapters.

>>> import loradiag
>>> report = loradiag.inspect("fixtures/adapters/healthy")
>>> report.verdict.status
<Status.PASS: 'pass'>

Importing this package is light: what a name needs is imported when the name is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from loradiag._about import __version__

if TYPE_CHECKING:
    from loradiag.api import (
        Against,
        InterruptedIngestError,
        InterruptedRunError,
        InterruptedScanError,
        Overview,
        Registry,
        alarms,
        baseline,
        calibrate_check,
        canary,
        compact,
        compare,
        drift_check,
        embed_traffic,
        forgetting,
        forgetting_all,
        ingest,
        inspect,
        inspect_all,
        judge,
        keep_watching,
        merge_drift,
        open_overview,
        open_registry,
        read_policy,
        read_reports,
        scan_fleet,
        serve_check,
        settle_alarm,
        traffic_stats,
        trajectory,
        watch,
        watch_days,
        watched,
    )
    from loradiag.core.errors import InputError, LoradiagError
    from loradiag.core.policy import Policy
    from loradiag.core.report import Report
    from loradiag.resizing.resize import resize
    from loradiag.saving.save import save_merged
    from loradiag.stamping.fingerprint import fingerprint
    from loradiag.stamping.stamp import stamp

_HOMES = {
    "Against": "loradiag.api",
    "InputError": "loradiag.core.errors",
    "InterruptedIngestError": "loradiag.api",
    "InterruptedRunError": "loradiag.api",
    "InterruptedScanError": "loradiag.api",
    "LoradiagError": "loradiag.core.errors",
    "Overview": "loradiag.api",
    "Policy": "loradiag.core.policy",
    "Registry": "loradiag.api",
    "Report": "loradiag.core.report",
    "alarms": "loradiag.api",
    "baseline": "loradiag.api",
    "calibrate_check": "loradiag.api",
    "canary": "loradiag.api",
    "compact": "loradiag.api",
    "compare": "loradiag.api",
    "drift_check": "loradiag.api",
    "embed_traffic": "loradiag.api",
    "fingerprint": "loradiag.stamping.fingerprint",
    "forgetting": "loradiag.api",
    "forgetting_all": "loradiag.api",
    "ingest": "loradiag.api",
    "inspect": "loradiag.api",
    "inspect_all": "loradiag.api",
    "judge": "loradiag.api",
    "keep_watching": "loradiag.api",
    "merge_drift": "loradiag.api",
    "open_overview": "loradiag.api",
    "open_registry": "loradiag.api",
    "read_policy": "loradiag.api",
    "read_reports": "loradiag.api",
    "resize": "loradiag.resizing.resize",
    "save_merged": "loradiag.saving.save",
    "serve_check": "loradiag.api",
    "scan_fleet": "loradiag.api",
    "settle_alarm": "loradiag.api",
    "stamp": "loradiag.stamping.stamp",
    "traffic_stats": "loradiag.api",
    "trajectory": "loradiag.api",
    "watch": "loradiag.api",
    "watch_days": "loradiag.api",
    "watched": "loradiag.api",
}

__all__ = [
    "Against",
    "InputError",
    "InterruptedIngestError",
    "InterruptedRunError",
    "InterruptedScanError",
    "LoradiagError",
    "Overview",
    "Policy",
    "Registry",
    "Report",
    "__version__",
    "alarms",
    "baseline",
    "calibrate_check",
    "canary",
    "compact",
    "compare",
    "drift_check",
    "embed_traffic",
    "fingerprint",
    "forgetting",
    "forgetting_all",
    "ingest",
    "inspect",
    "inspect_all",
    "judge",
    "keep_watching",
    "merge_drift",
    "open_overview",
    "open_registry",
    "read_policy",
    "read_reports",
    "resize",
    "save_merged",
    "scan_fleet",
    "serve_check",
    "settle_alarm",
    "stamp",
    "traffic_stats",
    "trajectory",
    "watch",
    "watch_days",
    "watched",
]


def __getattr__(name: str) -> Any:
    """Import what ``name`` stands for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'loradiag' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Names for completion."""
    return sorted(__all__)
