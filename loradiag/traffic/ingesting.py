"""Logs into the lake: read, named, measured, embedded and written, some thousand requests at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np

from loradiag.core.text import printable
from loradiag.embeddings.encoder import Encoder, Identity, unit
from loradiag.traffic.naming import Names, attribute
from loradiag.traffic.records import Item
from loradiag.traffic.rejecting import Rejects
from loradiag.traffic.request import MAX_TEXT, RejectedError, Request
from loradiag.traffic.rows import Row, row_of
from loradiag.traffic.sources import SOURCES, Read, Recognise, reader
from loradiag.traffic.values import expect
from loradiag.traffic.writing import make_lake, write_rows

FLUSH = 20_000
"""Requests that are written together."""


class Ingested(msgspec.Struct, kw_only=True):
    """What became of what was read.

    ``records`` = ``rejected`` + ``skipped`` + those that gave ``requests``; ``requests`` = ``written`` + ``duplicates``.
    ``unattributed``: requests without adapter and base; ``cut``: texts that were longer than a million characters.
    """

    records: int = 0
    requests: int = 0
    written: int = 0
    duplicates: int = 0
    skipped: int = 0
    rejected: dict[str, int] = {}
    adapters: dict[str, int] = {}
    bases: dict[str, int] = {}
    sources: dict[str, int] = {}
    unattributed: int = 0
    without_text: int = 0
    without_time: int = 0
    embedded: int = 0
    cut: int = 0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to ingest.

    Attributes:
        names: What is known of names.
        source: The format of all records; told record by record if None.
        fields: Where things are in records of no known format.
        keep_text: Whether prompts and responses are stored.
        given_by: What made the vectors that logs carry; without it they are kept under the name that the log gives.
    """

    names: Names = Names()
    source: str | None = None
    fields: Mapping[str, str] = {}
    keep_text: bool = False
    given_by: Identity | None = None


class Ingestion:
    """One run. What was taken is in the lake after :meth:`flush`.

    Args:
        lake: Where to write; made if there is none.
        encoder: What embeds texts; None embeds nothing.
        options: How.
        progress: Told how many records were read.
    """

    def __init__(self, lake: Path, encoder: Encoder | None, options: Options, progress: Callable[[int], None]) -> None:
        make_lake(lake)
        self._lake = lake
        self._encoder = encoder
        self._options = options
        self._progress = progress
        self._waiting: list[tuple[Request, str]] = []
        self._rejects = Rejects(lake, keep_text=options.keep_text)
        self._readers = _Readers(options)
        self.done = Ingested()

    def take(self, source: str, items: Iterable[Item]) -> None:
        """Take the records of one file, called ``source`` in messages."""
        for item in items:
            self.done.records += 1
            if item.reason is None:
                self._one(source, item)
            else:
                self._reject(source, item, item.reason)
            if len(self._waiting) >= FLUSH:
                self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            rows = [row_of(request, name, keep_text=self._options.keep_text) for request, name in self._waiting]
            self._embed(rows)
            written = write_rows(self._lake, rows)
            self.done.written += written
            self.done.duplicates += len(rows) - written
            self._waiting.clear()
        self._rejects.write()
        self.done.rejected = dict(sorted(self._rejects.counts.items(), key=lambda row: -row[1]))
        self._progress(self.done.records)

    def _one(self, source: str, item: Item) -> None:
        try:
            name, read = self._readers.of(item.record)
            found = list(read(expect(item.record)))
        except RejectedError as error:
            self._reject(source, item, error.reason)
            return
        except (RecursionError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            # No record may end the reading of a log, whatever a reader did not think of.
            self._reject(source, item, f"cannot be read ({type(error).__name__})")
            return
        self.done.skipped += not found
        for request in found:
            attribute(request, self._options.names)
            self._count(request, name)
            self._waiting.append((request, name))

    def _reject(self, source: str, item: Item, reason: str) -> None:
        data = item.data or (_bytes(item.record) if item.record is not None else b"")
        self._rejects.add(printable(source), item.number, reason, data)

    def _count(self, request: Request, name: str) -> None:
        done = self.done
        done.requests += 1
        done.sources[name] = done.sources.get(name, 0) + 1
        if request.adapter is not None:
            done.adapters[request.adapter] = done.adapters.get(request.adapter, 0) + 1
        elif request.base is not None:
            done.bases[request.base] = done.bases.get(request.base, 0) + 1
        else:
            done.unattributed += 1
        done.without_text += not (request.prompt and request.prompt.strip())
        done.without_time += request.time is None
        done.cut += any(text is not None and len(text) >= MAX_TEXT for text in (request.prompt, request.response))

    def _embed(self, rows: list[Row]) -> None:
        """Give rows their vectors: the encoder's of the text, else the one that the log carries."""
        given = {
            number: request.embedding
            for number, (request, _) in enumerate(self._waiting)
            if request.embedding is not None
        }
        for number, vector in given.items():
            self._give(rows[number], np.asarray(vector, dtype=np.float32), self._waiting[number][0].encoder)
        if self._encoder is None:
            return
        texts = [(number, request.prompt) for number, (request, _) in enumerate(self._waiting) if request.prompt]
        vectors = self._encoder.encode([text for _, text in texts])
        for (number, _), vector in zip(texts, vectors, strict=True):
            if vector.any():
                rows[number]["encoder"] = self._encoder.identity.sha256
                rows[number]["embedding"] = vector.astype("<f2").tobytes()
                self.done.embedded += number not in given

    def _give(self, row: Row, vector: np.ndarray[tuple[int], np.dtype[np.float32]], name: str | None) -> None:
        made = unit(vector[None, :])[0]
        claimed = self._options.given_by
        if not made.any() or (claimed is not None and made.size != claimed.dimension):
            return
        row["encoder"] = claimed.sha256 if claimed is not None else f"given:{(name or 'unnamed')[:100]}:{made.size}"
        row["embedding"] = made.astype("<f2").tobytes()
        self.done.embedded += 1


class _Readers:
    """Tells by a record which reader takes it: the last one first, as records of a file are alike."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known: dict[str, tuple[Recognise, Read]] = {}
        self._last = options.source or ("generic" if options.fields else None)
        self._fixed = self._last is not None

    def of(self, record: object) -> tuple[str, Read]:
        told = expect(record)
        names = [self._last] if self._fixed else ([self._last] if self._last else []) + list(SOURCES)
        for name in names:
            recognise, read = self._reader(name or "generic")
            if self._fixed or recognise(told):
                self._last = name
                return name or "generic", read
        raise RejectedError("is of no known format")

    def _reader(self, name: str) -> tuple[Recognise, Read]:
        if name not in self._known:
            recognise, read = reader(name)
            self._known[name] = recognise, self._mapped if name == "generic" and self._options.fields else read
        return self._known[name]

    def _mapped(self, record: Mapping[str, object]) -> Iterator[Request]:
        from loradiag.traffic.sources.generic import read

        return read(record, self._options.fields)


def _bytes(record: object) -> bytes:
    try:
        return msgspec.json.encode(record)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return repr(type(record)).encode()
