"""A lake's files as readers meet them: damaged, of other columns and types, of strange values."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from benchmarks.fuzzing.mutating import blindly
from benchmarks.fuzzing.targets import Target
from loradiag.traffic.compacting import compact
from loradiag.traffic.reading import Lake
from loradiag.traffic.request import Request
from loradiag.traffic.rows import row_of
from loradiag.traffic.schema import MARK, VERSION, bucket_of, schema
from loradiag.traffic.stats import stats

ENCODER = "e" * 64
_NOON = 1_793_534_400_000_000


def _lake(data: bytes, folder: Path) -> None:
    """The file beside a sound one, through listing, counting, reading and merging."""
    lake = folder / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    place = lake / "date=2026-11-01" / f"bucket={bucket_of('support')}"
    place.mkdir(parents=True)
    (place / "a.parquet").write_bytes(data)
    (place / "b.parquet").write_bytes(_SOUND)
    found = Lake(lake)
    found.names()
    rows = found.rows("support", ENCODER)
    wanted = rows.embedded.nonzero()[0]
    for _, vectors in found.embeddings(rows, wanted):
        assert vectors.ndim == 2
    stats(lake, "lake")
    compact(lake, lambda *_: None, grace=0.0)


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


def _seeds() -> list[bytes]:
    return [_packed(_table()), _packed(_table(0)), _packed(_table(), {}), _SOUND]


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


TARGETS = {"lake": Target(_lake, _seeds, _changed, 1 << 15)}
