"""Weight files beside the one that was read: do they say the same?

A loader that prefers another file, or another version of the same loader, would serve other weights. Comparing needs
no unpickling: a torch archive keeps each tensor's bytes as a plain record, so the bytes themselves are compared.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from loradiag.adapters.containers.opening import open_container
from loradiag.adapters.model import Adapter
from loradiag.core.errors import LoradiagError
from loradiag.core.measurements import Problem
from loradiag.core.text import printable

_RECORD = re.compile(r"(^|/)data/\d+$")
_SERIES = re.compile(r"^\d+_adapters\.(safetensors|npz)$")


def rival_problems(adapter: Adapter) -> Iterator[Problem]:
    """Yield a problem for every other weight file whose tensors differ from those that were read."""
    rivals = [path for path in adapter.other_weights if _is_rival(path)]
    if not rivals:
        return
    ours: Counter[str] | None = None
    for path in rivals:
        theirs = _digests_of_file(path)
        if theirs is None:
            yield _problem(path, "could not be compared", "unread-weights")
            continue
        if ours is None:
            ours = Counter(_digest(tensor.read().tobytes()) for tensor in adapter.tensors.values())
        if theirs != ours:
            yield _problem(path, "holds other values", "conflicting-files")


def _is_rival(path: Path) -> bool:
    # MLX leaves numbered snapshots beside the final file; they are earlier steps, not rivals.
    return not _SERIES.match(path.name) and not path.name.endswith(".index.json")


def _digests_of_file(path: Path) -> Counter[str] | None:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                records = [name for name in archive.namelist() if _RECORD.search(name)]
                if records:
                    return Counter(_digest(archive.read(name)) for name in records)
        container = open_container(path)
        return Counter(_digest(tensor.read().tobytes()) for tensor in container.tensors.values())
    except (LoradiagError, OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, KeyError):
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _problem(path: Path, what: str, kind: str) -> Problem:
    return Problem(kind=kind, detail=f"{printable(path.name)} lies beside the weights and {what}", tensor=path.name)
