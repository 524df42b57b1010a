"""Request logs: records of every format, the map of fields, files of every kind, and all of it into a lake."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from pathlib import Path
from random import Random

from benchmarks.fuzzing.mutating import as_json, blindly, by_line, joined, one_of, parted
from benchmarks.fuzzing.targets import Target
from loradiag.traffic.ingesting import Ingestion, Options
from loradiag.traffic.naming import Names, attribute
from loradiag.traffic.records import decoded, records
from loradiag.traffic.request import RejectedError
from loradiag.traffic.rows import row_of
from loradiag.traffic.sources import SOURCES, reader
from loradiag.traffic.sources.generic import parse_map, read
from loradiag.traffic.values import expect
from tests.traffic import logs

_READERS = {name: reader(name) for name in SOURCES}


def _sources(data: bytes, _: Path) -> None:
    """A record by every reader, whichever recognises it: nothing but a rejection may come out, and rows that can be stored."""
    item = decoded(data, 1)
    if item.reason is not None:
        return
    for name, (recognise, take) in _READERS.items():
        try:
            record = expect(item.record)
            recognise(record)
            for request in take(record):
                if request is not None:
                    attribute(request, Names())
                    json.dumps(row_of(request, name, keep_text=True), allow_nan=False)
        except RejectedError:
            continue


def _map(data: bytes, _: Path) -> None:
    words, line = parted(data, 2)
    fields = parse_map(words.decode("utf-8", "surrogateescape"))
    item = decoded(line, 1)
    if item.reason is None:
        try:
            for request in read(expect(item.record), fields):
                row_of(request, "generic", keep_text=False)
        except RejectedError:
            pass


_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".log")


def _files(data: bytes, folder: Path) -> None:
    suffix = _SUFFIXES[(data[:1] or b"\0")[0] % len(_SUFFIXES)]
    path = folder / f"log{suffix}"
    path.write_bytes(data[1:])
    for item in records(str(path)):
        assert (item.reason is None) or item.record is None


def _ingest(data: bytes, folder: Path) -> None:
    """As ``traffic ingest LOG --lake LAKE --keep-text``, and what was written is read again."""
    from loradiag.traffic.files import find_files

    path, lake = folder / "log.jsonl", folder / "lake"
    path.write_bytes(data)
    shutil.rmtree(lake, ignore_errors=True)
    run = Ingestion(lake, None, Options(keep_text=True), lambda _: None)
    run.take(str(path), records(str(path)))
    run.finish()
    done = run.done
    assert done.requests == done.written + done.duplicates
    if done.written:
        files, flawed = find_files(lake)
        assert not flawed
        assert sum(file.rows for file in files) == done.written


def _records() -> list[bytes]:
    told = [
        logs.vllm(),
        logs.COMPLETION,
        logs.BATCH,
        logs.SGLANG,
        logs.LORA_PATH,
        logs.LITELLM,
        logs.OTLP,
        logs.SPAN,
        logs.LANGFUSE,
    ]
    plain = {
        "id": "r",
        "adapter": "a",
        "time": "2026-11-01T12:00:00Z",
        "text": "hi",
        "response": "yes",
        "embedding": [0.5, -1.0],
        "logprobs": "[-1.0, -0.5]",
        "top_logprobs": [{"a": -1.0}],
        "failed": "no",
        "user": 7,
    }
    return [json.dumps(record).encode() for record in (*told, plain)]


def _few() -> list[bytes]:
    """Two records a log, each format beside the next: what takes time is a file for every day and adapter."""
    records = _records()
    return [b"\n".join(pair) for pair in zip(records, [*records[1:], records[0]], strict=True)]


def _mapped() -> list[bytes]:
    record = {"prompt_col": "hi", "ts": 1_793_534_400, "deep": {"er": {"name": "a"}}}
    words = (b"text=prompt_col,time=ts,adapter=deep.er.name", b"text=deep", b"embedding=ts,text=" + b"a." * 2000)
    return [joined(part, json.dumps(record).encode()) for part in words]


def _log_files() -> list[bytes]:
    import pyarrow as pa
    import pyarrow.parquet

    lines = b"\n".join(_records()) + b"\n"
    text = io.StringIO()
    csv.writer(text).writerows(
        [["text", "time", "adapter"], ["hi", "2026-11-01", "a"], ['a "quoted"\nline', "1793534400", ""]]
    )
    table = io.BytesIO()
    pa.parquet.write_table(pa.table({"text": ["hi", None], "time": [1, 2], "embedding": [[0.5], [1.0]]}), table)
    document = json.dumps({"data": [json.loads(line) for line in _records()[:2]]}).encode()
    return [
        b"\0" + lines,
        b"\1" + document,
        b"\1" + lines,
        b"\2" + text.getvalue().encode(),
        b"\3" + text.getvalue().replace(",", "\t").encode(),
        b"\4" + table.getvalue(),
        b"\0" + gzip.compress(lines, mtime=0),
        b"\5" + lines,
    ]


def _after_suffix(data: bytes, random: Random) -> bytes:
    return data[:1] + (by_line if data[:1] in b"\0\5" and random.random() < 0.5 else blindly)(data[1:], random)


TARGETS = {
    "sources": Target(_sources, _records, as_json, 1 << 13),
    "map": Target(_map, _mapped, one_of(blindly, as_json), 1 << 13, framed=True),
    "log-files": Target(_files, _log_files, _after_suffix, 1 << 14),
    "ingest": Target(_ingest, _few, by_line, 1 << 13),
}
