"""Days of a lake beside the same by pandas; what is remembered of them; and readers beside writers."""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.core.errors import InputError
from loradiag.overview import days, folders
from loradiag.overview.days import TrafficReader
from loradiag.traffic.compacting import compact
from loradiag.traffic.reading import Lake
from loradiag.traffic.schema import DAY
from loradiag.traffic.stats import stats
from tests.conftest import FIXTURES
from tests.overview.lakes import START, counted, expected, row, write_file
from tests.traffic.filling import ingest

HOUR = timedelta(hours=1)
LATE = timedelta(days=365)


def same(found: dict[Any, dict[str, Any]], wanted: dict[Any, dict[str, Any]]) -> None:
    """Numbers to rounding, all else exactly."""
    assert found.keys() == wanted.keys()
    for key, own in wanted.items():
        assert found[key].keys() == own.keys()
        for name, value in own.items():
            loose = 1e-6 if name.startswith("perplexity_") else 1e-9
            assert found[key][name] == (pytest.approx(value, rel=loose) if isinstance(value, float) else value), (
                key,
                name,
            )


def read(lake: Path, cache: Path) -> dict[Any, dict[str, Any]]:
    """The days of a lake, by a new reader."""
    reader = TrafficReader(lake, cache=cache)
    reader.refresh()
    return counted(reader.table())


def filled(lake: Path) -> Path:
    """A lake of three adapters on three days, and of nobody."""
    for file in range(2):
        write_file(
            lake,
            (
                row(
                    1000 * file + 10 * number + day,
                    (None, "a", "b", "team/ü")[number % 4],
                    START + day * DAY + number * 3_000_000_000,
                    nll=number % 5 / 4,
                    conversation=number % 7 or None,
                    text_hash=number % 11,
                    latency_ms=float(number),
                    failed=number % 13 == 0,
                )
                for number in range(28)
                for day in range(3)
            ),
        )
    return lake


def test_the_month_of_the_fixtures(tmp_path: Path) -> None:
    """All columns of every adapter's day as pandas has them, and the totals that ``traffic stats`` tells."""
    ingest(tmp_path / "lake", FIXTURES / "traffic" / "requests.jsonl.gz")
    reader = TrafficReader(tmp_path / "lake", cache=tmp_path / "cache")
    assert reader.refresh()
    found = counted(reader.table())
    same(found, expected(tmp_path / "lake"))
    told = stats(tmp_path / "lake")
    assert sum(day["requests"] + day["failed"] for day in found.values()) == told.requests
    last = max(coverage.last for coverage in told.rows if coverage.last)
    assert reader.newest is not None
    assert reader.newest.strftime("%Y-%m-%dT%H:%M:%SZ") == last


def whole(most: int) -> st.SearchStrategy[int | None]:
    """Numbers, or none."""
    return st.none() | st.integers(0, most)


SHARES = st.none() | st.floats(0, 3, width=32) | st.just(float("nan"))
COLUMNS = st.fixed_dictionaries(
    {
        "conversation": st.none() | st.integers(1, 4),
        "text_hash": st.none() | st.integers(1, 3),
        "prompt_tokens": whole(100),
        "response_tokens": whole(2**31 - 1),
        "nll": SHARES,
        "repetition": SHARES,
        "latency_ms": SHARES,
        "first_token_ms": SHARES,
        "truncated": st.none() | st.booleans(),
        "refusal_like": st.none() | st.booleans(),
        "failed": st.booleans(),
        "encoder": st.none() | st.just("e" * 64),
    }
)


def record(key: int, columns: dict[str, Any]) -> dict[str, Any]:
    """The record of a key: its adapter and time follow from it, as in a lake the key from these."""
    time = None if key % 9 == 0 else START + key % 2 * DAY + key * 1_000_003
    return row(key, (None, "a", "b/ü")[key % 3], time, **columns)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(1, 40), COLUMNS), max_size=25), max_size=3))
def test_any_lake(files: list[list[tuple[int, dict[str, Any]]]]) -> None:
    """Keys in two files or twice in one, nulls, NaN, failed and undated ones: as pandas has them, also from the cache."""
    with tempfile.TemporaryDirectory() as name:
        lake = Path(name) / "lake"
        lake.mkdir()
        for rows in files:
            write_file(lake, (record(*one) for one in rows))
        wanted = expected(lake)
        same(read(lake, Path(name) / "cache"), wanted)
        same(read(lake, Path(name) / "cache"), wanted)


