"""Files that loradiag keeps for itself and finds damaged: none of them is an error, what they held is done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec

from benchmarks.fuzzing.mutating import as_json, blindly, by_line
from benchmarks.fuzzing.targets import Target
from loradiag.analyzers.forgetting.compare import Subject, compare
from loradiag.analyzers.forgetting.remember import BASES, Memory
from loradiag.analyzers.merge.keep import Kept
from loradiag.analyzers.merge.measure import Sums
from loradiag.bases.cache import Entry
from loradiag.core.errors import InputError
from loradiag.models.harness.answers import Answer, Metric, Scored
from loradiag.storage.cache import folder
from loradiag.storage.remembered import items
from loradiag.storage.remote import RemoteFolder
from loradiag.traffic.following import Follower
from loradiag.traffic.ingesting import Ingestion, Options
from tests.traffic import logs

_METRIC = Metric(name="acc", filter="none", higher_is_better=True, aggregation="mean")


def _fingerprints(data: bytes, place: Path) -> None:
    """Hashes of a base's tensors."""
    file = place / "hashes.json"
    file.write_bytes(data)
    Entry(place, file).read()


def _answers(data: bytes, place: Path) -> None:  # noqa: ARG001 - the cache is the process's own
    """A base's answers to a task, and what they come to."""
    memory = Memory(BASES, {"model": "x"}, {"model": "x"}, enabled=True)
    kept = folder() / BASES
    if not any(kept.glob("*.json")):
        memory.write("q", _scored(), {"task": "toy"})
    (file,) = kept.glob("*.json")
    file.write_bytes(data)
    found = memory.read("q", Scored)
    if found is not None:
        with suppress(InputError):
            compare(Subject("toy", "task", True), found, _scored(), aggregate=lambda _: None)
    list(items())


def _merges(data: bytes, place: Path) -> None:  # noqa: ARG001
    """Lines of an interrupted run's modules, and a route of it."""
    kept = Kept({"run": 1})
    (own,) = (folder() / "merge").iterdir()
    (own / "weights.jsonl").write_bytes(data)
    (own / "16-bit.json").write_bytes(data.partition(b"\n")[0])
    kept.survivals()
    kept.outputs("16-bit")


def _positions(data: bytes, place: Path) -> None:
    """Where reading of a log stopped."""
    log, lake = place / "log.jsonl", place / "lake"
    if not log.exists():
        log.write_text(json.dumps(logs.vllm()) + "\n")
    follower = Follower(Ingestion(lake, None, Options(), lambda _: None), lake, [str(log)], 1.0)
    name = json.dumps(str(log)).encode()
    for file in (lake / "_state").glob("follow-*.json") if (lake / "_state").exists() else ():
        file.write_bytes(data.replace(b'"LOG"', name))
        follower = Follower(Ingestion(lake, None, Options(), lambda _: None), lake, [str(log)], 1.0)
    follower.look()
    if not (lake / "_state").exists():
        follower.flush()


def _copies(data: bytes, place: Path) -> None:
    """What is here of a folder behind a URL."""
    remote = RemoteFolder(f"memory://fuzzing{place}", place)
    if not any(remote.local.parent.glob("*.json")):
        (remote.local / "sub").mkdir(exist_ok=True)
        (remote.local / "sub" / "a").write_bytes(b"a")
        remote.send()
    (memory,) = remote.local.parent.glob("*.json")
    memory.write_bytes(data)
    remote.fetch()
    assert (remote.local / "sub" / "a").read_bytes() == b"a"


_KINDS: Mapping[int, Callable[[bytes, Path], None]] = {
    0: _fingerprints,
    1: _answers,
    2: _merges,
    3: _positions,
    4: _copies,
}


def _cache(data: bytes, place: Path) -> None:
    number = (data[:1] or b"\0")[0] % len(_KINDS)
    own = place / f"{number}"
    own.mkdir(exist_ok=True)
    _KINDS[number](data[1:], own)


def _scored() -> Scored:
    answers = [
        Answer(number=number, key="k", replies="r", values={_METRIC.key: float(number % 2)}, cluster="c", prompt="p")
        for number in range(4)
    ]
    return Scored("toy", "1", [_METRIC], answers, "source")


def _seeds() -> list[bytes]:
    line = json.dumps({"module": "m", "routes": {}, "reason": None}).encode()
    sums = dict.fromkeys(Sums.__struct_fields__, 1.0)
    told = json.dumps({"module": "m", "routes": {"16-bit": sums}}).encode()
    kept = msgspec.json.encode({"about": {"model": "x"}, "scored": _scored()})
    position = {"inode": 1, "offset": 10, "lines": 1, "mark": "0" * 16}
    return [
        b"\0" + json.dumps({"a.weight": "0" * 64}).encode(),
        b"\1" + kept,
        b"\2" + line + b"\n" + told,
        b"\3" + json.dumps({"LOG": position, "/other": position}).encode(),
        b"\4" + json.dumps({"sub/a": ['["1"]', 1, 1], "gone": ['["1"]', 1, 1]}).encode(),
    ]


def _changed(data: bytes, random: Random) -> bytes:
    if random.random() < 0.1:
        return blindly(data, random)
    return data[:1] + (by_line if data[:1] == b"\2" else as_json)(data[1:], random)


TARGETS = {"caches": Target(_cache, _seeds, _changed, 1 << 13)}
