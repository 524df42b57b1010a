"""The lake's files: their columns, where they lie, and how they are told from others."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from loradiag.core.lazy import require

MARK, VERSION = b"loradiag.lake", b"1"
"""The key and value in a file's Parquet metadata that say whose it is."""

MERGES = b"loradiag.merges"
"""The key of the names of files that a merged one was made of: as long as they lie there, they are passed over."""

BUCKETS = 16
"""Folders of a day; an adapter's requests lie in one of them."""

UNDATED, NOBODY = "undated", "none"
"""Partitions of requests without a time, and without an adapter."""

DAY = 86_400_000_000
"""Microseconds."""


def schema() -> Any:
    """The columns, as an Arrow schema.

    ``key`` identifies a record: the first 64 bits of SHA-256 over its source's id, its adapter, its base, its time, and both
    texts' hashes; of a record without an id, over all else that is known of it too. ``conversation`` and both hashes are the
    first 64 bits of SHA-256. ``embedding`` holds float16 numbers, little endian, of a unit vector by ``encoder`` (the SHA-256
    of an encoder, or ``given:`` and a name). ``prompt`` and ``response`` are null unless texts are kept. ``nll``, ``entropy``
    and ``prompt_nll`` are in nats a token.
    """
    pa = require("pyarrow", "drift")
    moment = pa.timestamp("us", tz="UTC")
    fields = [
        ("key", pa.uint64(), False),
        ("request_id", pa.string(), True),
        ("adapter", pa.string(), True),
        ("base", pa.string(), True),
        ("time", moment, True),
        ("conversation", pa.uint64(), True),
        ("text_hash", pa.uint64(), True),
        ("response_hash", pa.uint64(), True),
        ("prompt_chars", pa.int32(), True),
        ("response_chars", pa.int32(), True),
        ("prompt_tokens", pa.int32(), True),
        ("response_tokens", pa.int32(), True),
        ("nll", pa.float32(), True),
        ("nll_tokens", pa.int32(), True),
        ("entropy", pa.float32(), True),
        ("entropy_top", pa.int32(), True),
        ("prompt_nll", pa.float32(), True),
        ("prompt_nll_tokens", pa.int32(), True),
        ("finish", pa.string(), True),
        ("truncated", pa.bool_(), True),
        ("refusal_like", pa.bool_(), True),
        ("repetition", pa.float32(), True),
        ("latency_ms", pa.float32(), True),
        ("first_token_ms", pa.float32(), True),
        ("failed", pa.bool_(), False),
        ("source", pa.string(), False),
        ("encoder", pa.string(), True),
        ("embedding", pa.binary(), True),
        ("prompt", pa.string(), True),
        ("response", pa.string(), True),
    ]
    columns = [pa.field(name, kind, nullable=nullable) for name, kind, nullable in fields]
    return pa.schema(columns, metadata={MARK: VERSION})


@lru_cache(maxsize=4096)
def bucket_of(adapter: str | None) -> str:
    """The bucket of an adapter's requests: ``00`` to ``15``, or ``none``."""
    if adapter is None:
        return NOBODY
    digest = hashlib.sha256(adapter.encode("utf-8", "surrogatepass")).digest()
    return f"{int.from_bytes(digest[:8], 'big') % BUCKETS:02d}"


def date_of(time: int | None) -> str:
    """The day of a moment in microseconds, as ``2026-11-02``, or ``undated``."""
    return UNDATED if time is None else datetime.fromtimestamp(time // DAY * 86_400, UTC).strftime("%Y-%m-%d")


def partition(lake: Path, time: int | None, adapter: str | None) -> Path:
    """The folder that a request lies in."""
    return _folder(lake, None if time is None else time // DAY * DAY, bucket_of(adapter))


@lru_cache(maxsize=4096)
def _folder(lake: Path, day: int | None, bucket: str) -> Path:
    return lake / f"date={date_of(day)}" / f"bucket={bucket}"
