"""A report in a few numbers and words, under names that stay: what experiment trackers get of it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from loradiag.core.findings import Disposition, Severity
from loradiag.core.kinds import kind_of
from loradiag.core.numbers import median
from loradiag.core.report import Report
from loradiag.core.text import printable, shorten
from loradiag.core.verdict import Status

PREFIX = "loradiag/"
MAX_SCORES = 200
"""Tasks and routes of one report that are logged; the report itself has all."""

_VERDICTS = {Status.PASS: 1.0, Status.INCONCLUSIVE: 0.5, Status.FAIL: 0.0}
_NAME = re.compile(r"[^\w\-./ ]", re.ASCII)


def metrics(report: Report) -> dict[str, float]:
    """Return finite numbers by name: verdict (1 pass, 0.5 inconclusive, 0 fail), counts, medians over modules, scores."""
    counts = Counter(row.severity for row in report.findings if row.disposition is Disposition.ACTIVE)
    found: dict[str, float | None] = {
        "verdict": _VERDICTS[report.verdict.status],
        "errors": counts[Severity.ERROR],
        "warnings": counts[Severity.WARNING],
    }
    spectrum, relative = report.measurements.spectrum, report.measurements.relative
    if spectrum is not None:
        rows = [row for row in spectrum.modules if row.spectral_norm]
        found["stable_rank"] = median(row.stable_rank for row in rows if row.stable_rank is not None)
        found["frobenius"] = median(row.frobenius_norm for row in rows if row.frobenius_norm is not None)
        found["spectral"] = max((row.spectral_norm for row in rows if row.spectral_norm is not None), default=None)
    if relative is not None:
        found["relative_frobenius"] = relative.relative_frobenius
    found |= dict(list(_scores(report))[:MAX_SCORES])
    return {PREFIX + name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def tags(report: Report) -> dict[str, str]:
    """Return words by name. Tags and not parameters, since a run's parameters can be written once only."""
    subject = report.subject
    found = {
        "kind": kind_of(report.measurements),
        "verdict": report.verdict.status.value,
        "decided_by": " ".join(report.verdict.decided_by),
        "sha256": subject.sha256,
        "base": subject.base,
        "revision": subject.revision,
        "method": subject.method,
        "version": report.tool.version,
        "created": report.created,
    }
    return {f"loradiag.{name}": shorten(printable(value), 400) for name, value in found.items() if value}


def _scores(report: Report) -> Iterator[tuple[str, float | None]]:
    """Scores and differences by task, outputs' distances by route."""
    forgetting, merge = report.measurements.forgetting, report.measurements.merge
    for score in forgetting.tasks if forgetting else ():
        if score.primary and score.route is None:
            name = _NAME.sub("_", shorten(score.task, 100))
            yield f"forgetting/{name}/score", score.adapter
            yield f"forgetting/{name}/difference", score.difference
    for route in merge.routes if merge else ():
        name = _NAME.sub("_", shorten(route.route, 60))
        yield f"merge/{name}/gain", route.gain
        yield f"merge/{name}/kld_mean", route.kld_mean
