"""What the registry knows of an adapter in words, the same for every output. All text is safe to show."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.registered import Registered
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.facts import first_digits


def facts_of(report: Report, found: Registered) -> list[tuple[str, str]]:
    """Pairs of label and text."""
    subject = report.subject
    data = first_digits(found.data_sha256) if found.data_sha256 else "no hash"
    inspected = f"{found.inspection}, {_day(found.inspected)}" if found.inspection else "never"
    evaluated = (
        f"{plural(found.evaluations, 'result')}, the newest of {_day(found.evaluated)}"
        if found.evaluations
        else "never"
    )
    pairs = [
        ("registry", shorten(printable(found.registry), 60)),
        ("stage", found.stage or "none said"),
        ("owner", shorten(printable(found.owner), 60) if found.owner else "nobody"),
        ("base", shorten(printable(subject.base), 60) if subject.base else "not named"),
        ("sha256", first_digits(subject.sha256)),
        ("data", data),
        ("inspected", inspected),
        ("evaluated", evaluated),
        ("seen", f"{_day(found.first_seen)} to {_day(found.last_seen)} in {plural(found.paths, 'place')}"),
        ("tags", listed([shorten(printable(tag), 30) for tag in found.tags], 6)),
    ]
    return [(label, text) for label, text in pairs if text]


def in_short(reports: Sequence[Report]) -> list[str]:
    """The stage of each in the registry; nothing where none was asked about."""
    found = [report.measurements.registered for report in reports]
    return [(row.stage or "no stage") if row else "" for row in found] if any(found) else []


def _day(moment: str | None) -> str:
    return printable((moment or "?")[:10])
