"""The pass over the base that needs no model: every weight that the adapter changes is read once and sent along all routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from loradiag.analyzers.merge.fold import Fold, embeds, fold_of
from loradiag.analyzers.merge.folding import Formats, Strip
from loradiag.analyzers.merge.kinds import Way, kind_of, way_of
from loradiag.analyzers.merge.measure import Change, Sums
from loradiag.analyzers.merge.routes import ORIGINAL, Plan, Route
from loradiag.analyzers.merging import NotMergedError
from loradiag.analyzers.pairing import Pair
from loradiag.analyzers.updates import Values
from loradiag.bases.model import Base
from loradiag.linalg.formats import PLAIN
from loradiag.linalg.tensors import tensor_of

_STRIP = 1 << 21
"""Entries at once where a format stores rows independently: memory of this size is used again and not fetched anew."""

_DEVICE_STRIP = 1 << 27


class Survival(msgspec.Struct, frozen=True):
    """What became of one module: sums by route, or why there are none."""

    pair: Pair
    routes: Mapping[str, Sums] = {}
    reason: str | None = None


def survey(
    pairs: Sequence[Pair], base: Base, plan: Plan, carrier: str, device: str, done: Callable[[Survival], None]
) -> None:
    """Send the weight of every pair along every route.

    Args:
        pairs: Modules with their weights; those without are given back with the reason.
        base: The base that the weights are of.
        plan: The routes.
        carrier: The 16-bit format in which the base is held (see :func:`loradiag.analyzers.merge.routes.carrier`).
        device: Where folding, quantizing and measuring happen.
        done: Given what became of each module, one by one.

    Raises:
        InputError: A file ends before its header says.
        MissingExtraError: A route needs a package that is not installed.
    """
    values, formats = Values(), Formats(plan.settings)
    for pair in pairs:
        done(_survival(pair, values, formats, base, plan, carrier, device))


def ways_of(pair: Pair, base: Base, routes: Sequence[Route], carrier: str) -> dict[str, Way]:
    """How the weight of a pair goes along each route."""
    assert pair.weight is not None
    shape = base.shapes.get(pair.weight.name) or pair.weight.shape
    kind = "linear" if "[" in pair.weight.name else kind_of(pair.weight.name, shape)
    return {route.name: way_of(route, kind, carrier) for route in routes}


def _survival(
    pair: Pair, values: Values, formats: Formats, base: Base, plan: Plan, carrier: str, device: str
) -> Survival:
    if pair.weight is None:
        return Survival(pair, reason=pair.reason)
    try:
        fold = fold_of(pair, values, device)
        ways = ways_of(pair, base, plan.routes, carrier)
        return Survival(pair, _sums(pair, fold, formats, ways, device))
    except NotMergedError as error:
        return Survival(pair, reason=str(error))


def _sums(pair: Pair, fold: Fold, formats: Formats, ways: Mapping[str, Way], device: str) -> dict[str, Sums]:
    weight = pair.weight
    assert weight is not None
    totals = dict.fromkeys(ways, Sums())
    split = {name: way for name, way in ways.items() if _by_row(way, formats, _seen_transposed(pair))}
    rows, cols = weight.shape
    few = max((_STRIP if device == "cpu" else _DEVICE_STRIP) // max(cols, 1), 1)
    for some, step in ((split, few), ({name: way for name, way in ways.items() if name not in split}, rows)):
        for start in range(0, rows if some else 0, step):
            strip = strip_of(pair, start, min(start + step, rows), formats, device)
            _add(totals, strip, start, some, fold)
    return totals


def _by_row(way: Way, formats: Formats, transposed: bool) -> bool:
    """Whether strips of rows go the way as the whole weight does."""
    names = [way.storage, *([way.source] if way.source != ORIGINAL else [])]
    return all(formats.named(name).by_row and (name in PLAIN or not transposed) for name in names)


def _add(totals: dict[str, Sums], strip: Strip, start: int, ways: Mapping[str, Way], fold: Fold) -> None:
    """Send a strip along some ways; one W after the other, so that only one Δ is held."""
    for _, group in groupby(sorted(ways.items(), key=lambda item: _start(item[1])), key=lambda item: _start(item[1])):
        change: Change | None = None
        for name, way in group:
            merged = strip.along(way, fold)
            change = change or Change(merged.source, fold.change(merged.source, start))
            totals[name] += change.stored_as(
                merged.stored.values, merged.stored.codes, merged.plain, floating=merged.floating
            )


def _start(way: Way) -> tuple[str, str, bool]:
    """What routes that start from the same W have in common."""
    return way.source, way.before, way.inplace


def strip_of(pair: Pair, start: int, stop: int, formats: Formats, device: str) -> Strip:
    """Rows of a pair's weight, read from the checkpoint."""
    weight = pair.weight
    assert weight is not None
    rows: Any = tensor_of(weight.read(start, stop), weight.dtype, device)
    return Strip(rows, start, formats, transposed=_seen_transposed(pair), quantized=weight.quantization)


def _seen_transposed(pair: Pair) -> bool:
    """Whether quantizers see the weight transposed, since it is stored [in, out]."""
    return pair.transposed and not embeds(pair)
