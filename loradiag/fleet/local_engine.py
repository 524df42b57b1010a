"""Work in processes of this machine: each on one thread, begun afresh, so that nothing of this process gets into them."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from threading import Lock
from types import ModuleType
from typing import Any

from loradiag.linalg.threads import THREADS
from loradiag.linalg.threads import workers as cores

_AHEAD = 4
"""Items for each process that wait in line: few are lost with a process, and none has to wait for its next."""

_FEW = 4
"""Items that are done here, without any other process: starting one takes longer."""


class LocalEngine:
    """Runs in processes.

    Args:
        workers: How many; as many as there are cores if None.
    """

    def __init__(self, workers: int | None = None, **_: Any) -> None:
        self._workers = workers or cores()

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *_: object) -> None:
        """Processes end with each run."""

    def run(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield the place of each item with its result; None where the process died at it."""
        if len(items) <= _FEW:
            yield from ((place, function(item)) for place, item in enumerate(items))
            return
        waiting = list(enumerate(items))[::-1]
        while waiting:
            lost: list[tuple[int, Any]] = []
            yield from self._until_one_dies(function, waiting, lost)
            for place, item in lost:  # one of these killed its process: each alone, to see which
                yield place, self._alone(function, item)

    def _until_one_dies(
        self, function: Callable[[Any], Any], waiting: list[tuple[int, Any]], lost: list[tuple[int, Any]]
    ) -> Iterator[tuple[int, Any]]:
        """Work off what waits; after the death of a process what was under way is in ``lost``."""
        under_way: dict[Future[Any], tuple[int, Any]] = {}
        with self._pool(min(self._workers, len(waiting))) as pool:
            try:
                while waiting or under_way:
                    while waiting and len(under_way) < self._workers * _AHEAD:
                        under_way[_submitted(pool, function, waiting[-1][1])] = waiting[-1]
                        waiting.pop()  # only now: a pool that has just been broken takes nothing
                    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        yield under_way.pop(future)[0], result
            except BrokenProcessPool:
                for future, (place, item) in under_way.items():
                    if future.done() and not future.cancelled() and future.exception() is None:
                        yield place, future.result()
                    else:
                        lost.append((place, item))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _alone(self, function: Callable[[Any], Any], item: Any) -> Any:
        with self._pool(1) as pool:
            try:
                return _submitted(pool, function, item).result()
            except BrokenProcessPool:
                return None

    def _pool(self, count: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(count, mp_context=context, initializer=_on_one_thread)


def _submitted(pool: ProcessPoolExecutor, function: Callable[[Any], Any], item: Any) -> Future[Any]:
    """Hand an item to a pool, which may begin a process for it."""
    with _left_alone(function):
        return pool.submit(function, item)


_swapping = Lock()


@contextmanager
def _left_alone(function: Callable[[Any], Any]) -> Iterator[None]:
    """Keep processes that begin within from running the caller's script again, unless the function is of it.

    Each would: a script that came from standard input lies nowhere, and one without ``if __name__ == "__main__"`` would begin
    its scan anew in every process. Functions of modules are found by their names.
    """
    if getattr(function, "__module__", "__main__") == "__main__":
        yield
        return
    with _swapping:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _on_one_thread() -> None:
    """Hold a process to one thread: those that several processes start on the same cores only wait for each other."""
    os.environ[THREADS] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
