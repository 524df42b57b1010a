"""Work on a Ray cluster: adapters must lie where every worker sees them, in a shared folder or behind a URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from loradiag.core.lazy import require
from loradiag.linalg.threads import THREADS
from loradiag.storage.cluster import begin

_AHEAD = 4


class RayEngine:
    """Runs on a Ray cluster.

    Args:
        address: Of a cluster: ``auto``, ``ray://host:10001``; None for a local one, which ends with the engine.
        workers: How many items are under way on as many CPUs; as many as the cluster has if None.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: The cluster cannot be reached.
    """

    def __init__(self, address: str | None = None, workers: int | None = None, **_: Any) -> None:
        self._ray = require("ray", "fleet")
        self._own = not self._ray.is_initialized()
        if self._own:
            begin(self._ray, address, workers)
        self._workers = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(self, *_: object) -> None:
        """A cluster that was begun here ends here; another one goes on."""
        if self._own and self._ray.is_initialized():
            self._ray.shutdown()

    def run(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield the place of each item with its result; None where the worker died at it, twice."""
        remote = self._ray.remote(num_cpus=1, max_retries=1, runtime_env={"env_vars": {THREADS: "1"}})(function)
        waiting = list(enumerate(items))[::-1]
        under_way: dict[Any, int] = {}
        while waiting or under_way:
            while waiting and len(under_way) < self._workers * _AHEAD:
                place, item = waiting.pop()
                under_way[remote.remote(item)] = place
            done, _ = self._ray.wait(list(under_way), num_returns=1)
            for reference in done:
                yield under_way.pop(reference), self._result(reference)

    def _result(self, reference: Any) -> Any:
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.NodeDiedError):
            return None
