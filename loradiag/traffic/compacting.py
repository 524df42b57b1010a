"""Many small files of a partition into few, safe at any time and beside any reader and writer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from loradiag.core.errors import InputError
from loradiag.core.lazy import require
from loradiag.storage.syncing import sync
from loradiag.traffic.files import LakeFile, files_of, find_files
from loradiag.traffic.schema import schema
from loradiag.traffic.taking import opened
from loradiag.traffic.writing import write_table

ROWS, BYTES = 500_000, 256_000_000
"""Rows of a merged file at most, and bytes of those that it is made of: all of it is in memory."""

GRACE = 3600.0
"""Seconds for which merged files stay: a reader that has begun to read them is not left without."""


class Compacted(msgspec.Struct, kw_only=True):
    """How many files there were to read and are, how many repeated rows were left out, and how many files were removed."""

    before: int = 0
    after: int = 0
    repeated: int = 0
    removed: int = 0


def compact(
    lake: Path,
    progress: Callable[[int, int], None],
    grace: float = GRACE,
    *,
    removed: Callable[[Path], object] = lambda _: None,
) -> Compacted:
    """Merge the files of every partition.

    A merged file names those that it was made of, which readers then pass over; they are removed by a later run, an hour after.
    A kill at any time loses and doubles nothing, and of two runs at once both may merge: readers know a record that lies in
    two files. Files that appear meanwhile are left alone, and flawed ones always.

    Args:
        lake: The lake.
        progress: Told the partitions that are done, and their number.
        grace: Seconds after which merged files are removed.
        removed: Told each file that was removed.

    Raises:
        InputError: There is no such lake.
        UsageError: It cannot be written.
    """
    find_files(lake)
    done = Compacted()
    partitions = sorted(lake.glob("date=*/bucket=*"))
    for number, folder in enumerate(partitions, 1):
        live, _, _ = files_of(folder)
        done.before += len(live)
        for batch in _batches(live):
            if len(batch) > 1:
                done.repeated += _merge(batch)
        done.after += len(files_of(folder)[0])
        sync(folder)  # what is swept lies in files whose names are on the disk
        done.removed += _sweep(folder, grace, removed)
        progress(number, len(partitions))
    return done


def _sweep(folder: Path, grace: float, removed: Callable[[Path], object]) -> int:
    """Remove files that were merged long enough ago, and return how many."""
    live, merged, _ = files_of(folder)
    count = 0
    for file in merged:
        into = [other for other in live if file.path.name in other.merges]
        if into and all(time.time() - other.path.stat().st_mtime >= grace for other in into):
            file.path.unlink(missing_ok=True)
            removed(file.path)
            count += 1
    return count


def _batches(files: list[LakeFile]) -> list[list[LakeFile]]:
    batches: list[list[LakeFile]] = [[]]
    rows = size = 0
    for file in files:
        own = file.path.stat().st_size if file.path.exists() else 0
        if batches[-1] and (rows + file.rows > ROWS or size + own > BYTES):
            batches.append([])
            rows = size = 0
        batches[-1].append(file)
        rows += file.rows
        size += own
    return batches


def _merge(files: list[LakeFile]) -> int:
    """Merge files and return how many repeated rows they had; all are left alone where one is gone or damaged."""
    arrow = require("pyarrow", "drift")
    tables, alike = [], []
    try:
        for file in files:
            with opened(file.path) as stream:
                table = stream.read()
            if table.schema.equals(schema()):  # one with more columns, or in another order, stays as it is
                tables.append(table)
                alike.append(file)
    except InputError:
        return 0  # another run has merged and removed it, or readers will name it
    if len(alike) < 2:
        return 0
    table = arrow.concat_tables(tables)
    keep = _distinct(table)
    rows = table.take(keep).sort_by([("adapter", "ascending"), ("time", "ascending"), ("key", "ascending")])
    write_table(alike[0].path.parent, rows, [name for file in alike for name in (file.path.name, *file.merges)])
    return int(table.num_rows - len(keep))


def _distinct(table: Any) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rows to keep: of a record one for each encoder, and one without a vector only where there is none with."""
    keys = table["key"].to_numpy()
    encoders = table["encoder"].combine_chunks().dictionary_encode()
    codes = encoders.indices.fill_null(-1).to_numpy()
    order = np.lexsort((-codes, keys))  # those without a vector last
    first_of_key = np.diff(keys[order], prepend=keys[order[:1]] + np.uint64(1)) != 0
    other_encoder = (np.diff(codes[order], prepend=-2) != 0) & (codes[order] >= 0)
    return np.sort(order[first_of_key | other_encoder])
