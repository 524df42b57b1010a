"""Scanning many adapters: found, measured once, held beside each other, judged together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loradiag._about import __version__
from loradiag.api.beside import Stages, silent
from loradiag.api.judging import default_policy, judged
from loradiag.api.scanwork import measure_all, measure_pairs, tell_each
from loradiag.core.errors import InputError
from loradiag.core.fleet import Fleet, FleetOverlap, FleetPair
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import SCHEMA_VERSION, Accounting, Report, Subject
from loradiag.core.text import listed, printable, shorten

if TYPE_CHECKING:
    from loradiag.fleet.engines import Engine
    from loradiag.fleet.finding import Found
    from loradiag.fleet.memory import Measured, Memory

Told = Callable[[Report], None]


class InterruptedScanError(KeyboardInterrupt):
    """A scan was interrupted. What was measured is remembered; ``report`` is of what was known by then."""

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__("interrupted")


def scan_fleet(
    paths: Sequence[str | Path],
    *,
    checkpoints: bool = False,
    fresh: bool = False,
    related: bool = True,
    overlap: Sequence[str] = (),
    overlap_folder: str | Path | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    workers: int | None = None,
    allow_pickle: bool = False,
    policy: Policy | None = None,
    each: Told | None = None,
    progress: Stages | None = None,
) -> Report:
    """Measure every adapter below some paths, once for each state of its files, and judge them together.

    Args:
        paths: Directories, adapters, patterns, and URLs that fsspec opens (``s3://…``, ``hf://owner/name``).
        checkpoints: Whether every checkpoint of a run counts, and not its last one alone.
        fresh: Whether what is remembered is measured again.
        related: Whether related adapters are looked for.
        overlap: Modules, or patterns of them, on which all adapters are held against all.
        overlap_folder: Where their matrices are written, as ``.npy``.
        engine: Where adapters are measured: ``local`` or ``ray``; the results are the same.
        ray_address: Of a cluster, ``auto`` or ``ray://host:10001``; a local one is begun if None.
        workers: Processes, or items under way on the cluster; as many as there are cores if None.
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        policy: What to judge by; the default policy if None.
        each: Told the report of every adapter, remembered or not.
        progress: Told what is done, the parts of it that are done, and their number.

    Raises:
        InputError: A path names nothing, or nothing below them is an adapter.
        InterruptedScanError: It was interrupted; called again, it goes on.
        MissingExtraError: An engine or a URL needs a package that is not installed.
        UsageError: An option makes no sense.
    """
    from loradiag.fleet.engines import engine_of

    stages, judge_by = progress or silent, policy or default_policy()
    stages("looking for adapters", 0, 0)
    found = _found(paths, checkpoints)
    measured: dict[int, Measured] = {}
    how = (judge_by, allow_pickle)
    with _remembering(judge_by, allow_pickle) as memory, engine_of(engine, address=ray_address, workers=workers) as at:
        try:
            measure_all(found, measured, memory, at, how, stages, fresh=fresh)
            if each:
                tell_each(found, measured, memory, each)
            made = _together(found, measured)
            if related:
                made = _with_pairs(made, found, measured, (memory, at, how, stages))
        except KeyboardInterrupt as stopped:
            partial = msgspec.structs.replace(_together(found, measured), incomplete=True)
            raise InterruptedScanError(_judged(partial, paths, judge_by)) from stopped
    if overlap:
        made = msgspec.structs.replace(
            made, overlaps=_overlaps(made, found, overlap, overlap_folder, stages, allow_pickle)
        )
    return _judged(made, paths, judge_by)


def _found(paths: Sequence[str | Path], checkpoints: bool) -> list[Found]:
    from loradiag.fleet.finding import find
    from loradiag.storage.cache import folder

    found = list(find([str(path) for path in paths], folder(), checkpoints=checkpoints))
    if not any(one.problem is None for one in found):
        names = listed([printable(str(path)) for path in paths], 3)
        why = f" ({found[0].problem})" if found else ""
        raise InputError(names, f"holds no adapter{why}", "name directories of adapters", "no-adapter")
    return found


@contextmanager
def _remembering(policy: Policy, allow_pickle: bool) -> Iterator[Memory]:
    from loradiag.fleet.memory import Memory
    from loradiag.storage.cache import folder
    from loradiag.storage.remembered import FLEET

    told = msgspec.json.encode((__version__, SCHEMA_VERSION, allow_pickle, msgspec.structs.replace(policy, unused=[])))
    memory = Memory(folder() / FLEET, hashlib.sha256(told).hexdigest())
    try:
        yield memory
        memory.forget()
    finally:
        memory.close()


def _together(found: Sequence[Found], measured: Mapping[int, Measured]) -> Fleet:
    """Hold the adapters that were measured beside each other."""
    from loradiag.fleet.bands import banded
    from loradiag.fleet.gathering import bases_of

    rows, bands = banded([measured[place].row for place in sorted(measured)])
    return Fleet(
        adapters=rows,
        bases=bases_of(rows),
        bands=bands,
        pairs=[],
        compared=0,
        overlaps=[],
        read=sum(not row.remembered and row.problem is None for row in rows),
        incomplete=len(measured) < len(found),
    )


def _with_pairs(
    made: Fleet,
    found: Sequence[Found],
    measured: Mapping[int, Measured],
    means: tuple[Memory, Engine, tuple[Policy, bool], Stages],
) -> Fleet:
    """Look for related adapters: copies by their hashes, others by their sketches and then exactly."""
    from loradiag.fleet.gathering import base_name
    from loradiag.fleet.relating import copies, likely

    memory, engine, how, stages = means
    # The same weights under another configuration are another update: by its size.
    hashes = [None if row.sha256 is None else (row.sha256, row.scale, row.frobenius_norm) for row in made.adapters]
    sketches = [measured[place].vector if measured[place].sketch else None for place in range(len(found))]
    places = likely(sketches, [base_name(row.base) for row in made.adapters], hashes)
    pairs = measure_pairs(found, places, memory, engine, how, stages)
    same = [FleetPair(a=a, b=b, relation="same", cosine=1.0, distance=0.0) for a, b in copies(hashes)]
    kept = [pair for pair in pairs if pair.relation not in ("unrelated", "not-compared", "unjudged")]
    return msgspec.structs.replace(made, pairs=[*same, *kept], compared=len(pairs))


def _overlaps(
    made: Fleet,
    found: Sequence[Found],
    patterns: Sequence[str],
    folder: str | Path | None,
    stages: Stages,
    allow_pickle: bool,
) -> list[FleetOverlap]:
    from loradiag.fleet.overlapping import overlaps_on

    readable = [place for place, row in enumerate(made.adapters) if row.problem is None]
    place = None if folder is None else Path(folder)
    return overlaps_on(patterns, [(at, found[at]) for at in readable], place, stages, allow_pickle=allow_pickle)


def _judged(made: Fleet, paths: Sequence[str | Path], policy: Policy) -> Report:
    names = listed([shorten(printable(str(path)), 80) for path in paths], 4)
    return judged(Subject(path=names), Measurements(fleet=made), Accounting(), policy)
