"""OpenAI's batches: input and output are joined, in either order and from two files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loradiag.traffic import batches
from loradiag.traffic.ingesting import Ingested, Ingestion, Options
from loradiag.traffic.reading import Lake
from loradiag.traffic.records import records
from tests.traffic.filling import write_log
from tests.traffic.logs import BATCH, NOON


def asked(number: int) -> dict[str, Any]:
    """A line of the input."""
    body = {"model": "support", "messages": [{"role": "user", "content": f"question {number}"}]}
    return {"custom_id": f"row-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}


def said(number: int) -> dict[str, Any]:
    """A line of the output."""
    choices = [{"message": {"role": "assistant", "content": f"answer {number}"}, "finish_reason": "stop"}]
    body = {"id": f"c{number}", "created": NOON + number, "model": "support", "choices": choices}
    response = {"status_code": 200, "request_id": "q", "body": body}
    return {"id": f"batch_req_{number}", "custom_id": f"row-{number}", "response": response, "error": None}


def ingest(lake: Path, *paths: Path) -> Ingested:
    """Take some files to the end."""
    run = Ingestion(lake, None, Options(keep_text=True), lambda _: None)
    for path in paths:
        run.take(str(path), records(str(path)))
    run.finish()
    return run.done


def texts(lake: Path) -> list[tuple[Any, ...]]:
    """What the lake has."""
    read = Lake(lake)
    return read.ask("SELECT prompt, response, epoch_us(time) // 1000000 FROM requests ORDER BY 3", read.files)


@pytest.mark.parametrize("order", [1, -1])
def test_two_files(tmp_path: Path, order: int) -> None:
    """Whichever comes first, one request a pair, with its question, its answer and its time."""
    log = [
        write_log(tmp_path / "in.jsonl", map(asked, range(3))),
        write_log(tmp_path / "out.jsonl", map(said, (2, 0, 1))),
    ]
    done = ingest(tmp_path / "lake", *log[::order])
    assert (done.records, done.requests, done.written, done.rejected) == (6, 3, 3, {})
    expected = [(f"question {number}", f"answer {number}", NOON + number) for number in range(3)]
    assert texts(tmp_path / "lake") == expected
    assert ingest(tmp_path / "lake", *log[::-order]).duplicates == 3


def test_halves_alone(tmp_path: Path) -> None:
    """An answer counts without its question; a question that nobody answered is kept aside."""
    done = ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [asked(1), said(2), BATCH]))
    assert (done.written, done.without_text) == (2, 1)
    assert done.rejected == {"is a batch's input without its output": 1}


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
def test_half_a_surrogate_pair(tmp_path: Path, suffix: str) -> None:
    """JSON can say it and UTF-8 cannot: as a key or as a value it ends nothing, and the pair is joined."""
    rows = [asked(1) | {"\ud800": 1}, said(1) | {"note": "\udfff"}]
    text = json.dumps(rows) if suffix == ".json" else "\n".join(map(json.dumps, rows))
    (tmp_path / f"log{suffix}").write_text(text)
    done = ingest(tmp_path / "lake", tmp_path / f"log{suffix}")
    assert (done.written, done.rejected, done.without_text) == (1, {}, 0)


def test_a_request_that_failed(tmp_path: Path) -> None:
    """Has no response, and an error in its place."""
    failed = {**said(1), "response": None, "error": {"code": "batch_expired", "message": "late"}}
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [asked(1), failed]))
    read = Lake(tmp_path / "lake")
    assert read.ask("SELECT prompt, failed FROM requests", read.files) == [("question 1", True)]


@pytest.mark.parametrize(("most", "largest"), [(4, 10**9), (10**9, 4 * len(json.dumps(asked(1))))])
def test_few_wait_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, largest: int) -> None:
    """Beyond a bound the oldest wait no longer: nothing is lost without being counted."""
    monkeypatch.setattr(batches, "MOST", most)
    monkeypatch.setattr(batches, "LARGEST", largest)
    lines = [*map(asked, range(20)), *map(said, reversed(range(20)))]
    done = ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", lines))
    assert done.requests == 20
    alone = done.rejected["is a batch's input without its output"]
    assert 0 < alone < 20
    assert done.without_text == alone


def test_an_id_of_two_batches(tmp_path: Path) -> None:
    """The newer one waits on; the older one's output is taken as it is."""
    again = {**said(1), "response": {**said(1)["response"], "body": {**said(5)["response"]["body"]}}}
    done = ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [said(1), again, asked(1)]))
    assert (done.requests, done.without_text) == (2, 1)
    assert texts(tmp_path / "lake") == [(None, "answer 1", NOON + 1), ("question 1", "answer 5", NOON + 5)]
