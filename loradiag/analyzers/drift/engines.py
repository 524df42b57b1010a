"""Where requests are scored: in this process, or on a Ray cluster. Listing the engines imports none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from loradiag.analyzers.drift.scoring import Scores, score
from loradiag.baselines.reading import Baseline
from loradiag.core.errors import UsageError
from loradiag.core.lazy import Entry, load
from loradiag.core.text import printable
from loradiag.statistics.checks import Indexes
from loradiag.traffic.reading import Lake, Rows

ENGINES: Mapping[str, Entry] = {
    "local": Entry("loradiag.analyzers.drift.engines:LocalEngine", summary="In this process."),
    "ray": Entry("loradiag.analyzers.drift.ray_engine:RayEngine", "fleet", "On a Ray cluster, or a local one."),
}


class Engine(Protocol, AbstractContextManager["Engine"]):
    """Scores requests; every engine gives the same numbers."""

    def score(
        self, lake: Lake, rows: Rows, positions: Indexes, baseline: Baseline, progress: Callable[[int, int], None]
    ) -> Scores:
        """Score the requests at ``positions`` beside a baseline."""


class LocalEngine:
    """Scores in this process."""

    def __init__(self, **_: Any) -> None:
        """Nothing needs to be told."""

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def score(
        self, lake: Lake, rows: Rows, positions: Indexes, baseline: Baseline, progress: Callable[[int, int], None]
    ) -> Scores:
        """Score the requests at ``positions``; embeddings are read as they are needed and forgotten."""
        return score(lake, rows, positions, baseline, progress)


def engine_of(name: str, **settings: Any) -> Engine:
    """Return an engine by its name.

    Raises:
        MissingExtraError: What it needs is not installed.
        UsageError: There is none of that name.
    """
    if name not in ENGINES:
        raise UsageError(f"--engine {printable(name)}: there are {', '.join(ENGINES)}")
    engine: Engine = load(ENGINES[name])(**settings)
    return engine
