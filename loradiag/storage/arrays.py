"""Tensors that already lie in memory: what the npz and torch containers hand over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from loradiag.core.errors import InputError
from loradiag.core.text import quoted
from loradiag.storage.tensors import Scratch, Tensor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class ArrayContainer:
    """Named arrays in carrier types, each with the dtype name and the shape that it stands for.

    Raises:
        InputError: Two of them have the same name.
    """

    def __init__(
        self,
        path: Path,
        file_format: str,
        arrays: Iterable[tuple[str, str, tuple[int, ...], npt.NDArray[np.generic]]],
        metadata: dict[str, str] | None = None,
    ) -> None:
        self.path = path
        self.format = file_format
        self.metadata = metadata or {}
        self.tensors: dict[str, Tensor] = {}
        values = _Values(path)
        for name, dtype, shape, array in arrays:
            if name in self.tensors:
                raise InputError(path, f"has two tensors called {quoted(name)}", "save it again", kind="duplicate-key")
            values.flat[name] = array.reshape(-1)
            self.tensors[name] = Tensor(name, dtype, shape, values)


class _Values:
    """See :class:`loradiag.storage.tensors.Container`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.flat: dict[str, npt.NDArray[np.generic]] = {}

    def read(  # the values are in memory already, so they need no scratch
        self,
        tensor: Tensor,
        start: int,
        count: int,
        scratch: Scratch | None = None,  # noqa: ARG002
    ) -> npt.NDArray[np.generic]:
        """See :class:`loradiag.storage.tensors.Container`."""
        return self.flat[tensor.name][start : start + count]
