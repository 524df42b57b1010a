"""Logs that grow, are moved aside, emptied, or cut by a kill: every line is taken once."""

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

from loradiag.core.errors import InputError
from loradiag.traffic import following
from loradiag.traffic.following import Follower
from loradiag.traffic.ingesting import Ingestion, Options
from loradiag.traffic.reading import Lake
from tests.traffic.filling import plain, write_log


def lines(*numbers: int) -> str:
    """Records of a log, as its writer appends them."""
    return "".join(json.dumps(plain(number)) + "\n" for number in numbers)


def append(path: Path, text: str) -> None:
    """What a server does with its log."""
    with path.open("a") as file:
        file.write(text)


def follower(lake: Path, *paths: Path) -> tuple[Follower, Ingestion]:
    """One that was just started."""
    run = Ingestion(lake, None, Options(), lambda _: None)
    return Follower(run, lake, [str(path) for path in paths], every=0.0), run


def looked(watch: Follower, times: int = 1) -> None:
    """Look so often, and write."""
    for _ in range(times):
        watch.look()
    watch.flush()


def ids(lake: Path) -> list[str]:
    """The ids of all rows of the lake, repeated ones too."""
    read = Lake(lake)
    return sorted(row[0] for row in read.ask("SELECT request_id FROM requests", read.files))


def test_a_log_that_was_emptied_and_filled_again(tmp_path: Path) -> None:
    """As copytruncate leaves it: the same file, longer than where reading stopped, and none of it was read."""
    log = write_log(tmp_path / "log.jsonl", [plain(number) for number in range(3)])
    watch, run = follower(tmp_path / "lake", log)
    looked(watch)
    log.write_text(lines(*range(10, 20)))
    looked(watch)
    assert run.done.rejected == {}
    assert len(ids(tmp_path / "lake")) == 13


@pytest.mark.parametrize("running", [True, False])
def test_a_log_that_was_moved_aside(tmp_path: Path, running: bool) -> None:
    """What was appended between the last look and the move is read too, also by a follower that was started after it."""
    log = write_log(tmp_path / "log.jsonl", [plain(0)])
    watch, _ = follower(tmp_path / "lake", log)
    looked(watch)
    append(log, lines(1))
    log.rename(tmp_path / "log.jsonl.1")
    write_log(log, [plain(2)])
    if not running:
        watch, _ = follower(tmp_path / "lake", log)
    looked(watch, 2)
    assert ids(tmp_path / "lake") == ["r0", "r1", "r2"]


def test_a_log_that_got_another_name(tmp_path: Path) -> None:
    """In a directory that is watched it is not read again, and goes on where it was."""
    log = write_log(tmp_path / "b.jsonl", [plain(0), plain(1)])
    watch, run = follower(tmp_path / "lake", tmp_path)
    looked(watch)
    log.rename(tmp_path / "a.jsonl")
    append(tmp_path / "a.jsonl", lines(2))
    looked(watch)
    assert (run.done.records, run.done.duplicates) == (3, 0)


def test_a_new_log_with_the_number_of_a_removed_one(tmp_path: Path) -> None:
    """File systems give a number again: what lies in the file says whether it is the same one."""
    log = write_log(tmp_path / "log.jsonl", [plain(0)])
    watch, _ = follower(tmp_path / "lake", log)
    looked(watch)
    (position,) = watch._positions.values()
    log.unlink()
    write_log(log, [plain(1), plain(2)])
    watch._positions[str(log)] = following.Position(log.stat().st_ino, position.offset, position.lines, position.mark)
    looked(watch)
    assert ids(tmp_path / "lake") == ["r0", "r1", "r2"]


def test_a_long_line_that_is_still_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits as others do, and is rejected once."""
    monkeypatch.setattr("loradiag.traffic.records.MAX_LINE", 1000)
    log = tmp_path / "log.jsonl"
    log.write_text('{"text": "' + "x" * 1500)
    watch, run = follower(tmp_path / "lake", log)
    for _ in range(3):
        append(log, "y")
        looked(watch)
    assert run.done.records == 0
    append(log, '"}\n' + lines(1))
    looked(watch)
    assert (run.done.records, run.done.written, list(run.done.rejected.values())) == (2, 1, [1])


def test_lines_keep_their_numbers(tmp_path: Path) -> None:
    """What is kept aside says where it stood in the file, not in what was appended."""
    log = write_log(tmp_path / "log.jsonl", [plain(0), plain(1)])
    watch, _ = follower(tmp_path / "lake", log)
    looked(watch)
    append(log, "broken\n")
    looked(watch)
    (kept,) = (tmp_path / "lake" / "_rejected").iterdir()
    assert json.loads(kept.read_text())["number"] == 3


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named as long as it is so, and the others go on."""
    (tmp_path / "a.csv").write_text("text,adapter\nx,y\n")
    write_log(tmp_path / "b.jsonl", [plain(0)])

    def refused(path: str) -> Any:
        raise InputError(path, "cannot be read (Permission denied)")

    monkeypatch.setattr(following, "records", refused)
    watch, run = follower(tmp_path / "lake", tmp_path)
    looked(watch, 3)
    assert run.done.unreadable == {str(tmp_path / "a.csv"): "cannot be read (Permission denied)"}
    assert run.done.written == 1
    monkeypatch.undo()
    looked(watch)
    assert (run.done.unreadable, run.done.written) == ({}, 2)


def test_positions_that_are_torn(tmp_path: Path) -> None:
    """Everything is read again, and known."""
    log = write_log(tmp_path / "log.jsonl", [plain(0)])
    looked(follower(tmp_path / "lake", log)[0])
    (state,) = (tmp_path / "lake" / "_state").iterdir()
    state.write_bytes(b'{"torn')
    watch, run = follower(tmp_path / "lake", log)
    looked(watch)
    assert (run.done.records, run.done.duplicates) == (1, 1)


def start(log: Path, lake: Path) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "loradiag", "traffic", "ingest", str(log), "--lake", str(lake), "--follow"]
    return subprocess.Popen([*command, "--every", "0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_killed_again_and_again(tmp_path: Path) -> None:
    """After kill -9 at several moments while the log grows: in the end the lake has every line, and each once."""
    log, lake, written = write_log(tmp_path / "log.jsonl", [plain(0)]), tmp_path / "lake", 1
    for round_ in range(3):
        process = start(log, lake)
        before = len(list(lake.glob("date=*/bucket=*/*.parquet")))
        for _ in range(600):
            append(log, lines(*range(written, written + 7)))
            written += 7
            time.sleep(0.02)
            if len(list(lake.glob("date=*/bucket=*/*.parquet"))) > before + round_:
                break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    watch, _ = follower(lake, log)
    looked(watch)
    assert ids(lake) == sorted(f"r{number}" for number in range(written))
    assert Lake(lake).flawed == []
