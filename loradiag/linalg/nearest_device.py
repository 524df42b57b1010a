"""The nearest of many unit vectors on a GPU: the same blocks of plain products, in float32 and not in TensorFloat-32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from loradiag.core.errors import UsageError, reason_of
from loradiag.core.lazy import require
from loradiag.core.text import printable
from loradiag.linalg.nearest import Indexes, Singles, Vectors, exact

_QUERIES, _REFERENCES = 8192, 65_536
"""Of a product at a time: two gigabytes of cosines."""

_SHARE = 0.5
"""Of the device's free memory that references may take; more of them are read block by block each time."""


class DeviceSearch:
    """Products in float32 on a device; cosines are then computed again in float64, as those of the other searches are.

    Args:
        references: Unit vectors [n, d], n ≥ 1, in float16 or float32; a memory map may be larger than the device's memory.
        device: As torch calls it: ``cuda``, ``cuda:1``; or ``cpu``, to see what it does without one.

    Raises:
        MissingExtraError: torch is not installed.
        UsageError: There is no such device.
    """

    def __init__(self, references: Vectors, device: str) -> None:
        self._torch = require("torch", "drift")
        self._references = references
        try:
            self._device = self._torch.device(device)
            self._torch.zeros(1, device=self._device)
        except (RuntimeError, AssertionError) as error:
            raise UsageError(f"device {printable(device)}: {reason_of(error)}") from error
        self._kept = self._to_device(references) if references.nbytes <= self._room() else None

    def nearest(self, queries: Vectors) -> tuple[Singles, Indexes]:
        """Return the cosine to the nearest reference [q] and its number [q], for unit vectors [q, d]."""
        found = np.zeros(len(queries), dtype=np.int64)
        with _whole_floats(self._torch):
            for first in range(0, len(queries), _QUERIES):
                part = slice(first, first + _QUERIES)
                found[part] = self._found(np.asarray(queries[part], dtype=np.float32))
        return exact(queries, self._references, found), found

    def _found(self, queries: Singles) -> Indexes:
        torch = self._torch
        asked = torch.from_numpy(queries).to(self._device)
        best = torch.full((len(asked),), -torch.inf, device=self._device)
        found = torch.zeros(len(asked), dtype=torch.int64, device=self._device)
        for start, block in self._blocks():
            values, places = (asked @ block.to(torch.float32).T).max(dim=1)
            nearer = values > best
            best = torch.where(nearer, values, best)
            found = torch.where(nearer, places + start, found)
        answers: Indexes = found.cpu().numpy()
        return answers

    def _blocks(self) -> Iterator[tuple[int, Any]]:
        for start in range(0, len(self._references), _REFERENCES):
            part = slice(start, start + _REFERENCES)
            yield start, self._kept[part] if self._kept is not None else self._to_device(self._references[part])

    def _to_device(self, references: Vectors) -> Any:
        return self._torch.from_numpy(np.array(references)).to(self._device)

    def _room(self) -> float:
        if self._device.type != "cuda":
            return float("inf")
        free, _ = self._torch.cuda.mem_get_info(self._device)
        return _SHARE * float(free)


@contextmanager
def _whole_floats(torch: Any) -> Iterator[None]:
    """TensorFloat-32 has ten bits of mantissa: neighbours would be mistaken for each other."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def has_gpu() -> bool:
    """Whether torch is there and sees a GPU."""
    torch = require("torch", "drift")
    return bool(torch.cuda.is_available())
