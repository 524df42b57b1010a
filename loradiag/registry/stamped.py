"""What the stamp beside an adapter says, from the stamp itself or from a report that read it."""

from __future__ import annotations

import msgspec

from loradiag.adapters.stamps import Stamp
from loradiag.core.identity import Provenance
from loradiag.core.report import Report
from loradiag.registry.texts import MAX_TEXT, kept, maybe


class Stamped(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The stamp's words, as the registry keeps them. Fields are as those of :class:`loradiag.adapters.stamps.Stamp`."""

    created: str | None = None
    owner: str | None = None
    base: str | None = None
    revision: str | None = None
    fingerprint: str | None = None
    fingerprint_full: str | None = None
    data_sha256: str | None = None
    data_file: str | None = None
    hyperparameters: dict[str, str] = {}
    evaluation: dict[str, float] = {}
    notes: str | None = None


def stamped(report: Report, stamp: Stamp | None) -> Stamped | None:
    """What the stamp says of the weights that the report is about; None without one, or where it is of other weights.

    Args:
        report: It may have read the stamp too (``measurements.provenance``).
        stamp: The stamp itself, where it is at hand.
    """
    if stamp is not None:
        return _of_stamp(stamp) if stamp.adapter.sha256 == report.subject.sha256 else None
    found = report.measurements.provenance
    return _of_provenance(found) if found and found.problem is None and found.weights_match else None


def _of_stamp(stamp: Stamp) -> Stamped:
    return Stamped(
        created=maybe(stamp.updated or stamp.created),
        owner=maybe(stamp.owner),
        base=maybe(stamp.base.name),
        revision=maybe(stamp.base.revision),
        fingerprint=stamp.base.fingerprint,
        fingerprint_full=stamp.base.fingerprint_full,
        data_sha256=stamp.data.sha256 if stamp.data else None,
        data_file=maybe(stamp.data.file) if stamp.data else None,
        hyperparameters=_kept(stamp.hyperparameters),
        evaluation={kept(task): value for task, value in stamp.evaluation.items()},
        notes=maybe(stamp.notes, MAX_TEXT),
    )


def _of_provenance(found: Provenance) -> Stamped:
    return Stamped(
        created=maybe(found.created),
        owner=maybe(found.owner),
        base=maybe(found.base_name),
        revision=maybe(found.base_revision),
        fingerprint=maybe(found.base_fingerprint),
        fingerprint_full=maybe(found.base_fingerprint_full),
        data_sha256=maybe(found.data_sha256, 64),
        hyperparameters=_kept(found.hyperparameters),
        evaluation={kept(task): value for task, value in found.evaluation.items()},
        notes=maybe(found.notes, MAX_TEXT),
    )


def _kept(words: dict[str, str]) -> dict[str, str]:
    return {kept(name): kept(value) for name, value in words.items()}
