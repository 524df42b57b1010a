"""safetensors files, read tensor by tensor with positioned reads.

The package's own numpy front end knows neither BF16 nor FP8, and a memory map would count the whole file as resident
memory and end the process by a signal if the file shrank. So the header is parsed here, and checked once more by the
package, which knows every rule of the format; the bytes are read where the header says they lie.
"""

from __future__ import annotations

import json
import os
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loradiag.adapters.tensors import Tensor
from loradiag.core.dtypes import DTYPES
from loradiag.core.errors import InputError
from loradiag.core.text import printable, shorten

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_HEADER = 100_000_000
"""The limit that the format's reference implementation sets."""


class SafetensorsFile:
    """One open safetensors file. Reads are thread-safe."""

    format = "safetensors"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._lock = threading.Lock()
        try:
            self._size = os.fstat(self._descriptor).st_size
            self._base, header = self._header()
            self.metadata: dict[str, str] = _metadata(header.pop("__metadata__", None))
            self.tensors = {name: self._tensor(name, entry) for name, entry in header.items()}
            self._second_opinion()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; reading afterwards raises OSError."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        """Do not leave descriptors open when an adapter is dropped."""
        if getattr(self, "_descriptor", -1) >= 0:
            self.close()

    def read(self, tensor: Tensor, start: int, count: int) -> npt.NDArray[np.generic]:
        """See :class:`loradiag.adapters.tensors.Container`."""
        import numpy as np

        kind = DTYPES[tensor.dtype]
        array: npt.NDArray[np.generic] = np.empty(count, dtype=kind.carrier)
        view = memoryview(array).cast("B") if count else memoryview(b"")
        done, position = 0, self._base + tensor.offset + start * kind.itemsize
        while done < len(view):
            got = os.preadv(self._descriptor, [view[done:]], position + done)
            if got == 0:
                raise self._broken(f"ends inside tensor {_quoted(tensor.name)}", "truncated")
            done += got
        return array

    def _header(self) -> tuple[int, dict[str, Any]]:
        prefix = os.pread(self._descriptor, 8, 0)
        if len(prefix) < 8:
            raise self._broken("is too short to be a safetensors file", "truncated")
        (length,) = struct.unpack("<Q", prefix)
        if length > MAX_HEADER:
            raise self._broken(f"claims a header of {length:,} bytes; the format allows {MAX_HEADER:,}", "header")
        if 8 + length > self._size:
            raise self._broken(
                f"claims a header of {length:,} bytes and has {self._size - 8:,} in all", "truncated"
            )
        text = os.pread(self._descriptor, length, 8)
        try:
            header = json.loads(text.decode("utf-8"), object_pairs_hook=self._unique)
        except (ValueError, RecursionError) as error:
            raise self._broken("has a header that is not JSON", "header") from error
        if not isinstance(header, dict):
            raise self._broken("has a header that is not a JSON object", "header")
        return 8 + length, header

    def _unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # Loaders differ on which of two equal keys they take, so an auditor could be shown another tensor than a server.
        unique = dict(pairs)
        if len(unique) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(
                self.path,
                f"has two entries called {_quoted(twice)} in its header, so loaders may disagree about its content",
                "write the file anew with the safetensors package",
                kind="duplicate-key",
            )
        return unique

    def _tensor(self, name: str, entry: Any) -> Tensor:
        try:
            dtype, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
            sound = isinstance(dtype, str) and all(type(n) is int and n >= 0 for n in (*shape, begin, end))
        except (KeyError, TypeError, ValueError):
            sound = False
        if not sound or begin > end:
            raise self._broken(f"describes tensor {_quoted(name)} in a way that makes no sense", "header")
        if self._base + end > self._size:
            raise self._broken(
                f"is cut short: tensor {_quoted(name)} should end at byte {self._base + end:,} "
                f"and the file has {self._size:,}",
                "truncated",
            )
        tensor = Tensor(name, dtype, shape, self, begin)
        if dtype in DTYPES and tensor.nbytes != end - begin:
            raise self._broken(f"gives tensor {_quoted(name)} {end - begin:,} bytes, its shape needs another number", "header")
        return tensor

    def _second_opinion(self) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="numpy"):
                pass
        except SafetensorError as error:
            raise self._broken(f"is not a valid safetensors file ({printable(str(error))})", "header") from error

    def _broken(self, problem: str, kind: str) -> InputError:
        return InputError(self.path, problem, "fetch or save it again", kind=kind)


def _quoted(name: str) -> str:
    return f'"{shorten(printable(name), 80)}"'


def _metadata(raw: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in raw.items()} if isinstance(raw, dict) else {}
