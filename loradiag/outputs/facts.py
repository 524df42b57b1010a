"""The header facts of a report in words, the same for every output that people read. All text is safe to show."""

from __future__ import annotations

from collections.abc import Mapping

from loradiag.core.report import Report
from loradiag.core.text import plural, printable, shorten


def facts(report: Report) -> list[tuple[str, str]]:
    """Pairs of label and text: method, base, rank, scale, modules, parameters, size, hash, and how it was recognised."""
    subject, coverage = report.subject, report.measurements.coverage
    scale = report.measurements.scale
    layers = sum(stack.layers for stack in coverage.stacks) if coverage else 0
    modules = f"{subject.modules:,}" + (f" in {plural(layers, 'layer')}" if layers else "")
    rows = [
        ("method", printable(subject.method or "unknown")),
        ("base", _base(report)),
        ("rank", _counted(subject.ranks)),
        ("scale", _counted(subject.scales) + (f"  ({_convention(scale.convention)})" if scale else "")),
        ("modules", modules),
        ("parameters", f"{subject.parameters:,}"),
        ("size", f"{size(subject.bytes)}, {printable(subject.dtype or '?')}"),
        ("sha256", f"{(subject.sha256 or '')[:16]}…" if subject.sha256 else "unknown"),
        ("layout", f"{printable(subject.layout or 'unknown')}: {shorten(printable(subject.layout_reason or ''), 90)}"),
    ]
    if subject.step is not None:
        rows.insert(0, ("step", f"{subject.step:,}"))
    if coverage and coverage.saved_modules:
        saved = [shorten(printable(name), 40) for name in coverage.saved_modules[:4]]
        rows.append(("saved whole", ", ".join(saved) + ("…" if len(coverage.saved_modules) > 4 else "")))
    return rows


def _base(report: Report) -> str:
    identity = report.measurements.identity
    if not report.subject.base:
        return "not named"
    name = shorten(printable(report.subject.base), 60)
    revision = f" @ {shorten(printable(report.subject.revision), 12)}" if report.subject.revision else ""
    return name + revision + (" (local path)" if identity and identity.base_kind == "local-path" else "")


def _counted(values: Mapping[str, int]) -> str:
    """``16``, or ``8 (12×), 4 (12×)`` where modules differ."""
    shown = [f"{value} ({count}×)" if len(values) > 1 else value for value, count in list(values.items())[:4]]
    return ", ".join(shown) + ("…" if len(values) > 4 else "") or "none"


def _convention(convention: str) -> str:
    return {"alpha/r": "α/r", "alpha/sqrt(r)": "α/√r", "stored": "as stored"}.get(convention, convention)


def size(count: int) -> str:
    """Bytes in the unit that people would use: ``1.75 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def short_number(value: float | None) -> str:
    """At most four characters of digits where they suffice; a dash for what could not be measured."""
    if value is None:
        return "–"
    if value == 0 or (value == int(value) and abs(value) < 10_000):
        return str(int(value))
    if 0.01 <= abs(value) < 10_000:
        return f"{value:.3g}"
    return f"{value:.1e}"
