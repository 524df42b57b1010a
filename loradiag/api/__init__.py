"""The functions behind the commands: measure, judge, report."""

from loradiag.api.alarms import alarms, settle_alarm, watch_days, watched
from loradiag.api.baselines import baseline, calibrate_check
from loradiag.api.canary import canary
from loradiag.api.comparing import compare
from loradiag.api.drifting import drift_check
from loradiag.api.embedding import embed_traffic
from loradiag.api.forgetting import InterruptedRunError, forgetting, forgetting_all
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
