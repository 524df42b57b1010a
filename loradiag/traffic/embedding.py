"""Vectors for requests of which the lake keeps the texts and has no vector yet by an encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from loradiag.embeddings.encoder import MAX_CHARACTERS, Encoder
from loradiag.traffic.files import find_files
from loradiag.traffic.rows import Row
from loradiag.traffic.schema import schema
from loradiag.traffic.taking import opened
from loradiag.traffic.writing import unknown, write_new


class Embedded(msgspec.Struct, kw_only=True):
    """What became of requests: ``embedded`` now, ``known`` that had a vector, ``without_text`` that cannot have one."""

    files: int = 0
    embedded: int = 0
    known: int = 0
    without_text: int = 0
    problems: dict[str, str] = {}


def files_to_embed(lake: Path) -> list[Path]:
    """Return the files of a lake.

    Raises:
        InputError: There is no such lake.
    """
    return [file.path for file in find_files(lake)[0]]


def embed_file(lake: Path, path: Path, encoder: Encoder) -> Embedded:
    """Write rows of one file again, with the encoder's vectors of what was asked; a row that has one is left alone.

    May be done by many at once, and again after a kill: a record that has its vector is known by its key.

    Args:
        lake: The lake.
        path: The file.
        encoder: What embeds.

    Raises:
        InputError: The file is gone or damaged.
        UsageError: The lake cannot be written.
    """
    done = Embedded(files=1)
    for rows in _groups(path):
        asked = [row for row in rows if row["prompt"] and row["text_hash"] is not None and not row["failed"]]
        done.without_text += len(rows) - len(asked)
        fresh = [{**row, "encoder": encoder.identity.sha256, "embedding": b""} for row in asked]
        fresh = [fresh[place] for place in unknown(lake, fresh)]
        done.known += len(asked) - len(fresh)
        written = _with_vectors(fresh, encoder)
        write_new(lake, written)
        done.embedded += len(written)
        done.without_text += len(fresh) - len(written)
    return done


def _groups(path: Path) -> Iterator[list[Row]]:
    """The rows of a file, a row group at a time, as ingestion makes them."""
    names = schema().names
    with opened(path) as file:
        for group in range(file.num_row_groups):
            yield [_row(row) for row in file.read_row_group(group, columns=names).to_pylist()]


def _row(row: dict[str, Any]) -> Row:
    time = row["time"]
    return {**row, "time": None if time is None else round(time.timestamp() * 1e6)}


def _with_vectors(rows: list[Row], encoder: Encoder) -> list[Row]:
    """Those of whose texts the encoder makes something."""
    if not rows:
        return []
    vectors = encoder.encode([row["prompt"][:MAX_CHARACTERS] for row in rows], lambda *_: None)
    return [
        {**row, "embedding": vector.astype("<f2").tobytes()}
        for row, vector in zip(rows, vectors, strict=True)
        if vector.any()
    ]
