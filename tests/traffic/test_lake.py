"""What is written into the lake, and what is read from it."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loradiag.core.errors import InputError, UsageError
from loradiag.traffic.compacting import compact
from loradiag.traffic.reading import Lake
from loradiag.traffic.schema import bucket_of, schema
from loradiag.traffic.stats import as_csv, stats
from tests.traffic.filling import DAY, ingest, plain, vectors, write_log
from tests.traffic.logs import NOON, NOON_US, vllm

GIVEN = "given:unnamed:8"
NUMBERS = (
    *(
        "nll",
        "nll_tokens",
        "entropy",
        "entropy_top",
        "prompt_nll",
        "prompt_nll_tokens",
        "response_chars",
        "prompt_chars",
    ),
    *("truncated", "refusal_like", "repetition", "latency_ms"),
)


def files(lake: Path) -> list[Path]:
    """The lake's files of requests."""
    return sorted(lake.glob("date=*/bucket=*/*.parquet"))


def test_rows_and_vectors_come_back(tmp_path: Path) -> None:
    """In the order of time, over several days; vectors are the given ones at length 1, to float16."""
    lines = [plain(number, time=NOON + 40_000 * number) for number in (3, 0, 5, 1, 4, 2)]
    done = ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", lines))
    assert (done.records, done.requests, done.written, done.embedded) == (6, 6, 6, 6)
    lake = Lake(tmp_path / "lake")
    rows = lake.rows("support", GIVEN)
    assert rows.time.tolist() == [NOON_US + 40_000_000_000 * number for number in range(6)]
    expected = np.array([plain(number)["embedding"] for number in range(6)])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert vectors(lake, rows) == pytest.approx(expected, abs=1e-3)
    assert {path.parent.parent.name for path in files(tmp_path / "lake")} == {
        "date=2026-11-01",
        "date=2026-11-02",
        "date=2026-11-03",
    }
    assert {path.parent.name for path in files(tmp_path / "lake")} == {f"bucket={bucket_of('support')}"}


