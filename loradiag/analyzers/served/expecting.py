"""What reports on adapters say of their updates: whether they should answer otherwise than their base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from loradiag.core.report import Report
from loradiag.core.served import Told

_WEAK = "LD205"
"""The rule of updates that are too small to do much."""


def told_by(report: Report) -> tuple[Told | None, float | None]:
    """What a report says of the update, and its size beside the base's weights where it was inspected beside one."""
    found = report.measurements
    integrity, spectrum, relative = found.integrity, found.spectrum, found.relative
    if integrity is None or integrity.unreadable is not None:
        return None, None
    size = relative.relative_frobenius if relative is not None else None
    vectors = found.vectors.modules if found.vectors is not None else []
    norms = [row.frobenius_norm for row in spectrum.modules] if spectrum is not None else []
    saved = found.coverage.saved_modules if found.coverage is not None else []
    still = all(norm == 0 for norm in norms) and all(row.deviation == 0 for row in vectors)
    if (norms or vectors) and still:
        # Layers that are stored whole may differ from the base's though every update is zero.
        return ("zero", size) if not saved else (None, size)
    if size is None and any(finding.code == _WEAK for finding in report.findings):
        return "weak", size
    return ("live", size) if norms or vectors or saved else (None, size)


def matched(reports: Mapping[str, Report], names: Sequence[str], roots: Mapping[str, str]) -> dict[str, Report]:
    """The report of each adapter: by its name, by the folder that the server took it from, or by the folder's last part.

    Args:
        reports: By a name that the user gave them, else by what they are about.
        names: Of the adapters that are served.
        roots: Where the server says that it took each from.
    """
    by_name = dict(reports)
    for report in reports.values():
        path = PurePath(report.subject.path)
        by_name.setdefault(report.subject.path, report)
        by_name.setdefault(path.name, report)
        by_name.setdefault(path.parent.name if path.suffix else path.name, report)
    found = {}
    for name in names:
        root = roots.get(name, "")
        keys = (name, root, PurePath(root).name, PurePath(name).name)
        key = next((key for key in keys if key and key in by_name), None)
        if key is not None:
            found[name] = by_name[key]
    return found
