"""The header facts of a report in words, the same for every output that people read. All text is safe to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from loradiag.core.identity import Provenance
from loradiag.core.report import Report
from loradiag.core.text import plural, printable, shorten


def facts(report: Report) -> list[tuple[str, str]]:
    """Pairs of label and text: method, base, rank, scale, modules, parameters, size, hash, how it was recognised; the base.

    Of traffic, of which there is no adapter at hand: the baseline, the windows, the requests.
    """
    drift = report.measurements.drift
    if drift is not None and report.measurements.integrity is None:
        from loradiag.outputs.trafficfacts import traffic_facts

        return traffic_facts(report, drift)
    watch = report.measurements.watch
    if watch is not None and report.measurements.integrity is None:
        from loradiag.outputs.watch import facts_of

        return facts_of(report, watch)
    if report.measurements.canary is not None and report.measurements.integrity is None:
        from loradiag.outputs.canary import facts_of as canary_facts

        return canary_facts(report.measurements.canary)
    if report.measurements.served is not None and report.measurements.integrity is None:
        from loradiag.outputs.served import facts_of as served_facts

        return served_facts(report.measurements.served)
    if report.measurements.fleet is not None:
        from loradiag.outputs.fleet import facts_of as fleet_facts

        return fleet_facts(report.measurements.fleet)
    if report.measurements.comparison is not None:
        from loradiag.outputs.comparing import facts_of as compared_facts

        return compared_facts(report.measurements.comparison)
    if report.measurements.trajectory is not None and report.measurements.integrity is None:
        from loradiag.outputs.learning import facts_of as series_facts

        return series_facts(report, report.measurements.trajectory)
    if report.measurements.registered is not None and report.measurements.integrity is None:
        from loradiag.outputs.registered import facts_of as registered_facts

        return registered_facts(report, report.measurements.registered)
    return [*_of_adapter(report), *_beside(report)]


def _of_adapter(report: Report) -> list[tuple[str, str]]:
    """What was opened: how it was made, how large it is, how it was recognised."""
    subject, coverage = report.subject, report.measurements.coverage
    scale = report.measurements.scale
    layers = sum(stack.layers for stack in coverage.stacks) if coverage else 0
    modules = f"{subject.modules:,}" + (f" in {plural(layers, 'layer')}" if layers else "")
    rows = [
        ("method", shorten(printable(subject.method or "unknown"), 60)),
        ("base", _base(report)),
        ("rank", _counted(subject.ranks)),
        ("scale", _counted(subject.scales) + (f"  ({_convention(scale.convention)})" if scale else "")),
        ("modules", modules),
        ("parameters", f"{subject.parameters:,}"),
        ("size", f"{size(subject.bytes)}, {shorten(printable(subject.dtype or '?'), 40)}"),
        ("sha256", first_digits(subject.sha256)),
        (
            "layout",
            f"{shorten(printable(subject.layout or '?'), 40)}: {shorten(printable(subject.layout_reason or ''), 90)}",
        ),
    ]
    if subject.step is not None:
        rows.insert(0, ("step", f"{subject.step:,}"))
    if coverage and coverage.saved_modules:
        saved = [shorten(printable(name), 40) for name in coverage.saved_modules[:4]]
        rows.append(("saved whole", ", ".join(saved) + ("…" if len(coverage.saved_modules) > 4 else "")))
    return rows


def _beside(report: Report) -> Iterator[tuple[str, str]]:
    """The base that was given, its fingerprint, whether the stamp holds, and the updates as a whole."""
    base, relative = report.measurements.base, report.measurements.relative
    if base is not None:
        kind = [base.model_type or "", f"{_count(base.parameters)} parameters", base.scheme or base.dtype or ""]
        said = ", ".join(shorten(printable(part), 24) for part in kind if part)
        yield "base given", f"{shorten(printable(base.name), 40)}: {said}"
        full = f", full {first_digits(base.fingerprint_full)}" if base.fingerprint_full else ""
        yield "fingerprint", f"{first_digits(base.fingerprint)}{full}"
    if base is not None or report.measurements.provenance is not None:
        yield "stamp", _stamp(report.measurements.provenance)
    if relative is not None and relative.relative_frobenius is not None:
        lost = (
            ""
            if relative.swallowed_share is None
            else f", a merge loses {percent(relative.swallowed_share)} of entries"
        )
        yield "update", f"{short_number(relative.relative_frobenius)} of ‖W‖{lost}"


def origin(report: Report) -> list[tuple[str, str]]:
    """Pairs of label and text: what wrote the adapter, and for what. They are as its files have them, not safe to show."""
    identity = report.measurements.identity
    if identity is None:
        return []
    pairs = [
        ("task", identity.task_type),
        ("initialised by", identity.init),
        (
            "written by",
            f"peft {identity.library_version}"
            if identity.library_version and report.subject.layout == "peft"
            else None,
        ),
        ("weight files", ", ".join(shorten(name, 60) for name in identity.weight_files[:3]) or None),
    ]
    return [(label, text) for label, text in pairs if text]


def _stamp(stamp: Provenance | None) -> str:
    """Whether the stamp's weights and base are these, in a word or two."""
    if stamp is None:
        return "none"
    if stamp.problem:
        return "cannot be read"
    parts = (("weights", stamp.weights_match), ("base", stamp.base_match))
    differing = [noun for noun, same in parts if same is False]
    if differing:
        return f"differs: other {' and other '.join(differing)}"
    matching = [noun for noun, same in parts if same]
    return f"matches: {' and '.join(matching)}" if matching else "not compared"


