"""The files of one adapter, opened: tensors by name, configuration, metadata. What the readers work on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from loradiag.adapters.locate import Located
from loradiag.core.errors import InputError
from loradiag.core.text import listed, quoted
from loradiag.storage import strict_json
from loradiag.storage.files import read_document, unreadable
from loradiag.storage.opening import open_container
from loradiag.storage.tensors import Tensor

MAX_NAME = 1_000
"""Characters of a tensor's name. The longest real ones have about 150."""


class Bundle(msgspec.Struct, frozen=True):
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
        _check_names(container.tensors, path)
        file_format = container.format
        metadata |= container.metadata
        twice = tensors.keys() & container.tensors.keys()
        if twice:
            names = listed([quoted(name) for name in sorted(twice)], 2)
            raise InputError(path, f"repeats tensors of another shard: {names}", "save it again", kind="duplicate-key")
        tensors |= container.tensors
    if not tensors:
        raise InputError(located.weights[0], "holds no tensors: the adapter is empty", "save it again", kind="empty")
    return Bundle(located, file_format, tensors, metadata, config)


def read_config(path: Path) -> Mapping[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: It is none.
    """
    remedy = "restore it, or remove it to inspect the tensors without it"
    try:
        config = strict_json.configuration(read_document(path, "a configuration", "save the adapter again"))
    except OSError as error:
        raise unreadable(path, error) from error
    except strict_json.RepeatedKeyError as error:
        raise InputError(path, f"has two entries called {error}", remedy, kind="config") from error
    except ValueError as error:
        raise InputError(path, "is not JSON", remedy, kind="config") from error
    if not isinstance(config, dict):
        raise InputError(path, "is JSON but not an object", remedy, kind="config")
    return config


def _check_names(names: Iterable[str], path: Path) -> None:
    for name in names:
        if len(name) > MAX_NAME:
            raise InputError(
                path,
                f"has a tensor whose name has {len(name):,} characters: {quoted(name)}",
                "rename it",
                kind="header",
            )
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                path, f"has a tensor name that is no text: {quoted(name)}", "rename it", "header"
            ) from error
