"""What a demonstration's registry tells: whose adapters are, and how each set of weights went on its way to users."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loradiag.api import open_registry
from loradiag.demo.kept import REPORTS
from loradiag.demo.month import at

if TYPE_CHECKING:
    from loradiag.api import Registry
    from loradiag.api.registryview import Listed

REGISTRY = Path("registry") / "registry.sqlite"

_KINDS = ("inspect", "merge", "forgetting")
"""Reports about single adapters, as their files are called."""

_STEPS = (("staging", 0), ("canary", 12), ("live", 36))
"""Stages, and how many hours after the first inspection somebody says that an adapter is in one."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """Whose an adapter is, and how far it came."""

    owner: str
    steps: int


WAYS = {
    "ledger": Way(owner="mira", steps=3),
    "grammar": Way(owner="jon", steps=3),
    "chant": Way(owner="mira", steps=2),
    "undertrained": Way(owner="jon", steps=1),
}
"""Others are nobody's."""


def can_record() -> bool:
    """Whether there can be a registry: it takes an extra that the rest of a demonstration does without."""
    return importlib.util.find_spec("sqlalchemy") is not None


def record() -> None:
    """Record every report about a single adapter, and what people said on the days that followed."""
    REGISTRY.parent.mkdir()
    files = [file for file in sorted(REPORTS.glob("*.json")) if file.stem[11:].partition("-")[0] in _KINDS]
    with open_registry(REGISTRY) as registry:
        registry.add(files, who="ci")
        rows = sorted(registry.ls(), key=lambda row: row.first_seen)
        lay = {row.sha256: {place.path for place in registry.show(row.sha256).sightings} for row in rows}
        for name, way in WAYS.items():
            _go(registry, way, [row for row in rows if f"adapters/{name}" in lay[row.sha256]])


def _go(registry: Registry, way: Way, rows: Sequence[Listed]) -> None:
    """Let weights go their way one after the other; each retires when the next ones are where they were.

    Args:
        registry: That is told.
        way: How far they go.
        rows: What lay in one place, the oldest first.
    """
    from loradiag.registry.lifecycle import Change

    for before, row in zip([None, *rows], rows, strict=False):
        for stage, hours in _STEPS[: way.steps]:
            with at(datetime.fromisoformat(row.first_seen) + timedelta(hours=hours)):
                registry.set([row.sha256], Change(owner=way.owner, stage=stage), who=way.owner)
                if before is not None and stage == _STEPS[way.steps - 1][0]:
                    registry.set(
                        [before.sha256], Change(stage="retired"), who=way.owner, why="newer weights took its place"
                    )
