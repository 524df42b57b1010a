"""What the modules of two adapters come to together: as of one long update each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from loradiag.adapters.model import Module
from loradiag.core.comparing import ComparedModule, ComparedPair
from loradiag.core.numbers import median
from loradiag.linalg.directions import Overlap

FEW = 100
"""Entries that are large in both, below which the share of opposite signs says nothing: its error would be a tenth or more."""


class Beside(NamedTuple):
    """One module of both.

    Attributes:
        overlap: How the two updates lie to each other.
        norms: ‖ΔW‖_F of each.
        ranks: Numerical ranks.
        expected: Overlap of random subspaces, left and right.
        large: Sampled entries that are among the largest of both.
        opposite: Those of them with opposite signs.
    """

    overlap: Overlap
    norms: tuple[float, float]
    ranks: tuple[int, int]
    expected: tuple[float, float]
    large: int
    opposite: int


Found = tuple[Module, str, Beside]


def pair_of(
    places: tuple[int, int],
    found: Sequence[Found],
    *,
    misshapen: Sequence[str],
    only: tuple[int, int],
    common: int,
    stored_by_both: Sequence[str],
    stored_alone: int,
    same_file: bool,
) -> ComparedPair:
    """Sum up the modules of two adapters.

    Args:
        places: Of the two among all.
        found: Modules of both, each with its name and how the two lie to each other.
        misshapen: Names of modules whose shapes differ.
        only: How many modules only the one and only the other has.
        common: How many both have.
        stored_by_both: Layers that both hold in full.
        stored_alone: How many layers and biases only one of them stores.
        same_file: Whether their files are the same.
    """
    live = [beside for _, _, beside in found if all(beside.norms)]
    whole = _together([beside for _, _, beside in found if any(beside.norms)])
    return ComparedPair(
        a=places[0],
        b=places[1],
        compared=len(found),
        only_a=only[0],
        only_b=only[1],
        misshapen=list(misshapen),
        uncompared=common - len(found) - len(misshapen),
        left=median(beside.overlap.left for beside in live),
        right=median(beside.overlap.right for beside in live),
        left_expected=median(beside.expected[0] for beside in live),
        right_expected=median(beside.expected[1] for beside in live),
        left_excess=_excess(live, lambda beside: (beside.overlap.left, beside.expected[0])),
        right_excess=_excess(live, lambda beside: (beside.overlap.right, beside.expected[1])),
        cosine=whole.cosine,
        distance=whole.distance,
        interference=whole.interference,
        sign_conflict=_share(sum(row.opposite for row in live), sum(row.large for row in live)),
        stored_by_both=list(stored_by_both),
        stored_alone=stored_alone,
        same_file=same_file,
        modules=[_module(*row) for row in found],
    )


def _module(module: Module, name: str, beside: Beside) -> ComparedModule:
    return ComparedModule(
        name=name,
        role=module.place.role,
        stack=module.place.stack,
        layer=module.place.layer,
        rank_a=beside.ranks[0],
        rank_b=beside.ranks[1],
        left=beside.overlap.left,
        right=beside.overlap.right,
        left_expected=beside.expected[0],
        right_expected=beside.expected[1],
        cosine=beside.overlap.cosine,
        distance=beside.overlap.distance,
        interference=beside.overlap.interference,
        sign_conflict=_share(beside.opposite, beside.large),
        norm_a=beside.norms[0],
        norm_b=beside.norms[1],
    )


def _excess(live: Iterable[Beside], of: Callable[[Beside], tuple[float, float]]) -> float | None:
    pairs = [of(beside) for beside in live]
    return median((overlap - expected) / (1 - expected) for overlap, expected in pairs if expected < 1)


class _Whole(NamedTuple):
    """What all modules come to."""

    cosine: float | None = None
    distance: float | None = None
    interference: float | None = None


def _together(found: Sequence[Beside]) -> _Whole:
    """Cosine, distance and interference over all modules, as if each adapter were one vector."""
    largest = max((max(beside.norms) for beside in found), default=0.0)
    if not largest:
        return _Whole()
    inner = apart = mixed = energy_a = energy_b = 0.0
    for beside in found:
        a, b = (norm / largest for norm in beside.norms)
        energy_a, energy_b = energy_a + a * a, energy_b + b * b
        inner += beside.overlap.cosine * a * b
        apart += (beside.overlap.distance * max(a, b)) ** 2
        mixed += beside.overlap.interference**2 * (a * a + b * b)
    both = math.sqrt(energy_a * energy_b)
    return _Whole(
        cosine=max(-1.0, min(1.0, inner / both)) if both else None,
        distance=math.sqrt(apart / max(energy_a, energy_b)),
        interference=math.sqrt(mixed / (energy_a + energy_b)),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole >= FEW else None
