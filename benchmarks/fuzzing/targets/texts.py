"""Files of texts and of training data: JSON lines, documents, tables, plain text."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benchmarks.fuzzing.mutating import as_json, blindly, by_line
from benchmarks.fuzzing.targets import Target
from loradiag.core.errors import InputError
from loradiag.texts.reading import read_texts
from loradiag.texts.requests import open_requests

_ANSWER = {"role": "assistant", "content": [{"type": "text", "text": "yes"}]}
_RECORDS = (
    {"text": "one"},
    {"messages": [{"role": "user", "content": "hi"}, _ANSWER]},
    {"prompt": "a", "completion": "b"},
    {"instruction": "a", "input": "", "output": "c"},
    "bare",
    {"a": {"b": "c"}},
)


def _reading(suffix: str) -> Callable[[bytes, Path], None]:
    def run(data: bytes, folder: Path) -> None:
        path = folder / f"texts{suffix}"
        path.write_bytes(data)
        for field in (None, "a.b"):
            with suppress(InputError):
                for sample in read_texts(path, field=field).samples:
                    json.dumps([sample.text, sample.messages], ensure_ascii=False).encode()
            with suppress(InputError), open_requests(path, field) as (_, requests):
                "".join(request.text for request in requests).encode()

    return run


def _lines() -> list[bytes]:
    whole = [b"\n".join([json.dumps(record).encode()] * 3) for record in _RECORDS]
    return [*whole, gzip.compress(whole[0], mtime=0)]


def _documents() -> list[bytes]:
    return [json.dumps({"data": [record, record]}).encode() for record in _RECORDS] + [
        json.dumps(list(_RECORDS)).encode()
    ]


def _tables() -> list[bytes]:
    import pyarrow as pa
    import pyarrow.parquet

    file = io.BytesIO()
    pa.parquet.write_table(pa.table({"text": ["hi", None]}), file)
    return [b'text,label\n"a ""b""\nc",1\nplain,2\n', b"prompt,completion\r\na,b\r\n", file.getvalue()]


TARGETS = {
    "jsonl": Target(_reading(".jsonl"), _lines, by_line, 1 << 12),
    "json": Target(_reading(""), _documents, as_json, 1 << 12),
    "csv": Target(_reading(".csv"), _tables, blindly, 1 << 12),
    "plain": Target(_reading(".txt"), lambda: [b"one\n\ntwo\nthree\n", b"\xff\xfea\0", b"a\rb\x0cc"], blindly, 1 << 12),
}
