"""Rows into the lake: a file for each partition, written whole and renamed, so that many may write at once."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from loradiag.core.errors import UsageError
from loradiag.core.lazy import require
from loradiag.core.text import printable
from loradiag.traffic.files import files_of
from loradiag.traffic.rows import Row
from loradiag.traffic.schema import MARK, MERGES, VERSION, partition, schema


def make_lake(path: Path) -> None:
    """Make the folder of a lake, if there is none.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{printable(str(path))}: cannot be made a lake ({error.strerror})") from error


def write_rows(lake: Path, rows: Iterable[Row]) -> int:
    """Write rows into their partitions; of those that lie there already with the same vectors, nothing is written.

    Returns:
        How many were written.

    Raises:
        UsageError: The lake cannot be written.
    """
    parts: dict[Path, dict[int, Row]] = {}
    for row in rows:
        kept = parts.setdefault(partition(lake, row["time"], row["adapter"]), {})
        before = kept.get(row["key"])
        if before is None or (before["embedding"] is None and row["embedding"] is not None):
            kept[row["key"]] = row
    return sum(_write(folder, list(kept.values())) for folder, kept in parts.items())


def _write(folder: Path, rows: Sequence[Row]) -> int:
    known = _known(folder, [row["key"] for row in rows])
    new = [row for row in rows if not _is_known(row, known)]
    if new:
        new.sort(key=lambda row: (row["adapter"] or "", row["time"] if row["time"] is not None else -1, row["key"]))
        write_table(folder, _table(new))
    return len(new)


def _is_known(row: Row, known: Mapping[int, set[str | None]]) -> bool:
    """Whether the record lies there with a vector of this encoder, or at all where it brings none."""
    encoders = known.get(row["key"])
    return encoders is not None and (row["embedding"] is None or row["encoder"] in encoders)


def _known(folder: Path, keys: Sequence[int]) -> dict[int, set[str | None]]:
    """Which of some keys lie in a partition, and the encoders of their vectors."""
    parquet = require("pyarrow.parquet", "drift")
    wanted = np.array(keys, dtype=np.uint64)
    known: dict[int, set[str | None]] = {}
    live, _, _ = files_of(folder)  # torn and foreign ones are named by readers; what is in them is not in the lake
    for found in live:
        try:
            with parquet.ParquetFile(found.path) as file:
                table = file.read(columns=["key", "encoder"])
        except FileNotFoundError:
            continue  # it was merged meanwhile: at worst a record is written twice, and known to readers
        there = table["key"].to_numpy()
        places = np.flatnonzero(np.isin(there, wanted))
        for key, encoder in zip(there[places].tolist(), table["encoder"].take(places).to_pylist(), strict=True):
            known.setdefault(key, set()).add(encoder)
    return known


def _table(rows: Sequence[Row]) -> Any:
    pa = require("pyarrow", "drift")
    columns = schema()
    arrays = [pa.array([row[field.name] for row in rows], type=field.type) for field in columns]
    return pa.Table.from_arrays(arrays, schema=columns)


def write_table(folder: Path, table: Any, merges: Sequence[str] = ()) -> Path:
    """Write a file into a partition under another name and rename it.

    Args:
        folder: The partition.
        table: Its rows.
        merges: The names of files that have the same rows, which readers pass over from then on.

    Raises:
        UsageError: The folder cannot be written.
    """
    parquet = require("pyarrow.parquet", "drift")
    name = f"{uuid.uuid4().hex}.parquet"
    temporary = folder / f".{name}.part"
    metadata = {MARK: VERSION} | ({MERGES: " ".join(merges)} if merges else {})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            parquet.write_table(
                table.replace_schema_metadata(metadata), temporary, compression="zstd", row_group_size=32_768
            )
            _sync(temporary)
            os.replace(temporary, folder / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{printable(str(folder))}: cannot be written ({error.strerror})") from error
    return folder / name


def _sync(path: Path) -> None:
    """A file that was renamed before its bytes reached the disk would be torn after a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
