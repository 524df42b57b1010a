"""The functions behind the commands: measure, judge, report."""

from loradiag.api.forgetting import InterruptedRunError, forgetting, forgetting_all
from loradiag.api.inspecting import Against, inspect, inspect_all
from loradiag.api.judging import default_policy, judge, read_policy, read_reports
from loradiag.api.merging import merge_drift

__all__ = [
    "Against",
    "InterruptedRunError",
    "default_policy",
    "forgetting",
    "forgetting_all",
    "inspect",
    "inspect_all",
    "judge",
    "merge_drift",
    "read_policy",
    "read_reports",
]
