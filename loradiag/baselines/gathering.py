"""Reference requests out of training data, embedded as they are read: on disk, since a million of them are a gigabyte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.embeddings.encoder import Encoder, Halves
from loradiag.texts.requests import Asked
from loradiag.texts.same import text_key

Indexes = npt.NDArray[np.int64]

_CHUNK = 8192
"""Requests that are embedded at a time."""


class Gathered(msgspec.Struct, frozen=True):
    """Distinct requests.

    Attributes:
        vectors: Unit vectors [n, d], a memory map.
        records: The record of the data that each came from [n]; those of one conversation share it.
        texts: The requests themselves, if they are to be kept, else empty.
        repeated: How many said the same as another.
        unencodable: How many the encoder made nothing of.
    """

    vectors: Halves
    records: Indexes
    texts: list[str]
    repeated: int
    unencodable: int


def gather(
    asked: Iterable[Asked], encoder: Encoder, scratch: Path, *, keep: bool, progress: Callable[[int], None]
) -> Gathered:
    """Embed every distinct request.

    Args:
        asked: In the order of the data.
        encoder: What to embed with.
        scratch: A file to write vectors to.
        keep: Whether to keep texts.
        progress: Told how many requests were read.
    """
    dimension = encoder.identity.dimension
    seen: set[int] = set()
    records: list[int] = []
    kept: list[str] = []
    read = repeated = unencodable = 0
    with scratch.open("wb") as file:
        for chunk in _chunks(asked):
            read += len(chunk)
            new = [one for one in chunk if _is_new(one.text, seen)]
            repeated += len(chunk) - len(new)
            vectors = encoder.encode([one.text for one in new])
            good = np.flatnonzero(vectors.any(axis=1)) if new else np.zeros(0, dtype=np.int64)
            unencodable += len(new) - good.size
            file.write(np.ascontiguousarray(vectors[good]).tobytes())
            records += [new[index].record for index in good]
            kept += [new[index].text for index in good] if keep else []
            progress(read)
    count = len(records)
    mapped: Halves = (
        np.memmap(scratch, dtype=np.float16, mode="r", shape=(count, dimension))
        if count
        else np.zeros((0, dimension), dtype=np.float16)
    )
    return Gathered(mapped, np.array(records, dtype=np.int64), kept, repeated, unencodable)


def _is_new(text: str, seen: set[int]) -> bool:
    key = text_key(text)
    if key in seen:
        return False
    seen.add(key)
    return True


def _chunks(asked: Iterable[Asked]) -> Iterator[list[Asked]]:
    chunk: list[Asked] = []
    for one in asked:
        chunk.append(one)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
