"""What the callback remembers while a training runs."""

from __future__ import annotations

import msgspec

from loradiag.adapters.model import Adapter
from loradiag.callbacks.living import LiveAdapter
from loradiag.callbacks.moving import relative_change
from loradiag.callbacks.world import World
from loradiag.core.report import Report


class Look(msgspec.Struct, frozen=True):
    """The adapter as it was at one step, copied, and what was found."""

    step: int
    adapter: Adapter
    report: Report


class Run(msgspec.Struct):
    """One call of ``train``.

    Attributes:
        live: The adapter in the model.
        world: The processes.
        sharded: Whether all of them are needed to read it.
        before: The last look, a first one at the beginning included.
        step: Step of the last scheduled look, whether or not it succeeded. The same in every process that takes part.
    """

    live: LiveAdapter
    world: World
    sharded: bool
    before: Look | None = None
    step: int | None = None


def change(now: Look, before: Look) -> float | None:
    """Median of ‖ΔW − ΔW₀‖_F/‖ΔW‖_F over modules, between two looks."""
    return relative_change(now.adapter, before.adapter, now.report.measurements.spectrum)
