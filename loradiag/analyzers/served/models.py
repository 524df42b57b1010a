"""Which adapters an endpoint serves, and on which base: what was named, and what ``/v1/models`` says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from loradiag.analyzers.served.client import Client
from loradiag.analyzers.served.wire import UNREACHABLE, WireError
from loradiag.core.errors import InputError, UsageError
from loradiag.core.text import listed, printable, shorten

MAX_MODELS = 10_000
MAX_NAME = 500


class Card(msgspec.Struct, frozen=True):
    """One entry of the list. ``parent``: the base that an adapter is on, where the server says so, as vLLM does."""

    name: str
    parent: str | None
    root: str | None


class Cast(msgspec.Struct, frozen=True):
    """Who is asked: adapters with the base of each, and bases.

    ``listed`` are all names that the server gives; None where it gives none. ``roots``: where a server says that it took an
    adapter from.
    """

    adapters: dict[str, str | None]
    bases: tuple[str, ...]
    listed: frozenset[str] | None
    roots: dict[str, str]

    @property
    def everyone(self) -> list[str]:
        """All names, bases first."""
        return [*self.bases, *self.adapters]


def cards(client: Client) -> list[Card] | None:
    """The list of the server; None where it has none.

    Raises:
        InputError: Nobody is there, or access is refused.
    """
    try:
        document = client.models()
    except WireError as error:
        if error.kind in UNREACHABLE or error.status in (401, 403) or 300 <= error.status < 400:
            raise client.refused(error) from error
        return None
    rows = document.get("data") if isinstance(document, dict) else None
    found = [_card(row) for row in rows[:MAX_MODELS]] if isinstance(rows, list) else []
    return [card for card in found if card is not None] or None


def _card(row: Any) -> Card | None:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not 0 < len(row["id"]) <= MAX_NAME:
        return None
    if any("\ud800" <= letter <= "\udfff" for letter in row["id"]):  # half a character: no report can hold it
        return None
    parent, root = (row.get(key) if isinstance(row.get(key), str) else None for key in ("parent", "root"))
    return Card(row["id"], parent or None, root or None)


def cast(client: Client, names: Sequence[str], base: str | None) -> Cast:
    """Decide who is asked.

    Raises:
        InputError: The server cannot be reached, or serves no adapter.
        UsageError: It does not say which of what it serves are adapters, and nobody else does.
    """
    told = cards(client)
    by_name = {card.name: card for card in told or ()}
    if base is not None and base in names:
        raise UsageError(f"--base {printable(base)} is among the adapters")
    chosen = list(dict.fromkeys(names)) or _found(client, told, base)
    parents = {name: base or _parent(by_name, name) for name in chosen}
    if base is None and not any(parents.values()):
        parents = dict.fromkeys(parents, _sole_base(by_name, chosen))
    bases = tuple(dict.fromkeys(parent for parent in parents.values() if parent))
    roots = {name: card.root for name, card in by_name.items() if card.root}
    return Cast(parents, bases, None if told is None else frozenset(by_name), roots)


def _parent(by_name: dict[str, Card], name: str) -> str | None:
    """The base that a server says an adapter is on, if it serves that too."""
    card = by_name.get(name)
    if card is None or card.parent is None:
        return None
    if card.parent in by_name:
        return card.parent
    # A base may be served under another name than the one that it was loaded by.
    return next((other.name for other in by_name.values() if other.root == card.parent and not other.parent), None)


def _sole_base(by_name: dict[str, Card], chosen: Sequence[str]) -> str | None:
    """The one other model of a server that tells adapters from bases, for adapters that it does not list."""
    if not any(card.parent for card in by_name.values()):
        return None
    others = [card.name for card in by_name.values() if card.parent is None and card.name not in chosen]
    return others[0] if len(others) == 1 else None


def _found(client: Client, told: list[Card] | None, base: str | None) -> list[str]:
    if told is None:
        raise UsageError(f"{client.endpoint.shown} does not list what it serves; name the adapters: --adapters a,b")
    names = [card.name for card in told if card.parent]
    if names:
        return [name for name in names if name != base]
    others = [card.name for card in told if card.name != base]
    if base is not None and others:
        return others
    shown = listed([shorten(printable(name), 60) for name in others], 5)
    if len(told) == 1:
        raise InputError(
            client.endpoint.shown,
            f"lists one model only ({shown or printable(base or '')})",
            "load adapters into it",
            "empty",
        )
    raise UsageError(
        f"{client.endpoint.shown} lists {shown} and not which of them are adapters; name them: --adapters a,b --base NAME"
    )
