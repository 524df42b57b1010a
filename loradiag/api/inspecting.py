"""Inspecting: one adapter, or a series of checkpoints, alone or beside a base."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loradiag.api.judging import default_policy, judged
from loradiag.core.errors import InputError
from loradiag.core.integrity import Integrity, Unreadable
from loradiag.core.lazy import load
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.text import path_text, printable

if TYPE_CHECKING:
    from loradiag.adapters.model import Adapter
    from loradiag.analyzers.weights import Wanted
    from loradiag.bases.model import Base

Progress = Callable[[int, int], None]


class Against(msgspec.Struct, frozen=True, kw_only=True):
    """The base to inspect against, and how.

    Attributes:
        base: A directory, a safetensors file, or ``owner/name`` on the hub.
        revision: Commit, branch or tag, on the hub.
        spectra: Whether to compute top singular values of the base's weights and intruder dimensions, which take most of
            the time.
        device: Where large products are computed: ``cpu``, or what torch calls it.
    """

    base: str | Path
    revision: str | None = None
    spectra: bool = True
    device: str = "cpu"


def inspect(
    path: str | Path,
    base: str | Path | Against | None = None,
    *,
    policy: Policy | None = None,
    allow_pickle: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Measure one adapter and judge it.

    >>> import loradiag
    >>> report = loradiag.inspect("fixtures/adapters/partly_dead")
    >>> report.verdict.decided_by
    ['LD107']

    Args:
        path: A directory or a weight file.
        base: The base that it was trained on: a directory, a file, a hub id, or :class:`Against` with more to say.
        policy: What to judge by; the default policy if None (no file is looked for).
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        progress: Called with the modules done and their number.

    Raises:
        InputError: It cannot be read, or is a series of checkpoints (see :func:`inspect_all`); or the base cannot.
        MissingExtraError: Reading it needs a package that is not installed.
    """
    from loradiag.adapters.opening import open_adapter

    surroundings = _surroundings(base)
    adapter = open_adapter(path, allow_pickle=allow_pickle)
    return report_of(adapter, policy or default_policy(), progress, surroundings)


def inspect_all(
    path: str | Path,
    base: str | Path | Against | None = None,
    *,
    policy: Policy | None = None,
    allow_pickle: bool = False,
    progress: Progress | None = None,
) -> Iterator[Report]:
    """Measure and judge what lies at ``path``: one adapter, or every checkpoint of a series in the order of steps.

    What cannot be read gives a report that says so (LD101 and its kin), so that the others are not lost.

    >>> import loradiag
    >>> [report.subject.step for report in loradiag.inspect_all("fixtures/adapters/series")]
    [30, 60, 90, 120, 150, 180]

    Raises:
        InputError: The base cannot be read.
        MissingExtraError: Reading needs a package that is not installed.
    """
    from loradiag.adapters.opening import open_all

    surroundings = _surroundings(base)
    policy = policy or default_policy()
    for found in open_all(path, allow_pickle=allow_pickle):
        if isinstance(found, InputError):
            yield unreadable(path, found, policy)
            continue
        try:
            yield report_of(found, policy, progress, surroundings)
        except InputError as error:  # cut short after its header was read, or changed underneath
            yield unreadable(found.path, error, policy)


def _surroundings(base: str | Path | Against | None) -> tuple[Base, Wanted] | None:
    """Open the base, before any adapter is read: a wrong path should not cost minutes."""
    if base is None:
        return None
    from loradiag.analyzers.weights import Wanted
    from loradiag.bases.opening import open_base
    from loradiag.linalg.products import usable_device

    against = base if isinstance(base, Against) else Against(base=base)
    wanted = Wanted(spectral=against.spectra, device=usable_device(against.device))
    return open_base(against.base, revision=against.revision), wanted


def report_of(
    adapter: Adapter,
    policy: Policy,
    progress: Progress | None = None,
    surroundings: tuple[Base, Wanted] | None = None,
) -> Report:
    """Measure an adapter that is open, and judge it.

    Raises:
        InputError: A file ends before its header says.
    """
    from loradiag.analyzers import ANALYZERS, BESIDE_BASE
    from loradiag.analyzers.inspection import Inspection, silent
    from loradiag.analyzers.subject import subject_of
    from loradiag.storage.hashing import content_sha256

    inspection = Inspection(adapter, progress or silent, *(surroundings or ()))
    with ThreadPoolExecutor(1) as background:  # hashing releases the interpreter lock and fills the gaps of the pass
        digest = background.submit(content_sha256, adapter.weights)
        names = [name for name in ANALYZERS if surroundings or name not in BESIDE_BASE]
        measured = {name: load(ANALYZERS[name])(inspection) for name in names}
        subject = subject_of(adapter, digest.result(), inspection.fingerprint)
    return judged(subject, Measurements(**measured), accounting_of(adapter), policy)


def accounting_of(adapter: Adapter) -> Accounting:
    """What became of every tensor."""
    parts = adapter.parts
    return Accounting(
        total=len(adapter.tensors),
        analysed=len(adapter.tensors) - len(parts.unsupported) - len(parts.unexpected) - len(parts.broken),
        unsupported=parts.unsupported,
        unexpected=parts.unexpected,
        broken=parts.broken,
    )


def unreadable(path: str | Path, error: InputError, policy: Policy) -> Report:
    """Return the report of an adapter that cannot be read, which says why."""
    # The error names the file at fault; the subject is what the user named.
    shown = error.path if error.path.startswith(printable(str(path))) else str(path)
    reason = Unreadable(kind=error.kind, file=error.path, detail=error.problem, remedy=error.remedy)
    integrity = Integrity(
        modules=0, tensors=0, zero_modules=0, has_config=False, config_expected=False, problems=[], unreadable=reason
    )
    subject = Subject(path=path_text(shown))
    return judged(subject, Measurements(integrity=integrity), Accounting(), policy)