def test_names_are_on_the_disk_when_all_is_said_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files, partitions and days: else a power cut takes requests that are noted as read. All of it is really done."""
    seen, fsync, replace = [], os.fsync, os.replace

    def synced(descriptor: int) -> None:
        seen.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> None:
        assert os.stat(source).st_ino in seen
        replace(source, target)
        seen.clear()

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    lake = tmp_path / "lake"
    ingest(lake, write_log(tmp_path / "a.jsonl", [plain(0), plain(1, time=NOON + 90_000)]))
    folders = [lake, *lake.glob("date=*"), *lake.glob("date=*/bucket=*")]
    assert len(folders) == 5
    assert {folder.stat().st_ino for folder in folders} <= set(seen)


def test_measures_of_a_line(tmp_path: Path) -> None:
    """By hand: nll (.5 + .25)/2, entropy of two tops each, prompt nll 2, lengths, session and time."""
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [vllm(1)]))
    lake = Lake(tmp_path / "lake")
    rows = lake.rows("support", "none")
    told = {field: float(lake.measure(rows, field, np.array([0]))[0]) for field in schema().names if field in NUMBERS}
    assert (told["nll"], told["nll_tokens"], told["prompt_nll"], told["prompt_nll_tokens"]) == (0.375, 2.0, 2.0, 1.0)
    p, q = 1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(-1.75))
    expected = np.mean([-(x * np.log(x) + (1 - x) * np.log(1 - x)) for x in (p, q)])
    assert told["entropy"] == pytest.approx(expected, rel=1e-6)
    assert (told["entropy_top"], told["response_chars"], told["prompt_chars"]) == (2.0, 17.0, 26.0)
    assert (told["truncated"], told["refusal_like"], told["latency_ms"]) == (0.0, 0.0, 120.5)
    assert np.isnan(told["repetition"])
    assert rows.conversation[0] != 0
    assert not rows.embedded[0]


def test_no_text_is_stored_unless_asked(tmp_path: Path) -> None:
    """Not in the lake and not among what was rejected; with --keep-text both are there."""
    log = write_log(tmp_path / "a.jsonl", [vllm(1), plain(2), '{"prompt": "zebra", '])
    ingest(tmp_path / "plain", log)
    ingest(tmp_path / "kept", log, keep_text=True)
    for word in ("where is my card", "question number", "on its way", "zebra"):
        assert not any(word.encode() in path.read_bytes() for path in (tmp_path / "plain").rglob("*") if path.is_file())
    lake = Lake(tmp_path / "plain")
    detail = lake.details(lake.rows("support", GIVEN), np.array([0]))[0]
    assert (detail.prompt, detail.response) == (None, None)
    lake = Lake(tmp_path / "kept")
    found = lake.details(lake.rows("support", GIVEN), np.array([1, 0]))
    assert [row.request_id for row in found] == ["r2", "chatcmpl-1"]
    assert found[0].prompt == "question number 2"
    assert b"zebra" in next((tmp_path / "kept" / "_rejected").iterdir()).read_bytes()


def test_ingesting_again_changes_nothing(tmp_path: Path) -> None:
    """The same file, and another that has some of its lines; copies within a file count once."""
    lines = [plain(number) for number in range(20)]
    first = ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [*lines, lines[3]]))
    assert (first.written, first.duplicates) == (20, 1)
    again = ingest(tmp_path / "lake", write_log(tmp_path / "b.jsonl", [*lines[5:], plain(77)]))
    assert (again.written, again.duplicates) == (1, 15)
    assert Lake(tmp_path / "lake").adapters() == {"support": 21}
    other_answer = ingest(tmp_path / "lake", write_log(tmp_path / "c.jsonl", [{**lines[0], "response": "another"}]))
    assert other_answer.written == 1


def test_vectors_of_another_encoder_are_added(tmp_path: Path) -> None:
    """A log that is ingested again with vectors gives them to its requests, which stay one each."""
    bare = [{key: value for key, value in plain(number).items() if key != "embedding"} for number in range(5)]
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", bare))
    log = write_log(tmp_path / "b.jsonl", [plain(number) for number in range(5)])
    assert ingest(tmp_path / "lake", log).written == 5
    lake = Lake(tmp_path / "lake")
    assert lake.adapters() == {"support": 5}
    rows = lake.rows("support", GIVEN)
    assert rows.embedded.tolist() == [True] * 5
    told = lake.attribution("support", GIVEN)
    assert (told.requests, told.embedded, told.other_encoder, told.lake_requests) == (5, 5, 0, 5)
    other = lake.attribution("support", "x")
    assert (other.embedded, other.other_encoder) == (0, 5)


def test_bounds_of_time(tmp_path: Path) -> None:
    """From since to before until; undated requests only where there are no bounds."""
    lines = [plain(number, time=NOON + 86_400 * number) for number in range(5)] + [plain(9, time=None)]
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", lines))
    lake = Lake(tmp_path / "lake")
    assert lake.rows("support", GIVEN).time.tolist()[-1] == -1
    assert lake.rows("support", GIVEN).key.size == 6
    inside = lake.rows("support", GIVEN, since=NOON_US + DAY, until=NOON_US + 3 * DAY)
    assert inside.time.tolist() == [NOON_US + DAY, NOON_US + 2 * DAY]
    assert lake.newest("support") == NOON_US + 4 * DAY
    assert lake.newest("nobody") is None
    assert lake.rows("nobody", GIVEN).key.size == 0
    assert lake.attribution("support", GIVEN).undated == 1


def test_failed_requests_are_left_out(tmp_path: Path) -> None:
    """What a server refused says nothing of what users ask."""
    log = write_log(tmp_path / "a.jsonl", [plain(0), plain(1, failed=True)])
    ingest(tmp_path / "lake", log)
    assert Lake(tmp_path / "lake").rows("support", GIVEN).key.size == 1


def test_flawed_files_are_named_and_left_out(tmp_path: Path) -> None:
    """Torn, foreign, of another version, no Parquet: the others are read. Files that are being written are not looked at."""
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [plain(number) for number in range(4)]))
    (good,) = files(tmp_path / "lake")
    folder = good.parent
    (folder / "torn.parquet").write_bytes(good.read_bytes()[:-40])
    pq.write_table(pa.table({"a": [1]}), folder / "foreign.parquet")
    pq.write_table(
        pq.ParquetFile(good).read().replace_schema_metadata({b"loradiag.lake": b"9"}), folder / "newer.parquet"
    )
    (folder / "notes.txt").write_text("hello")
    (folder / ".half.parquet.part").write_bytes(b"PAR1")
    lake = Lake(tmp_path / "lake")
    assert lake.adapters() == {"support": 4}
    reasons = {Path(flaw.file).name: flaw.problem for flaw in lake.flawed}
    assert set(reasons) == {"torn.parquet", "foreign.parquet", "newer.parquet", "notes.txt"}
    assert reasons["foreign.parquet"] == "was not written by loradiag"
    assert "another version" in reasons["newer.parquet"]
    assert ingest(tmp_path / "lake", write_log(tmp_path / "b.jsonl", [plain(0), plain(8)])).written == 1


@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.binary()])
def test_files_with_columns_of_other_types_are_left_out(tmp_path: Path, kind: pa.DataType) -> None:
    """Queries and merges go over many files at once: one of another kind would fail them all."""
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [plain(number) for number in range(3)]))
    (sound,) = files(tmp_path / "lake")
    table = pq.read_table(sound)
    name = "prompt_chars"
    other = table.set_column(table.column_names.index(name), name, pa.nulls(3, kind))
    pq.write_table(other, sound.with_name("other.parquet"))
    pq.write_table(table.append_column(name, table[name]), sound.with_name("twice.parquet"))
    lake = Lake(tmp_path / "lake")
    assert lake.adapters() == {"support": 3}
    assert {flaw.problem for flaw in lake.flawed} == {f"has the column {name} twice or of another type"}
    compact(tmp_path / "lake", lambda *_: None, grace=0.0)
    assert len(files(tmp_path / "lake")) == 3


def test_files_with_more_columns_are_read_and_not_merged(tmp_path: Path) -> None:
    """A later loradiag may write them: nothing of them is lost, and the others are merged."""
    for start in (0, 3, 6):
        log = write_log(tmp_path / "a.jsonl", [plain(start + number) for number in range(3)])
        ingest(tmp_path / "lake", log)
    table = pq.read_table(files(tmp_path / "lake")[0], partitioning=None)
    pq.write_table(table.append_column("later", pa.nulls(3, pa.int8())), files(tmp_path / "lake")[0])
    compact(tmp_path / "lake", lambda *_: None, grace=0.0)
    compact(tmp_path / "lake", lambda *_: None, grace=0.0)
    assert Lake(tmp_path / "lake").adapters() == {"support": 9}
    assert sorted(pq.read_metadata(path).num_rows for path in files(tmp_path / "lake")) == [3, 6]


def test_a_path_with_the_characters_of_patterns(tmp_path: Path) -> None:
    """Brackets, stars, quotes in the lake's name match nothing else."""
    path = tmp_path / "la[k]e's *"
    ingest(path, write_log(tmp_path / "a.jsonl", [plain(0)]))
    lake = Lake(path)
    assert lake.adapters() == {"support": 1}
    assert lake.rows("support", GIVEN).key.size == 1


