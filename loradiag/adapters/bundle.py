"""The files of one adapter, opened: tensors by name, configuration, metadata. What the readers work on."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loradiag.adapters.containers.arrays import ArrayContainer
from loradiag.adapters.containers.safetensors import SafetensorsFile
from loradiag.adapters.locate import Located
from loradiag.adapters.tensors import Tensor
from loradiag.core.errors import InputError
from loradiag.core.text import listed

MAX_CONFIG = 16_000_000
"""Bytes. The largest public adapter_config.json has a few kilobytes; one of this size is no configuration."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bundle:
    """What a reader sees of an adapter."""

    located: Located
    format: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    config: Mapping[str, Any] | None

    def setting(self, key: str, default: Any = None) -> Any:
        """A value of the configuration; ``default`` where it is absent or null."""
        value = self.config.get(key) if self.config else None
        return default if value is None else value


def open_bundle(located: Located, *, allow_pickle: bool = False) -> Bundle:
    """Open every weight file and the configuration.

    Raises:
        InputError: One of them cannot be read, or there is no tensor at all.
    """
    config = read_config(located.config) if located.config else None
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    file_format = ""
    for path in located.weights:
        container = open_container(path, allow_pickle=allow_pickle)
        file_format = container.format
        metadata |= container.metadata
        twice = tensors.keys() & container.tensors.keys()
        if twice:
            raise InputError(path, f"repeats tensors of another shard: {listed(sorted(twice), 2)}", "save it again")
        tensors |= container.tensors
    if not tensors:
        raise InputError(located.weights[0], "holds no tensors: the adapter is empty", "save it again", kind="empty")
    return Bundle(located, file_format, tensors, metadata, config)


def open_container(path: Path, *, allow_pickle: bool = False) -> SafetensorsFile | ArrayContainer:
    """Open one weight file by what it is, whatever it is called.

    Raises:
        InputError: It cannot be read, or is of no known format.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(path, f"cannot be read ({reason})", "check its permissions", kind="permission") from error
    if size == 0:
        raise InputError(path, "is an empty file", "fetch or save it again", kind="empty")
    if head.startswith(b"version https://git-lfs"):
        raise _lfs_pointer(path, head)
    if head.startswith(b"GGUF"):
        from loradiag.adapters.containers.gguf import open_gguf

        return open_gguf(path)
    if head.startswith(b"PK\x03\x04"):
        return _open_zip(path, allow_pickle)
    if head.startswith(b"\x80") and path.suffix != ".safetensors":
        return _open_pickled(path, allow_pickle)
    if head[8:9] == b"{" or path.suffix == ".safetensors":
        return SafetensorsFile(path)
    raise InputError(path, "is of no format that adapters come in", "name a safetensors file", kind="no-adapter")


def read_config(path: Path) -> Mapping[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: It is none.
    """
    try:
        if path.stat().st_size > MAX_CONFIG:
            raise InputError(path, "is far too large to be a configuration", "save the adapter again", kind="config")
        config = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its permissions", kind="permission") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            path, "is not JSON", "restore it, or remove it to inspect the tensors without it", kind="config"
        ) from error
    if not isinstance(config, dict):
        raise InputError(path, "is JSON but not an object", "restore it, or remove it", kind="config")
    return config


def _open_zip(path: Path, allow_pickle: bool) -> ArrayContainer:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise InputError(path, "is a damaged or cut archive", "fetch or save it again", kind="truncated") from error
    if any(name.endswith(".npy") for name in names):
        from loradiag.adapters.containers.npz import open_npz

        return open_npz(path)
    return _open_pickled(path, allow_pickle)


def _open_pickled(path: Path, allow_pickle: bool) -> ArrayContainer:
    from loradiag.adapters.containers.pickled import open_pickled

    return open_pickled(path, allowed=allow_pickle)


def _lfs_pointer(path: Path, head: bytes) -> InputError:
    sizes = [line[5:] for line in head.decode("ascii", "replace").splitlines() if line.startswith("size ")]
    size = f" to {int(sizes[0]):,} bytes" if sizes and sizes[0].isdigit() else ""
    return InputError(
        path, f"is a git-LFS pointer{size}, not the weights", "run: git lfs pull", kind="lfs-pointer"
    )
