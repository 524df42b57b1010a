"""Provenance: what the stamp beside the adapter says, and whether it still holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from loradiag.adapters.locate import stamp_path
from loradiag.analyzers.inspection import Inspection
from loradiag.core.errors import InputError
from loradiag.core.identity import Provenance
from loradiag.core.text import path_text
from loradiag.storage.hashing import content_sha256

if TYPE_CHECKING:
    from loradiag.adapters.stamps import Stamp
    from loradiag.bases.fingerprint import Fingerprint


def provenance(inspection: Inspection) -> Provenance | None:
    """Read the stamp and compare it with the weights, and with the base where one is given. None without a stamp.

    Raises:
        InputError: The weights or the base cannot be read. A stamp that cannot be read is a measurement.
    """
    path = stamp_path(inspection.adapter.weights)
    if not os.path.lexists(path):
        return None
    from loradiag.adapters.stamps import read_stamp  # most adapters have none, and need not wait for its types

    file = path_text(path.name)
    try:
        stamp = read_stamp(path)
    except InputError as error:
        return _unread(file, error.problem)
    compared, match, differing, parts = _compare(stamp, inspection.fingerprint)
    return Provenance(
        file=file,
        problem=None,
        created=stamp.created,
        owner=stamp.owner,
        base_name=stamp.base.name,
        base_revision=stamp.base.revision,
        base_fingerprint=stamp.base.fingerprint,
        base_fingerprint_full=stamp.base.fingerprint_full,
        data_sha256=stamp.data.sha256 if stamp.data else None,
        hyperparameters=stamp.hyperparameters,
        evaluation=stamp.evaluation,
        notes=stamp.notes,
        weights_match=content_sha256(inspection.adapter.weights) == stamp.adapter.sha256,
        base_match=match,
        compared=compared,
        differing=differing,
        parts=parts,
    )


def _compare(stamp: Stamp, given: Fingerprint | None) -> tuple[str | None, bool | None, list[str], int]:
    """By what the bases were compared, whether they are the same, the parts that differ, and the number of all parts."""
    if given is None:
        return None, None, [], len(stamp.base.parts)
    theirs = stamp.base.parts
    parts = sorted(theirs.keys() | given.parts.keys())
    differing = [part for part in parts if theirs.get(part) != given.parts.get(part)]
    if stamp.base.fingerprint_full and given.full:
        return "full", stamp.base.fingerprint_full == given.full, differing, len(parts)
    return "sampled", stamp.base.fingerprint == given.sampled, differing, len(parts)


def _unread(file: str, problem: str) -> Provenance:
    return Provenance(
        file=file,
        problem=problem,
        created=None,
        owner=None,
        base_name=None,
        base_revision=None,
        base_fingerprint=None,
        base_fingerprint_full=None,
        data_sha256=None,
        hyperparameters={},
        evaluation={},
        notes=None,
        weights_match=None,
        base_match=None,
        compared=None,
        differing=[],
        parts=0,
    )
