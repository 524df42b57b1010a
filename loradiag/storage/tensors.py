"""Stored tensors, and the two-dimensional views of them that low-rank factors are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from loradiag.core.dtypes import DTYPES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


MAX_EXTENT = 1 << 48
"""One dimension of a tensor, or a byte offset, beyond this is a lie: no file holds as much."""

MAX_DIMENSIONS = 64
"""What torch allows. Multiplying more extents than that could take a while."""


MAX_STACK = 1 << 16
"""Matrices that one tensor stacks. The largest mixtures have some hundreds of experts a layer; each becomes a module here."""

FREE_EXPANSION = 64 << 20
MAX_EXPANSION = 20
"""Files that unpack to more than 64 MiB and this many times their size are taken for bombs; weights barely compress."""


class Scratch:
    """Memory for values that are looked at and let go. What is read into it holds until the next read into it.

    Fresh memory costs a page fault for every 4 KiB, several times what copying the bytes costs. One thread, one scratch.
    """

    def __init__(self) -> None:
        self._bytes: npt.NDArray[np.uint8] | None = None

    def array(self, carrier: str, count: int) -> npt.NDArray[np.generic]:
        """Return an uninitialised flat array of the scratch's own memory."""
        import numpy as np

        size = count * np.dtype(carrier).itemsize
        if self._bytes is None or self._bytes.size < size:
            self._bytes = np.empty(size, dtype=np.uint8)
        return self._bytes[:size].view(carrier)


class Container(Protocol):
    """What holds the values of tensors: of a safetensors file, an archive of arrays, a GGUF file.

    It does not hold the tensors, which hold it: so a file is closed, and memory given back, when the last of them is dropped,
    and not when Python next looks for cycles.
    """

    path: Path
    """The file, to be named in messages."""

    def read(self, tensor: Tensor, start: int, count: int, scratch: Scratch | None = None) -> npt.NDArray[np.generic]:
        """Return ``count`` elements of ``tensor`` from element ``start`` on, flat, in the dtype's carrier type.

        They may lie in ``scratch``, if one is given.
        """


class Tensor(msgspec.Struct, frozen=True):
    """One tensor of an adapter file: what its header says, and the container that holds its bytes.

    Attributes:
        name: As the file spells it.
        dtype: A key of :data:`loradiag.core.dtypes.DTYPES`, or another name for formats that cannot be analysed.
        shape: As stored.
        container: Where to read it from.
        offset: Byte position in the container; meaning belongs to the container.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    container: Container
    offset: int = 0

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take, as stored; 0 of a format that is not known."""
        return self.size * DTYPES[self.dtype].itemsize if self.dtype in DTYPES else 0

    def read(self, start: int = 0, count: int | None = None, scratch: Scratch | None = None) -> npt.NDArray[np.generic]:
        """Return elements as a flat array in the carrier type of the dtype (BF16 comes as uint16).

        Raises:
            InputError: The file is shorter than its header says.
        """
        return self.container.read(self, start, self.size - start if count is None else count, scratch)


class Matrix(msgspec.Struct, frozen=True):
    """A matrix of ``rows × cols`` that a stored tensor, or an even slice of one, holds in row-major order.

    Attributes:
        tensor: Where the numbers lie.
        rows: Stored rows.
        cols: Stored columns.
        start: First element of the slice within the tensor.
        column_offset: First stored column, for factors that interleave several modules' columns.
        column_step: Distance between the columns taken; 1 takes all.
        transposed: Whether the logical matrix is the transpose of the stored one.
    """

    tensor: Tensor
    rows: int
    cols: int
    start: int = 0
    column_offset: int = 0
    column_step: int = 1
    transposed: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Logical shape."""
        taken = len(range(self.column_offset, self.cols, self.column_step))
        return (taken, self.rows) if self.transposed else (self.rows, taken)

    @property
    def dtype(self) -> str:
        """Storage format of the elements."""
        return self.tensor.dtype

    @property
    def T(self) -> Matrix:  # noqa: N802 - the name that everyone who multiplies matrices expects
        """The transpose, without touching the bytes."""
        return msgspec.structs.replace(self, transposed=not self.transposed)

    def stored(self, scratch: Scratch | None = None) -> npt.NDArray[np.generic]:
        """Return the stored matrix in the carrier type; ``transposed`` is left to the caller."""
        flat = self.tensor.read(self.start, self.rows * self.cols, scratch)
        whole = flat.reshape(self.rows, self.cols)
        return whole[:, self.column_offset :: self.column_step] if self.column_step > 1 else whole

    def load(self) -> npt.NDArray[np.generic]:
        """Return the logical matrix in the carrier type."""
        stored = self.stored()
        return stored.T if self.transposed else stored


def flattened(tensor: Tensor) -> Matrix:
    """View a tensor as ``[first extent, all others]``: how convolution kernels become matrices.

    A vector becomes one row; a scalar a 1 × 1 matrix.
    """
    if len(tensor.shape) < 2:
        return Matrix(tensor, 1, tensor.size)
    return Matrix(tensor, tensor.shape[0], math.prod(tensor.shape[1:]))


def is_stack(tensor: Tensor) -> bool:
    """Whether a tensor stacks matrices: three dimensions, entries in them, and no more matrices than a model has experts.

    A header may claim 2⁴⁰ matrices of no rows, which take no byte.
    """
    return len(tensor.shape) == 3 and tensor.size > 0 and tensor.shape[0] <= MAX_STACK


def stacked(tensor: Tensor) -> list[Matrix]:
    """View a tensor for which :func:`is_stack` holds as the matrices that it stacks along its first dimension."""
    count, rows, cols = tensor.shape
    return [Matrix(tensor, rows, cols, start=index * rows * cols) for index in range(count)]
