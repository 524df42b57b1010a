"""The shards that an index file lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loradiag.core.errors import InputError
from loradiag.core.text import listed, printable, shorten
from loradiag.storage import strict_json

INDEX_SUFFIXES = (".safetensors.index.json", ".bin.index.json")

MAX_INDEX = 64_000_000
"""Bytes. An index has a line of about 100 bytes for each tensor."""


def shards_of(index: Path) -> tuple[Path, ...]:
    """Return the files that an index says hold the tensors, in the order of their names.

    Raises:
        InputError: It is no index, a shard is missing, or one would lie outside the index's own directory.
    """
    names = sorted(set(_weight_map(index).values()))
    # A name must be a plain one: an index from elsewhere must not make us read ../../secret.
    if not names or not all(_is_plain(name) for name in names):
        raise InputError(index, "names shards outside its own directory, or none", "save it again", kind="header")
    shards = tuple(index.parent / name for name in names)
    missing = [shorten(printable(shard.name), 60) for shard in shards if not shard.is_file()]
    if missing:
        raise InputError(
            index, f"lists shards that are not there: {listed(missing)}", "fetch them", kind="missing-shard"
        )
    return shards


def names_in(index: Path) -> list[str]:
    """Return the names of the tensors that an index lists.

    Raises:
        InputError: It is no index.
    """
    return list(_weight_map(index))


def _weight_map(index: Path) -> dict[str, Any]:
    try:
        if not index.is_file():  # a pipe waits for whoever writes into it
            raise ValueError("no regular file")
        with index.open("rb") as file:
            data = file.read(MAX_INDEX + 1)
        if len(data) > MAX_INDEX:
            raise ValueError("too large")
        names = strict_json.loads(data)["weight_map"]
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise TypeError("no names")
        return names
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(index, "is not a readable shard index", "fetch or save it again", kind="header") from error


def _is_plain(name: str) -> bool:
    return (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and len(name) < 256
        and not any(mark in name for mark in ("/", "\\", "\0"))
        and name.isprintable()
    )
