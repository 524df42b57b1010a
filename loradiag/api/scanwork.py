"""The work on the adapters of a fleet: each measured once for each state of its files, in whatever process, and remembered."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from loradiag.api.beside import Stages
from loradiag.api.inspecting import report_of, unreadable
from loradiag.core.errors import InputError, LoradiagError
from loradiag.core.fleet import FleetAdapter, FleetPair
from loradiag.core.policy import Policy
from loradiag.core.relations import relation_of
from loradiag.core.report import Report, decode, encode
from loradiag.core.text import printable, shorten

if TYPE_CHECKING:
    from loradiag.fleet.engines import Engine
    from loradiag.fleet.finding import Found
    from loradiag.fleet.memory import Measured, Memory

_KEPT = 50
"""Adapters, or pairs, after which what was measured is remembered."""


def measure_all(
    found: Sequence[Found],
    measured: dict[int, Measured],
    memory: Memory,
    engine: Engine,
    how: tuple[Policy, bool],
    stages: Stages,
    *,
    fresh: bool,
) -> None:
    """Fill ``measured`` by place: from memory, then by the engine, which keeps what it finds."""
    from loradiag.fleet.engines import DIED
    from loradiag.fleet.memory import Measured

    by_key: dict[str, list[int]] = {}
    for place, one in enumerate(found):
        if one.problem is not None:
            measured[place] = Measured(FleetAdapter(path=one.path, problem=one.problem))
        else:
            by_key.setdefault(one.key, []).append(place)
    if not fresh:
        for key, known in memory.known(list(by_key)):
            for place in by_key[key]:
                row = msgspec.structs.replace(known.row, path=found[place].path, remembered=True)
                measured[place] = Measured(row, known.sketch)
    todo = [place for place in range(len(found)) if place not in measured]
    waiting: list[tuple[str, Measured]] = []
    try:
        for number, result in engine.run(_worker, [(found[place], *how) for place in todo]):
            place = todo[number]
            measured[place] = result or Measured(FleetAdapter(path=found[place].path, problem=DIED))
            if measured[place].row.problem is None:
                waiting.append((found[place].key, measured[place]))
            if len(waiting) >= _KEPT:
                memory.keep(waiting)
                waiting.clear()
            stages("adapters", len(measured), len(found))
    finally:
        memory.keep(waiting)


def _worker(item: tuple[Found, Policy, bool]) -> Measured:
    """Measure one adapter, in whatever process: nothing that is wrong with it is raised."""
    from loradiag.adapters.locate import stamp_path
    from loradiag.adapters.opening import open_adapter
    from loradiag.adapters.stamps import read_stamp
    from loradiag.fleet.finding import brought
    from loradiag.fleet.memory import Measured
    from loradiag.fleet.rows import row_of, sampled_of

    found, policy, allow_pickle = item
    try:
        with brought(found) as path:
            adapter = open_adapter(path, allow_pickle=allow_pickle)
            report = report_of(adapter, policy)
            report = msgspec.structs.replace(report, subject=msgspec.structs.replace(report.subject, path=found.path))
            try:
                stamp = read_stamp(stamp_path(adapter.weights))
            except InputError:
                stamp = None  # a finding of the report says what is wrong with it
            sampled = sampled_of(adapter)
            row = row_of(found.path, adapter, report, stamp, sampled)
    except LoradiagError as error:
        problem = error.problem if isinstance(error, InputError) else str(error)
        kind = error if isinstance(error, InputError) else InputError(found.path, problem)
        report = unreadable(found.path, kind, policy)
        return Measured(FleetAdapter(path=found.path, problem=printable(problem)), b"", _packed(report))
    except MemoryError:
        return Measured(FleetAdapter(path=found.path, problem="memory ran out while it was read"))
    except Exception as error:  # a fault of loradiag's own must not cost the other adapters
        said = shorten(printable(f"{type(error).__name__}: {error}"), 160)
        return Measured(FleetAdapter(path=found.path, problem=f"internal error ({said}); please report it"))
    return Measured(row, sampled.sketch.astype("<f4").tobytes(), _packed(report))


def _packed(report: Report) -> bytes:
    return zlib.compress(encode(report, indent=0), 1)


def tell_each(
    found: Sequence[Found], measured: dict[int, Measured], memory: Memory, each: Callable[[Report], None]
) -> None:
    """Tell the report of every adapter, those that were remembered too."""
    for place, one in sorted(measured.items()):
        packed = one.report or memory.report(found[place].key)
        if packed:
            each(*decode(zlib.decompress(packed), found[place].path))


def measure_pairs(
    found: Sequence[Found],
    places: Sequence[tuple[int, int]],
    memory: Memory,
    engine: Engine,
    how: tuple[Policy, bool],
    stages: Stages,
) -> list[FleetPair]:
    """Compare pairs exactly; those of two adapters that are as they were are remembered."""
    known = dict(memory.pairs([(found[a].key, found[b].key) for a, b in places]))
    pairs = {both: known[keys] for both in places if (keys := (found[both[0]].key, found[both[1]].key)) in known}
    todo = [both for both in places if both not in pairs]
    waiting: list[tuple[tuple[str, str], FleetPair]] = []
    try:
        for number, result in engine.run(_pair_worker, [(found[a], found[b], *how) for a, b in todo]):
            if result is not None:
                pairs[todo[number]] = result
                waiting.append(((found[todo[number][0]].key, found[todo[number][1]].key), result))
            if len(waiting) >= _KEPT:
                memory.keep_pairs(waiting)
                waiting.clear()
            stages("likely pairs", len(pairs), len(places))
    finally:
        memory.keep_pairs(waiting)
    return [msgspec.structs.replace(pairs[both], a=both[0], b=both[1]) for both in places if both in pairs]


def _pair_worker(item: tuple[Found, Found, Policy, bool]) -> FleetPair | None:
    """Compare two adapters; None where one of them cannot be read any more."""
    from loradiag.adapters.opening import open_adapter
    from loradiag.analyzers.comparing.comparison import Named, compare
    from loradiag.fleet.finding import brought

    one, other, policy, allow_pickle = item
    try:
        with brought(one) as first, brought(other) as second:
            named = [
                Named(str(place), open_adapter(path, allow_pickle=allow_pickle), str(place))
                for place, path in enumerate((first, second))
            ]
            pair = compare(named, lambda *_: None).pairs[0]
    except LoradiagError:
        return None
    selected = {code: limits for code, limits in policy.thresholds.items() if policy.selects(code)}
    return FleetPair(a=0, b=1, relation=relation_of(pair, selected), cosine=pair.cosine, distance=pair.distance)
