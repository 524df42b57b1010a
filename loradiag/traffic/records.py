"""Records out of log files: each line, row or entry, or why it cannot be taken. Nothing in a log ends the reading of it."""

from __future__ import annotations

import csv
import gzip
import io
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


class Item(msgspec.Struct, frozen=True):
    """One record of a file, or why there is none: ``number`` of its line, row or entry; ``data`` are its bytes, if rejected."""

    number: int
    record: Any = None
    reason: str | None = None
    data: bytes = b""


def records(path: str) -> Iterator[Item]:
    """Read a file: JSON a line, a JSON document, CSV, TSV or Parquet by its suffix, each but Parquet also gzipped; ``-``.

    Raises:
        InputError: It cannot be opened.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    if path == "-":
        yield from lines(sys.stdin.buffer)
        return
    try:
        with open(path, "rb") as raw:
            yield from _opened(path, raw)
    except IsADirectoryError as error:
        raise InputError(path, "is a directory", "name files in it, or give it to --follow") from error
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", "check the path of the logs", kind="missing") from error
    except OSError as error:
        raise unreadable(printable(path), error) from error


def _opened(path: str, raw: IO[bytes]) -> Iterator[Item]:
    packed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    suffix = suffix_of(path)
    if suffix == ".parquet":
        yield from _parquet(raw)
        return
    context = gzip.GzipFile(fileobj=raw) if packed else nullcontext(raw)
    with context as stream:
        last = 0
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
        return _table(stream, "\t" if suffix == ".tsv" else ",")
    return _document(stream) if suffix == ".json" else lines(stream)


def lines(stream: IO[bytes], *, unfinished: bool = True) -> Iterator[Item]:
    """Read JSON, a value a line; blank lines are none.

    Args:
        stream: From where it stands.
        unfinished: Whether a last line without an ending is read too; else it is left, as it is still being written.
    """
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            yield Item(number, reason=f"is longer than {MAX_LINE:,} bytes", data=line[:_CHUNK])
            _skip(stream)
        elif not unfinished and not line.endswith(b"\n"):
            return
        elif line.strip():
            yield decoded(line, number)


def _skip(stream: IO[bytes]) -> None:
    """To the end of a line that is too long."""
    while (rest := stream.readline(_CHUNK)) and not rest.endswith(b"\n"):
        pass


def decoded(line: bytes, number: int) -> Item:
    """A record of JSON, or why it is none. Python's NaN and Infinity are taken for nothing."""
    data = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    try:
        return Item(number, msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return Item(number, json.loads(data, parse_constant=lambda _: None))
    except UnicodeDecodeError:
        return Item(number, reason="is not UTF-8", data=line)
    except RecursionError:
        return Item(number, reason="is nested too deeply", data=line)
    except ValueError:  # a JSONDecodeError is one, and so is a number of thousands of digits
        return Item(number, reason="is not JSON", data=line)


def _document(stream: IO[bytes]) -> Iterator[Item]:
    """The entries of one document; of a file with a value a line its lines."""
    data = stream.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        yield Item(
            1, reason=f"is one JSON document of more than {MAX_DOCUMENT:,} bytes; write a value a line, as .jsonl"
        )
        return
    whole = decoded(data, 1)
    if whole.reason is not None:
        yield from lines(io.BytesIO(data))
        return
    for number, entry in enumerate(_entries(whole.record), 1):
        yield Item(number, entry)


def _entries(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for name in _LISTS:
            if isinstance(document.get(name), list):
                return list(document[name])
    return [document]


def _table(stream: IO[bytes], delimiter: str) -> Iterator[Item]:
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
    before = csv.field_size_limit(MAX_LINE)
    try:
        reader = csv.DictReader(text, delimiter=delimiter)
        number = 1
        while True:
            number += 1
            try:
                row = next(reader, None)
            except csv.Error:
                yield Item(number, reason="is no row of CSV")
                continue
            if row is None:
                return
            yield Item(number, {key: value for key, value in row.items() if key is not None})
    finally:
        csv.field_size_limit(before)
        text.detach()


def _parquet(raw: IO[bytes]) -> Iterator[Item]:
    parquet = require("pyarrow.parquet", "drift")
    number = 0
    try:
        with parquet.ParquetFile(raw) as file:
            for batch in file.iter_batches(1024):
                for row in batch.to_pylist():
                    number += 1
                    yield Item(number, row)
    except MissingExtraError:
        raise
    except Exception:  # pyarrow raises its own errors, those of the system, and Python's about bad UTF-8
        yield Item(number + 1, reason="the file is no Parquet, or damaged from here on")


def logs_in(path: str, lake: Path) -> list[str]:
    """The logs in a directory and below it, by their names; those in the lake itself are none."""
    home = lake.resolve()
    found = (entry for entry in Path(path).rglob("*") if is_log(entry.name) and entry.is_file())
    return sorted(str(entry) for entry in found if home not in entry.resolve().parents)


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
