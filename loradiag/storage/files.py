"""A file read at given positions: nothing is mapped into memory, and a short file is an error, not a signal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from loradiag.core.errors import InputError
from loradiag.core.text import printable
from loradiag.storage.tensors import Scratch

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_DOCUMENT = 16_000_000
"""Bytes of a configuration or a manifest. Real ones have a few kilobytes; what is larger than this is none."""


class PositionedFile:
    """An open file. Reads are thread-safe: each names its own position.

    Raises:
        InputError: The file cannot be opened.
    """

    _close = staticmethod(
        os.close
    )  # at its end the interpreter takes a module's names away before it drops what is left

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
            self.size = os.fstat(self._descriptor).st_size
        except OSError as error:
            self.close()
            raise unreadable(path, error) from error

    def close(self) -> None:
        """Close the file; reading afterwards raises InputError."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            self._close(descriptor)

    def __del__(self) -> None:
        """Do not leave descriptors open when an adapter is dropped."""
        self.close()

    def bytes_at(self, position: int, count: int) -> bytes:
        """Return up to ``count`` bytes: fewer where the file ends."""
        buffer = bytearray(min(count, max(self.size - position, 0)))
        done = self.fill(memoryview(buffer), position)
        return bytes(buffer[:done])

    def array_at(
        self, position: int, carrier: str, count: int, scratch: Scratch | None
    ) -> npt.NDArray[np.generic] | None:
        """Return ``count`` numbers of numpy's type ``carrier``; None if the file ends before them."""
        import numpy as np

        array = np.empty(count, dtype=carrier) if scratch is None else scratch.array(carrier, count)
        view = array.data.cast("B") if count else memoryview(b"")
        return array if self.fill(view, position) == len(view) else None

    def fill(self, view: memoryview, position: int) -> int:
        """Read into ``view`` and return the number of bytes read, which is less than its length at the end of file."""
        done = 0
        try:
            while done < len(view):
                got = os.preadv(self._descriptor, [view[done:]], position + done)
                if got == 0:
                    break
                done += got
        except OSError as error:
            raise unreadable(self.path, error) from error
        return done


def read_document(path: Path, what: str, remedy: str) -> bytes:
    """Return the bytes of a configuration, or of another document of a few pages.

    Args:
        path: The file.
        what: What it should be: ``a configuration``.
        remedy: What to do if it cannot be one.

    Raises:
        InputError: It is larger than any such document; no more of it was read than that takes.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise InputError(path, f"is far too large to be {what}", remedy, kind="config")
    return data


def unreadable(path: object, error: OSError) -> InputError:
    """The error for a file that the system would not let us read."""
    reason = printable(error.strerror or str(error))
    if isinstance(error, PermissionError):
        return InputError(path, f"cannot be read ({reason})", "check its permissions", kind="permission")
    return InputError(path, f"cannot be read ({reason})")
