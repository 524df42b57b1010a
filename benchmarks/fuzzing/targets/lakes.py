"""A lake's files as readers meet them: damaged, of other columns and types, of strange values; and strange baselines."""

from __future__ import annotations

import functools
import io
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from benchmarks.fuzzing.mutating import blindly, joined, one_of, parted
from benchmarks.fuzzing.showing import asked
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.adapters import check
from benchmarks.fuzzing.targets.seeds import lay
from benchmarks.fuzzing.targets.sidecars import as_baseline, baselines, strange_baseline
from loradiag.api import default_policy, drift_check, watch
from loradiag.overview.days import TrafficReader
from loradiag.overview.kept import place_of
from loradiag.traffic.compacting import compact
from loradiag.traffic.reading import Lake
from loradiag.traffic.request import Request
from loradiag.traffic.rows import row_of
from loradiag.traffic.schema import MARK, VERSION, bucket_of, schema
from loradiag.traffic.stats import stats

ENCODER = "e" * 64
_NOON = 1_793_534_400_000_000


_PARTITION = f"date=2026-11-01/bucket={bucket_of('support')}"


@functools.cache
def _one_connection() -> None:
    """Let all engines ask one database in memory on one thread, each through a cursor of its own: to make one takes longer."""
    import duckdb

    connect, found = duckdb.connect, []

    def shared(*words: Any, config: Any = None) -> Any:
        found[:] = found or [connect(*words, config={**(config or {}), "threads": 1})]
        return found[0].cursor()

    duckdb.connect = shared


TOGETHER = 8
"""Files of one input, each in a day of its own: what takes time is a query, and not the files that it reads."""


def _lake(data: bytes, folder: Path) -> None:
    """Strange files, beside some of them a sound one, through listing, counting, reading and merging."""
    _one_connection()
    lake = folder / "lake"
    for number, content in enumerate(parted(data, TOGETHER)):
        place = lake / f"date=2026-11-{number + 1:02}" / f"bucket={bucket_of('support')}"
        shutil.rmtree(place, ignore_errors=True)  # what was merged before
        lay(place, {"a.parquet": content, "b.parquet": b"" if number % 4 else _SOUND})
    found = Lake(lake)
    found.names()
    rows = found.rows("support", ENCODER)
    wanted = rows.embedded.nonzero()[0]
    for _, vectors in found.embeddings(rows, wanted):
        assert vectors.ndim == 2
    stats(lake, "lake")
    compact(lake, lambda *_: None, grace=0.0)


def _counted(data: bytes, folder: Path) -> None:
    """The file as the dashboard counts it by day and hour, and what was counted before, when it is the other part's turn."""
    _one_connection()
    file, kept = parted(data, 2)
    lake, cache = folder / "counted", folder / "counts"
    lay(lake / _PARTITION, {"a.parquet": file, "b.parquet": _SOUND})
    shutil.rmtree(cache, ignore_errors=True)
    reader = TrafficReader(lake, cache=cache)
    if kept:
        place = place_of(lake, cache)
        assert place is not None
        lay(place.parent, {place.name: kept})
    reader.refresh()
    reader.table().to_pylist()
    day = datetime(2026, 11, 1, tzinfo=UTC)
    for name in ("support", None):
        reader.by_hour(name, day, day + timedelta(days=1)).to_pylist()
    assert reader.newest is None or reader.newest.tzinfo is not None


def _drift(data: bytes, folder: Path) -> None:
    """A sound lake held against a strange baseline, by a check and by a watch."""
    _one_connection()
    lake = folder / "sound"
    if not lake.exists():
        lay(lake / _PARTITION, {"b.parquet": _packed(_table(40))})
    baseline = strange_baseline(data, folder)
    state = folder / "watch.sqlite"
    for ending in ("", "-wal", "-shm", ".lock"):
        state.with_name(state.name + ending).unlink(missing_ok=True)
    asked(lambda: check(drift_check(lake, [baseline], floor=2, exemplars=2, policy=default_policy())))
    asked(lambda: check(watch(lake, [baseline], state=state, policy=default_policy())))


