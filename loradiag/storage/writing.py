"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from loradiag.core.errors import UsageError
from loradiag.core.text import printable


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under another name beside it and rename it into place, so that no reader sees half of it.

    Args:
        path: The file. One that is there is replaced.
        content: Text is written as UTF-8.

    Raises:
        UsageError: The directory is missing or cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o666 & ~umask())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise UsageError(f"{printable(str(path))}: cannot be written ({error.strerror})") from error


def umask() -> int:
    """The permissions that new files of this process lack."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
