"""Rows of one of the lake's files by their numbers, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from loradiag.core.errors import InputError
from loradiag.core.lazy import require
from loradiag.core.text import printable, shorten

Indexes = npt.NDArray[np.int64]
Halves = npt.NDArray[np.float16]
Singles = npt.NDArray[np.float32]

_AGAIN = "remove the file and ingest its source again"


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file, of which the footer was read before.

    Raises:
        InputError: It is gone, as files are that were merged with others; or what lies before its footer is damaged.
    """
    parquet = require("pyarrow.parquet", "drift")
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(path, "was merged with others while it was read", "run it again", "changed") from error
    except Exception as error:  # pyarrow raises its own errors and those of the system
        reason = shorten(printable(str(error).partition("\n")[0]), 120)
        raise InputError(path, f"is damaged ({reason})", _AGAIN) from error


def is_whole(path: Path) -> bool:
    """Whether every row of a file can be read."""
    try:
        with opened(path) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group)
    except InputError:
        return False
    return True


def tables(path: Path, names: Sequence[str], rows: Indexes) -> Iterator[tuple[slice, Any]]:
    """Yield some columns of rising rows: which of the rows, and their table; groups without any are not read.

    Raises:
        InputError: The file is gone or damaged.
    """
    with opened(path) as file:
        start = 0
        for group in range(file.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            inside = slice(int(np.searchsorted(rows, start)), int(np.searchsorted(rows, end)))
            if inside.start < inside.stop:
                yield inside, file.read_row_group(group, columns=list(names)).take(rows[inside] - start)
            start = end


def vectors(path: Path, rows: Indexes) -> Iterator[tuple[slice, Halves]]:
    """Yield the embeddings of rising rows, as unit vectors [k, d]."""
    for inside, table in tables(path, ["embedding"], rows):
        yield inside, _matrix(path, table["embedding"].to_pylist())


def vectors_in(table: Any, rows: Indexes) -> Halves:
    """Return the embeddings of some rows of a table that was read before, as unit vectors [k, d].

    Raises:
        InputError: They are of different lengths.
    """
    arrow = require("pyarrow", "drift")
    column = table["embedding"].combine_chunks().take(arrow.array(rows))
    return _matrix(Path("the lake"), column.to_pylist())


def numbers(path: Path, name: str, rows: Indexes) -> Singles:
    """Return a numeric column of some rows [k], in any order."""
    arrow = require("pyarrow", "drift")
    with opened(path) as file:
        column = file.read(columns=[name])[name].combine_chunks()
    values: Singles = column.cast(arrow.float32(), safe=False).to_numpy(zero_copy_only=False)[rows]
    return values


def _matrix(path: Path, data: list[bytes | None]) -> Halves:
    sizes = {len(value) if value is not None else 0 for value in data}
    if len(sizes) != 1 or 0 in sizes or next(iter(sizes)) % 2:
        raise InputError(path, "has vectors of different lengths", _AGAIN)
    return np.frombuffer(b"".join(value or b"" for value in data), dtype="<f2").reshape(len(data), -1)
