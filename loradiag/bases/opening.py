"""The way in: from a path or a hub id to an opened base."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loradiag.bases.locate import LocatedBase, locate_base
from loradiag.bases.model import Base
from loradiag.bases.weights import weights_of
from loradiag.core.errors import InputError, UsageError
from loradiag.core.text import listed, plural, quoted
from loradiag.storage import strict_json
from loradiag.storage.files import read_document, unreadable
from loradiag.storage.opening import open_container
from loradiag.storage.shards import names_in
from loradiag.storage.tensors import Tensor

_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*", re.ASCII)


def open_base(name: str | Path, *, revision: str | None = None) -> Base:
    """Open a base: headers only, no value is read.

    Args:
        name: A directory or a file; else ``owner/name`` on the Hugging Face hub, taken from the local cache if it is there.
        revision: Commit, branch or tag on the hub.

    Raises:
        InputError: It cannot be read, is no base, or is not complete.
        MissingExtraError: It is a hub id and ``huggingface_hub`` is not installed.
        UsageError: A revision is asked of what lies on this machine: what is there is the only one.
    """
    path, commit = Path(name), None
    if not os.path.exists(path) and _HUB_ID.fullmatch(str(name)):
        from loradiag.bases.hub import fetch

        path, commit = fetch(str(name), revision)
    elif revision is not None and os.path.exists(path):
        raise UsageError(
            f"--revision: only bases on the hub have revisions, and {quoted(str(name))} lies on this machine"
        )
    located = locate_base(path)
    config = _config(located.config)
    tensors = _tensors(located)
    found = weights_of(tensors, config)
    return Base(
        name=str(name),
        path=located.path,
        files=located.weights,
        config=config,
        tensors=tensors,
        weights=found.weights,
        shapes=found.shapes,
        scheme=found.scheme,
        obstacle=found.obstacle,
        revision=commit,
    )


def _tensors(located: LocatedBase) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for path in located.weights:
        container = open_container(path)
        if container.format != "safetensors":
            raise InputError(path, "is no safetensors file", "fetch it again", kind="no-base")
        twice = tensors.keys() & container.tensors.keys()
        if twice:
            shown = listed([quoted(name) for name in sorted(twice)], 2)
            raise InputError(path, f"repeats tensors of another shard: {shown}", "fetch it again", kind="duplicate-key")
        tensors |= container.tensors
    if located.index is not None:
        _check_listed(located.index, tensors)
    if not tensors:
        raise InputError(located.path, "holds no tensors", "fetch it again", kind="empty")
    if all(".lora_" in name or name.startswith("base_model.") for name in tensors):
        raise InputError(located.path, "holds an adapter, not a base", "name the base model", kind="no-base")
    return tensors


def _check_listed(index: Path, tensors: Mapping[str, Tensor]) -> None:
    missing = [name for name in names_in(index) if name not in tensors]
    if missing:
        shown = listed([quoted(name) for name in missing], 2)
        raise InputError(
            index,
            f"lists {plural(len(missing), 'tensor')} that the shards do not hold: {shown}",
            "fetch the shards again",
            kind="missing-shard",
        )


def _config(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        data = read_document(path, "a configuration", "fetch it again")
        # Transformers 4 wrote bare infinities: "time_step_limit": [0.0, Infinity] stands in configurations of Mamba 2's kin.
        config = strict_json.configuration(data, infinities=True)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise InputError(path, "is not JSON", "fetch it again", kind="config") from error
    if not isinstance(config, dict):
        raise InputError(path, "is no configuration", "fetch it again", kind="config")
    return config
