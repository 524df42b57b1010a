"""From the tensors of a live adapter to a report: by the analyzers and rules that ``loradiag inspect`` uses."""

from __future__ import annotations

from pathlib import Path

import msgspec

from loradiag.adapters.model import Adapter
from loradiag.adapters.opening import locate_one
from loradiag.analyzers import ANALYZERS, BESIDE_BASE
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.subject import subject_of
from loradiag.api.inspecting import accounting_of
from loradiag.api.judging import judged
from loradiag.core.lazy import load
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Report
from loradiag.storage.hashing import content_sha256

_BESIDE_FILES = frozenset({"provenance", "training_log"})
LIVE = tuple(name for name in ANALYZERS if name not in BESIDE_BASE | _BESIDE_FILES)
"""Analyzers that need neither a base nor what lies beside an adapter's files: its stamp, the log of its training."""

OF_FILES = tuple(name for name in ANALYZERS if name in _BESIDE_FILES | {"identity"})
"""Those that say something of files where there are some."""


def measure(adapter: Adapter, step: int, policy: Policy) -> Report:
    """Measure and judge an adapter that lies in memory.

    Args:
        adapter: From :meth:`loradiag.callbacks.living.LiveAdapter.adapter`.
        step: Optimizer steps that it has been trained for.
        policy: What to judge by.
    """
    inspection = Inspection(adapter)
    measured = Measurements(**{name: load(ANALYZERS[name])(inspection) for name in LIVE})
    subject = msgspec.structs.replace(subject_of(adapter, ""), sha256=None, step=step)
    return judged(subject, measured, accounting_of(adapter), policy)


def with_files(report: Report, adapter: Adapter, folder: Path, policy: Policy) -> Report:
    """The same measures, of the checkpoint that was written of the adapter: with its files, and what lies beside them.

    Args:
        report: From :func:`measure`, at the step at which the checkpoint was written.
        adapter: What it was measured on.
        folder: The directory that PEFT wrote.
        policy: What to judge by.

    Raises:
        InputError: There are no weights of an adapter in it, or they cannot be read.
    """
    located = locate_one(folder)
    stored = msgspec.structs.replace(
        adapter, path=located.path, weights=list(located.weights), other_weights=list(located.others)
    )
    subject = subject_of(stored, content_sha256(stored.weights))
    inspection = Inspection(stored)
    again = {name: load(ANALYZERS[name])(inspection) for name in OF_FILES}
    measured = msgspec.structs.replace(report.measurements, **again)
    return judged(msgspec.structs.replace(subject, step=report.subject.step), measured, accounting_of(stored), policy)
