"""Logs into the lake: read, named, measured, embedded and written, some thousand requests at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.core.errors import InputError
from loradiag.core.text import printable
from loradiag.embeddings.encoder import MAX_CHARACTERS, Encoder, Identity, unit
from loradiag.traffic.batches import Half, Pairs, is_half
from loradiag.traffic.naming import Names, attribute
from loradiag.traffic.records import Item
from loradiag.traffic.rejecting import Rejects
from loradiag.traffic.request import MAX_TEXT, RejectedError, Request
from loradiag.traffic.rows import Row, row_of
from loradiag.traffic.sources import SOURCES, Read, reader
from loradiag.traffic.values import expect
from loradiag.traffic.writing import make_lake, unknown, write_new

Singles = npt.NDArray[np.float32]

FLUSH = 20_000
"""Requests that are written together."""

HELD = 64_000_000
"""Characters of texts, and numbers of vectors, that wait to be written."""

_REPORT = 500
"""Records between two reports of progress."""


class Ingested(msgspec.Struct, kw_only=True):
    """What became of what was read.

    Attributes:
        records: Lines, rows and entries.
        requests: What was found in them: ``written`` and ``duplicates``.
        written: New in the lake; of a request that lay there without a vector of this encoder, the vector.
        duplicates: Lay there already.
        skipped: Spans and observations that are about something else, of which a record may have many.
        rejected: Records, or parts of them, that could not be taken, by the reason.
        unreadable: Files that could not be opened, or not to their end, and why.
        adapters: Requests by adapter.
        bases: Requests to a base itself.
        sources: Requests by the format of their records.
        unattributed: Requests without adapter and base.
        without_text: Requests of which the log has no text.
        without_time: Requests of which the log has no time.
        embedded: Of those written, how many have a vector.
        cut: Requests with a text of a million characters, or cut to it.
    """

    records: int = 0
    requests: int = 0
    written: int = 0
    duplicates: int = 0
    skipped: int = 0
    rejected: dict[str, int] = {}
    unreadable: dict[str, str] = {}
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


class _Waiting(msgspec.Struct):
    """A request that is to be written: its row, and what its vector will be made of."""

    row: Row
    text: str | None
    vector: Singles | None


class Ingestion:
    """One run. What was taken is in the lake after :meth:`finish`.

    Args:
        lake: Where to write; made if there is none.
        encoder: What embeds texts; None embeds nothing.
        options: How.
        progress: Told how many records are done.
    """

    def __init__(self, lake: Path, encoder: Encoder | None, options: Options, progress: Callable[[int], None]) -> None:
        make_lake(lake)
        self._lake = lake
        self._encoder = encoder
        self._options = options
        self._progress = progress
        self._waiting: list[_Waiting] = []
        self._held = self._flushed = 0
        self._rejects = Rejects(lake, keep_text=options.keep_text)
        self._readers = _Readers(options)
        self._pairs = Pairs() if options.source in (None, "openai") and not options.fields else None
        self.done = Ingested()

    def take(self, source: str, items: Iterable[Item]) -> None:
        """Take the records of one file, called ``source`` in messages.

        Raises:
            InputError: It cannot be read, or not to its end; what was read until then is taken.
        """
        for item in items:
            self.done.records += 1
            if item.reason is not None:
                self._reject(source, item, item.reason)
            elif self._pairs is not None and is_half(item.record):
                for half in self._pairs.join(source, item):
                    self._half(half)
            else:
                self._one(source, item)
            if len(self._waiting) >= FLUSH or self._held >= HELD or self._rejects.is_full:
                self.flush()
            elif self._encoder is None and self.done.records % _REPORT == 0:
                self._progress(self.done.records)

    def unread(self, source: str, error: InputError) -> None:
        """Note a file that cannot be read."""
        self.done.unreadable[printable(source)] = error.problem

    def readable(self, source: str) -> None:
        """Forget that a file could not be read: by now it can."""
        self.done.unreadable.pop(printable(source), None)

    def flush(self) -> None:
        """Write what waits.

        Raises:
            UsageError: The lake cannot be written; what waits still does.
        """
        if self._waiting:
            self._write(self._waiting)
            self._waiting.clear()
            self._held = 0
        self._rejects.write()
        self.done.rejected = dict(sorted(self._rejects.counts.items(), key=lambda row: -row[1]))
        self._flushed = self.done.records
        self._progress(self.done.records)

    def finish(self) -> None:
        """Write what waits, and what waited for another half that did not come.

        Raises:
            UsageError: The lake cannot be written.
        """
        for half in self._pairs.rest() if self._pairs is not None else ():
            self._half(half)
        self.flush()

    def _half(self, half: Half) -> None:
        if half.asked:
            self._reject(half.source, half.item, "is a batch's input without its output")
        else:
            self._one(half.source, half.item)

    def _one(self, source: str, item: Item) -> None:
        try:
            name, read = self._readers.of(item.record)
            found = list(read(expect(item.record)))
            self.done.skipped += sum(request is None for request in found) if found else 1
            for request in filter(None, found):
                attribute(request, self._options.names)
                self._wait(request, name)
        except RejectedError as error:
            self._reject(source, item, error.reason)
        except (RecursionError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            # No record may end the reading of a log, whatever a reader did not think of.
            self._reject(source, item, f"cannot be read ({type(error).__name__})")

    def _wait(self, request: Request, name: str) -> None:
        row = row_of(request, name, keep_text=self._options.keep_text)
        text = request.prompt if self._encoder is not None and row["text_hash"] is not None else None
        text = text[:MAX_CHARACTERS] if text else None
        if text and self._encoder is not None:
            row["encoder"] = self._encoder.identity.sha256
        elif request.embedding is not None:
            row["encoder"] = self._given(request)
        vector = None if text or row["encoder"] is None else np.array(request.embedding, dtype=np.float32)
        self._waiting.append(_Waiting(row, text, vector))
        kept = (text, row["prompt"], row["response"], vector)
        self._held += sum(len(part) for part in kept if part is not None)
        self._count(request, name)

    def _given(self, request: Request) -> str | None:
        """What a vector that the log carries was made by; None where it cannot be by what the user says."""
        vector, claimed = request.embedding or (), self._options.given_by
        if not any(vector):
            return None
        if claimed is not None:
            return claimed.sha256 if len(vector) == claimed.dimension else None
        return f"given:{(request.encoder or 'unnamed')[:100]}:{len(vector)}"

    def _reject(self, source: str, item: Item, reason: str) -> None:
        self._rejects.add(printable(source), item, reason)

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

    def _write(self, waiting: list[_Waiting]) -> None:
        new = [waiting[place] for place in self._unknown(waiting)]  # what lies there already need not be embedded again
        blank = self._embed(new)
        if blank:  # without a vector some may be known after all
            kept = {id(blank[place]) for place in self._unknown(blank)}
            drop = {id(one) for one in blank} - kept
            new = [one for one in new if id(one) not in drop]
        write_new(self._lake, [one.row for one in new])
        self.done.written += len(new)
        self.done.duplicates += len(waiting) - len(new)
        self.done.embedded += sum(one.row["embedding"] is not None for one in new)

    def _unknown(self, waiting: list[_Waiting]) -> list[int]:
        return unknown(self._lake, [one.row for one in waiting])

    def _embed(self, new: list[_Waiting]) -> list[_Waiting]:
        """Give rows their vectors: the encoder's of the text, else the one that the log carries.

        Returns:
            Those that were to have one, of whose text the encoder makes nothing.
        """
        for one in new:
            if one.vector is not None:
                one.row["embedding"] = unit(one.vector[None, :])[0].astype("<f2").tobytes()
        texts = [one for one in new if one.text is not None]
        if self._encoder is None or not texts:
            return []
        vectors = self._encoder.encode([one.text or "" for one in texts], self._embedded)
        blank = []
        for one, vector in zip(texts, vectors, strict=True):
            if vector.any():
                one.row["embedding"] = vector.astype("<f2").tobytes()
            else:
                one.row["encoder"] = None
                blank.append(one)
        return blank

    def _embedded(self, done: int, total: int) -> None:
        self._progress(self._flushed + (self.done.records - self._flushed) * done // max(total, 1))


class _Readers:
    """Tells by a record which reader takes it: each record for itself, as one log may hold those of several servers."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known = {name: reader(name) for name in SOURCES}
        self._fixed = options.source or ("generic" if options.fields else None)

    def of(self, record: object) -> tuple[str, Read]:
        told = expect(record)
        name = self._fixed or next((name for name, (recognise, _) in self._known.items() if recognise(told)), None)
        if name is None:
            raise RejectedError("is of no known format")
        return name, self._mapped if name == "generic" and self._options.fields else self._known[name][1]

    def _mapped(self, record: Mapping[str, object]) -> Iterator[Request | None]:
        from loradiag.traffic.sources.generic import read

        return read(record, self._options.fields)
