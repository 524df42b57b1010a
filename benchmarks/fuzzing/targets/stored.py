"""What loradiag has written itself and finds damaged or strange: a watch's state, a registry, what is remembered of fleets."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from benchmarks.fuzzing.databases import as_database, lay_database, made
from benchmarks.fuzzing.showing import harmless
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.shown import look
from loradiag.api import alarms, open_registry, settle_alarm, watch_days, watched
from loradiag.core.errors import LoradiagError
from loradiag.core.fleet import FleetAdapter, FleetPair
from loradiag.core.report import decode
from loradiag.fleet.memory import Measured, Memory
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.alarms import alarms_text
from loradiag.overview.roster import roster
from loradiag.watching.lookup import evidence_in
from loradiag.watching.metrics import Metrics

_RULES = "r" * 64


def _each(*steps: Callable[[], object]) -> None:
    """Every step, each of which may be refused for itself; the last refusal is that of all."""
    refused: LoradiagError | None = None
    for step in steps:
        try:
            step()
        except LoradiagError as error:
            refused = error
    if refused is not None:
        raise refused


def _watch_state(data: bytes, folder: Path) -> None:
    """A watch's state as everybody looks at it who does not watch, and as an alarm in it is settled."""
    place = lay_database(folder / "watch.sqlite", data)

    def snapshot() -> None:
        found = watched(state=place)
        msgspec.json.encode(found)
        metrics = Metrics()
        metrics.update(found.totals, found.adapters)
        metrics.text()
        roster((), found.adapters)

    _each(
        snapshot,
        lambda: msgspec.json.encode(watch_days(state=place)),
        lambda: watch_days(state=place, adapter="support", since="2026-11-01"),
        lambda: harmless("alarms", alarms_text(alarms(state=place, every=True), Style())),
        lambda: evidence_in(place),
        lambda: settle_alarm(1, "acknowledged", by="me", why="known", state=place),
        lambda: settle_alarm(1, "resolved", by="me", why="over", state=place),
    )


def _registry_file(data: bytes, folder: Path) -> None:
    place = lay_database(folder / "registry.sqlite", data)
    with open_registry(place, read_only=len(data) % 2 == 0) as registry:
        look(registry, len(data))


def _fleet_memory(data: bytes, folder: Path) -> None:
    """Nothing that is remembered wrongly is an error: it is measured again."""
    memory = Memory(lay_database(folder / "fleet.sqlite", data), _RULES)
    try:
        for key, one in memory.known(["a", "b", "c"]):
            msgspec.json.encode(one.row)
            assert one.vector.ndim == 1, key
            packed = memory.report(key)
            if packed is not None:
                with suppress(LoradiagError):
                    decode(zlib.decompress(packed))
        msgspec.json.encode([pair for _, pair in memory.pairs([("a", "b")])])
        memory.keep([("d", Measured(FleetAdapter(path="d")))])
        memory.forget()
    finally:
        memory.close()


def _states() -> list[bytes]:
    """A watch of two adapters over three days, one of which has an alarm."""
    from tests.watching.making import watcher, write, write_baseline

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_baseline(folder / "baselines" / "support", "support")
        write_baseline(folder / "baselines" / "other", "other", domain=1)
        write(folder / "lake", 40, day=0)
        write(folder / "lake", 30, adapter="other", domain=1, day=0, seed=5)
        seen = watcher(folder)
        seen.poll()
        for day in range(1, 4):
            write(folder / "lake", 200, day=day, domain=3, seed=day)
            seen.poll()
        seen.state.close()
        return [made(lambda place: place.write_bytes((folder / "watch.sqlite").read_bytes()), folder)]


def _registries() -> list[bytes]:
    from loradiag.registry.lifecycle import Change
    from tests.registry.building import evaluated, inspection, score

    def write(place: Path) -> None:
        with open_registry(place) as registry:
            told = [inspection("a"), inspection("b", failing=True), evaluated("a", score()), evaluated("b", score())]
            registry.record([(report, None, None) for report in told], who="me")
            row = registry.ls()[0]
            registry.set([row.sha256], Change(owner="me", stage="live"), who="me", why="because")

    with tempfile.TemporaryDirectory() as folder:
        return [made(write, Path(folder))]


def _memories() -> list[bytes]:
    from benchmarks.fuzzing.targets.kinds import reports

    def write(place: Path) -> None:
        memory = Memory(place, _RULES)
        report = zlib.compress(reports()[0], 1)
        memory.keep((key, Measured(FleetAdapter(path=key), b"\0\0\x80\x3f" * 4, report)) for key in "abc")
        memory.keep_pairs([(("a", "b"), FleetPair(a=0, b=1, relation="same", cosine=1.0, distance=0.0))])
        memory.close()

    with tempfile.TemporaryDirectory() as folder:
        return [made(write, Path(folder))]


TARGETS = {
    "watch-state": Target(_watch_state, _states, as_database, 1 << 18),
    "registry-file": Target(_registry_file, _registries, as_database, 1 << 18),
    "fleet-memory": Target(_fleet_memory, _memories, as_database, 1 << 17),
}
