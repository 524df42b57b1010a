"""The identity of what files hold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from loradiag.storage.files import unreadable


def content_sha256(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a file as ``sha256sum`` prints it; of several, that of the lines ``hash  name``, sorted by name.

    Raises:
        InputError: A file cannot be read.
    """
    if len(paths) == 1:
        return file_sha256(paths[0])
    lines = sorted((path.name, file_sha256(path)) for path in paths)
    text = "".join(f"{digest}  {name}\n" for name, digest in lines)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of one file, in hexadecimal.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error
