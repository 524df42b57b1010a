"""Running a whole process and asking the kernel what it cost."""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

_TO_MIB = 1 / 1024 if sys.platform != "darwin" else 1 / 1024**2
"""ru_maxrss is in KiB on Linux and in bytes on macOS."""


class FailedError(Exception):
    """A measured process ended in another way than it should have."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """What one run of a process cost: seconds on the clock, user and system seconds of all its threads, peak MiB."""

    wall: float
    cpu: float
    peak: float


def measure(command: Sequence[str], *, environment: Mapping[str, str], accepted: Sequence[int] = (0,)) -> Sample:
    """Run a command to its end, its standard output thrown away.

    Args:
        command: Program and arguments.
        environment: Variables to set beside those of this process.
        accepted: Exit codes of a run that did its work.

    The peak that the kernel reports is never less than that of the process that started it, before it became the
    command: so the caller must be small, and imports no numpy.

    Raises:
        FailedError: Its exit code is none of ``accepted``. The last of what it wrote to standard error is shown.
    """
    with tempfile.TemporaryFile() as errors, open(os.devnull, "wb") as nothing:
        actions = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), 1), (os.POSIX_SPAWN_DUP2, errors.fileno(), 2)]
        start = time.perf_counter()
        child = os.posix_spawn(command[0], list(command), {**os.environ, **environment}, file_actions=actions)
        _, status, usage = os.wait4(child, 0)
        wall = time.perf_counter() - start
        code = os.waitstatus_to_exitcode(status)
        if code not in accepted:
            errors.seek(0)
            tail = errors.read().decode(errors="replace").strip()[-400:]
            raise FailedError(f"{command[0]} ended with {code}: {tail}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _TO_MIB)
