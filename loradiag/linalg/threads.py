"""Threads for many small matrix problems: several modules at once, each on one BLAS thread.

BLAS libraries that split a 16-column product over threads spend more time waiting than computing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


THREADS = "LORADIAG_THREADS"
"""The variable of the environment that says how many threads to use: one of several processes on a machine needs one."""


def workers() -> int:
    """How many threads to use: as :data:`THREADS` says, else the cores that this process may run on, at most 8."""
    said = os.environ.get(THREADS, "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cores, 8))


def parallel(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in order, computed by a pool while BLAS is held to one thread."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers()) as pool:
        yield from pool.map(function, items)


def pooled(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in order, computed by a pool: for reading and hashing, which call no BLAS."""
    with ThreadPoolExecutor(workers()) as pool:
        yield from pool.map(function, items)


@contextmanager
def all_threads() -> Iterator[None]:
    """Let numpy's BLAS use every core: for products of large matrices, one at a time."""
    with _controller().limit(limits=workers(), user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> Any:
    """Looking for the libraries of a process takes ten milliseconds: as long as a thousand requests beside a small baseline."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
