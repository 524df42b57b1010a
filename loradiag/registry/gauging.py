"""What the registry knows of an adapter as a measurement, for rules to judge."""

from __future__ import annotations

import msgspec

from loradiag.core.answers import Listed
from loradiag.core.registered import Registered
from loradiag.core.report import Subject
from loradiag.registry.texts import days_between


def registered(row: Listed, registry: str, at: str) -> tuple[Subject, Registered]:
    """Return the subject and the measurement.

    Args:
        row: The adapter.
        registry: What the registry is called, without credentials.
        at: Now; ages are counted to it.
    """
    subject = Subject(
        path=row.path or row.name,
        sha256=row.sha256,
        method=row.method,
        base=row.base,
        revision=row.revision,
        base_fingerprint=row.base_fingerprint,
        modules=row.modules or 0,
        parameters=row.parameters or 0,
        bytes=row.bytes or 0,
    )
    found = {
        "registry": registry,
        "stage": row.stage,
        "owner": row.owner,
        "data_sha256": row.data_sha256,
        "tags": row.tags,
        "paths": row.paths,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
        "reports": row.reports,
        "evaluations": row.evaluations,
        "evaluated": row.evaluated,
        "evaluated_days": _days(row.evaluated, at),
        "inspected": row.inspected,
        "inspected_days": _days(row.inspected, at),
        "inspection": row.verdict,
        "inspection_decided": row.decided_by,
    }
    return subject, msgspec.convert(found, Registered)


def _days(earlier: str | None, at: str) -> float | None:
    return round(max(days_between(earlier, at), 0.0), 3) if earlier else None
