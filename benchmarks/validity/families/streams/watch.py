"""Streams under watch, looked at again and again: without a change, and with one at a known time."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.validity.cases import Expected
from benchmarks.validity.families.traffic.sources import Source, Vectors, World, drawn, fixtures, real
from benchmarks.validity.families.words import Place, Table, Told, counting, expect

JUDGED = frozenset(["LD813", "LD814"])
LOOKS, MOST = 20, 60
"""Looks, and requests that come between two of them, at most: as many as the source has without one coming twice."""

CHANGE_AT = 8
DAY = 86_400_000_000
START = 1_793_491_200_000_000


class Stream(NamedTuple):
    """From the look ``CHANGE_AT`` on a share of requests is foreign; ``from_start``: from the first on."""

    label: str
    share: float
    expected: Expected


STREAMS = (
    Stream("a stream without a change", 0.0, expect()),
    Stream("a fortieth foreign since a day", 0.025, expect(may="LD813")),
    Stream("a fifth foreign since a day", 0.2, expect("LD813")),
    Stream("half foreign since a day", 0.5, expect("LD813")),
)


def told(place: Place) -> tuple[list[Told], list[Table]]:
    """All streams, and how soon changes were seen."""
    worlds = [fixtures(place.scratch / "watch-fixtures")]
    if place.shared and not place.quick:
        worlds.append(real(place.shared, place.scratch / "watch-real"))
    found: list[Told] = []
    delays: dict[str, list[int | None]] = {}
    for world in worlds:
        for source in world.sources:
            for stream in STREAMS:
                trials = 1 if place.quick else (12 if stream.share == 0 else 5)
                for trial in range(trials):
                    one, delay, settled = _watched(place.scratch / "watched", world, source, stream, trial)
                    found += [one, *settled]
                    delays.setdefault(stream.label, []).append(delay)
    return found, [_delays(delays)]


def _delays(found: dict[str, list[int | None]]) -> Table:
    rows = []
    for label, delays in found.items():
        seen = [delay for delay in delays if delay is not None]
        middle = f"{int(np.median(seen)):,}" if seen else "–"
        rows.append([label, str(len(delays)), str(len(seen)), middle])
    head = ("stream", "streams", "alarmed after the change", "requests from the change to the alarm, median")
    return Table(
        f"Watched: {LOOKS} looks at 15 to {MOST} requests each, the change before look {CHANGE_AT + 1}", head, rows
    )


_number = itertools.count()


def _watched(
    scratch: Path, world: World, source: Source, stream: Stream, trial: int
) -> tuple[Told, int | None, list[Told]]:
    """Look after every part; where it alarms, acknowledge the alarm and look again."""
    from loradiag.api import alarms, settle_alarm, watch
    from loradiag.traffic.vectors import write_vectors

    rng = np.random.default_rng([trial, len(source.name), int(1000 * stream.share)])
    lake = scratch / f"{next(_number):04d}"
    fired: frozenset[str] = frozenset()
    delay = None
    each = min(MOST, len(source.held) // LOOKS)
    own = source.held[rng.permutation(len(source.held))[: each * LOOKS]].reshape(LOOKS, each, -1)
    for look in range(LOOKS):
        share = stream.share if look >= CHANGE_AT else 0.0
        vectors = _part(world, own[look], share, rng)
        write_vectors(lake, source.name, vectors, world.encoder, start=START + look * DAY, step=1_000_000)
        (report,) = watch(lake, [source.baseline])
        fired = counting(report.findings) & JUDGED
        if fired:
            delay = (look + 1 - CHANGE_AT) * each if look >= CHANGE_AT else None
            break
    name = f"{world.name}: {source.name}, {stream.label} #{trial}"
    one = _told(name, stream.label, stream.expected, fired)
    settled = []
    if fired and stream.share >= 0.2:
        for alarm in alarms(lake):
            settle_alarm(alarm.id, "acknowledged", by="bench", why="planted", lake=lake)
        (report,) = watch(lake, [source.baseline])
        label = "an alarm that was acknowledged"
        settled.append(_told(f"{name}, acknowledged", label, expect("LD814"), counting(report.findings) & JUDGED))
    return one, delay, settled


def _part(world: World, own: Vectors, share: float, rng: np.random.Generator) -> Vectors:
    """A share of them is replaced."""
    foreign = rng.random(len(own)) < share
    return np.where(foreign[:, None], drawn(world.foreign, len(own), rng), own)


def _told(name: str, label: str, expected: Expected, fired: frozenset[str]) -> Told:
    return Told(
        family="stream",
        name=name,
        label=label,
        expected=expected,
        judged=JUDGED,
        fired=fired,
        sound=expected == expect(),
    )
