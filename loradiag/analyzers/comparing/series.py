"""A checkpoint series as one: which are there, which are missing or cannot be read, and what they come to together."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from loradiag.adapters.model import Adapter
from loradiag.analyzers.comparing.trajectory import Cell, UnreadableError, change, cosine, measure
from loradiag.analyzers.subject import method_name
from loradiag.core.errors import InputError
from loradiag.core.numbers import median
from loradiag.core.starts import holds_part_of_base
from loradiag.core.text import listed, path_text, plural, printable, shorten
from loradiag.core.trajectory import SeriesChange, Trajectory, TrajectoryStep, UnreadCheckpoint
from loradiag.linalg.directions import Overlap

MISSING = 1000
"""Missing steps that a report names."""

_PLACE = re.compile(r".*(?:^|[/_-])(\d{1,18})(?:_adapters\.\w+)?(?=/|$)", re.ASCII | re.DOTALL)
"""A path up to the last part of it that ends in a number of steps."""


class Series(msgspec.Struct, frozen=True):
    """The checkpoints that could be opened, in order, and those that could not."""

    adapters: list[Adapter]
    unread: list[UnreadCheckpoint]


def unread(error: InputError) -> UnreadCheckpoint:
    """A checkpoint by the error that it gave, whose path is of the checkpoint or of a file in it."""
    found = _PLACE.match(error.path)
    return UnreadCheckpoint(
        step=int(found[1]) if found else None,
        path=found[0] if found else error.path,
        problem=error.problem,
        kind=error.kind,
    )


def measure_series(series: Series, save_steps: int | None, progress: Callable[[int, int], None]) -> Trajectory:
    """Measure a series. A checkpoint that turns out to be unreadable is set aside, and the others are measured.

    Args:
        series: With at least one checkpoint.
        save_steps: Steps between two checkpoints, by the trainer's log; None if it does not say.
        progress: Told after each module.

    Raises:
        InputError: None of them can be read.
    """
    adapters, lost = list(series.adapters), list(series.unread)
    while True:
        try:
            found = measure(adapters, progress)
            break
        except UnreadableError as error:
            gone = adapters.pop(error.index)
            problem = UnreadCheckpoint(
                step=gone.step, path=path_text(gone.path), problem=error.error.problem, kind=error.error.kind
            )
            lost = sorted([*lost, problem], key=lambda row: row.step or 0)
            if not adapters:
                raise error.error from error
    steps = [
        _step(adapter, [cells[index] for cells in found.cells.values()], found.nonfinite[index], index > 0)
        for index, adapter in enumerate(adapters)
    ]
    there = [step.step for step in steps] + [row.step for row in lost if row.step is not None]
    spacing, source = spacing_of(there, save_steps)
    return Trajectory(
        steps=steps,
        modules=list(found.modules),
        unread=lost,
        changes=[change for pair in pairwise(adapters) for change in changes(*pair)],
        comparable=not any(holds_part_of_base(adapter.provenance.init) for adapter in adapters),
        spacing=spacing,
        spacing_source=source,
        missing=missing(there, spacing) if spacing else [],
    )


def _step(adapter: Adapter, cells: Sequence[Cell | None], nonfinite: int, later: bool) -> TrajectoryStep:
    known = [cell for cell in cells if cell is not None]
    live = [cell for cell in known if cell.norm]
    return TrajectoryStep(
        step=adapter.step or 0,
        path=path_text(adapter.path),
        modules=len(adapter.modules),
        measured=len(known),
        nonfinite=nonfinite,
        frobenius_norm=math.hypot(*(cell.norm for cell in known)) if known else None,
        stable_rank=median(cell.stable_rank for cell in live),
        entropy_share=median(cell.entropy_share for cell in live),
        effective_share=median(cell.effective_share for cell in live),
        effective_share_10=median(cell.effective_share_10 for cell in live),
        change=change(known) if later else None,
        cosine_previous=cosine([(cell.previous, cell.norm, cell.norm_previous) for cell in known]) if later else None,
        cosine_last=cosine([(cell.last, cell.norm, cell.norm_last) for cell in known]),
        left_previous=_middle([cell.previous for cell in live if cell.norm_previous], "left"),
        right_previous=_middle([cell.previous for cell in live if cell.norm_previous], "right"),
        left_last=_middle([cell.last for cell in live if cell.norm_last], "left"),
        right_last=_middle([cell.last for cell in live if cell.norm_last], "right"),
    )


def _middle(found: Sequence[Overlap | None], side: Literal["left", "right"]) -> float | None:
    return median(getattr(row, side) for row in found if row is not None)


def changes(before: Adapter, here: Adapter) -> list[SeriesChange]:
    """What a checkpoint has otherwise than the one before it."""
    step = here.step or 0
    found = []
    old, new = ({module.name: module for module in adapter.modules} for adapter in (before, here))
    gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
    if gone or come:
        said = [
            f"{word} {listed([_name(name) for name in names], 3)}"
            for word, names in (("lost", gone), ("new", come))
            if names
        ]
        found.append(SeriesChange(step=step, kind="modules", detail="; ".join(said)))
    both = [(old[name], new[name]) for name in old if name in new]
    ranks = Counter((a.rank, b.rank) for a, b in both if a.rank != b.rank)
    scales = Counter(
        (f"{a.scale.value:.6g}", f"{b.scale.value:.6g}") for a, b in both if a.scale.value != b.scale.value
    )
    for kind, counted in (("rank", ranks), ("scale", scales)):
        if counted:
            said = [f"{a} → {b} in {plural(count, 'module')}" for (a, b), count in counted.most_common()]
            found.append(SeriesChange(step=step, kind=kind, detail=listed(said, 3)))  # type: ignore[arg-type]
    pairs = (("method", method_name(before), method_name(here)), ("base", before.provenance.base, here.provenance.base))
    for kind, one, other in pairs:
        if one != other:
            detail = f"{_name(one or 'none')} → {_name(other or 'none')}"
            found.append(SeriesChange(step=step, kind=kind, detail=detail))  # type: ignore[arg-type]
    return found


def _name(name: str) -> str:
    return shorten(printable(name), 60)


def spacing_of(steps: Sequence[int], save_steps: int | None) -> tuple[int | None, Literal["save_steps", "most"] | None]:
    """How many steps lie between two checkpoints of a series without holes; None where nothing tells.

    The trainer's ``save_steps`` holds a default where it saved by epochs, so it counts only if all but the last checkpoint lie
    on its multiples. Else the least difference counts if more than half of all differences are equal to it, and all but the
    last are multiples of it.
    """
    ordered = sorted(set(steps))
    if save_steps and len(ordered) > 1 and all(step % save_steps == 0 for step in ordered[:-1]):
        return save_steps, "save_steps"
    gaps = [b - a for a, b in pairwise(ordered)]
    least = min(gaps[:-1] or gaps, default=0)
    if least and gaps.count(least) * 2 > len(gaps) >= 3 and all(gap % least == 0 for gap in gaps[:-1]):
        return least, "most"
    return None, None


def missing(steps: Sequence[int], spacing: int) -> list[int]:
    """The steps between the first and the last at which a checkpoint should lie and none does, as many as are named."""
    found: list[int] = []
    for before, after in pairwise(sorted(set(steps))):
        found += range(before + spacing, after, spacing)[: MISSING - len(found)]
    return found
