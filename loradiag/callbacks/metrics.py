"""What of a report goes into the trainer's log: a few numbers under names that stay."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from loradiag.core.findings import Disposition, Severity
from loradiag.core.numbers import median
from loradiag.core.report import Report
from loradiag.core.updates import ModuleSpectrum


def metrics_of(report: Report) -> dict[str, float]:
    """Return medians over modules, and counts.

    Sizes and scales are over all modules whose update is finite; shapes of spectra over those whose update is not zero, and
    left out where there is none. Only finite numbers are returned.
    """
    spectrum, scale, integrity = report.measurements.spectrum, report.measurements.scale, report.measurements.integrity
    rows = spectrum.modules if spectrum else []
    live = [row for row in rows if row.spectral_norm]
    counts = Counter(row.severity for row in report.findings if row.disposition is Disposition.ACTIVE)
    problems = integrity.problems if integrity else []
    return finite(
        {
            "frobenius": _median(row.frobenius_norm for row in rows),
            "update_rms": _median(row.update_rms for row in (scale.modules if scale else [])),
            "scale": _median(row.scale for row in rows),
            "stable_rank": _median(row.stable_rank for row in live),
            "effective_rank_share": _share(live, lambda row: row.effective_rank),
            "entropy_rank_share": _share(live, lambda row: row.entropy_rank),
            "dead_modules": integrity.zero_modules if integrity else None,
            "nonfinite": sum(row.observed or 0 for row in problems if row.kind == "nonfinite"),
            "errors": counts[Severity.ERROR],
            "warnings": counts[Severity.WARNING],
        }
    )


def finite(values: Mapping[str, float | None]) -> dict[str, float]:
    """Leave out what could not be measured: NaN in a log stops some trackers and hides in others."""
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}


def _median(values: Iterable[float | None]) -> float | None:
    return median(value for value in values if value is not None)


def _share(rows: Iterable[ModuleSpectrum], measure: Callable[[ModuleSpectrum], float | None]) -> float | None:
    return _median(None if (value := measure(row)) is None else value / row.rank for row in rows if row.rank)
