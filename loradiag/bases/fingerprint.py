"""The identity of a base's weights: hashes of its tensors, combined so that neither sharding nor order matters.

``full``: SHA-256 over the lines ``name dtype shape sha256(bytes)`` of all tensors, sorted by name. ``sampled``: the same
with the hash of up to 16 blocks of 4 KiB of each tensor in the place of all of its bytes, at positions that depend on its
name and size alone. If a share p of a tensor's blocks has changed, the sample misses it with probability (1 − p)^16, so it
tells one model, or one training run, from another, but not a base from the same with a single number changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from loradiag.bases import cache
from loradiag.bases.model import Base
from loradiag.core.dtypes import DTYPES
from loradiag.core.errors import InputError
from loradiag.core.text import quoted
from loradiag.linalg.threads import pooled
from loradiag.storage.tensors import Scratch, Tensor

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 4096
BLOCKS = 16
_CHUNK = 1 << 22
# Formats of safetensors whose numbers loradiag does not read, by the bits of one.
_OTHER_BITS = {
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "C64": 64,
}
_LAYER = re.compile(r"(.*?\.\d+)\.", re.ASCII)

Progress = Callable[[int, int], None]


class Fingerprint(msgspec.Struct, frozen=True):
    """What identifies the weights of a base.

    Attributes:
        sampled: Over sampled blocks, in hexadecimal.
        full: Over all bytes; None if they were not read.
        parts: ``sampled`` restricted to each layer, and to each module outside all layers, cut to 16 digits. They tell
            where two bases differ.
        tensors: Number of tensors.
        bytes: Bytes of all tensors.
    """

    sampled: str
    full: str | None
    parts: dict[str, str]
    tensors: int
    bytes: int


def fingerprint(base: Base, *, full: bool = False, progress: Progress | None = None) -> Fingerprint:
    """Compute the identity of a base.

    Args:
        base: The opened base.
        full: Whether to read and hash every byte. The hashes are kept in a cache, by file, size and time of change.
        progress: Called with bytes done and their number.

    Raises:
        InputError: A file ends before its header says, or a tensor's format is not known.
    """
    tensors = {name: _as_bytes(tensor) for name, tensor in base.tensors.items()}
    total = sum(tensor.size for tensor in tensors.values())
    sampled = dict(zip(tensors, pooled(_sampled, tensors.values()), strict=True))
    complete = _complete(base.files, tensors, progress, total) if full else _remembered(base.files, tensors)
    return Fingerprint(
        sampled=_combined(base.tensors, sampled),
        full=_combined(base.tensors, complete) if complete is not None else None,
        parts=_parts(base.tensors, sampled),
        tensors=len(tensors),
        bytes=total,
    )


def _combined(tensors: Mapping[str, Tensor], hashes: Mapping[str, str], names: Iterable[str] | None = None) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors if names is None else names):
        tensor = tensors[name]
        line = f"{name} {tensor.dtype} {','.join(map(str, tensor.shape))} {hashes[name]}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _parts(tensors: Mapping[str, Tensor], hashes: Mapping[str, str]) -> dict[str, str]:
    members: dict[str, list[str]] = {}
    for name in tensors:
        members.setdefault(part_of(name), []).append(name)
    return {part: _combined(tensors, hashes, names)[:16] for part, names in sorted(members.items())}


def part_of(name: str) -> str:
    """The part of a model that a tensor belongs to: its layer, else its module."""
    layer = _LAYER.match(name)
    part = layer[1] if layer else name.rpartition(".")[0] or name
    return part.encode(
        "utf-8", "backslashreplace"
    ).decode()  # a header may hold half a surrogate pair, a report may not


def _as_bytes(tensor: Tensor) -> Tensor:
    """The same tensor as a row of bytes: formats whose numbers cannot be read still have an identity.

    Raises:
        InputError: It is of a format whose size is not known.
    """
    bits = 8 * DTYPES[tensor.dtype].itemsize if tensor.dtype in DTYPES else _OTHER_BITS.get(tensor.dtype)
    if bits is None:
        known = f"tensor {quoted(tensor.name)} is of the format {quoted(tensor.dtype)}, which is not known"
        raise InputError(tensor.container.path, known, "use a newer loradiag", kind="header")
    return Tensor(tensor.name, "U8", (tensor.size * bits // 8,), tensor.container, tensor.offset)


def _sampled(tensor: Tensor) -> str:
    digest = hashlib.sha256()
    for start, count in _positions(tensor):
        digest.update(tensor.read(start, count).data)
    return digest.hexdigest()


def _positions(tensor: Tensor) -> list[tuple[int, int]]:
    """Where to sample, in bytes: one block at a pseudo-random place in each of 16 equal stretches."""
    if tensor.size <= BLOCKS * BLOCK:
        return [(0, tensor.size)] if tensor.size else []
    seed = hashlib.sha256(f"{tensor.name} {tensor.size}".encode("utf-8", "surrogateescape")).digest()
    stretch = tensor.size // BLOCKS
    room = stretch - BLOCK + 1
    return [
        (index * stretch + int.from_bytes(seed[2 * index : 2 * index + 2], "little") * room // 65536, BLOCK)
        for index in range(BLOCKS)
    ]


def _complete(
    files: Iterable[Path], tensors: Mapping[str, Tensor], progress: Progress | None, total: int
) -> dict[str, str]:
    """Hashes of all tensors, file by file, from the cache where the file has not changed since."""
    hashes: dict[str, str] = {}
    done = 0
    for path, members in _by_file(files, tensors).items():
        entry = cache.entry(path)
        known = entry.read()
        if known is None or known.keys() != members.keys():
            known = {}
            for name, digest in zip(members, pooled(_whole, members.values()), strict=True):
                known[name] = digest
                done += members[name].size
                if progress is not None:
                    progress(done, total)
            entry.write(known)
        else:
            done += sum(tensor.size for tensor in members.values())
        hashes |= known
    return hashes


def _remembered(files: Iterable[Path], tensors: Mapping[str, Tensor]) -> dict[str, str] | None:
    """Hashes of all tensors if the cache has every file's; None else."""
    hashes: dict[str, str] = {}
    for path, members in _by_file(files, tensors).items():
        known = cache.entry(path).read()
        if known is None or known.keys() != members.keys():
            return None
        hashes |= known
    return hashes


def _by_file(files: Iterable[Path], tensors: Mapping[str, Tensor]) -> dict[Path, dict[str, Tensor]]:
    members: dict[Path, dict[str, Tensor]] = {path: {} for path in files}
    for name, tensor in tensors.items():
        members[tensor.container.path][name] = tensor
    return members


def _whole(tensor: Tensor) -> str:
    digest, scratch = hashlib.sha256(), Scratch()
    for start in range(0, tensor.size, _CHUNK):
        digest.update(tensor.read(start, min(_CHUNK, tensor.size - start), scratch).data)
    return digest.hexdigest()
