"""Weight files beside the one that was read: do they say the same?

A loader that prefers another file, or another version of the same loader, would serve other weights. Comparing needs
no unpickling: a torch archive keeps each tensor's bytes as a plain record, so the bytes themselves are compared.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from loradiag.adapters.locate import SNAPSHOT
from loradiag.adapters.model import Adapter
from loradiag.core.dtypes import DTYPES
from loradiag.core.integrity import Problem
from loradiag.core.text import printable, shorten
from loradiag.storage.opening import check_expansion, open_container
from loradiag.storage.tensors import Tensor

_RECORD = re.compile(r"(^|/)data/\d+$")


class _Print(NamedTuple):
    """Of one tensor's bytes: how many, and their digest."""

    size: int
    sha256: bytes


def rival_problems(adapter: Adapter) -> Iterator[Problem]:
    """Yield a problem for every other weight file whose tensors differ from those that were read."""
    ours: Counter[_Print] | None = None
    for path in filter(_is_rival, adapter.other_weights):
        theirs = _prints_of_file(path)
        if theirs is not None and ours is None:
            ours = _prints_of_tensors(adapter.tensors.values())
        if theirs is None or ours is None:
            yield _problem(path, "could not be compared", "unread-weights")
        elif theirs != ours and _in_other_precision(theirs, ours):
            yield _problem(
                path, "has the same tensors in another precision, so they were not compared", "unread-weights"
            )
        elif theirs != ours:
            yield _problem(path, "holds other values", "conflicting-files")


def _is_rival(path: Path) -> bool:
    # MLX leaves numbered snapshots beside the final file; they are earlier steps, not rivals.
    return not SNAPSHOT.fullmatch(path.name) and not path.name.endswith(".index.json")


def _prints_of_file(path: Path) -> Counter[_Print] | None:
    """The prints of a file's tensors; None if they cannot be read without running what is in it."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                check_expansion(path, archive.infolist(), path.stat().st_size)
                records = [name for name in archive.namelist() if _RECORD.search(name)]
                if records:
                    return Counter(_print(archive.read(name)) for name in records)
        return _prints_of_tensors(open_container(path).tensors.values())
    except Exception:  # zipfile raises whatever its decompressors do: EOFError, zlib's and lzma's own errors
        return None


def _prints_of_tensors(tensors: Iterable[Tensor]) -> Counter[_Print] | None:
    listed = list(tensors)
    if any(tensor.dtype not in DTYPES for tensor in listed):
        return None
    return Counter(_print(tensor.read().tobytes()) for tensor in listed)


def _print(data: bytes) -> _Print:
    return _Print(len(data), hashlib.sha256(data).digest())


def _in_other_precision(theirs: Counter[_Print], ours: Counter[_Print]) -> bool:
    """Whether all sizes are twice, or half, what ours are: then the values may be the same for all we know."""
    one, other = (sorted(found.size for found in prints.elements()) for prints in (theirs, ours))
    return one in ([2 * size for size in other], [size / 2 for size in other])


def _problem(path: Path, what: str, kind: str) -> Problem:
    name = shorten(printable(path.name), 80)
    return Problem(kind=kind, detail=f"{name} lies beside the weights and {what}", tensor=name)
