"""The bytes of a file of texts: opened once, hashed as they are, unpacked where they are compressed."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import PurePath
from typing import IO, cast

import msgspec

from loradiag.core.errors import InputError
from loradiag.core.text import printable
from loradiag.storage.files import unreadable
from loradiag.texts.flaws import TextsError

MAX_UNPACKED = 2 << 30
"""Bytes of a gzip file when unpacked, and of what comes through a pipe. Texts to measure on are a thousandth of it."""

_CHUNK = 1 << 20


class Source(msgspec.Struct, frozen=True):
    """An opened file.

    Attributes:
        name: Its path, fit to be shown, or ``standard input``.
        suffix: In small letters, without ``.gz``; "" for standard input.
        stream: Its bytes from the start, unpacked; can be sought.
        sha256: Of its bytes as they are stored.
        packed: Whether it is compressed.
    """

    name: str
    suffix: str
    stream: IO[bytes]
    sha256: str
    packed: bool


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """Open a file, or standard input for ``-``.

    Raises:
        InputError: There is none, it is a directory, or it cannot be read.
        TextsError: More comes through a pipe than any file of texts has.
    """
    with _bytes(path) as pipe, _twice_readable(pipe, is_file=path != "-") as raw:
        digest = hashlib.file_digest(raw, "sha256").hexdigest()  # type: ignore[arg-type]
        raw.seek(0)
        head = raw.read(2)
        raw.seek(0)
        suffixes = [] if path == "-" else [suffix.lower() for suffix in PurePath(path).suffixes]
        named = suffixes[-1:] == [".gz"]
        suffix = "".join(suffixes[:-1][-1:] if named else suffixes[-1:])
        if head == b"\x1f\x8b" or (named and head):
            with gzip.GzipFile(fileobj=raw) as stream:
                yield Source(shown(path), suffix, cast(IO[bytes], stream), digest, packed=True)
        else:
            yield Source(shown(path), suffix, raw, digest, packed=False)


@contextmanager
def told(path: str) -> Iterator[None]:
    """Turn whatever goes wrong in reading a file into one line that names it.

    Raises:
        InputError: Something did.
    """
    try:
        yield
    except TextsError as flaw:
        raise InputError(shown(path), flaw.problem, flaw.remedy, kind=flaw.kind) from flaw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            shown(path), "is damaged or cut, or no gzip file", "fetch or compress it again", "truncated"
        ) from error
    except OSError as error:
        raise unreadable(shown(path), error) from error


def shown(path: str) -> str:
    """The name of a file for reports: what UTF-8 or a terminal cannot take is written as an escape."""
    return "standard input" if path == "-" else printable(path)


def _bytes(path: str) -> AbstractContextManager[IO[bytes]]:
    if path == "-":
        if sys.stdin is None:
            raise InputError(shown(path), "is closed", "name a file")
        return nullcontext(sys.stdin.buffer)
    try:
        return open(path, "rb")
    except (FileNotFoundError, ValueError) as error:  # ValueError: the path has a character that no path can have
        raise InputError(shown(path), "does not exist", "check the path of the texts", kind="missing") from error
    except IsADirectoryError as error:
        raise InputError(shown(path), "is a directory", "name a file of texts in it") from error
    except OSError as error:
        raise unreadable(shown(path), error) from error


@contextmanager
def _twice_readable(pipe: IO[bytes], *, is_file: bool) -> Iterator[IO[bytes]]:
    """The file itself, or what a pipe gives in a file: it is read once for its hash and once for its texts."""
    if is_file and stat.S_ISREG(os.fstat(pipe.fileno()).st_mode):
        yield pipe
        return
    with tempfile.TemporaryFile() as copy:
        while chunk := pipe.read(_CHUNK):
            copy.write(chunk)
            if copy.tell() > MAX_UNPACKED:
                raise TextsError(f"gives more than {MAX_UNPACKED:,} bytes", "give fewer texts", kind="large")
        copy.seek(0)
        yield cast(IO[bytes], copy)
