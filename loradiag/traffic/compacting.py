"""Many small files of a partition into few: safe at any time, since readers know a record that lies in two files."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from loradiag.core.lazy import require
from loradiag.traffic.files import LakeFile, find_files
from loradiag.traffic.writing import write_table

ROWS = 500_000
"""Rows of a merged file at most: all of them are in memory."""


class Compacted(msgspec.Struct, kw_only=True):
    """How many files there were and are, and how many repeated rows were left out."""

    before: int = 0
    after: int = 0
    repeated: int = 0


def compact(lake: Path, progress: Callable[[int, int], None]) -> Compacted:
    """Merge the files of every partition.

    A merged file is written before those that it was made of are removed. A kill between the two leaves records twice, which
    readers and the next run know. Files that appear meanwhile are left alone, and flawed ones always.

    Raises:
        InputError: There is no such lake.
        UsageError: It cannot be written.
    """
    files, _ = find_files(lake)
    done = Compacted(before=len(files))
    partitions = [list(group) for _, group in groupby(files, key=lambda file: file.path.parent)]
    for number, partition in enumerate(partitions, 1):
        for batch in _batches(partition):
            if len(batch) > 1:
                done.repeated += _merge(batch)
                done.after += 1
            else:
                done.after += len(batch)
        progress(number, len(partitions))
    return done


def _batches(files: list[LakeFile]) -> list[list[LakeFile]]:
    batches: list[list[LakeFile]] = [[]]
    rows = 0
    for file in files:
        if batches[-1] and rows + file.rows > ROWS:
            batches.append([])
            rows = 0
        batches[-1].append(file)
        rows += file.rows
    return batches


def _merge(files: list[LakeFile]) -> int:
    arrow, parquet = require("pyarrow", "drift"), require("pyarrow.parquet", "drift")
    tables = []
    for file in files:
        with parquet.ParquetFile(file.path) as opened:
            tables.append(opened.read())
    table = arrow.concat_tables(tables)
    keep = _distinct(table)
    merged = table.take(keep)
    write_table(
        files[0].path.parent, merged.sort_by([("adapter", "ascending"), ("time", "ascending"), ("key", "ascending")])
    )
    for file in files:
        os.unlink(file.path)
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
