"""The checkpoints of one run: how the update grew, turned and settled, from the directions of each module.

Goes module by module over all checkpoints, so that no more than the directions of a few modules are in memory at a time,
however many checkpoints there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from loradiag.adapters.model import Adapter, Module
from loradiag.analyzers.comparing.deltas import NoDirectionsError, directions_of
from loradiag.analyzers.updates import Values
from loradiag.analyzers.updates import measure as update
from loradiag.core.errors import InputError
from loradiag.core.trajectory import ModuleTrajectory
from loradiag.linalg.directions import Directions, Overlap, overlap
from loradiag.linalg.spectra import measures
from loradiag.linalg.threads import parallel


class UnreadableError(Exception):
    """A checkpoint that was opened cannot be read after all.

    Attributes:
        index: Which.
        error: Why.
    """

    def __init__(self, index: int, error: InputError) -> None:
        super().__init__(str(error))
        self.index = index
        self.error = error


class Cell(NamedTuple):
    """One module of one checkpoint.

    ``previous`` and ``last`` are how it lies to the checkpoint before and to the last one, with their norms; None where there
    is nothing to compare with.
    """

    norm: float
    stable_rank: float
    entropy_share: float
    effective_share: float
    effective_share_10: float
    previous: Overlap | None
    last: Overlap | None
    norm_previous: float | None
    norm_last: float | None


class Measured(msgspec.Struct, frozen=True):
    """What all checkpoints come to: by module, a cell a checkpoint, None where it is not there or not known.

    ``nonfinite``: by checkpoint, the modules whose update is not finite.
    """

    cells: Mapping[str, Sequence[Cell | None]]
    modules: Sequence[ModuleTrajectory]
    nonfinite: Sequence[int]


def measure(adapters: Sequence[Adapter], progress: Callable[[int, int], None]) -> Measured:
    """Measure all modules over all checkpoints.

    Args:
        adapters: The checkpoints, in the order of their steps.
        progress: Told after each module.

    Raises:
        UnreadableError: A checkpoint's file ends before its header says.
    """
    placed: dict[str, list[Module | None]] = {}
    for index, adapter in enumerate(adapters):
        for module in adapter.modules:
            placed.setdefault(module.name, [None] * len(adapters))[index] = module
    values = Values()
    cells: dict[str, Sequence[Cell | None]] = {}
    rows = []
    bad = [0] * len(adapters)
    for name, found in parallel(lambda name: (name, _cells(placed[name], values)), placed):
        cells[name] = found
        rows.append(_row(name, placed[name], found))
        for index, (here, cell) in enumerate(zip(placed[name], found, strict=True)):
            if here is not None and cell is None and _nonfinite(here, values):
                bad[index] += 1
        progress(len(cells), len(placed))
    return Measured(cells, rows, bad)


def _nonfinite(module: Module, values: Values) -> bool:
    return bool(update(module, values).nonfinite)


def _cells(modules: Sequence[Module | None], values: Values) -> list[Cell | None]:
    last = _directions(modules, len(modules) - 1, values)
    before: Directions | None = None
    found: list[Cell | None] = []
    for index, module in enumerate(modules):
        here = last if index == len(modules) - 1 else _directions(modules, index, values)
        found.append(None if here is None or module is None else _cell(module, here, before, last))
        before = here
    return found


def _directions(modules: Sequence[Module | None], index: int, values: Values) -> Directions | None:
    module = modules[index]
    if module is None:
        return None
    try:
        return directions_of(module, values)
    except NoDirectionsError:
        return None
    except InputError as error:
        raise UnreadableError(index, error) from error


def _cell(module: Module, here: Directions, before: Directions | None, last: Directions | None) -> Cell:
    told = measures(here.sigma)
    rank = max(module.rank, here.sigma.size, 1)  # LoHa has more directions than its rank
    return Cell(
        norm=told.frobenius_norm,
        stable_rank=told.stable_rank,
        entropy_share=told.entropy_rank / rank,
        effective_share=told.effective_rank / rank,
        effective_share_10=told.effective_rank_10 / rank,
        previous=_beside(here, before),
        last=_beside(here, last),
        norm_previous=None if before is None else before.norm,
        norm_last=None if last is None else last.norm,
    )


def _beside(here: Directions, other: Directions | None) -> Overlap | None:
    """How two lie to each other; None where there is no other, or one of another shape."""
    if other is None or here.shape != other.shape:
        return None
    return overlap(here, other)


def _row(name: str, modules: Sequence[Module | None], cells: Sequence[Cell | None]) -> ModuleTrajectory:
    place = next(module.place for module in reversed(modules) if module is not None)
    return ModuleTrajectory(
        name=name,
        role=place.role,
        stack=place.stack,
        layer=place.layer,
        frobenius_norm=[None if cell is None else cell.norm for cell in cells],
        entropy_share=[cell.entropy_share if cell is not None and cell.norm else None for cell in cells],
        change=[None if cell is None else change([cell]) for cell in cells],
        cosine_last=[
            cell.last.cosine if cell is not None and cell.last is not None and cell.norm and cell.norm_last else None
            for cell in cells
        ],
    )


def change(cells: Sequence[Cell]) -> float | None:
    """‖Δ_t − Δ_{t−1}‖_F / ‖Δ_t‖_F over the modules that both have.

    0 where all of both are zero; None where there are none to compare, or only those before are not zero.
    """
    pairs = [cell for cell in cells if cell.previous is not None and cell.norm_previous is not None]
    largest = max((max(cell.norm, cell.norm_previous or 0.0) for cell in pairs), default=0.0)
    now = sum((cell.norm / largest) ** 2 for cell in pairs) if largest else 0.0
    if not now:
        return 0.0 if pairs and not largest else None
    moved = sum(
        ((cell.previous.distance if cell.previous else 0.0) * max(cell.norm, cell.norm_previous or 0.0) / largest) ** 2
        for cell in pairs
    )
    return float((moved / now) ** 0.5)


def cosine(pairs: Sequence[tuple[Overlap | None, float, float | None]]) -> float | None:
    """The cosine of two adapters from those of their modules: each with the norms of both.

    None where no module can be compared or one of the two is zero.
    """
    known = [(found.cosine, one, other) for found, one, other in pairs if found is not None and other is not None]
    largest = max((max(one, other) for _, one, other in known), default=0.0)
    if not largest:
        return None
    first = sum((one / largest) ** 2 for _, one, _ in known)
    second = sum((other / largest) ** 2 for _, _, other in known)
    if not first or not second:
        return None
    inner = sum(value * (one / largest) * (other / largest) for value, one, other in known)
    return float(max(-1.0, min(1.0, inner / (first * second) ** 0.5)))
