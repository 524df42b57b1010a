"""Which findings may end a training run.

Most rules judge a finished adapter. One that has just begun is untrained, then undertrained, then of low rank, and is none
the worse for it; where it comes from, what it targets and where it can be deployed was decided before the first step. So only
the rules of these two tables may stop a run, whatever else a report says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from loradiag.core.findings import Disposition, Finding, Severity
from loradiag.core.report import Report

StopOn = Literal["error", "warning"]

AT_ONCE: Mapping[str, str] = {
    "LD105": "NaN and infinity stay",
    "LD206": "an update larger than any base's weights does not shrink by itself",
    "LD207": "nor does one that is as large as they are",
}
"""Rules that may stop a run at any step, and why."""

AFTER_GRACE: Mapping[str, str] = {
    "LD106": "B starts at zero, and a warm-up can begin with a learning rate of zero",
    "LD107": "an expert may have to wait for its first token",
}
"""Rules that may stop a run once it has had some steps, and why not before."""


def decisive(report: Report, floor: StopOn, steps: int, grace: int) -> Finding | None:
    """Return the worst finding that ends the run, if there is one.

    Args:
        report: Of the adapter as it is. What its policy ignores ends nothing.
        floor: Least severity.
        steps: How many steps this run has made; those before it was resumed do not count.
        grace: How many it may make before :data:`AFTER_GRACE` applies.
    """
    codes = {*AT_ONCE, *(AFTER_GRACE if steps >= grace else ())}
    for finding in report.findings:  # worst first
        active = finding.disposition is Disposition.ACTIVE
        if active and finding.code in codes and finding.severity.weight >= Severity(floor).weight:
            return finding
    return None
