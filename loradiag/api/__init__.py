"""The functions behind the commands: measure, judge, report.

A name is imported when it is first used: a command starts with what it needs, and with no other command's functions.
No file here may have the name of a function: whoever imported the file would find it in the function's place.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loradiag.api.abilities import InterruptedRunError, forgetting, forgetting_all
    from loradiag.api.alarming import alarms, settle_alarm, watch_days, watched
    from loradiag.api.baselines import baseline, calibrate_check
    from loradiag.api.canaries import canary
    from loradiag.api.comparing import compare
    from loradiag.api.drifting import drift_check
    from loradiag.api.embedding import embed_traffic
    from loradiag.api.inspecting import Against, inspect, inspect_all
    from loradiag.api.judging import default_policy, judge, read_policy, read_reports
    from loradiag.api.merging import merge_drift
    from loradiag.api.overview import Overview, open_overview
    from loradiag.api.registry import Registry, open_registry
    from loradiag.api.scanning import InterruptedScanError, scan_fleet
    from loradiag.api.served import serve_check
    from loradiag.api.traffic import InterruptedIngestError, compact, ingest, traffic_stats
    from loradiag.api.trajectories import trajectory
    from loradiag.api.watching import keep_watching, watch

_HOMES = {
    "Against": "loradiag.api.inspecting",
    "InterruptedIngestError": "loradiag.api.traffic",
    "InterruptedRunError": "loradiag.api.abilities",
    "InterruptedScanError": "loradiag.api.scanning",
    "Overview": "loradiag.api.overview",
    "Registry": "loradiag.api.registry",
    "alarms": "loradiag.api.alarming",
    "baseline": "loradiag.api.baselines",
    "calibrate_check": "loradiag.api.baselines",
    "canary": "loradiag.api.canaries",
    "compact": "loradiag.api.traffic",
    "compare": "loradiag.api.comparing",
    "default_policy": "loradiag.api.judging",
    "drift_check": "loradiag.api.drifting",
    "embed_traffic": "loradiag.api.embedding",
    "forgetting": "loradiag.api.abilities",
    "forgetting_all": "loradiag.api.abilities",
    "ingest": "loradiag.api.traffic",
    "inspect": "loradiag.api.inspecting",
    "inspect_all": "loradiag.api.inspecting",
    "judge": "loradiag.api.judging",
    "keep_watching": "loradiag.api.watching",
    "merge_drift": "loradiag.api.merging",
    "open_overview": "loradiag.api.overview",
    "open_registry": "loradiag.api.registry",
    "read_policy": "loradiag.api.judging",
    "read_reports": "loradiag.api.judging",
    "scan_fleet": "loradiag.api.scanning",
    "serve_check": "loradiag.api.served",
    "settle_alarm": "loradiag.api.alarming",
    "traffic_stats": "loradiag.api.traffic",
    "trajectory": "loradiag.api.trajectories",
    "watch": "loradiag.api.watching",
    "watch_days": "loradiag.api.alarming",
    "watched": "loradiag.api.alarming",
}

__all__ = [
    "Against",
    "InterruptedIngestError",
    "InterruptedRunError",
    "InterruptedScanError",
    "Overview",
    "Registry",
    "alarms",
    "baseline",
    "calibrate_check",
    "canary",
    "compact",
    "compare",
    "default_policy",
    "drift_check",
    "embed_traffic",
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
    "scan_fleet",
    "serve_check",
    "settle_alarm",
    "traffic_stats",
    "trajectory",
    "watch",
    "watch_days",
    "watched",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'loradiag.api' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