def test_requests_are_those_of_the_lake(tmp_path: Path) -> None:
    """A record that failed in one file and not in another is a request, as of ``Lake.rows``; failed ones count as such only."""
    write_file(tmp_path / "lake", [row(1, failed=True, nll=3.0), row(2, failed=True), row(3, nll=1.0)])
    write_file(tmp_path / "lake", [row(1, nll=1.0, prompt_tokens=7)])
    found = read(tmp_path / "lake", tmp_path / "cache")[("support", date(2026, 11, 1))]
    assert found["requests"] == Lake(tmp_path / "lake").rows("support", "").key.size == 2
    assert (found["failed"], found["conversations"], found["logprobs"]) == (1, 2, 2)
    assert (found["prompt_tokens"], found["response_tokens"]) == (7, None)
    assert found["perplexity"] == pytest.approx(np.e)


def test_an_interval_by_hand(tmp_path: Path) -> None:
    """Conversations of 2, 1 and 1 requests with nats of 0 and 1, 1, 2: mean 1, residual sums −1, 0, 1; t of 2 is 4.3027."""
    nats = [(1, 0.0), (1, 1.0), (None, 1.0), (2, 2.0)]
    write_file(tmp_path / "lake", (row(key, conversation=c, nll=x) for key, (c, x) in enumerate(nats)))
    found = read(tmp_path / "lake", tmp_path / "cache")[("support", date(2026, 11, 1))]
    reach = 4.302652729911275 * np.sqrt(3 / 2 * 2) / 4
    ends = [found[name] for name in ("perplexity", "perplexity_low", "perplexity_high")]
    assert ends == pytest.approx([np.e, np.exp(1 - reach), np.exp(1 + reach)], rel=1e-9)


def test_what_is_too_large_is_a_number(tmp_path: Path) -> None:
    """Log-probabilities of −900 and an interval beyond what a float holds."""
    write_file(tmp_path / "lake", (row(key, nll=300.0 * key) for key in range(1, 4)))
    found = read(tmp_path / "lake", tmp_path / "cache")[("support", date(2026, 11, 1))]
    assert found["perplexity"] == pytest.approx(np.exp(600))
    assert 0 <= found["perplexity_low"] < found["perplexity"] < found["perplexity_high"] < np.inf


def test_only_what_has_changed_is_read(tmp_path: Path) -> None:
    """Files are spoiled in place, which no folder tells: a reader that knew them shows what it knew, and counts the new one."""
    lake, cache = filled(tmp_path / "lake"), tmp_path / "cache"
    reader = TrafficReader(lake, cache=cache)
    assert (reader.refresh(), reader.refresh()) == (True, False)
    wanted = counted(reader.table())
    for path in lake.glob("date=*/bucket=*/*.parquet"):
        path.write_bytes(b"x" * path.stat().st_size)
    assert read(lake, cache) == wanted
    write_file(lake, [row(9, "new", START + 9 * DAY)])
    told: list[tuple[int, int]] = []
    assert reader.refresh(lambda *numbers: told.append(numbers))
    assert told == [(1, 1)]
    found = counted(reader.table())
    assert found.pop(("new", date(2026, 11, 10)))["requests"] == 1
    assert found == wanted
    assert reader.flawed == []
    assert read(lake, tmp_path / "other") == {
        ("new", date(2026, 11, 10)): counted(reader.table())[("new", date(2026, 11, 10))]
    }


