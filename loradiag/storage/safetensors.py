"""safetensors files, read tensor by tensor with positioned reads.

The package's own numpy front end knows neither BF16 nor FP8, and a memory map would count the whole file as resident
memory and end the process by a signal if the file shrank. So the header is parsed here, and checked once more by the
package, which knows every rule of the format; the bytes are read where the header says they lie.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loradiag.core.dtypes import DTYPES
from loradiag.core.errors import InputError, reason_of
from loradiag.core.text import quoted
from loradiag.storage import strict_json
from loradiag.storage.files import PositionedFile
from loradiag.storage.tensors import MAX_DIMENSIONS, MAX_EXTENT, Scratch, Tensor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_HEADER = 100_000_000
"""The limit that the format's reference implementation sets."""


class SafetensorsFile:
    """One open safetensors file. Reads are thread-safe.

    Raises:
        InputError: It cannot be read, or breaks a rule of the format.
    """

    format = "safetensors"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = PositionedFile(path)
        base, header = self._header()
        self._values = _Values(self._file, base)
        self.metadata: dict[str, str] = _metadata(header.pop("__metadata__", None))
        self.tensors = {name: self._tensor(name, entry) for name, entry in header.items()}
        self._second_opinion()

    def close(self) -> None:
        """Close the file; reading afterwards raises InputError."""
        self._file.close()

    def _header(self) -> tuple[int, dict[str, Any]]:
        prefix = self._file.bytes_at(0, 8)
        if len(prefix) < 8:
            raise self._broken("is too short to be a safetensors file", "truncated")
        (length,) = struct.unpack("<Q", prefix)
        if length > MAX_HEADER:
            raise self._broken(f"claims a header of {length:,} bytes; the format allows {MAX_HEADER:,}", "header")
        if 8 + length > self._file.size:
            raise self._broken(
                f"claims a header of {length:,} bytes and has {self._file.size - 8:,} in all", "truncated"
            )
        try:
            header = strict_json.loads(self._file.bytes_at(8, length))
        except strict_json.RepeatedKeyError as error:
            raise InputError(
                self.path,
                f"has two entries called {error} in its header, so loaders may disagree about its content",
                "write the file anew with the safetensors package",
                kind="duplicate-key",
            ) from error
        except ValueError as error:
            raise self._broken("has a header that is not JSON", "header") from error
        if not isinstance(header, dict):
            raise self._broken("has a header that is not a JSON object", "header")
        return 8 + length, header

    def _tensor(self, name: str, entry: Any) -> Tensor:
        try:
            dtype, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
            sound = isinstance(dtype, str) and all(type(n) is int and 0 <= n < MAX_EXTENT for n in (*shape, begin, end))
        except (KeyError, TypeError, ValueError):
            sound = False
        if not sound or begin > end or len(shape) > MAX_DIMENSIONS:
            raise self._broken(f"describes tensor {quoted(name)} in a way that makes no sense", "header")
        last = self._values.base + end
        if last > self._file.size:
            raise self._broken(
                f"is cut short: tensor {quoted(name)} should end at byte {last:,} and the file has {self._file.size:,}",
                "truncated",
            )
        tensor = Tensor(name, dtype, shape, self._values, begin)
        if dtype in DTYPES and tensor.nbytes != end - begin:
            raise self._broken(
                f"gives tensor {quoted(name)} {end - begin:,} bytes, its shape needs another number", "header"
            )
        return tensor

    def _second_opinion(self) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise self._broken(f"is not a valid safetensors file ({reason_of(error)})", "header") from error

    def _broken(self, problem: str, kind: str) -> InputError:
        return _broken(self.path, problem, kind)


class _Values:
    """See :class:`loradiag.storage.tensors.Container`. ``base``: where the header ends and offsets begin."""

    def __init__(self, file: PositionedFile, base: int) -> None:
        self.path = file.path
        self.base = base
        self._file = file

    def read(self, tensor: Tensor, start: int, count: int, scratch: Scratch | None = None) -> npt.NDArray[np.generic]:
        """See :class:`loradiag.storage.tensors.Container`."""
        kind = DTYPES[tensor.dtype]
        array = self._file.array_at(self.base + tensor.offset + start * kind.itemsize, kind.carrier, count, scratch)
        if array is None:
            raise _broken(self.path, f"ends inside tensor {quoted(tensor.name)}", "truncated")
        return array


def _broken(path: Path, problem: str, kind: str) -> InputError:
    return InputError(path, problem, "fetch or save it again", kind=kind)


def _metadata(raw: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in raw.items()} if isinstance(raw, dict) else {}
