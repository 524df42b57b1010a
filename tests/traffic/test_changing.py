"""A lake that changes while it is read or merged, and files whose damage shows only when they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from loradiag.core.errors import InputError
from loradiag.traffic import compacting
from loradiag.traffic.compacting import compact
from loradiag.traffic.reading import Lake
from tests.traffic.filling import ingest, plain, vectors, write_log

GIVEN = "given:unnamed:8"


def fill(lake: Path, files: int, each: int = 10) -> Path:
    """A lake of so many files in one partition."""
    for number in range(files):
        log = write_log(lake.parent / "log.jsonl", [plain(number * each + place) for place in range(each)])
        ingest(lake, log)
    return lake


def parts(lake: Path) -> list[Path]:
    """Its files."""
    return sorted(lake.glob("date=*/bucket=*/[!.]*.parquet"))


def merge(lake: Path) -> Any:
    """Merge them all, and remove what was merged."""
    return compact(lake, lambda *_: None, grace=0.0)


def test_files_that_were_merged_after_the_lake_was_opened(tmp_path: Path) -> None:
    """What they were merged into is read in their place; nothing twice."""
    opened = Lake(fill(tmp_path / "lake", 4))
    merge(tmp_path / "lake")
    assert opened.adapters() == {"support": 40}
    rows = opened.rows("support", GIVEN)
    assert rows.key.size == 40
    assert vectors(opened, rows).shape == (40, 8)
    assert opened.attribution("support", GIVEN).lake_requests == 40
    assert opened.flawed == []


def test_files_that_were_merged_between_rows_and_their_vectors(tmp_path: Path) -> None:
    """That is said in one line, and running it again helps."""
    opened = Lake(fill(tmp_path / "lake", 2))
    rows = opened.rows("support", GIVEN)
    merge(tmp_path / "lake")
    everything = np.arange(rows.key.size)
    for read in (
        lambda: list(opened.embeddings(rows, everything)),
        lambda: opened.details(rows, everything),
        lambda: opened.measure(rows, "nll", everything),
    ):
        with pytest.raises(InputError, match="run it again"):
            read()


def test_damage_before_the_footer(tmp_path: Path) -> None:
    """The file is named and left out; the others are read, written beside, and merged."""
    lake = fill(tmp_path / "lake", 2)
    damaged = parts(lake)[0]
    data = bytearray(damaged.read_bytes())
    place = pq.read_metadata(damaged).row_group(0).column(0).data_page_offset
    data[place : place + 40] = b"\xff" * 40
    damaged.write_bytes(data)
    opened = Lake(lake)
    assert opened.adapters() == {"support": 10}
    assert opened.rows("support", GIVEN).key.size == 10
    assert [(flaw.file, flaw.problem) for flaw in opened.flawed] == [(str(damaged), "is damaged")]
    assert ingest(lake, write_log(tmp_path / "b.jsonl", [plain(15), plain(99)])).written >= 1
    merge(lake)
    assert damaged.exists()


def test_two_runs_merge_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One has read the files when the other removes them: both end, and every record is there."""
    lake, write, inner = fill(tmp_path / "lake", 5), compacting.write_table, []

    def slowly(*arguments: Any) -> Any:
        if not inner:
            inner.append(True)
            merge(lake)
        return write(*arguments)

    monkeypatch.setattr(compacting, "write_table", slowly)
    merge(lake)
    opened = Lake(lake)
    assert opened.adapters() == {"support": 50}
    assert opened.rows("support", GIVEN).key.size == 50


def test_a_file_that_another_run_removes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch is left alone: a merged file without its rows would lose them."""
    lake = fill(tmp_path / "lake", 3)
    real, seen = compacting.opened, []

    def gone(path: Path) -> Any:
        seen.append(path)
        if len(seen) == 2:
            path.rename(path.with_name(f".{path.name}"))
        return real(path)

    monkeypatch.setattr(compacting, "opened", gone)
    before = parts(lake)
    merge(lake)
    assert len(parts(lake)) == 2
    assert set(parts(lake)) < set(before)


def test_merging_in_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are merged as far as they fit into memory together."""
    lake = fill(tmp_path / "lake", 6)
    size = parts(lake)[0].stat().st_size
    monkeypatch.setattr(compacting, "BYTES", int(size * 3.5))
    assert merge(lake).after == 2
    assert Lake(lake).adapters() == {"support": 60}


def test_details_of_several_groups_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in its place, in the order asked for, of a file with more than one group."""
    lake = fill(tmp_path / "lake", 1, each=50)
    (file,) = parts(lake)
    table = pq.ParquetFile(file).read()
    pq.write_table(table, file, row_group_size=7)
    opened = Lake(lake)
    rows = opened.rows("support", GIVEN)
    asked = np.array([49, 0, 13, 14, 6, 7])
    assert [row.request_id for row in opened.details(rows, asked)] == [f"r{number}" for number in asked]
    expected = np.array([plain(number)["embedding"] for number in range(50)])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert vectors(opened, rows) == pytest.approx(expected, abs=1e-3)


def test_a_folder_of_other_things(tmp_path: Path) -> None:
    """Is no lake; an empty one, and one in which nothing but rejected lines lie, is."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "notes.txt").touch()
    with pytest.raises(InputError, match="is no lake"):
        Lake(tmp_path / "home")
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", ["broken"]))
    assert Lake(tmp_path / "lake").adapters() == {}
    (tmp_path / "empty").mkdir()
    assert Lake(tmp_path / "empty").adapters() == {}


def test_a_link_to_nowhere(tmp_path: Path) -> None:
    """It is named as what cannot be read, and not taken for a file that was merged a moment ago."""
    lake = fill(tmp_path / "lake", 1)
    link = parts(lake)[0].parent / "linked.parquet"
    link.symlink_to(tmp_path / "nowhere")
    opened = Lake(lake)
    assert [flaw.file for flaw in opened.flawed] == [str(link)]
    assert opened.adapters() == {"support": 10}
