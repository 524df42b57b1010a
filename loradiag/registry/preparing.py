"""From a report, and the stamp beside it, to the rows that it comes to. No database."""

from __future__ import annotations

import datetime
import hashlib
import os
import re
from pathlib import Path
from typing import Any

import msgspec

from loradiag.adapters.stamps import Stamp
from loradiag.core.findings import Disposition, Severity
from loradiag.core.kinds import OF_TRAFFIC, kind_of
from loradiag.core.report import Report
from loradiag.core.text import name_of
from loradiag.core.times import written
from loradiag.registry.scores import of_report, of_stamp
from loradiag.registry.stamped import Stamped, stamped
from loradiag.registry.texts import MAX_PATH, MAX_TEXT, kept, maybe, moment
from loradiag.storage.urls import is_remote, shown

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SCHEME = re.compile(r"(models|runs|mlflow-artifacts):/", re.ASCII)


class Prepared(msgspec.Struct, frozen=True):
    """The rows of one report. ``adapter`` has only what the report knows; ``name`` is for one that lies nowhere."""

    sha256: str
    at: str
    adapter: dict[str, Any]
    report: dict[str, Any]
    evaluations: list[dict[str, Any]]
    said: Stamped | None
    path: str | None
    name: str


def prepared(report: Report, stamp: Stamp | None, path: str | Path | None) -> Prepared | str:
    """Return the rows, or why there are none.

    Args:
        report: Of one adapter.
        stamp: The stamp beside it, where it is at hand.
        path: Where the adapter was seen; what the report calls it if None.
    """
    subject = report.subject
    integrity = report.measurements.integrity
    if integrity is not None and integrity.unreadable is not None:
        return f"cannot be read: {integrity.unreadable.detail}"
    if report.measurements.registered is not None:
        return "is what this registry itself said"
    sha256 = subject.sha256 or ""
    if not _SHA256.fullmatch(sha256):
        return "does not say of which weights it is (no sha256), so there is nothing to record it under"
    at = moment(report.created)
    if at is None:
        return "does not say when it was made"
    if at > tomorrow():
        return f"says that it was made in the future ({at}); it would be the newest until then"
    kind = kind_of(report.measurements)
    said = stamped(report, stamp)
    place = place_of(path) if path is not None else None if kind in OF_TRAFFIC else kept(subject.path, MAX_PATH)
    return Prepared(
        sha256=sha256,
        at=at,
        adapter=_adapter(report),
        report=_report(report, kind, at),
        evaluations=[*of_report(report, sha256, at), *of_stamp(said, sha256, at)],
        said=said,
        path=place,
        name=kept(name_of(place or subject.path)),
    )


def tomorrow() -> str:
    """Clocks differ a little; nobody's is a day ahead."""
    return written(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1))


def place_of(path: str | Path) -> str:
    """A path as the registry keeps it: absolute; a URL without credentials."""
    text = str(path)
    if _SCHEME.match(text) or is_remote(text):
        return kept(shown(text), MAX_PATH)
    absolute = os.path.abspath(os.fsencode(text))
    return kept(absolute.decode("utf-8", "backslashreplace"), MAX_PATH)


def _adapter(report: Report) -> dict[str, Any]:
    """What the report knows of the adapter; what it does not know is left out."""
    subject = report.subject
    found = {
        "base": maybe(subject.base),
        "revision": maybe(subject.revision),
        "base_fingerprint": maybe(subject.base_fingerprint),
        "method": maybe(subject.method),
        "layout": maybe(subject.layout),
        "rank": maybe(", ".join(list(subject.ranks)[:8])),
        "modules": subject.modules or None,
        "parameters": subject.parameters or None,
        "bytes": subject.bytes or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _report(report: Report, kind: str, at: str) -> dict[str, Any]:
    document = msgspec.json.encode(report)
    timeless = msgspec.json.encode(msgspec.structs.replace(report, created=""))
    grave = {
        finding.code
        for finding in report.findings
        if finding.disposition is Disposition.ACTIVE and finding.severity is not Severity.INFO
    }
    return {
        "kind": kind,
        "digest": hashlib.sha256(timeless).hexdigest(),
        "created": at,
        "confirmed": at,
        "schema_version": kept(report.schema_version, 16),
        "tool_version": kept(report.tool.version, 64),
        "verdict": report.verdict.status.value,
        "decided_by": kept(" ".join(report.verdict.decided_by), MAX_TEXT),
        "codes": kept(" ".join(sorted(grave)), MAX_TEXT),
        "document": document,  # compressed where it turns out to be new
        "size": len(document),
    }