def _base(report: Report) -> str:
    identity = report.measurements.identity
    if not report.subject.base:
        return "not named"
    name = shorten(printable(report.subject.base), 60)
    revision = f" @ {shorten(printable(report.subject.revision), 12)}" if report.subject.revision else ""
    return name + revision + (" (local path)" if identity and identity.base_kind == "local-path" else "")


def _counted(values: Mapping[str, int]) -> str:
    """``16``, or ``8 (12×), 4 (12×)`` where modules differ."""
    named = [(shorten(printable(value), 16), count) for value, count in list(values.items())[:4]]
    shown = [f"{value} ({count}×)" if len(values) > 1 else value for value, count in named]
    return ", ".join(shown) + ("…" if len(values) > 4 else "") or "none"


def _convention(convention: str) -> str:
    known = {"alpha/r": "α/r", "alpha/sqrt(r)": "α/√r", "stored": "as stored"}
    return known.get(convention) or shorten(printable(convention), 40)


def first_digits(digest: str | None) -> str:
    """A hash by its first sixteen digits."""
    return f"{printable(digest[:16])}…" if digest else "unknown"


def percent(share: float | None) -> str:
    """A share in few characters; a dash for what is not known."""
    if share is None:
        return "–"
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}" if share >= 0.0005 else "<0.1%"


def _count(number: int) -> str:
    """A large count in the unit that people would use: ``15.7M``."""
    return _scaled(number, ("", "k", "M", "B", "T"))


def size(count: int) -> str:
    """Bytes in the unit that people would use: ``1.75 MB``."""
    return _scaled(count, (" B", " kB", " MB", " GB", " TB"))


def _scaled(count: int, units: Sequence[str]) -> str:
    """Three digits, and the unit that leaves no more before the point."""
    value = float(count)
    for unit in units[:-1]:
        if value < 999.5:  # from there on three digits would write 1e+03
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}{units[-1]}"


def short_number(value: float | None) -> str:
    """At most four characters of digits where they suffice; a dash for what could not be measured."""
    if value is None:
        return "–"
    if abs(value) < 10_000 and value == int(value):
        return str(int(value))
    if 0.01 <= abs(value) < 10_000:
        return f"{value:.3g}"
    return f"{value:.1e}"
