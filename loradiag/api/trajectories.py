"""The checkpoints of one run as one: how the update moved, beside the log of the training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loradiag.api.inspecting import Progress
from loradiag.api.judging import default_policy, judged
from loradiag.core.errors import InputError
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.text import path_text

if TYPE_CHECKING:
    from loradiag.adapters.model import Adapter
    from loradiag.analyzers.comparing.series import Series


def trajectory(
    path: str | Path,
    *,
    policy: Policy | None = None,
    allow_pickle: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Measure the checkpoints of one run together, with the log of its training, and judge them.

    A checkpoint that cannot be read is named, and the others are measured. The log is the one that goes furthest of those
    that lie in the directory itself and beside the checkpoints; older ones fill in what it lacks at its beginning.

    >>> import loradiag
    >>> report = loradiag.trajectory("fixtures/adapters/series")
    >>> [evaluation.best_step for evaluation in report.measurements.training_log.evaluations]
    [180]

    Args:
        path: A directory with ``checkpoint-…`` directories, or with numbered snapshots of mlx-lm.
        policy: What to judge by; the default policy if None (no file is looked for).
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        progress: Called with the modules done and their number.

    Raises:
        InputError: There is no series, or none of its checkpoints can be read.
        MissingExtraError: Reading it needs a package that is not installed.
    """
    from loradiag.analyzers.comparing.series import measure_series
    from loradiag.analyzers.inspection import silent
    from loradiag.analyzers.training_log import log_beside

    series = _opened(path, allow_pickle)
    log = log_beside(dict.fromkeys(_folders(Path(path), series)))
    found = measure_series(series, log.save_steps if log else None, progress or silent)
    subject = _subject(path, next(a for a in reversed(series.adapters) if (a.step or 0) == found.steps[-1].step))
    return judged(subject, Measurements(training_log=log, trajectory=found), Accounting(), policy or default_policy())


def _opened(path: str | Path, allow_pickle: bool) -> Series:
    from loradiag.adapters.opening import open_all
    from loradiag.analyzers.comparing.series import Series, unread

    adapters: list[Adapter] = []
    errors: list[InputError] = []
    for found in open_all(path, allow_pickle=allow_pickle):
        if isinstance(found, InputError):
            errors.append(found)
        elif found.step is None:
            raise InputError(path, "is one adapter and no series of checkpoints", "name their directory", "no-series")
        else:
            adapters.append(found)
    if not adapters:
        (first, *others) = errors
        if not others:
            raise first
        raise InputError(path, f"holds {len(errors):,} checkpoints, and none can be read: {first}", kind=first.kind)
    return Series(adapters, [unread(error) for error in errors])


def _folders(path: Path, series: Series) -> Iterator[Path]:
    """Where a log may lie: beside the series, and beside each checkpoint, the newest first, whether its weights are whole."""
    yield path
    for adapter in reversed(series.adapters):
        yield adapter.weights[0].parent
    for row in reversed(series.unread):
        folder = Path(row.path)
        yield folder if folder.is_dir() else folder.parent


def _subject(path: str | Path, last: Adapter) -> Subject:
    """The series, described by its last checkpoint. There is no one hash of it."""
    from loradiag.analyzers.subject import subject_of

    return msgspec.structs.replace(subject_of(last, ""), path=path_text(path), sha256=None, step=None)
