"""How reports are arranged for people and for CI: what counts, what comes first, what a row is called."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePath, PurePosixPath

from loradiag.core.findings import Disposition, Finding, Severity
from loradiag.core.integrity import Unreadable
from loradiag.core.numbers import median
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable
from loradiag.core.updates import ModuleSpectrum, VectorModule
from loradiag.core.verdict import Status

SEVERITY_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "▲", Severity.INFO: "•"}
STATUS_MARKS = {Status.PASS: "✓", Status.FAIL: "✗", Status.INCONCLUSIVE: "?"}
DEPLOY_MARKS = {"yes": "✓", "with-flag": "~", "no": "✗", "unknown": "?"}
DEPLOY_WORDS = {"yes": "yes", "with-flag": "with a flag", "no": "no", "unknown": "unknown"}


def active(report: Report) -> list[Finding]:
    """The findings that count."""
    return [finding for finding in report.findings if finding.disposition is Disposition.ACTIVE]


def ignored(report: Report) -> list[Finding]:
    """The findings that the policy sets aside."""
    return [finding for finding in report.findings if finding.disposition is Disposition.IGNORED]


def undecided(report: Report, finding: Finding) -> bool:
    """Whether this finding is why the verdict is inconclusive."""
    return report.verdict.status is Status.INCONCLUSIVE and finding.code in report.verdict.decided_by


def gates(report: Report, finding: Finding) -> bool:
    """Whether this finding makes the gate fail under the report's policy."""
    if finding.disposition is Disposition.IGNORED:
        return False
    if undecided(report, finding):
        return report.policy.inconclusive == "fail"
    return report.policy.fail_on != "never" and finding.severity.weight >= Severity(report.policy.fail_on).weight


def unreadable(report: Report) -> Unreadable | None:
    """Why nothing could be read, if so."""
    integrity = report.measurements.integrity
    return integrity.unreadable if integrity else None


def weights_path(report: Report) -> str:
    """Where the weights are, by the first of their files where several are known, as a CI looks for them in a repository.

    Relative to the current directory if they lie below it, and with slashes; as untrusted as any name of a file.
    """
    path = report.subject.path.replace("\\", "/") if os.sep == "\\" else report.subject.path
    identity = report.measurements.identity
    files = identity.weight_files if identity else []
    if files and PurePosixPath(path).name not in files:
        path = f"{path.rstrip('/')}/{files[0]}"
    below = f"{os.getcwd().replace(os.sep, '/').rstrip('/')}/"
    return path.removeprefix(below).removeprefix("./") or "."


def tally(report: Report) -> str:
    """The findings in numbers: ``1 error, 2 warnings, 1 ignored``."""
    counts = Counter(finding.severity for finding in active(report))
    nouns = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
    parts = [plural(counts[severity], noun) for severity, noun in nouns.items() if counts[severity]]
    aside = len(ignored(report))
    return ", ".join([*parts, *([f"{aside:,} ignored"] if aside else [])]) or "no findings"


def deciding(report: Report) -> str:
    """The rules that decided the verdict, code and name, or nothing."""
    names = {finding.code: finding.rule for finding in report.findings}
    return listed([printable(f"{code} {names.get(code, '')}".strip()) for code in report.verdict.decided_by], 3)


def worst_first(report: Report) -> list[ModuleSpectrum]:
    """Modules that findings name come first, by severity; then the ones farthest from their peers."""
    spectrum, scale = report.measurements.spectrum, report.measurements.scale
    modules = spectrum.modules if spectrum else []
    weight = weights(report)
    distance = {row.name: abs(row.norm_z or 0.0) for row in scale.modules} if scale else {}
    return sorted(modules, key=lambda row: (-weight.get(row.name, 0), -distance.get(row.name, 0.0)))


def weights(report: Report) -> dict[str, int]:
    """The gravest severity with which a finding names each module. One about all modules singles none out."""
    spectrum = report.measurements.spectrum
    total = len(spectrum.modules) if spectrum else 0
    weight: dict[str, int] = {}
    for finding in active(report):
        if len(finding.modules) < total:
            for name in finding.modules:
                weight[name] = max(weight.get(name, 0), finding.severity.weight)
    return weight