def test_names_that_are_hostile(tmp_path: Path) -> None:
    """They are values and no part of a query or of a path."""
    names = ["'; DROP TABLE requests; --", "../../etc", "a\x1b[31mred", "\u202eleft", "=1+1", "x" * 5000]
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [plain(i, adapter=name) for i, name in enumerate(names)]))
    lake = Lake(tmp_path / "lake")
    assert set(lake.adapters()) == {name[:200] for name in names}
    assert all(lake.rows(name[:200], GIVEN).key.size == 1 for name in names)
    assert not [path for path in tmp_path.iterdir() if path.name not in ("lake", "a.jsonl")]
    table = as_csv(stats(tmp_path / "lake"))
    assert "\n'=1+1," in table
    assert "\n=1+1," not in table


def _writer(lake: str, log: str) -> None:
    ingest(Path(lake), Path(log))


def test_two_writers_at_once(tmp_path: Path) -> None:
    """Both may write a record; readers, and merged files, have it once."""
    log = write_log(tmp_path / "a.jsonl", [plain(number) for number in range(300)])
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_writer, args=(str(tmp_path / "lake"), str(log))) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    lake = Lake(tmp_path / "lake")
    assert lake.adapters() == {"support": 300}
    assert lake.rows("support", GIVEN).key.size == 300
    assert stats(tmp_path / "lake").requests == 300


