"""GitHub Actions: a workflow command for each finding that counts, and a line that sums up each report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loradiag.core.findings import Finding, Severity
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.arrange import active, deciding, tally
from loradiag.outputs.notes import Aside, asides
from loradiag.outputs.style import Style

NAMES = 40
"""Routes or tasks named in one note."""

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(reports: Sequence[Report], style: Style) -> str:  # noqa: ARG001 - every output takes a style
    """Return the commands, worst first within each report, each followed by what the report comes to."""
    lines = []
    for report in reports:
        quiet = asides(report)
        apart = [finding for part in quiet for finding in part.notes]
        lines += [_command(report, finding) for finding in active(report) if finding not in apart]
        for part in quiet:
            lines += _notes(report, part)
        lines.append(_summary(report))
    return "\n".join(lines) + "\n"


def _command(report: Report, finding: Finding) -> str:
    title = _property(f"{finding.code} {finding.rule}")
    advice = f" → {finding.advice}" if finding.advice else ""
    message = _data(f"{shorten(printable(report.subject.path), 200)}: {finding.message}{advice}")
    return f"::{_COMMANDS[finding.severity]} title={title}::{message}"


def _notes(report: Report, part: Aside) -> Iterable[str]:
    """Notes that lists may leave out, one a rule: a step on GitHub shows ten of a kind at most."""
    for code, rule in dict.fromkeys((finding.code, finding.rule) for finding in part.notes):
        names = [part.about(finding) for finding in part.notes if finding.code == code]
        listing = listed(names, NAMES)
        said = f"{shorten(printable(report.subject.path), 200)}: {plural(len(names), part.noun)}: {listing}"
        yield f"::{_COMMANDS[Severity.INFO]} title={_property(f'{code} {rule}')}::{_data(said)}"


def _summary(report: Report) -> str:
    decided = f", decided by {deciding(report)}" if report.verdict.decided_by else ""
    said = f"{report.subject.path}: {report.verdict.status.value}{decided} ({tally(report)})"
    # The old form of commands, ##[command], is obeyed wherever it stands in a line; the new one only at its start.
    return "loradiag: " + printable(said).replace("##[", "## [")


def _data(text: str) -> str:
    """Escape the message of a command as the runner's toolkit does."""
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape the value of a command's property, which a colon or a comma would end."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
