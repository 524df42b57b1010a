"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.storage.syncing import sync

_OPEN_FILES = "/proc/"

TOKEN = 16
"""Characters that end a name which nothing has."""


def write_whole(path: Path, content: str | bytes, *, lasting: bool = True) -> None:
    """Write a file under another name beside it and rename it into place, so that no reader sees half of it.

    What is no file but a stream, such as ``/dev/stdout``, is written into as it is.

    Args:
        path: The file. One that is there is replaced; so is a link, and not what it leads to.
        content: Text is written as UTF-8.
        lasting: Whether it is whole after a power cut too, which costs the time of two syncs; caches are made again instead.

    Raises:
        UsageError: The directory is missing or cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        if is_stream(path):
            with path.open("ab") as stream:
                stream.write(data)
            return
        temporary = name_beside(path)
        # Made by the system's own rules for new files. Python tells the umask only to whoever sets it, for all threads.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            if lasting:
                sync(temporary)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        if lasting:
            sync(path.parent)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can be called so"
        raise UsageError(f"{printable(str(path))}: cannot be written ({reason})") from error


def is_stream(path: Path) -> bool:
    """Whether a path leads to a device or a pipe, or is a name for a file that this process has open.

    Root would replace ``/dev/null`` itself with a file, for every program that comes after.
    """
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return True
        return path.is_symlink() and (
            os.readlink(path).startswith(_OPEN_FILES) or os.path.realpath(path.parent).startswith(_OPEN_FILES)
        )
    except (OSError, ValueError):  # it is not there, or no file can be called so
        return False


def name_beside(path: Path, what: str = "") -> Path:
    """Return a hidden name beside a path that nothing has, told by the beginning of the path's own name.

    Args:
        path: A file, or a directory.
        what: A word on what will have the name.

    Raises:
        ValueError: The path has no name of its own.
    """
    beginning = os.fsdecode(os.fsencode(path.name)[:100])  # in bytes, of which a name has 255 at most
    return path.with_name(f".{beginning}.{what}{secrets.token_hex(TOKEN // 2)}")
