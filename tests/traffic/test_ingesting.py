"""Whole logs into the lake: what comes in is written, set aside or passed over, and never lost or doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loradiag.embeddings.encoder import Encoder, Identity
from loradiag.traffic.following import Follower
from loradiag.traffic.ingesting import Ingestion, Options
from loradiag.traffic.reading import Lake
from tests.traffic.filling import ingest, plain, vectors, write_log
from tests.traffic.logs import NOON, vllm
from tests.traffic.test_values import ANY

KEYS = st.sampled_from(
    ["model", "messages", "prompt", "choices", "request", "response", "attributes", "resourceSpans", "traceId", "startTime",
     "call_type", "input", "output", "usage", "logprobs", "prompt_logprobs", "embedding", "text", "time", "type", "scopeSpans",
     "spans", "gen_ai.request.model", "gen_ai.input.messages", "metadata", "lora_path", "error", "created", "id"]
)  # fmt: skip
RECORD = st.dictionaries(
    KEYS,
    ANY | st.dictionaries(KEYS, ANY, max_size=4) | st.lists(st.dictionaries(KEYS, ANY, max_size=4), max_size=3),
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORD | ANY, max_size=6))
def test_any_records_are_accounted_for(tmp_path_factory: pytest.TempPathFactory, lines: list[Any]) -> None:
    """Whatever is logged: nothing raises, and every record is written, known, rejected or about something else."""
    folder = tmp_path_factory.mktemp("any")
    log = write_log(folder / "a.jsonl", (json.dumps(line) for line in lines))
    done = ingest(folder / "lake", log)
    assert done.records == len(lines)
    assert sum(done.rejected.values()) <= done.records
    assert done.requests == done.written + done.duplicates
    assert done.requests >= done.records - sum(done.rejected.values()) - done.skipped
    found = Lake(folder / "lake")
    assert sum(found.adapters().values()) <= done.written


@pytest.mark.models
def test_texts_are_embedded(encoder: Encoder, tmp_path: Path) -> None:
    """The lake's vectors are the encoder's own of the last question, and carry its hash."""
    log = write_log(
        tmp_path / "a.jsonl", [plain(number, text=f"47 + {number} =", embedding=None) for number in range(5)]
    )
    done = ingest(tmp_path / "lake", log, encoder=encoder)
    assert done.embedded == 5
    lake = Lake(tmp_path / "lake")
    rows = lake.rows("support", encoder.identity.sha256)
    expected = encoder.encode([f"47 + {number} =" for number in range(5)])
    assert vectors(lake, rows) == pytest.approx(expected.astype(float))


def test_vectors_that_a_log_carries(tmp_path: Path) -> None:
    """Under the name that the log gives, or under that of the encoder which the user says made them."""
    log = write_log(
        tmp_path / "a.jsonl", [plain(0, encoder="minilm"), plain(1, embedding=[1.0, 2.0]), plain(2, embedding=[0.0])]
    )
    ingest(tmp_path / "named", log)
    assert Lake(tmp_path / "named").rows("support", "given:minilm:8").embedded.tolist() == [True, False, False]
    ingest(tmp_path / "claimed", log, given_by=Identity("minilm", "f" * 64, 8))
    rows = Lake(tmp_path / "claimed").rows("support", "f" * 64)
    assert rows.embedded.tolist() == [True, False, False]


def test_many_are_flushed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by what is written together."""
    monkeypatch.setattr("loradiag.traffic.ingesting.FLUSH", 100)
    log = write_log(tmp_path / "a.jsonl", [plain(number) for number in range(450)])
    assert ingest(tmp_path / "lake", log).written == 450
    assert Lake(tmp_path / "lake").adapters() == {"support": 450}


def follower(lake: Path, *paths: Path) -> tuple[Follower, Ingestion]:
    """One that was just started."""
    run = Ingestion(lake, None, Options(), lambda _: None)
    return Follower(run, lake, [str(path) for path in paths], every=0.0), run


