"""What is remembered of a lake's days: only what has changed is read, and what is damaged is counted again."""

from __future__ import annotations

import multiprocessing
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loradiag.overview import days, folders
from loradiag.overview.days import TrafficReader
from loradiag.traffic.schema import DAY
from tests.overview.lakes import START, counted, expected, filled, read, row, same, write_file


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
