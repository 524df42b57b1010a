"""An adapter beside the base that it is to run on: what reports on merge drift and on forgetting have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loradiag.core.lazy import load

if TYPE_CHECKING:
    from loradiag.analyzers.inspection import Inspection
    from loradiag.bases.model import Base

Stages = Callable[[str, int, int], None]
"""Told the stage, the parts of it that are done, and their number."""

_ANALYZERS = ("integrity", "identity", "provenance", "base", "fit")
"""Whether adapter and base are sound, and belong together."""

_FIT_MODULES = 16
"""Modules whose directions are compared with the base's, a few seconds for each of an 8B model."""


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def inspected(
    path: str | Path, base: Base, stages: Stages, *, allow_pickle: bool, device: str, fit: bool
) -> Inspection:
    """Open an adapter beside its base.

    Raises:
        InputError: It cannot be read.
    """
    from loradiag.adapters.opening import open_adapter
    from loradiag.analyzers.inspection import Inspection
    from loradiag.analyzers.weights import Wanted

    adapter = open_adapter(path, allow_pickle=allow_pickle)
    wanted = Wanted(spectral=fit, few=_FIT_MODULES, device=device)
    return Inspection(adapter, lambda done, total: stages("soundness", done, total), base, wanted)


def soundness(inspection: Inspection, *, fit: bool) -> dict[str, Any]:
    """Measure whether adapter and base are sound and belong together, by analyzer; ``fit`` reads the base's weights."""
    from loradiag.analyzers import ANALYZERS

    return {name: load(ANALYZERS[name])(inspection) for name in _ANALYZERS if fit or name != "fit"}
