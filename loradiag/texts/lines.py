"""Lines of UTF-8, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from loradiag.texts.flaws import TextsError
from loradiag.texts.source import MAX_UNPACKED, Source

MAX_LINE = 64_000_000
"""Bytes. A record has more than its text: escapes take up to six bytes a character, and other fields lie beside it."""


def lines(source: Source) -> Iterator[tuple[int, str]]:
    """Yield each line with its number from 1 and with its ending, from the start; a byte order mark is left out.

    Only LF ends a line: the other characters that Python splits at are part of a text.

    Raises:
        TextsError: A line is too long or not UTF-8, or the file unpacks to an absurd size.
    """
    source.stream.seek(0)
    offset = 0
    for number in count(1):
        line = source.stream.readline(MAX_LINE + 1)
        if not line:
            return
        if len(line) > MAX_LINE:
            raise TextsError(f"line {number:,}: is longer than {MAX_LINE:,} bytes", "break it up", kind="large")
        text = decoded(line, number, offset)
        offset += len(line)
        if source.packed and offset > MAX_UNPACKED:
            raise TextsError(f"unpacks to more than {MAX_UNPACKED:,} bytes", "give fewer texts", kind="large")
        yield number, text.removeprefix("\ufeff") if number == 1 else text


def decoded(data: bytes, number: int = 1, offset: int = 0) -> str:
    """Decode a part of a file that begins in line ``number``, ``offset`` bytes from the start.

    Raises:
        TextsError: It is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = number + data.count(b"\n", 0, error.start)
        place = f"line {line:,}: is not UTF-8 (byte {offset + error.start:,}, counted from 0)"
        raise TextsError(place, "save it as UTF-8", kind="encoding") from error


def bare(line: str) -> str:
    """A line without its ending."""
    return line.removesuffix("\n").removesuffix("\r")
