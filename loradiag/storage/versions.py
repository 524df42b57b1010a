"""Files of a folder behind a URL: which of them belong to it, and what tells one version of a file from the next."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

_VERSIONS = (("ETag", "etag", "md5Hash", "checksum"), ("LastModified", "last_modified", "mtime", "created"))
"""Names of hashes, and of times, in what different stores say of a file."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """A file that was the same here and there: its version there, and its size and time of change here."""

    there: str
    size: int
    changed: int


def version(facts: Mapping[str, Any]) -> str:
    """What tells one version of a file there from the next: its size and hash, or its time where the store has no hash.

    Stores tell a time to the millisecond in one answer, and to the second in another.
    """
    for names in _VERSIONS:
        told = [str(facts[name]) for name in names if facts.get(name) is not None]
        if told:
            break
    return json.dumps([str(facts.get("size")), *told])


def is_as(known: Known | None, size: int, changed: int) -> bool:
    """Whether a file here is as it was when it was the same as the one there."""
    return known is not None and (known.size, known.changed) == (size, changed)


def below(root: PurePosixPath, path: str) -> str:
    """The name of a file below a folder; "" of one that lies elsewhere."""
    try:
        return str(PurePosixPath(path).relative_to(root))
    except ValueError:
        return ""


def is_plain(name: str) -> bool:
    """Whether a file is to be copied: within the folder, and none that is being written or kept for one machine alone."""
    parts: Iterable[str] = PurePosixPath(name).parts
    return name not in ("", ".") and not any(part.startswith((".", "_state", "/")) or "\0" in part for part in parts)
