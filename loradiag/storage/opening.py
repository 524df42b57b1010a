"""Which container a weight file is, told by its first bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from loradiag.core.errors import InputError
from loradiag.storage.files import unreadable
from loradiag.storage.safetensors import MAX_HEADER, SafetensorsFile
from loradiag.storage.tensors import FREE_EXPANSION, MAX_EXPANSION, Tensor


class OpenContainer(Protocol):
    """An opened weight file."""

    format: str
    metadata: dict[str, str]
    tensors: dict[str, Tensor]


def open_container(path: Path, *, allow_pickle: bool = False) -> OpenContainer:
    """Open one weight file by what it is, whatever it is called.

    Raises:
        InputError: It cannot be read, or is of no known format.
        MissingExtraError: Reading it needs a package that is not installed.
    """
    try:
        if not path.is_file():
            raise InputError(path, "is no regular file", "name a file of weights", kind="no-adapter")
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise unreadable(path, error) from error
    if size == 0:
        raise InputError(path, "is an empty file", "fetch or save it again", kind="empty")
    if head.startswith(b"version https://git-lfs"):
        raise _lfs_pointer(path, head)
    if head.startswith(b"GGUF"):
        from loradiag.storage.gguf import GgufFile

        return GgufFile(path)
    if head.startswith(b"PK\x03\x04"):
        return _open_zip(path, size, allow_pickle)
    # Before pickles: the length of a header may begin with the byte that pickles begin with.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= MAX_HEADER:
        return SafetensorsFile(path)
    if head.startswith(b"\x80") and path.suffix != ".safetensors":
        return _open_pickled(path, allow_pickle)
    if path.suffix == ".safetensors":
        return SafetensorsFile(path)
    raise InputError(path, "is of no format that adapters come in", "name a safetensors file", kind="no-adapter")


def _open_zip(path: Path, size: int, allow_pickle: bool) -> OpenContainer:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except OSError as error:
        raise unreadable(path, error) from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputError(path, "is a damaged or cut archive", "fetch or save it again", kind="truncated") from error
    check_expansion(path, members, size)
    if any(member.filename.endswith(".npy") for member in members):
        from loradiag.storage.npz import open_npz

        return open_npz(path)
    return _open_pickled(path, allow_pickle)


def check_expansion(path: Path, members: Iterable[zipfile.ZipInfo], size: int) -> None:
    """Refuse an archive that is small only until it is unpacked.

    Raises:
        InputError: It would unpack to an absurd size.
    """
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(FREE_EXPANSION, MAX_EXPANSION * size):
        raise InputError(path, f"would unpack to {unpacked:,} bytes", "save it again uncompressed", kind="header")


def _open_pickled(path: Path, allow_pickle: bool) -> OpenContainer:
    from loradiag.storage.pickled import open_pickled

    return open_pickled(path, allowed=allow_pickle)


def _lfs_pointer(path: Path, head: bytes) -> InputError:
    sizes = [line[5:] for line in head.decode("ascii", "replace").splitlines() if line.startswith("size ")]
    size = f" to {int(sizes[0]):,} bytes" if sizes and sizes[0].isascii() and sizes[0].isdigit() else ""
    return InputError(path, f"is a git-LFS pointer{size}, not the weights", "run: git lfs pull", kind="lfs-pointer")
