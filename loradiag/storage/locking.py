"""A file that one process at a time holds."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Hold the lock of a file while the block runs, if nobody else does; it goes with the process, however that ends.

    Args:
        path: The file; made if there is none, and left there. It says who held it last, and since when.

    Yields:
        Whether it is held.

    Raises:
        OSError: The file cannot be written, or its file system has no locks.
    """
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            free = False
        else:
            free = True
            file.truncate(0)
            file.write(f"{os.getpid()} {time.time():.0f}\n")
            file.flush()
        yield free
