"""All families, and how they are run: each in a process of its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from benchmarks.validity.families.words import Place, Shown

FAMILIES: Mapping[str, str] = {
    "traffic": "windows of requests, and lakes",
    "streams": "answers by day, and streams under watch",
    "forgetting": "answers of two models to the same documents",
    "merging": "routes, beside models that were folded by other means",
    "logs": "training logs and series of checkpoints",
    "serving": "servers with a fault, and canaries",
    "provenance": "stamps and registries",
    "configured": "configurations, names and sizes beside the base",
    "fleets": "many adapters at once",
    "pairs": "two adapters",
}
"""Folder -> what its cases are; those that take longest come first. Each has ``family.shown(place)``."""


def run(
    names: Iterable[str], shared: Path | None, scratch: Path, *, quick: bool = False, jobs: int = 2
) -> Iterator[tuple[str, Shown]]:
    """Run some of them, in their order."""
    chosen = list(names)
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_quietly) as pool:
        yield from zip(chosen, pool.map(partial(family, shared, scratch, quick), chosen), strict=True)


def family(shared: Path | None, scratch: Path, quick: bool, name: str) -> Shown:
    """Run one."""
    place = scratch / "families" / name
    place.mkdir(parents=True)
    found: Shown = import_module(f"benchmarks.validity.families.{name}.family").shown(Place(place, shared, quick))
    return found


def _quietly() -> None:
    warnings.filterwarnings("ignore")
