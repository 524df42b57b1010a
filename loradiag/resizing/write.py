"""The new directory: written beside its place under another name, and renamed into it when it is complete and proved."""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loradiag.core.dtypes import DTYPES
from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.resizing.plan import Piece
from loradiag.storage.tensors import Tensor
from loradiag.storage.writing import umask

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_BLOCK = 1 << 22


def check_output(output: Path, source: Path, *, force: bool) -> Path:
    """Return the resolved directory, if it may be written.

    Raises:
        UsageError: It is the adapter itself or holds it, is a file, is not empty, or its parent is missing.
    """
    try:
        place, origin = output.resolve(), source.resolve()
        shown = printable(str(output))
        home = origin if origin.is_dir() else origin.parent
        if place == home or place in home.parents:
            raise UsageError(f"{shown}: is, or holds, the adapter itself; name another directory")
        if not place.parent.is_dir():
            raise UsageError(f"{shown}: cannot be written (its parent directory does not exist)")
        if place.exists() and not place.is_dir():
            raise UsageError(f"{shown}: is no directory")
        if place.is_dir() and any(place.iterdir()):
            _check_replaceable(place, shown, force=force)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no usable path"
        raise UsageError(f"{printable(str(output))}: cannot be written ({reason})") from error
    return place


def _check_replaceable(place: Path, shown: str, *, force: bool) -> None:
    if not force:
        raise UsageError(f"{shown}: exists and is not empty; --force replaces it")
    if not (place / CONFIG).is_file():  # a slip of the keyboard must not cost a home directory
        raise UsageError(f"{shown}: is not empty and no adapter's directory; --force replaces only those")


@contextmanager
def installed(place: Path) -> Iterator[Path]:
    """Give a new directory beside ``place``, and rename it to ``place`` at the end. After an error nothing is left of it.

    Raises:
        UsageError: The system does not let us write there.
    """
    try:
        temporary = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name[:100]}."))
        try:
            yield temporary
            os.chmod(temporary, 0o777 & ~umask())
            _move(temporary, place)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except OSError as error:
        raise UsageError(f"{printable(str(place))}: cannot be written ({error.strerror})") from error


def _move(temporary: Path, place: Path) -> None:
    if not (place.is_dir() and any(place.iterdir())):
        os.replace(temporary, place)
        return
    aside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name[:100]}.old."))
    os.replace(place, aside)
    try:
        os.replace(temporary, place)
    except BaseException:
        os.replace(aside, place)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def write_adapter(
    folder: Path, pieces: Sequence[Piece], metadata: Mapping[str, str], config: Mapping[str, Any]
) -> None:
    """Write the two files of a PEFT adapter into a directory of our own.

    The header of a safetensors file is written here, a few bytes of JSON: the package's function for raw bytes has
    changed its arguments between versions, and wants all tensors in memory. The package checks it when it is read back.
    """
    (folder / CONFIG).write_bytes(json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    # Wide elements first, as the format's own writer does it, so that every tensor is aligned.
    ordered = sorted(pieces, key=lambda piece: (-DTYPES[piece.dtype].itemsize, piece.name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for piece in ordered:
        end = offset + nbytes(piece)
        header[piece.name] = {"dtype": piece.dtype, "shape": list(piece.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with (folder / WEIGHTS).open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for piece in ordered:
            for block in blocks(piece.content):
                file.write(block)


def nbytes(piece: Piece) -> int:
    """Bytes that a tensor takes."""
    return piece.content.nbytes if isinstance(piece.content, Tensor) else len(piece.content)


def blocks(content: bytes | Tensor) -> Iterator[bytes]:
    """Yield the bytes of a tensor, a few megabytes at a time if it is stored."""
    if not isinstance(content, Tensor):
        yield content
        return
    for start in range(0, content.size, _BLOCK):
        yield content.read(start, min(_BLOCK, content.size - start)).tobytes()
