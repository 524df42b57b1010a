"""Where work on many adapters is done: in processes of this machine, or on a Ray cluster. Listing the engines imports none.

An engine runs one function over items and yields what becomes of each, in whatever order they are done. What a function
raises is its own fault; a worker that dies costs the item that it was at, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from loradiag.core.errors import UsageError
from loradiag.core.lazy import Entry, load
from loradiag.core.text import printable

Item = TypeVar("Item")
Result = TypeVar("Result")

DIED = "the worker that read it died: it was killed, or memory ran out"

ENGINES: Mapping[str, Entry] = {
    "local": Entry("loradiag.fleet.local_engine:LocalEngine", summary="In processes of this machine."),
    "ray": Entry("loradiag.fleet.ray_engine:RayEngine", "fleet", "On a Ray cluster, or a local one."),
}


class Engine(Protocol, AbstractContextManager["Engine"]):
    """Runs a function over items; every engine gives the same results."""

    def run(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield the place of each item with its result; None where the worker died."""


def engine_of(name: str, **settings: Any) -> Engine:
    """Return an engine by its name.

    Raises:
        MissingExtraError: What it needs is not installed.
        UsageError: There is none of that name, or it cannot be begun.
    """
    if name not in ENGINES:
        raise UsageError(f"--engine {printable(name)}: there are {', '.join(ENGINES)}")
    engine: Engine = load(ENGINES[name])(**settings)
    return engine
