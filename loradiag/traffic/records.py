"""Records out of log files: each line, row or entry, or why it cannot be taken. Nothing in a log ends the reading of it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path, PurePath
from typing import IO, Any, cast

import msgspec

from loradiag.core.errors import InputError, MissingExtraError
from loradiag.core.lazy import require
from loradiag.core.text import printable
from loradiag.storage.files import unreadable

MAX_LINE = 16_000_000
"""Bytes of a line; a conversation of a million tokens has a quarter of it."""

MAX_DOCUMENT = 256_000_000
"""Bytes of a JSON document that is not a value a line: it has to be in memory as a whole."""

_LISTS = ("data", "observations", "generations", "items", "records", "requests", "logs", "traces", "rows")
_CHUNK = 1 << 20
_ROWS = 256
"""Rows of a Parquet file that are objects at once."""


class Item(msgspec.Struct, frozen=True):
    """One record of a file, or why there is none.

    Attributes:
        number: Of its line, row or entry.
        record: What it says.
        reason: Why it cannot be taken.
        data: Its bytes, where it has some of its own; of a line that is too long, the first of them.
        size: How many bytes it has, where ``data`` has not all.
        sha256: Of all of them, where ``data`` has not all.
    """

    number: int
    record: Any = None
    reason: str | None = None
    data: bytes = b""
    size: int | None = None
    sha256: str | None = None


def records(path: str) -> Iterator[Item]:
    """Read a file: JSON a line, a JSON document, CSV, TSV or Parquet by its suffix, each but Parquet also gzipped; ``-``.

    Raises:
        InputError: It cannot be opened.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    if path == "-":
        yield from _standard_input()
        return
    try:
        with open(path, "rb") as raw:
            yield from _opened(path, raw)
    except IsADirectoryError as error:
        raise InputError(path, "is a directory", "name files in it, or give it to --follow") from error
    except (FileNotFoundError, ValueError) as error:  # ValueError: the path has a character that no path can have
        raise InputError(path, "does not exist", "check the path of the logs", kind="missing") from error
    except OSError as error:
        raise unreadable(printable(path), error) from error


def _standard_input() -> Iterator[Item]:
    if sys.stdin is None:
        raise InputError("standard input", "is closed", "name a file")
    stream = sys.stdin.buffer
    head = stream.peek(2)[:2] if hasattr(stream, "peek") else b""
    yield from _unpacked(stream, "", packed=head == b"\x1f\x8b")


def _opened(path: str, raw: IO[bytes]) -> Iterator[Item]:
    packed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    suffix = suffix_of(path)
    return _parquet(raw) if suffix == ".parquet" else _unpacked(raw, suffix, packed=packed)


def _unpacked(raw: IO[bytes], suffix: str, *, packed: bool) -> Iterator[Item]:
    last = 0
    with gzip.GzipFile(fileobj=raw) if packed else nullcontext(raw) as stream:
        try:
            for item in _by_suffix(cast(IO[bytes], stream), suffix):
                last = item.number
                yield item
        except (EOFError, zlib.error, gzip.BadGzipFile):
            yield Item(last + 1, reason="the file is cut or damaged from here on")


def suffix_of(path: str) -> str:
    """The suffix that says the format, in small letters, without ``.gz``."""
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    return "".join(suffixes[:-1][-1:] if suffixes[-1:] == [".gz"] else suffixes[-1:])


def _by_suffix(stream: IO[bytes], suffix: str) -> Iterator[Item]:
    if suffix in (".csv", ".tsv"):
        from loradiag.traffic.tables import table

        return table(stream, "\t" if suffix == ".tsv" else ",")
    return _document(stream) if suffix == ".json" else iter(Lines(stream))


class Lines:
    """JSON, a value a line; blank lines are none.

    Args:
        stream: Read from where it stands.
        unfinished: Whether a last line without an ending is read too; else it is left, as it is still being written.
        number: Lines before.

    Attributes:
        number: Lines before and read.
        consumed: Bytes of the lines that were read.
    """

    def __init__(self, stream: IO[bytes], *, unfinished: bool = True, number: int = 0) -> None:
        self._stream = stream
        self._unfinished = unfinished
        self.number = number
        self.consumed = 0

    def __iter__(self) -> Iterator[Item]:
        while line := self._stream.readline(MAX_LINE + 1):
            ended = line.endswith(b"\n")
            if len(line) > MAX_LINE and not ended:
                item, size, ended = self._too_long(line)
            else:
                item, size = None, len(line)
            if not ended and not self._unfinished:
                return
            self.number += 1
            self.consumed += size
            if item is not None:
                yield item
            elif line.strip():
                yield decoded(line, self.number)

    def _too_long(self, start: bytes) -> tuple[Item, int, bool]:
        """The line to its end, a part at a time; its size, and whether it has an end."""
        digest, size, part = hashlib.sha256(start), len(start), start
        while not part.endswith(b"\n") and (part := self._stream.readline(_CHUNK)):
            digest.update(part)
            size += len(part)
        reason = f"is longer than {MAX_LINE:,} bytes"
        return Item(self.number + 1, None, reason, start[:_CHUNK], size, digest.hexdigest()), size, part.endswith(b"\n")


