"""Marks and words of a terminal with their colours; a colour never stands alone."""

from __future__ import annotations

from loradiag.core.findings import Severity
from loradiag.core.verdict import Status
from loradiag.outputs.arrange import DEPLOY_MARKS, SEVERITY_MARKS, STATUS_MARKS

_COLORS = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "cyan"}
_VERDICTS = {Status.PASS: "bold green", Status.FAIL: "bold red", Status.INCONCLUSIVE: "bold yellow"}
_DEPLOYS = {"yes": "green", "with-flag": "yellow", "no": "red", "unknown": "yellow"}

SEVERITY = {severity: (SEVERITY_MARKS[severity], color) for severity, color in _COLORS.items()}
STATUS = {status: (f"{STATUS_MARKS[status]} {status.value.upper()}", color) for status, color in _VERDICTS.items()}
DEPLOY = {status: (DEPLOY_MARKS[status], color) for status, color in _DEPLOYS.items()}
"""Of tools; another version of loradiag may know more statuses than these."""

ROUTE = {
    "pass": "bold green",
    "fail": "bold red",
    "inconclusive": "bold yellow",
    "not-applicable": "dim",
    "unfinished": "dim",
}
"""Colours of what became of a route; the marks are those of :mod:`loradiag.outputs.routes`."""