def test_following_a_file_that_grows(tmp_path: Path) -> None:
    """An unfinished line waits for its end; a new follower goes on where the last one stopped; a new file begins anew."""
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(plain(0)) + "\n" + json.dumps(plain(1))[:30])
    watch, run = follower(tmp_path / "lake", tmp_path)
    watch.look()
    watch.flush()
    assert run.done.records == 1
    with log.open("a") as file:
        file.write(json.dumps(plain(1))[30:] + "\n" + json.dumps(plain(2)) + "\n")
    watch.look()
    watch.flush()
    assert (run.done.records, run.done.written) == (3, 3)
    again, second = follower(tmp_path / "lake", tmp_path)
    again.look()
    again.flush()
    assert second.done.records == 0
    log.rename(tmp_path / "log.jsonl.1")
    write_log(log, [plain(7)])
    again.look()
    again.flush()
    assert (second.done.records, second.done.written) == (1, 1)
    assert Lake(tmp_path / "lake").adapters() == {"support": 4}


def test_following_files_that_are_written_whole(tmp_path: Path) -> None:
    """A table is read once it no longer changes."""
    (tmp_path / "a.csv").write_text("id,text,adapter,time\n1,hello,support,2026-11-01\n")
    watch, run = follower(tmp_path / "lake", tmp_path)
    watch.look()
    assert run.done.records == 0
    watch.look()
    watch.look()
    watch.flush()
    assert run.done.records == 1


def test_following_a_whole_file_that_is_written_over(tmp_path: Path) -> None:
    """In place, with as many bytes as before: what is in it now is read too, once, also by a follower that is started then."""
    table = tmp_path / "a.csv"
    watch, run = follower(tmp_path / "lake", tmp_path)
    for number in (1, 2):
        with table.open("w") as file:
            file.write(f"id,text,adapter,time\n{number},hello,support,2026-11-01\n")
        os.utime(table, (NOON + number, NOON + number))
        for _ in range(3):
            watch.look()
        watch.flush()
        assert (run.done.records, run.done.written) == (number, number)
    again, second = follower(tmp_path / "lake", tmp_path)
    for _ in range(2):
        again.look()
    again.flush()
    assert second.done.records == 0


def test_what_many_writes_leave_is_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower that writes every few seconds does not leave thousands of files to read."""
    monkeypatch.setattr("loradiag.traffic.following.TIDY", 5)
    log = tmp_path / "log.jsonl"
    watch, _ = follower(tmp_path / "lake", log)
    for number in range(12):
        with log.open("a") as file:
            file.write(json.dumps(plain(number)) + "\n")
        watch.look()
        watch.flush()
    lake = Lake(tmp_path / "lake")
    assert lake.adapters() == {"support": 12}
    assert len(lake.files) == 3


def test_a_kill_before_positions_are_remembered(tmp_path: Path) -> None:
    """What lies in the lake then is read again, and known."""
    log = write_log(tmp_path / "log.jsonl", [plain(number) for number in range(10)])
    watch, run = follower(tmp_path / "lake", log)
    watch.look()
    run.flush()  # the lake has them; the follower dies before its own flush
    again, second = follower(tmp_path / "lake", log)
    again.look()
    again.flush()
    assert (second.done.records, second.done.duplicates, second.done.written) == (10, 10, 0)


def start(*arguments: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "loradiag", "traffic", "ingest", *arguments, "--format", "json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(lake: Path, least: int) -> None:
    """Until the lake has so many files."""
    for _ in range(600):
        if len(list(lake.glob("date=*/bucket=*/*.parquet"))) >= least:
            return
        time.sleep(0.05)
    raise AssertionError("nothing was written")


@pytest.mark.parametrize("delay", [0.0, 0.15, 0.4])
def test_killed_in_the_middle(tmp_path: Path, delay: float) -> None:
    """After kill -9 at any time, ingesting again gives every request once, and half-written files are not looked at."""
    lines = [vllm(number, time=1_793_534_400 + 4000 * number) for number in range(6000)]
    log = write_log(tmp_path / "log.jsonl", lines)
    process = start(str(log), "--lake", str(tmp_path / "lake"))
    wait_for(tmp_path / "lake", 1)
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = ingest(tmp_path / "lake", log)
    assert done.written + done.duplicates == 6000
    lake = Lake(tmp_path / "lake")
    assert lake.adapters() == {"support": 6000}
    assert lake.rows("support", "").key.size == 6000
    assert lake.flawed == []


def test_following_ends_cleanly(tmp_path: Path) -> None:
    """Ctrl-C writes what waits, says so, and exits with 130."""
    log = write_log(tmp_path / "log.jsonl", [plain(number) for number in range(5)])
    process = start(str(log), "--lake", str(tmp_path / "lake"), "--follow", "--every", "0.1")
    wait_for(tmp_path / "lake", 1)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["written"] == 5
    assert "the same command goes on" in error
