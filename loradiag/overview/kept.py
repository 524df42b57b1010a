"""What was counted of a lake before: one Parquet file in the cache, written whole. One that cannot be read is as none."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

import msgspec

from loradiag.core.errors import UsageError
from loradiag.core.lazy import require
from loradiag.overview.folders import Known
from loradiag.overview.tallies import VERSION, schema
from loradiag.storage.cache import folder
from loradiag.storage.writing import write_whole

_KNOWN, _VERSION = b"loradiag.folders", b"loradiag.counted"


def place_of(lake: Path, cache: Path | None = None) -> Path | None:
    """The file for a lake in a cache folder, loradiag's own if None; None for a user without a home directory."""
    try:
        name = hashlib.sha256(str(lake.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
        return (cache or folder()) / "traffic" / f"{name}.parquet"
    except (OSError, RuntimeError):
        return None


def read(place: Path | None) -> tuple[dict[str, Known], Any]:
    """Return the folders that were counted, and their rows; none where the file is missing, damaged or of another version."""
    pa = require("pyarrow", "drift")
    parquet = require("pyarrow.parquet", "drift")
    try:
        data = pa.BufferReader(place.read_bytes() if place else b"")
        table = parquet.ParquetFile(data, page_checksum_verification=True).read()
        told = table.schema.metadata or {}
        if told.get(_VERSION) == VERSION.encode() and table.schema.equals(schema()):
            table.validate(full=True)
            return msgspec.json.decode(told[_KNOWN], type=dict[str, Known]), table.replace_schema_metadata()
    except Exception:  # noqa: S110 - pyarrow raises its own errors and those of the system, of what is damaged any
        pass
    return {}, schema().empty_table()


def write(place: Path | None, known: dict[str, Known], table: Any) -> None:
    """Remember the rows of some folders. A cache that cannot be written is as none."""
    pa = require("pyarrow", "drift")
    parquet = require("pyarrow.parquet", "drift")
    if place is None:
        return
    data = pa.BufferOutputStream()
    marked = table.replace_schema_metadata({_VERSION: VERSION, _KNOWN: msgspec.json.encode(known)})
    parquet.write_table(marked, data, compression="zstd", write_page_checksum=True)
    with contextlib.suppress(OSError, UsageError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, data.getvalue().to_pybytes(), lasting=False)
