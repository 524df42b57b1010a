"""Adapters beside each other: module by module the blocks that their updates make, and what these come to for every pair."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

import msgspec

from loradiag.adapters.model import Adapter, Module
from loradiag.analyzers.comparing.deltas import NoDirectionsError, directions_of
from loradiag.analyzers.comparing.matching import Row, aligned, stored_whole
from loradiag.analyzers.comparing.pairs import Beside, pair_of
from loradiag.analyzers.comparing.stored import stored_alone, stored_distance
from loradiag.analyzers.subject import counted, method_name
from loradiag.analyzers.updates import Values
from loradiag.core.comparing import ComparedAdapter, ComparedModule, ComparedPair, Comparison, Uncompared
from loradiag.core.starts import holds_part_of_base
from loradiag.core.text import path_text
from loradiag.linalg.directions import Directions, overlap
from loradiag.linalg.signs import SIDE, Signs, conflict, signs
from loradiag.linalg.threads import parallel

Progress = Callable[[int, int], None]

MOST_ROWS = 20_000
"""Rows of modules in a report. Pairs beyond them are summed up only, those that interfere least first."""


class Named(msgspec.Struct, frozen=True):
    """An adapter with its short name, a part of its path, and the hash of its content."""

    label: str
    adapter: Adapter
    sha256: str


class _Measured(msgspec.Struct, frozen=True):
    """One module over all adapters: the norm of each update, why there is none, and each pair of places beside each other."""

    name: str
    norms: dict[int, float]
    reasons: dict[int, str]
    pairs: dict[tuple[int, int], Beside | None]


def compare(named: Sequence[Named], progress: Progress) -> Comparison:
    """Measure every pair of some adapters.

    The updates of one module are in memory at a time, as their thin singular vectors.

    Args:
        named: Two adapters at least.
        progress: Told the modules that are done, and their number.

    Raises:
        InputError: A file ends before its header says.
    """
    rows = aligned([one.adapter for one in named])
    values = Values()
    measured: list[_Measured] = []
    for found in parallel(lambda item: _measure(*item, values), rows.items()):
        measured.append(found)
        progress(len(measured), len(rows))
    adapters = [_adapter(one, place, measured) for place, one in enumerate(named)]
    pairs = [_pair(named, adapters, places, rows, measured) for places in combinations(range(len(named)), 2)]
    kept = _within_bounds(pairs)
    left_out = sum(bool(before.modules) and not after.modules for before, after in zip(pairs, kept, strict=True))
    return Comparison(adapters=adapters, pairs=kept, modules_left_out=left_out, sampled=SIDE * SIDE)


def _measure(name: str, row: Row, values: Values) -> _Measured:
    """Measure one module of all adapters that have it."""
    known: dict[int, tuple[Directions, Signs | None]] = {}
    reasons: dict[int, str] = {}
    for place, module in enumerate(row):
        if module is None:
            continue
        try:
            update = directions_of(module, values)
            known[place] = (update, signs(update))
        except NoDirectionsError as error:
            reasons[place] = str(error)
    norms = {place: update.norm for place, (update, _) in known.items()}
    pairs = {places: _beside(*(known[place] for place in places)) for places in combinations(known, 2)}
    return _Measured(name, norms, reasons, pairs)


def _beside(first: tuple[Directions, Signs | None], second: tuple[Directions, Signs | None]) -> Beside | None:
    """Two updates beside each other; None where their shapes differ."""
    (a, signs_a), (b, signs_b) = first, second
    if a.shape != b.shape:
        return None
    large, opposite = conflict(signs_a, signs_b) if signs_a and signs_b else (0, 0)
    ranks = (a.sigma.size, b.sigma.size)
    return Beside(
        overlap=overlap(a, b),
        norms=(a.norm, b.norm),
        ranks=ranks,
        expected=(_expected(max(ranks), a.left.shape[0]), _expected(max(ranks), a.right.shape[0])),
        large=large,
        opposite=opposite,
    )


def _expected(rank: int, extent: int) -> float:
    return min(1.0, rank / extent)


def _adapter(one: Named, place: int, measured: Sequence[_Measured]) -> ComparedAdapter:
    adapter = one.adapter
    norms = [row.norms[place] for row in measured if place in row.norms]
    return ComparedAdapter(
        label=path_text(one.label),
        path=path_text(adapter.path),
        sha256=one.sha256,
        layout=adapter.layout,
        method=method_name(adapter),
        base=adapter.provenance.base,
        ranks=counted(f"{module.rank}" for module in adapter.modules),
        modules=len(norms),
        frobenius_norm=math.hypot(*norms),
        step=adapter.step,
        stored_whole=stored_whole(adapter),
        uncompared=[Uncompared(name=row.name, reason=row.reasons[place]) for row in measured if place in row.reasons],
        holds_part_of_base=holds_part_of_base(adapter.provenance.init),
    )


def _pair(
    named: Sequence[Named],
    adapters: Sequence[ComparedAdapter],
    places: tuple[int, int],
    rows: Mapping[str, Row],
    measured: Sequence[_Measured],
) -> ComparedPair:
    a, b = places
    both = [found for found in measured if places in found.pairs]
    has = [(row[a] is not None, row[b] is not None) for row in rows.values()]
    first, second = named[a].adapter, named[b].adapter
    found = pair_of(
        places,
        list(_with_places(both, places, rows)),
        misshapen=[found.name for found in both if found.pairs[places] is None],
        only=(has.count((True, False)), has.count((False, True))),
        common=has.count((True, True)),
        stored_by_both=sorted({*adapters[a].stored_whole} & {*adapters[b].stored_whole}),
        stored_alone=stored_alone(first, second),
        same_file=named[a].sha256 == named[b].sha256,
    )
    # Reading whole layers of adapters whose updates have nothing in common would tell nothing.
    near = found.distance is not None and found.distance <= 1 and not found.same_file
    return msgspec.structs.replace(found, stored_distance=stored_distance(first, second)) if near else found


def _with_places(
    both: Sequence[_Measured], places: tuple[int, int], rows: Mapping[str, Row]
) -> Iterator[tuple[Module, str, Beside]]:
    for found in both:
        module, beside = rows[found.name][places[0]], found.pairs[places]
        if beside is not None and module is not None:
            yield module, found.name, beside


def _within_bounds(pairs: Sequence[ComparedPair]) -> list[ComparedPair]:
    """The pairs, with modules as far as there is room, for those that interfere most."""
    room = MOST_ROWS
    kept: dict[int, list[ComparedModule]] = {}
    for place in sorted(range(len(pairs)), key=lambda place: -(pairs[place].interference or 0.0)):
        if len(pairs[place].modules) <= room:
            kept[place] = pairs[place].modules
            room -= len(pairs[place].modules)
    return [msgspec.structs.replace(pair, modules=kept.get(place, [])) for place, pair in enumerate(pairs)]