def test_compacting(tmp_path: Path) -> None:
    """Many files become one a partition: nothing is lost, nothing doubled, vectors win."""
    lines = [plain(number) for number in range(30)]
    for start in range(0, 30, 5):
        ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", lines[start : start + 5]))
    bare = [{key: value for key, value in line.items() if key != "embedding"} for line in lines[:3]]
    other = [{**line, "text": "another"} for line in bare]
    before = vectors(Lake(tmp_path / "lake"), Lake(tmp_path / "lake").rows("support", GIVEN))
    reader = Lake(tmp_path / "lake")
    done = compact(tmp_path / "lake", lambda *_: None)
    assert (done.before, done.after, done.repeated, done.removed) == (6, 1, 0, 0)
    assert reader.rows("support", GIVEN).key.size == 30  # it had listed the six
    lake = Lake(tmp_path / "lake")
    assert (len(lake.files), lake.adapters()) == (1, {"support": 30})
    assert vectors(lake, lake.rows("support", GIVEN)) == pytest.approx(before)
    assert ingest(tmp_path / "lake", write_log(tmp_path / "b.jsonl", [*bare, *other])).written == 3
    swept = compact(tmp_path / "lake", lambda *_: None, grace=0.0)
    assert (swept.before, swept.after, swept.removed) == (2, 1, 8)
    assert len(files(tmp_path / "lake")) == 1
    assert Lake(tmp_path / "lake").adapters() == {"support": 33}
    assert pq.read_schema(files(tmp_path / "lake")[0]).names == schema().names


def test_merging_twice_at_once(tmp_path: Path) -> None:
    """Two runs that merge the same files leave records twice, which readers and the next run know."""
    for start in (0, 5):
        ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [plain(start + number) for number in range(5)]))
    folder = files(tmp_path / "lake")[0].parent
    compact(tmp_path / "lake", lambda *_: None)
    (merged,) = (
        path
        for path in files(tmp_path / "lake")
        if path.stat().st_size == max(p.stat().st_size for p in folder.iterdir())
    )
    (folder / "second.parquet").write_bytes(merged.read_bytes())
    lake = Lake(tmp_path / "lake")
    assert (len(lake.files), lake.adapters()) == (2, {"support": 10})
    assert lake.rows("support", GIVEN).key.size == 10
    assert compact(tmp_path / "lake", lambda *_: None, grace=0.0).repeated == 10
    assert Lake(tmp_path / "lake").adapters() == {"support": 10}


def test_stats_count_what_is_there(tmp_path: Path) -> None:
    """By adapter, base and nobody; by source and encoder; rejected by reason."""
    lines = [vllm(1), vllm(2), plain(3), plain(4, adapter=None), "broken", {"x": 1}]
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", lines))
    found = stats(tmp_path / "lake")
    rows = {row.adapter: row for row in found.rows}
    assert (rows["support"].requests, rows["support"].embedded, rows["support"].logprobs) == (3, 1, 2)
    assert rows[None].requests == 1
    assert found.sources == {"generic": 2, "openai": 2}
    assert found.rejected == {"is not JSON": 1, "is of no known format": 1}
    assert rows["support"].first == "2026-11-01T12:00:01Z"


def test_no_lake(tmp_path: Path) -> None:
    """Reading says how to make one; writing below a file says that it cannot."""
    with pytest.raises(InputError, match="traffic ingest"):
        Lake(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be made a lake"):
        ingest(tmp_path / "file" / "lake", write_log(tmp_path / "a.jsonl", [plain(0)]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_lake_that_cannot_be_written(tmp_path: Path) -> None:
    """One line that names it."""
    (tmp_path / "lake").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="cannot be written"):
        ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [plain(0)]))
