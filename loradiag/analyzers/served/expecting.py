"""What reports on adapters say of their updates: whether they should answer otherwise than their base."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from loradiag.core.report import Report
from loradiag.core.served import Told

_WEAK = "LD205"
"""The rule of updates that are too small to do much."""

_FILES = frozenset({".safetensors", ".npz", ".bin", ".pt", ".pth", ".ckpt", ".gguf"})
"""How files of weights end. Folders may have dots in their names too."""


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

    A last part that folders of several reports have belongs to none of them.

    Args:
        reports: By a name that the user gave them, else by what they are about.
        names: Of the adapters that are served.
        roots: Where the server says that it took each from.
    """
    whole = {report.subject.path: report for report in reports.values()} | dict(reports)
    parts: dict[str, list[Report]] = defaultdict(list)
    for report in reports.values():
        for part in _last_parts(report.subject.path):
            parts[part].append(report)
    alone = {part: rows[0] for part, rows in parts.items() if all(row is rows[0] for row in rows)}
    found = {}
    for name in names:
        root = roots.get(name, "")
        looked_for = (whole.get(name), whole.get(root), *map(alone.get, (name, *_last_parts(root), *_last_parts(name))))
        own = next((report for report in looked_for if report is not None), None)
        if own is not None:
            found[name] = own
    return found


def _last_parts(path: str) -> list[str]:
    """What the folder of an adapter is called, and the file in it where the path is of that."""
    told = PurePath(path)
    parts = [told.name, told.parent.name] if told.suffix in _FILES else [told.name]
    return [part for part in parts if part]
