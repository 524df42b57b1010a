"""Whose requests they are: adapter and base, from what the log calls the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import InputError, UsageError
from loradiag.core.text import printable
from loradiag.traffic.request import MAX_ID, Request
from loradiag.traffic.values import items, node, word


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of names.

    Attributes:
        bases: Models that are no adapters.
        parents: The base of adapters, where a server's list of models says it.
        adapter: The adapter of all requests, where the user says so.
        aliases: Names as logged, and the adapters that they mean.
    """

    bases: frozenset[str] = frozenset()
    parents: Mapping[str, str] = {}
    adapter: str | None = None
    aliases: Mapping[str, str] = {}


def attribute(request: Request, names: Names) -> None:
    """Give a request its adapter and its base.

    A model is an adapter unless it is known as a base. ``base:adapter``, as SGLang and Ray Serve write it, is taken apart
    where what stands before the colon is known as a base: other servers write versions after a colon.
    """
    model = request.model
    if names.adapter is not None:
        request.adapter = names.adapter
    elif request.adapter is None and model is not None:
        before, colon, after = model.partition(":")
        if model in names.aliases:
            request.adapter = model
        elif model in names.bases:
            request.base = model
        elif colon and before in names.bases and after:
            request.base, request.adapter = before, after
        else:
            request.adapter = model
    elif model is not None and model != request.adapter and request.base is None:
        request.base = model
    if request.adapter is not None:
        request.adapter = names.aliases.get(request.adapter, request.adapter)[:MAX_ID]
        request.base = request.base or names.parents.get(request.adapter)
    request.base = request.base[:MAX_ID] if request.base else None


def names_of(adapter: str | None, bases: tuple[str, ...], models: str | Path | None, aliases: tuple[str, ...]) -> Names:
    """Put together what the user says of names.

    Args:
        adapter: The adapter of all requests.
        bases: Models that are no adapters.
        models: A file with what ``/v1/models`` answered.
        aliases: ``LOGGED=NAME``.

    Raises:
        InputError: The file cannot be read.
        UsageError: An alias is of another form.
    """
    known, parents = set(bases), {}
    for entry in _models(models) if models is not None else []:
        name, parent = word(node(entry).get("id")), word(node(entry).get("parent"))
        if name and parent:
            parents[name] = parent
            known.add(parent)
        elif name:
            known.add(name)
    told = {}
    for alias in aliases:
        logged, sign, name = alias.rpartition("=")
        if not (logged and sign and name):
            raise UsageError(f"--alias {printable(alias)}: write LOGGED=NAME")
        told[logged] = name
    return Names(bases=frozenset(known), parents=parents, adapter=adapter, aliases=told)


def _models(path: str | Path) -> list[object]:
    try:
        document = msgspec.json.decode(Path(path).read_bytes())
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "save what /v1/models answers there") from error
    except UNDECODABLE as error:
        raise InputError(path, "is no JSON", "save what /v1/models answers there") from error
    found = items(document if isinstance(document, list) else node(document).get("data"))
    if not found:
        raise InputError(path, "lists no models", "save what /v1/models answers there")
    return list(found)
