"""Safetensors files, written tensor by tensor, a few megabytes at a time.

The header is written here, a few bytes of JSON: the package's function for raw bytes has changed its arguments between
versions, and wants all tensors in memory. Readers check what the package would.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from loradiag.core.dtypes import DTYPES


class Entry(msgspec.Struct, frozen=True):
    """One tensor to write.

    Attributes:
        name: As the file will spell it.
        dtype: A key of :data:`loradiag.core.dtypes.DTYPES`.
        shape: Its extents.
        blocks: Gives its bytes, in row-major order and as many as its shape says.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    blocks: Callable[[], Iterable[bytes]]

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        size = DTYPES[self.dtype].itemsize
        for extent in self.shape:
            size *= extent
        return size


def write_safetensors(path: Path, entries: Sequence[Entry], metadata: Mapping[str, str]) -> None:
    """Write a file.

    Args:
        path: A file that no reader looks at yet; it is not renamed into place here.
        entries: Its tensors. Wide elements come first, as the format's own writer does it, so that each is aligned.
        metadata: Pairs of text for ``__metadata__``.

    Raises:
        OSError: It cannot be written.
        ValueError: A tensor gives more or fewer bytes than its shape says.
    """
    ordered = sorted(entries, key=lambda entry: (-DTYPES[entry.dtype].itemsize, entry.name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for entry in ordered:
        end = offset + entry.nbytes
        header[entry.name] = {"dtype": entry.dtype, "shape": list(entry.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for entry in ordered:
            _write(entry, file.write)


def _write(entry: Entry, write: Callable[[bytes], Any]) -> None:
    written = 0
    for block in entry.blocks():
        write(block)
        written += len(block)
    if written != entry.nbytes:
        raise ValueError(f"{entry.name}: {written} bytes for a tensor of {entry.nbytes}")


def in_blocks(read: Callable[[int, int], bytes], size: int, step: int) -> Callable[[], Iterator[bytes]]:
    """Blocks of something that gives its parts ``start`` to ``stop`` as bytes, ``step`` parts at a time."""

    def blocks() -> Iterator[bytes]:
        for start in range(0, size, step):
            yield read(start, min(start + step, size))

    return blocks