def test_folders_that_are_left_alone_are_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file grows in place, which only a listing tells: none is made, nor in a new process."""
    monkeypatch.setattr(folders, "_TICK", -1.0)
    lake, cache = filled(tmp_path / "lake"), tmp_path / "cache"
    reader = TrafficReader(lake, cache=cache)
    reader.refresh()
    wanted = counted(reader.table())
    with next(lake.glob("date=*/bucket=*/*.parquet")).open("ab") as file:
        file.write(b"torn")
    assert not reader.refresh()
    assert read(lake, cache) == wanted
    monkeypatch.setattr(folders, "_TICK", 60.0)
    assert reader.refresh()
    assert len(reader.flawed) == 1


def test_vectors_and_texts_are_not_read(tmp_path: Path) -> None:
    """Their bytes are spoiled, and nobody minds."""
    rows = [
        row(key, encoder="e" * 64, embedding=b"vector" * 9, prompt="question" * 9, response="answer" * 9)
        for key in (1, 2)
    ]
    (path,) = write_file(tmp_path / "lake", rows)
    group = pq.read_metadata(path).row_group(0)
    columns = {group.column(place).path_in_schema: group.column(place) for place in range(group.num_columns)}
    data = bytearray(path.read_bytes())
    for name in ("embedding", "prompt", "response"):
        start = columns[name].dictionary_page_offset or columns[name].data_page_offset
        data[start : start + columns[name].total_compressed_size] = b"\xff" * columns[name].total_compressed_size
    path.write_bytes(data)
    with pytest.raises(OSError, match=r"\w"):
        pq.ParquetFile(path).read()
    assert read(tmp_path / "lake", tmp_path / "cache")[("support", date(2026, 11, 1))]["embedded"] == 2


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "spoiled", "foreign", "folder"])
def test_a_cache_that_is_damaged(tmp_path: Path, damage: str) -> None:
    """All is counted again, and remembered where that is possible."""
    lake, cache = filled(tmp_path / "lake"), tmp_path / "cache"
    wanted = read(lake, cache)
    (place,) = (cache / "traffic").iterdir()
    data = place.read_bytes()
    place.unlink()
    if damage == "folder":
        place.mkdir()
    elif damage == "foreign":
        pq.write_table(pa.table({"x": [1]}), place)
    elif damage == "spoiled":
        middle = len(data) // 4
        place.write_bytes(
            data[:middle] + bytes(255 - byte for byte in data[middle : middle + 64]) + data[middle + 64 :]
        )
    elif damage != "gone":
        place.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    same(read(lake, cache), wanted)
    assert place.is_dir() or place.stat().st_size > 1000


def test_any_byte_of_the_cache(tmp_path: Path) -> None:
    """Whichever is another, days are what they were."""
    lake, cache = filled(tmp_path / "lake"), tmp_path / "cache"
    wanted = read(lake, cache)
    (place,) = (cache / "traffic").iterdir()
    data = place.read_bytes()
    for at in range(0, len(data), len(data) // 40):
        place.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        same(read(lake, cache), wanted)


def _refresh(lake: Path, cache: Path, rounds: int) -> None:
    for _ in range(rounds):
        for path in (cache / "traffic").glob("*"):
            path.unlink(missing_ok=True)
        read(lake, cache)


def test_several_processes(tmp_path: Path) -> None:
    """They count and write at once, and one removes what another has written; what is left is whole."""
    lake, cache = filled(tmp_path / "lake"), tmp_path / "cache"
    wanted = expected(lake)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(_refresh, [(lake, cache, 4)] * 2)
    assert len(list((cache / "traffic").iterdir())) == 1
    same(read(lake, cache), wanted)


def test_merged_files(tmp_path: Path) -> None:
    """Files that were merged, and later removed, change nothing."""
    lake, cache = filled(tmp_path / "lake"), tmp_path / "cache"
    reader = TrafficReader(lake, cache=cache)
    reader.refresh()
    wanted = expected(lake)
    for _ in range(2):
        compact(lake, lambda *_: None, grace=0)
        reader.refresh()
        same(counted(reader.table()), wanted)
        same(read(lake, cache), wanted)
    assert reader.flawed == []


def test_beside_writers(tmp_path: Path) -> None:
    """While files come, are merged and removed at once, each look sees no less than the one before, and the last all."""
    lake = tmp_path / "lake"
    write_file(lake, [row(0)])
    over = threading.Event()

    def write() -> None:
        for number in range(1, 40):
            write_file(lake, [row(number * 10 + place, nll=1.0) for place in range(10)])
            if number % 3 == 0:
                compact(lake, lambda *_: None, grace=0)
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = [0]
    while not over.is_set():
        reader = TrafficReader(lake, cache=tmp_path / f"cache{len(seen)}")
        reader.refresh()
        seen.append(counted(reader.table())[("support", date(2026, 11, 1))]["requests"])
        assert reader.flawed == []
    writer.join()
    assert seen == sorted(seen)
    same(read(lake, tmp_path / "cache"), expected(lake))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A torn and a damaged one are named and left out, in every process anew; once they are gone, nothing is flawed."""
    lake, cache = filled(tmp_path / "lake"), tmp_path / "cache"
    wanted = read(lake, cache)
    torn, damaged = (path for path in write_file(lake, [row(8000, "a"), row(8001, None)]))
    torn.write_bytes(torn.read_bytes()[:-9])
    data = damaged.read_bytes()
    damaged.write_bytes(data[:4] + b"\xff" * 600 + data[604:])
    for _ in range(2):
        reader = TrafficReader(lake, cache=cache)
        reader.refresh()
        same(counted(reader.table()), wanted)
        assert {file.file for file in reader.flawed} == {str(torn), str(damaged)}
    for path in (torn, damaged):
        path.unlink()
    assert reader.refresh()
    assert reader.flawed == []
    same(counted(reader.table()), wanted)


