"""A matrix that is known by its products: in memory, in blocks that are read anew each time, or on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from loradiag.core.errors import UsageError, reason_of
from loradiag.core.lazy import require
from loradiag.core.text import printable
from loradiag.linalg.threads import parallel

Single = npt.NDArray[np.float32]


class Products(Protocol):
    """A matrix W [rows, cols] of float32."""

    shape: tuple[int, int]

    def times(self, x: Single) -> Single:
        """Return W·x for x [cols] or [cols, n]."""

    def adjoint(self, x: Single) -> Single:
        """Return Wᵀ·x for x [rows] or [rows, n]."""


class InMemory:
    """A matrix held as an array."""

    def __init__(self, values: Single) -> None:
        self._values = values
        self.shape = (values.shape[0], values.shape[1])

    def times(self, x: Single) -> Single:
        """See :class:`Products`."""
        return self._values @ x

    def adjoint(self, x: Single) -> Single:
        """See :class:`Products`."""
        return self._values.T @ x


_ALONE = 1 << 22
"""Entries up to which one thread is quicker than telling several what to do."""

Strip = tuple[int, int]
"""First row, and the row after the last."""


class InBlocks:
    """A matrix too large to hold: ``load`` reads the rows of a strip, anew for every product."""

    def __init__(self, shape: tuple[int, int], strips: Sequence[Strip], load: Callable[[Strip], Single]) -> None:
        self._strips, self._load = strips, load
        self.shape = shape
        self._run = parallel if shape[0] * shape[1] > _ALONE else map

    def times(self, x: Single) -> Single:
        """See :class:`Products`."""
        return np.concatenate(list(self._run(lambda strip: self._load(strip) @ x, self._strips)))

    def adjoint(self, x: Single) -> Single:
        """See :class:`Products`."""
        parts = self._run(lambda strip: self._load(strip).T @ x[strip[0] : strip[1]], self._strips)
        total = np.zeros((self.shape[1], *x.shape[1:]), dtype=np.float32)
        for part in parts:
            total += part
        return total


class Plus:
    """W + L·R with thin L [rows, r] and R [r, cols], which is never formed."""

    def __init__(self, matrix: Products, left: Single, right: Single) -> None:
        self._matrix, self._left, self._right = matrix, left, right
        self.shape = matrix.shape

    def times(self, x: Single) -> Single:
        """See :class:`Products`."""
        return self._matrix.times(x) + self._left @ (self._right @ x)

    def adjoint(self, x: Single) -> Single:
        """See :class:`Products`."""
        return self._matrix.adjoint(x) + self._right.T @ (self._left.T @ x)


class Transposed:
    """The transpose of another matrix."""

    def __init__(self, matrix: Products) -> None:
        self._matrix = matrix
        self.shape = (matrix.shape[1], matrix.shape[0])

    def times(self, x: Single) -> Single:
        """See :class:`Products`."""
        return self._matrix.adjoint(x)

    def adjoint(self, x: Single) -> Single:
        """See :class:`Products`."""
        return self._matrix.times(x)


class OnDevice:
    """A matrix on a GPU, which multiplies while the solver stays on the CPU: only thin blocks travel."""

    def __init__(self, values: Single, device: str) -> None:
        self._torch = require("torch", "merge")
        self._device = device
        self._values: Any = self._torch.from_numpy(values).to(device)
        self.shape = (values.shape[0], values.shape[1])

    def times(self, x: Single) -> Single:
        """See :class:`Products`."""
        return self._product(self._values, x)

    def adjoint(self, x: Single) -> Single:
        """See :class:`Products`."""
        return self._product(self._values.T, x)

    def _product(self, matrix: Any, x: Single) -> Single:
        there = self._torch.from_numpy(np.ascontiguousarray(x)).to(self._device)
        back: Single = (matrix @ there).cpu().numpy()
        return back


def usable_device(device: str) -> str:
    """Return ``device`` if products can be computed on it: ``cpu``, or what torch knows (``cuda``, ``cuda:1``, ``mps``).

    Raises:
        UsageError: There is no such device.
        MissingExtraError: It needs torch, which is not installed.
    """
    if device == "cpu":
        return device
    torch = require("torch", "merge")
    try:
        torch.zeros(1, device=device)
    except Exception as error:  # torch raises AssertionError, RuntimeError and others, by device
        raise UsageError(f"--device {printable(device)}: cannot be used ({reason_of(error, 120)})") from error
    # TF32 would keep 10 bits of each factor: too few to check a residual by.
    torch.backends.cuda.matmul.allow_tf32 = False
    return device


def products(values: Single, device: str = "cpu") -> Products:
    """A matrix in memory, on the device that multiplies it."""
    return InMemory(values) if device == "cpu" else OnDevice(values, device)