def decoded(line: bytes, number: int) -> Item:
    """A record of JSON, or why it is none. Python's NaN and Infinity are taken for nothing."""
    data = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    try:
        return Item(number, msgspec.json.decode(data), data=line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return Item(number, json.loads(data.decode(), parse_constant=lambda _: None), data=line)
    except UnicodeDecodeError:
        return Item(number, reason="is not UTF-8", data=line)
    except RecursionError:
        return Item(number, reason="is nested too deeply", data=line)
    except ValueError:  # a JSONDecodeError is one, and so is a number of thousands of digits
        return Item(number, reason="is not JSON", data=line)


def _document(stream: IO[bytes]) -> Iterator[Item]:
    """The entries of one document; of a file with a value a line, as many that are named ``.json`` are, its lines."""
    objects = _objects(stream)
    stream.seek(0)
    if objects[:1] == [True] and len(objects) > 1:  # which no document can have
        yield from Lines(stream)
        return
    data = stream.read(MAX_DOCUMENT + 1)
    reason = f"is one JSON document of more than {MAX_DOCUMENT:,} bytes; write a value a line, as .jsonl"
    whole = decoded(data, 1) if len(data) <= MAX_DOCUMENT else Item(1, reason=reason)
    if whole.reason is not None and any(objects):  # a value a line, of which the first is torn
        stream.seek(0)
        yield from Lines(stream)
    elif whole.reason is not None:
        yield whole
    else:
        for number, entry in enumerate(_entries(whole.record), 1):
            yield Item(number, entry)


def _objects(stream: IO[bytes]) -> list[bool]:
    """Of the first lines that are not blank, whether each is an object by itself."""
    found: list[bool] = []
    while len(found) < 3 and (line := stream.readline(MAX_LINE + 1)):
        if line.strip():
            found.append(isinstance(decoded(line, 1).record, dict))
    return found


def _entries(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for name in _LISTS:
            if isinstance(document.get(name), list):
                return list(document[name])
    return [document]


def _parquet(raw: IO[bytes]) -> Iterator[Item]:
    parquet = require("pyarrow.parquet", "drift")
    number = 0
    try:
        with parquet.ParquetFile(raw) as file:
            for batch in file.iter_batches(_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield Item(number, row)
    except MissingExtraError:
        raise
    except Exception:  # pyarrow raises its own errors, those of the system, and Python's about bad UTF-8
        yield Item(number + 1, reason="the file is no Parquet, or damaged from here on")


def logs_in(folder: str, lake: Path) -> list[str]:
    """The logs in a directory and below it, by their names; what is hidden, and the lake itself, hold none."""
    home = lake.resolve()
    found: list[str] = []
    for place, folders, names in os.walk(folder):
        here = Path(place).resolve()
        if here.is_relative_to(home) and str(here.relative_to(home)).startswith("date="):
            folders.clear()  # requests that were taken before
            continue
        folders[:] = [name for name in folders if name[:1] not in "._" and Path(place, name).resolve() != home]
        found += [os.path.join(place, name) for name in names if is_log(name)]
    return sorted(name for name in found if os.path.isfile(name))


def sources_of(paths: list[str], lake: Path) -> list[str]:
    """Files that sources name: themselves, patterns, and all logs in directories but the lake's, in order and once each.

    Raises:
        InputError: One names nothing.
    """
    import glob

    found: dict[str, None] = {}
    for path in paths:
        if path == "-" or os.path.isfile(path):
            names = [path]
        elif os.path.isdir(path):
            names = logs_in(path, lake)
        else:
            names = sorted(name for name in glob.glob(path, recursive=True) if os.path.isfile(name))
        if not names:
            raise InputError(
                path, "names no log", "give a file, a pattern or a directory with .jsonl, .json, .csv or .parquet"
            )
        found.update(dict.fromkeys(names))
    return list(found)


def is_log(name: str) -> bool:
    """Whether a file in a directory is taken for a log, by its name."""
    known = (".jsonl", ".ndjson", ".json", ".log", ".csv", ".tsv", ".parquet")
    return not name.startswith((".", "_")) and suffix_of(name) in known