def vectors_first(report: Report) -> list[VectorModule]:
    """Vectors and prompts, those farthest from doing nothing first."""
    vectors = report.measurements.vectors
    return sorted(vectors.modules if vectors else [], key=lambda row: -(row.deviation or 0.0))


def is_series(reports: Sequence[Report]) -> bool:
    """Whether these are the checkpoints of one run: of different steps, in one directory."""
    steps = [report.subject.step for report in reports]
    folders = {PurePath(report.subject.path).parent for report in reports}
    return len(reports) > 1 and None not in steps and len(set(steps)) == len(steps) and len(folders) == 1


def labels(reports: Sequence[Report]) -> list[str]:
    """A short name for each report, safe to show: its step in a series, else its path below what all have in common."""
    if is_series(reports):
        return [f"step {report.subject.step:,}" for report in reports]
    paths = [report.subject.path for report in reports]
    if len(paths) < 2:
        return [printable(PurePath(path).name or path) for path in paths]
    try:
        parent = os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:  # absolute and relative paths, or two drives
        parent = ""
    return [printable(os.path.relpath(path, parent) if parent and "\0" not in path else path) for path in paths]


def middle(rows: Iterable[ModuleSpectrum], measure: str) -> float | None:
    """The median of a measure over the modules whose update is finite and not zero."""
    return median(value for row in rows if row.spectral_norm and (value := getattr(row, measure)) is not None)


OVERVIEW = {
    "stable_rank": "stable",
    "energy_rank_99": "99% in",
    "frobenius_norm": "‖ΔW‖F",
    "relative_frobenius": "‖ΔW‖/‖W‖",
    "intruders": "intr.",
}
"""What an overview of several reports shows of each, with short titles: medians; of intruders the mean a module."""


def overview_of(reports: Sequence[Report]) -> dict[str, list[float | None]]:
    """The columns of an overview by measure, a value a report. What no report has a base for is left out."""
    spectra = [report.measurements.spectrum for report in reports]
    columns: dict[str, list[float | None]] = {}
    if not all(without_spectra(report) for report in reports):
        for name in ("stable_rank", "energy_rank_99", "frobenius_norm"):
            columns[name] = [middle(spectrum.modules if spectrum else [], name) for spectrum in spectra]
    if any(report.measurements.relative for report in reports):
        columns["relative_frobenius"] = [_median_relative(report) for report in reports]
    if any(report.measurements.intruders for report in reports):
        columns["intruders"] = [_mean_intruders(report) for report in reports]
    return columns


def without_spectra(report: Report) -> bool:
    """Whether this is about what is served, or about what it is asked, which are measured without spectra."""
    found = report.measurements
    apart = (found.merge, found.forgetting, found.registered)
    return any(part is not None for part in apart) or is_traffic(report) or is_together(report)


def has_modules(reports: Sequence[Report]) -> bool:
    """Whether any of them is about an adapter that was opened, and not about its traffic alone."""
    return any(not (is_traffic(report) or is_together(report)) or report.subject.modules for report in reports)


def is_together(report: Report) -> bool:
    """Whether this is about several adapters together, of which a line in an overview would say little."""
    found = report.measurements
    return any(part is not None for part in (found.comparison, found.trajectory, found.fleet))


def is_traffic(report: Report) -> bool:
    """Whether this is about what an adapter is asked: a check of it, a watch, a canary, or a check of what is served."""
    found = report.measurements
    return any(part is not None for part in (found.drift, found.watch, found.canary, found.served))


def _median_relative(report: Report) -> float | None:
    relative = report.measurements.relative
    rows = relative.modules if relative else []
    return median(row.relative_frobenius for row in rows if row.relative_frobenius is not None)


def _mean_intruders(report: Report) -> float | None:
    intruders = report.measurements.intruders
    counts = [row.count for row in intruders.modules if row.count is not None] if intruders else []
    return sum(counts) / len(counts) if counts else None
