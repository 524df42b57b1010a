"""Lineages: which cards are about one adapter, through retrainings and under whatever name it is served.

Reports name an adapter by where it lay and by the hash of its weights; those about traffic by its name there, and by the hash
that its baseline is bound to. Two rules put them together. Reports of one folder about one path are about one adapter, whose
weights may change. Adapters that have the same weights now are one, wherever they lie. A path alone proves nothing across
folders of reports: every build server has an ``out/``.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath

import msgspec

from loradiag.core.kinds import OF_SEVERAL, OF_TRAFFIC
from loradiag.core.text import CHECKPOINT_NAME, name_of
from loradiag.overview.cards import SERVED_ROW, Card

_WEIGHTS = re.compile(
    r"(adapter_model|adapter_weights|adapters?|pytorch_lora_weights|model|diffusion_pytorch_model)\.\w+", re.ASCII
)


_OF_TRAFFIC = (*OF_TRAFFIC, SERVED_ROW)
"""Kinds of cards that call an adapter by the name under which it is served."""


class Lineage(msgspec.Struct, kw_only=True):
    """One adapter: its cards, the newest first, where it lies, the hash of its present weights, its name in the traffic.

    ``folder``: of the reports that name the place; None of an adapter that only the traffic knows.
    """

    place: str
    cards: list[Card]
    folder: str | None = None
    sha256: str | None = None
    served: str | None = None

    @property
    def key(self) -> str:
        """Names it in addresses."""
        told = "served" if self.folder is None else f"at {self.folder}"
        return hashlib.sha256(f"{told}\0{self.place}".encode("utf-8", "surrogatepass")).hexdigest()[:12]


def place_of(path: str) -> str:
    """Where an adapter lies: without the name of its weight file, and of its checkpoint."""
    parts = PurePosixPath(os.path.normpath(path)).parts if path else ()
    while len(parts) > 1 and (_WEIGHTS.fullmatch(parts[-1]) or CHECKPOINT_NAME.fullmatch(parts[-1])):
        parts = parts[:-1]
    return str(PurePosixPath(*parts)) if parts else path


def lineages(cards: Sequence[Card], names: Collection[str] = ()) -> list[Lineage]:
    """Put cards together.

    Args:
        cards: The newest first.
        names: In the traffic, of which there may be no card.
    """
    own = [card for card in cards if card.kind not in OF_SEVERAL]
    found = _by_weights(_by_place(card for card in own if card.kind not in _OF_TRAFFIC))
    _add_traffic(found, [card for card in own if card.kind in _OF_TRAFFIC], names)
    for one in found:
        one.cards.sort(key=_newer, reverse=True)
    return found


def _newer(card: Card) -> tuple[str, int, str]:
    """The later report; of one report's checkpoints the later step."""
    return (card.created, -1 if card.step is None else card.step, card.key)


def _by_place(cards: Iterable[Card]) -> list[Lineage]:
    groups: dict[tuple[str, str], list[Card]] = defaultdict(list)
    for card in cards:
        groups[os.path.dirname(card.file), place_of(card.path)].append(card)
    found = []
    for (folder, place), group in groups.items():
        group.sort(key=_newer, reverse=True)
        sha256 = next((card.sha256 for card in group if card.sha256), None)
        found.append(Lineage(place=place, cards=group, folder=folder, sha256=sha256))
    return found


def _by_weights(found: Iterable[Lineage]) -> list[Lineage]:
    """Put together what has the same weights now, or cannot be read in the same place; it lies where the newest report says."""
    merged: dict[str, Lineage] = {}
    for one in sorted(found, key=lambda one: _newer(one.cards[0]), reverse=True):
        same = one.sha256 or f"at {one.place}"
        if same in merged:
            merged[same].cards += one.cards
        else:
            merged[same] = one
    return [*merged.values()]


def _add_traffic(found: list[Lineage], cards: Sequence[Card], names: Collection[str]) -> None:
    """Give each adapter what is known of its traffic; names that belong to none become adapters of which no more is known."""
    by_name: dict[str, list[Card]] = {name: [] for name in names}
    for card in cards:
        by_name.setdefault(card.path, []).append(card)
    for name, group in sorted(by_name.items()):
        one = _owner(found, name, group)
        if one is None:
            hashes = [card.sha256 for card in group if card.sha256]
            one = Lineage(place=name, cards=[], sha256=hashes[0] if hashes else None)
            found.append(one)
        one.served = name
        one.cards += group


def _owner(found: Sequence[Lineage], name: str, group: Sequence[Card]) -> Lineage | None:
    """The adapter that is served under a name: by its hash, newest first, else the only one that is called so."""
    free = [one for one in found if one.served is None]
    for sha256 in dict.fromkeys(card.sha256 for card in group if card.sha256):
        for one in free:
            if one.sha256 == sha256 or any(card.sha256 == sha256 for card in one.cards):
                return one
    called = [one for one in free if name_of(one.place) == name or one.place == name]
    return called[0] if len(called) == 1 else None
