"""Rows into the lake: a file for each partition, written whole and renamed, so that many may write at once."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from loradiag.core.errors import InputError, UsageError
from loradiag.core.lazy import require
from loradiag.core.text import printable
from loradiag.storage.syncing import make_folder, sync
from loradiag.traffic.files import files_of
from loradiag.traffic.rows import Row
from loradiag.traffic.schema import MARK, MERGES, VERSION, partition, schema
from loradiag.traffic.taking import opened


def make_lake(path: Path) -> None:
    """Make the folder of a lake, if there is none.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        make_folder(path)
    except OSError as error:
        raise UsageError(f"{printable(str(path))}: cannot be made a lake ({error.strerror})") from error


def write_rows(lake: Path, rows: Sequence[Row]) -> int:
    """Write rows into their partitions; of those that lie there already with the same vectors, nothing is written.

    Returns:
        How many were written.

    Raises:
        UsageError: The lake cannot be written.
    """
    new = [rows[place] for place in unknown(lake, rows)]
    write_new(lake, new)
    return len(new)


def write_new(lake: Path, rows: Sequence[Row]) -> None:
    """Write rows that the lake lacks (:func:`unknown`), a file for each partition.

    Raises:
        UsageError: The lake cannot be written.
    """
    parts: dict[Path, list[Row]] = {}
    for row in rows:
        parts.setdefault(partition(lake, row["time"], row["adapter"]), []).append(row)
    for folder, new in parts.items():
        new.sort(key=lambda row: (row["adapter"] or "", row["time"] if row["time"] is not None else -1, row["key"]))
        write_table(folder, _table(new))
    _sync_names(lake, parts)


def _sync_names(lake: Path, folders: Iterable[Path]) -> None:
    """Wait until the names of files in partitions are on the disk, before anybody notes that they need not be read again.

    Once for a batch: only the first sync after many changes takes long.
    """
    try:
        for folder in dict.fromkeys(place for part in folders for place in (part, part.parent, lake)):
            sync(folder)
    except OSError as error:
        raise UsageError(f"{printable(str(lake))}: cannot be written ({error.strerror})") from error


def unknown(lake: Path, rows: Sequence[Row]) -> list[int]:
    """Return which rows the lake lacks, by their places and each record once: the one with a vector, if one has.

    A row counts as known if it lies there with a vector of its encoder, or at all where it has none.
    """
    parts: dict[Path, dict[int, int]] = {}
    for place, row in enumerate(rows):
        places = parts.setdefault(partition(lake, row["time"], row["adapter"]), {})
        before = places.setdefault(row["key"], place)
        if rows[before]["encoder"] is None and row["encoder"] is not None:
            places[row["key"]] = place
    found: list[int] = []
    for folder, places in parts.items():
        known = _known(folder, list(places))
        found += [place for key, place in places.items() if not _is_known(rows[place], known.get(key))]
    return sorted(found)


def _is_known(row: Row, encoders: set[str | None] | None) -> bool:
    return encoders is not None and (row["encoder"] is None or row["encoder"] in encoders)


def _known(folder: Path, keys: Sequence[int]) -> dict[int, set[str | None]]:
    """Which of some keys lie in a partition, and the encoders of their vectors."""
    wanted = np.array(keys, dtype=np.uint64)
    known: dict[int, set[str | None]] = {}
    live, _, _ = files_of(folder)  # torn and foreign ones are named by readers; what is in them is not in the lake
    for found in live:
        try:
            with opened(found.path) as file:
                table = file.read(columns=["key", "encoder"])
        except InputError:
            continue  # it was merged meanwhile, or is damaged: at worst a record is written twice, and known to readers
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
    """Write a file into a partition under another name and rename it. Its bytes are on the disk then; its name may not be.

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
            sync(temporary)  # one that was renamed before its bytes reached the disk would be torn after a power cut
            os.replace(temporary, folder / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{printable(str(folder))}: cannot be written ({error.strerror})") from error
    return folder / name
