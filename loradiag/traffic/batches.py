"""OpenAI's batches: what was asked lies in one file, what was answered in another, and ``custom_id`` joins them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from loradiag.traffic.records import Item

MOST = 100_000
"""Halves that wait for the other; a batch has half as many requests at most."""

LARGEST = 256_000_000
"""Bytes of all that wait."""


class Half(msgspec.Struct, frozen=True):
    """A record of a batch's input (``asked``) or output: which file it came from, and its size in bytes."""

    source: str
    item: Item
    asked: bool
    size: int


class Pairs:
    """Joins halves as they come, in either order, within bounds: the oldest wait no longer when there are too many."""

    def __init__(self) -> None:
        self._waiting: dict[str, Half] = {}
        self._size = 0

    def join(self, source: str, item: Item) -> Iterator[Half]:
        """Take a half and yield what is complete: both as one record, and those that can wait no longer."""
        record = item.record
        name, asked = str(record["custom_id"])[:1000], is_asked(record)
        half = Half(source, item, asked, _size(item))
        other = self._waiting.get(name)
        if other is not None and other.asked != asked:
            self._drop(name)
            request, response = (half, other) if asked else (other, half)
            both = {**response.item.record, "request": request.item.record["body"]}
            yield Half(source, Item(item.number, both), asked=False, size=half.size)
            return
        if other is not None:  # a name twice: of another batch, whose other half is elsewhere
            yield self._drop(name)
        self._waiting[name] = half
        self._size += half.size
        while len(self._waiting) > MOST or self._size > LARGEST:
            yield self._drop(next(iter(self._waiting)))

    def rest(self) -> Iterator[Half]:
        """Yield the halves whose other half never came."""
        while self._waiting:
            yield self._drop(next(iter(self._waiting)))

    def _drop(self, name: str) -> Half:
        half = self._waiting.pop(name)
        self._size -= half.size
        return half


def _size(item: Item) -> int:
    """Bytes of a record, of a line as it stands there: what JSON can say and UTF-8 cannot has a size too."""
    if item.data:
        return len(item.data)
    try:
        return len(json.dumps(item.record, default=str))
    except (ValueError, RecursionError):
        return 0  # an entry of a document, which is in memory as a whole and has its own bound


def is_half(record: object) -> bool:
    """Whether a record is a line of a batch's input or output, and not both in one."""
    return (
        isinstance(record, dict)
        and isinstance(record.get("custom_id"), str | int)
        and is_asked(record) != _answers(record)
    )


def is_asked(record: dict[str, object]) -> bool:
    """Whether it is a line of a batch's input."""
    return isinstance(record.get("body"), dict)


def _answers(record: dict[str, object]) -> bool:
    response = record.get("response")
    return isinstance(response, dict) or ("response" in record and bool(record.get("error")))
