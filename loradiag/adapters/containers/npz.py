"""NumPy archives (MLX writes them). Object arrays, which are pickles, are refused."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from loradiag.adapters.containers.arrays import ArrayContainer
from loradiag.core.dtypes import DTYPES
from loradiag.core.errors import InputError

MAX_EXPANSION = 200
"""Archives that unpack to more than this many times their size are taken for zip bombs; weights barely compress."""

_BY_CARRIER = {dtype.carrier: dtype.name for dtype in reversed(DTYPES.values()) if dtype.name != "BF16"}


def open_npz(path: Path) -> ArrayContainer:
    """Read an archive of arrays.

    Raises:
        InputError: It is damaged, holds pickled objects, or unpacks to an absurd size.
    """
    import numpy as np

    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_EXPANSION * max(path.stat().st_size, 1):
            raise InputError(path, f"would unpack to {unpacked:,} bytes", "save it again uncompressed", kind="header")
        arrays = []
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                array = archive[name]
                dtype = _BY_CARRIER.get(array.dtype.str, _BY_CARRIER.get(array.dtype.str.lstrip("|<"), array.dtype.str))
                arrays.append((name, dtype, array.shape, np.ascontiguousarray(array)))
    except InputError:
        raise
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise InputError(path, f"is not a readable NumPy archive ({error})", "save it again", kind="header") from error
    return ArrayContainer(path, "npz", arrays)
