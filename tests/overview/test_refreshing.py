"""A reader of a lake that changes: beside writers and merges, files that cannot be read, and days that are gone."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import pytest

from loradiag.overview import days, folders
from loradiag.overview.days import TrafficReader
from loradiag.traffic.compacting import compact
from tests.overview.lakes import counted, expected, filled, read, row, same, write_file


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