def test_a_file_that_is_whole_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was copied in place: it is counted once it is whole."""
    monkeypatch.setattr(folders, "_TICK", -1.0)
    lake = tmp_path / "lake"
    (path,) = write_file(lake, [row(1)])
    data = path.read_bytes()
    path.write_bytes(data[:100])
    reader = TrafficReader(lake, cache=tmp_path / "cache")
    assert reader.refresh()
    assert (reader.table().num_rows, len(reader.flawed)) == (0, 1)
    path.write_bytes(data)
    assert reader.refresh()
    assert (reader.table().num_rows, reader.flawed) == (1, [])


def test_a_file_that_can_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are mended at the same size: it is tried again after a while, and not before."""
    (path,) = write_file(tmp_path / "lake", [row(1)])
    data = path.read_bytes()
    path.write_bytes(bytes(len(data)))
    reader = TrafficReader(tmp_path / "lake", cache=tmp_path / "cache")
    reader.refresh()
    path.write_bytes(data)
    assert not reader.refresh()
    monkeypatch.setattr(days, "_AGAIN", 0.0)
    assert reader.refresh()
    assert (reader.table().num_rows, reader.flawed) == (1, [])


def test_a_stop_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted is remembered, but not shown before all is; another process counts the rest."""
    monkeypatch.setattr(days, "_ROWS", 1)
    lake, cache = filled(tmp_path / "lake"), tmp_path / "cache"
    folders = len(list(lake.glob("date=*/bucket=*")))

    def stop(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    reader = TrafficReader(lake, cache=cache)
    with pytest.raises(KeyboardInterrupt):
        reader.refresh(stop)
    assert reader.table().num_rows == 0
    told: list[tuple[int, int]] = []
    TrafficReader(lake, cache=cache).refresh(lambda *numbers: told.append(numbers))
    assert told == [(number, folders - 3) for number in range(1, folders - 2)]
    assert reader.refresh()
    same(counted(reader.table()), expected(lake))


def test_days_that_are_gone(tmp_path: Path) -> None:
    """A day that was removed from the lake is no longer shown, nor by another process."""
    lake, cache = filled(tmp_path / "lake"), tmp_path / "cache"
    reader = TrafficReader(lake, cache=cache)
    reader.refresh()
    for path in sorted((lake / "date=2026-11-02").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert reader.refresh()
    same(counted(reader.table()), expected(lake))
    same(read(lake, cache), expected(lake))
    assert {day for _, day in counted(reader.table())} == {date(2026, 11, 1), date(2026, 11, 3)}


@pytest.mark.parametrize("adapter", ["a", "team/ü", None])
def test_hours(tmp_path: Path, adapter: str | None) -> None:
    """Whole hours of UTC, counted in Python; bounds within an hour hold, and undated requests have none."""
    lake = filled(tmp_path / "lake")
    write_file(lake, [row(7000, adapter, None), row(10 * 4, "a", START + 4 * 3_000_000_000, failed=True)])
    since = datetime(2026, 11, 1, 10, 30, tzinfo=UTC)
    until = datetime(2026, 11, 2, 9, 59, tzinfo=UTC)
    wanted: dict[datetime, list[int]] = {}
    for _ in range(2):
        for number in range(28):
            for day in range(3):
                time = datetime.fromtimestamp(START / 1e6, UTC) + timedelta(days=day, seconds=3000 * number)
                if (None, "a", "b", "team/ü")[number % 4] == adapter and since <= time < until:
                    hour = wanted.setdefault(time.replace(minute=0, second=0), [0, 0])
                    hour[number % 13 == 0] += 1
    found = TrafficReader(lake, cache=tmp_path / "cache").by_hour(adapter, since, until).to_pylist()
    assert {one["hour"]: [one["requests"], one["failed"]] for one in found} == wanted
    assert [one["hour"] for one in found] == sorted(wanted)


def test_hours_of_nobody(tmp_path: Path) -> None:
    """An adapter without requests has none, and other buckets are not even looked at."""
    lake = tmp_path / "lake"
    (path,) = write_file(lake, [row(1, "a")])
    path.write_bytes(b"spoiled")
    reader = TrafficReader(lake, cache=tmp_path / "cache")
    moment = datetime.fromtimestamp(START / 1e6, UTC)
    assert reader.by_hour(None, moment - HOUR, moment + LATE).num_rows == 0
    assert reader.by_hour(None, moment - HOUR, moment + LATE).column_names == ["hour", "requests", "failed"]


def test_no_lake(tmp_path: Path) -> None:
    """A folder that is missing, or holds other things; an empty one has no days yet."""
    with pytest.raises(InputError, match="no such folder"):
        TrafficReader(tmp_path / "none", cache=tmp_path / "cache").refresh()
    (tmp_path / "empty").mkdir()
    reader = TrafficReader(tmp_path / "empty", "shown", cache=tmp_path / "cache")
    assert (reader.refresh(), reader.table().num_rows, reader.newest, reader.flawed) == (False, 0, None, [])
    assert reader.name == "shown"
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="other things"):
        TrafficReader(tmp_path, cache=tmp_path / "cache").refresh()