def _table(count: int = 4) -> Any:
    rows = []
    for number in range(count):
        request = Request(id=f"r{number}", adapter="support", time=_NOON + number, prompt="hi", response="yes")
        row = row_of(request, "test", keep_text=True)
        row["encoder"], row["embedding"] = ENCODER, b"\0\x3c" + b"\0\0" * 7
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=schema())


def _packed(table: Any, metadata: dict[bytes, bytes] | None = None) -> bytes:
    file = io.BytesIO()
    marked = table.replace_schema_metadata({MARK: VERSION} if metadata is None else metadata)
    parquet.write_table(marked, file, compression="zstd")
    return file.getvalue()


_SOUND = _packed(_table(2))


@functools.cache
def _seeds() -> list[bytes]:
    return [_packed(_table()), _packed(_table(0)), _packed(_table(), {}), _SOUND]


@functools.cache
def _tallied() -> bytes:
    """What is remembered of a sound lake."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay(folder / "lake" / _PARTITION, {"b.parquet": _SOUND})
        reader = TrafficReader(folder / "lake", cache=folder)
        reader.refresh()
        place = place_of(folder / "lake", folder)
        return place.read_bytes() if place is not None and place.exists() else b""


def _changed(data: bytes, random: Random) -> bytes:
    """A column of another type, of nulls, left out or twice; or bytes."""
    if random.random() < 0.5:
        return blindly(data, random)
    table = _table(random.choice((0, 1, 4)))
    place = random.randrange(table.num_columns)
    name, count = table.column_names[place], table.num_rows
    others: tuple[Any, ...] = (
        pa.nulls(count),
        pa.array([[1]] * count, pa.list_(pa.int64())),
        pa.array(["x\0\x1b"] * count, pa.string()),
        pa.array([2**63 - 1] * count, pa.int64()),
        pa.array([-1] * count, pa.int8()),
        pa.array([float("nan")] * count, pa.float64()),
        pa.array([b""] * count, pa.binary()),
        pa.array([b"\xff" * 7] * count, pa.binary()),
        pa.array([None] * count, table.schema.field(place).type),
        pa.array([{"a": 1}] * count, pa.struct([("a", pa.int64())])),
        pa.array([True] * count, pa.bool_()),
    )
    choice = random.randrange(10)
    if choice == 0:
        table = table.drop_columns([name])
    elif choice == 1:
        table = table.append_column(name, table.column(place))
    elif choice == 2 and count:
        bad = pa.array([b"\xff\xfe"] * count, pa.binary()).view(pa.string())
        table = table.set_column(table.column_names.index("request_id"), "request_id", bad)
    else:
        table = table.set_column(place, name, random.choice(others))
    metadata = {MARK: VERSION, b"loradiag.merges": random.choice((b"b.parquet", b"a.parquet", b"\xff", b"../../x"))}
    return _packed(table, metadata if random.random() < 0.2 else None)


def _lakes() -> list[bytes]:
    return [joined(*[seed] * TOGETHER) for seed in _seeds()] + [joined(*_seeds(), *_seeds())]


def _many(data: bytes, random: Random) -> bytes:
    """Every file another way."""
    return joined(*(_changed(part or random.choice(_seeds()), random) for part in parted(data, TOGETHER)))


TARGETS = {
    "lake": Target(_lake, _lakes, _many, 1 << 17, framed=True),
    "counted": Target(
        _counted,
        lambda: [joined(_SOUND, _tallied()), *(joined(seed, b"") for seed in _seeds())],
        one_of(_changed, blindly),
        1 << 15,
        framed=True,
    ),
    "drift": Target(_drift, baselines, as_baseline, 1 << 13, framed=True),
}
