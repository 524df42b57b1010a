"""NumPy archives (MLX writes them). Object arrays, which are pickles, are refused before anything of them is read."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from loradiag.core.dtypes import DTYPES
from loradiag.core.errors import InputError, reason_of
from loradiag.storage.arrays import ArrayContainer
from loradiag.storage.tensors import MAX_EXTENT

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NOT_NUMPY = ("BF16", "F8_E4M3", "F8_E5M2", "BOOL")  # carried by whole numbers here, which npz files have of their own
_BY_NUMPY = {kind.carrier.lstrip("<"): kind.name for kind in DTYPES.values() if kind.name not in _NOT_NUMPY} | {
    "b1": "BOOL"
}


def open_npz(path: Path) -> ArrayContainer:
    """Read an archive of arrays, whose unpacked size the caller has checked.

    Raises:
        InputError: It is damaged, holds pickled objects, or an array that is not as large as it claims to be.
    """
    try:
        with zipfile.ZipFile(path) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's, about headers that Python 2 wrote
            return ArrayContainer(path, "npz", list(_arrays(archive)))
    except InputError:
        raise
    except Exception as error:  # numpy's parser of headers raises whatever Python's tokenizer and compiler raise
        raise InputError(
            path, f"is not a readable NumPy archive ({reason_of(error)})", "save it again", kind="header"
        ) from error


def _arrays(archive: zipfile.ZipFile) -> Iterator[tuple[str, str, tuple[int, ...], npt.NDArray[np.generic]]]:
    for member in archive.infolist():
        if member.is_dir():
            continue
        if not member.filename.endswith(".npy"):
            raise ValueError("it holds files that are no arrays")
        with archive.open(member) as file:
            dtype, shape, array = _array(file, member.file_size)
        yield member.filename.removesuffix(".npy"), dtype, shape, array


def _array(file: IO[bytes], size: int) -> tuple[str, tuple[int, ...], npt.NDArray[np.generic]]:
    """Read one array. numpy's own reader sets aside whatever memory the header claims before it reads a byte."""
    import numpy as np
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"array format {version}")
    shape, fortran, dtype = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects")
    if not all(0 <= extent < MAX_EXTENT for extent in shape):
        raise ValueError("an array has an impossible shape")
    count = math.prod(shape)
    if count * dtype.itemsize > size:
        raise ValueError("an array claims more data than there is")
    data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise ValueError("an array is cut short")
    array = np.frombuffer(data, dtype=dtype) if count else np.empty(0, dtype=dtype)
    if fortran:
        array = np.ascontiguousarray(array.reshape(shape, order="F"))
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    name = array.dtype.str.lstrip("<|=")
    return _BY_NUMPY.get(name, name), tuple(shape), array
