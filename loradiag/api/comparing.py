"""Comparing adapters with each other, and the checkpoints of one run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from loradiag.api.beside import Stages, silent
from loradiag.api.inspecting import unreadable
from loradiag.api.judging import default_policy, judged
from loradiag.core.errors import InputError, UsageError
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.text import listed, printable, shorten
from loradiag.core.text import plural as counted

if TYPE_CHECKING:
    from loradiag.adapters.model import Adapter
    from loradiag.analyzers.comparing.comparison import Named


def compare(
    paths: Sequence[str | Path],
    *,
    policy: Policy | None = None,
    allow_pickle: bool = False,
    progress: Stages | None = None,
) -> list[Report]:
    """Compare adapters with each other, and tell the story of every run of checkpoints among them.

    Of a directory of checkpoints the last one that can be read stands for the run in the comparison.

    >>> import loradiag
    >>> [report] = loradiag.compare(["fixtures/adapters/healthy", "fixtures/adapters/healthy_seed2"])
    >>> [pair.relation for pair in report.measurements.comparison.pairs]
    ['alike']

    Args:
        paths: Directories or weight files; two at least, or one directory of checkpoints.
        policy: What to judge by; the default policy if None.
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        progress: Told what is measured, the parts of it that are done, and their number.

    Returns:
        The comparison, where there are two adapters to compare; a report for every run of checkpoints; and one for every
        adapter that cannot be read.

    Raises:
        MissingExtraError: Reading an adapter needs a package that is not installed.
        UsageError: There is nothing to compare with.
    """
    judge_by, stages = policy or default_policy(), progress or silent
    runs = [path for path in paths if is_run(path)]
    if len(paths) < 2 and not runs:
        raise UsageError("compare needs two adapters, or one directory with checkpoints")
    found, failed = _opened(paths, allow_pickle, judge_by)
    reports = []
    if len(found) > 1:
        reports.append(_compared(found, judge_by, stages))
    for path in runs:
        from loradiag.api.trajectories import trajectory

        told = partial(stages, "checkpoints")
        try:
            reports.append(trajectory(path, policy=judge_by, allow_pickle=allow_pickle, progress=told))
        except InputError as error:  # not one of its checkpoints can be read
            failed.append(unreadable(path, error, judge_by))
    return reports + failed


def is_run(path: str | Path) -> bool:
    """Whether a directory holds the checkpoints of one run."""
    from loradiag.adapters.locate import locate

    try:
        found = locate(Path(path))
    except InputError:
        return False
    return any(isinstance(one, InputError) or one.step is not None for one in found)


def _opened(
    paths: Sequence[str | Path], allow_pickle: bool, policy: Policy
) -> tuple[list[tuple[str, Adapter]], list[Report]]:
    """Adapters by what the user called them, and reports of those that cannot be read."""
    from loradiag.adapters.opening import open_adapter, open_all

    found: list[tuple[str, Adapter]] = []
    failed = []
    for path in paths:
        try:
            if is_run(path):
                last = [one for one in open_all(path, allow_pickle=allow_pickle) if not isinstance(one, InputError)]
                found += [(str(path), last[-1])] if last else []
            else:
                found.append((str(path), open_adapter(path, allow_pickle=allow_pickle)))
        except InputError as error:
            failed.append(unreadable(path, error, policy))
    return found, failed


def _compared(found: Sequence[tuple[str, Adapter]], policy: Policy, stages: Stages) -> Report:
    from loradiag.analyzers.comparing.comparison import compare as measure

    named = _named(found)
    names = listed([shorten(printable(path), 80) for path, _ in found], 4)
    comparison = measure(named, lambda done, total: stages(f"comparing {counted(len(found), 'adapter')}", done, total))
    return judged(Subject(path=names), Measurements(comparison=comparison), Accounting(), policy)


def _named(found: Sequence[tuple[str, Adapter]]) -> list[Named]:
    """Adapters with short names that tell them apart, and their hashes."""
    from loradiag.analyzers.comparing.comparison import Named
    from loradiag.linalg.threads import pooled
    from loradiag.storage.hashing import content_sha256

    digests = list(pooled(lambda row: content_sha256(row[1].weights), found))
    labels = short_names([str(adapter.path) for _, adapter in found])
    return [Named(label, adapter, digest) for label, (_, adapter), digest in zip(labels, found, digests, strict=True)]


def short_names(paths: Sequence[str]) -> list[str]:
    """Names that tell paths apart: as many of their last parts as that takes, and a number where it does not help."""
    parts = [Path(path).parts or (path,) for path in paths]
    deepest = max(map(len, parts), default=1)
    for depth in range(1, deepest + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    counts: dict[str, int] = {}
    numbered = []
    for path in ("/".join(part[-1:]) for part in parts):
        counts[path] = counts.get(path, 0) + 1
        numbered.append(path if counts[path] == 1 else f"{path} ({counts[path]})")
    return numbered
