"""The roster: a row an adapter, put together from all that reports, watch and traffic know of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from loradiag.core.text import name_of, plural, printable, shorten
from loradiag.core.watching import Watch
from loradiag.overview.cards import FLEET_ROW, SERVED_ROW, Card
from loradiag.overview.lineage import Lineage, lineages

State = Literal["alarm", "fail", "inconclusive", "warning", "pass", "unknown"]
STATES: tuple[State, ...] = ("alarm", "fail", "inconclusive", "warning", "pass", "unknown")
"""What needs attention first comes first."""

_GATED = ("inspect", "merge-drift", "forgetting", "drift", "canary", SERVED_ROW)
_VERDICTS: Mapping[str, State] = {"fail": "fail", "unreadable": "fail", "inconclusive": "inconclusive", "pass": "pass"}
_WIDE = 48


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter's traffic: all requests, those of the last seven days of the lake, and how many on each day, oldest first."""

    total: int
    recent: int
    newest: str | None
    daily: list[int]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter.

    Attributes:
        key: Names it in addresses; stays the same while it lies where it lies.
        name: What it is called, by one name only; safe to show.
        served: Its name in the traffic; untrusted, None where it has none.
        state: What needs attention, by the newest report of each kind about its present weights, and by the watch.
        why: That in a few words, safe to show.
        newest: The newest card of each kind; of kinds in ``stale`` it is about earlier weights.
        stale: Kinds whose newest report is about earlier weights.
        cards: All its cards, the newest first.
        weights: How many different weights its cards are about.
    """

    key: str
    name: str
    path: str
    served: str | None = None
    sha256: str | None = None
    base: str | None = None
    base_fingerprint: str | None = None
    method: str | None = None
    ranks: dict[str, int] = {}
    modules: int = 0
    parameters: int = 0
    bytes: int = 0
    state: State = "unknown"
    why: str = ""
    checked: str | None = None
    newest: dict[str, Card] = {}
    stale: list[str] = []
    cards: list[Card] = []
    weights: int = 0
    watch: Watch | None = None
    requests: Requests | None = None


def roster(
    cards: Sequence[Card], watched: Iterable[Watch] = (), traffic: Mapping[str, Requests] | None = None
) -> list[Row]:
    """Return a row for every adapter that anything is known of, the worst first.

    Args:
        cards: Of all reports, the newest first.
        watched: Adapters under watch, by their names in the traffic.
        traffic: Requests by the same names.
    """
    watches = {watch.adapter: watch for watch in watched}
    requests = dict(traffic or {})
    found = lineages(cards, {*watches, *requests})
    names = _names(found)
    rows = [
        _row(one, name, watches.get(one.served or ""), requests.get(one.served or ""))
        for one, name in zip(found, names, strict=True)
    ]
    return sorted(
        rows, key=lambda row: (STATES.index(row.state), -(row.requests.recent if row.requests else 0), row.name)
    )


def _row(lineage: Lineage, name: str, watch: Watch | None, requests: Requests | None) -> Row:
    newest, stale = _newest(lineage)
    about = newest.get("inspect") or next(iter(newest.values()), None)
    state, why = _state(newest, stale, watch)
    return Row(
        key=lineage.key,
        name=name,
        path=lineage.place,
        served=lineage.served,
        sha256=lineage.sha256,
        base=_first(lineage, "base"),
        base_fingerprint=_first(lineage, "base_fingerprint"),
        method=_first(lineage, "method"),
        ranks=about.ranks if about else {},
        modules=about.modules if about else 0,
        parameters=about.parameters if about else 0,
        bytes=about.bytes if about else 0,
        state=state,
        why=why,
        checked=max((card.created for card in lineage.cards), default=None),
        newest=newest,
        stale=stale,
        cards=lineage.cards,
        weights=len({card.sha256 for card in lineage.cards if card.sha256}),
        watch=watch,
        requests=requests,
    )


def _first(lineage: Lineage, field: str) -> str | None:
    """What the newest card says that says anything."""
    return next((value for card in lineage.cards if (value := getattr(card, field))), None)


def _newest(lineage: Lineage) -> tuple[dict[str, Card], list[str]]:
    """The newest card of each kind, and the kinds that are about earlier weights; a whole report goes before a fleet's row."""
    found: dict[str, Card] = {}
    for current in (True, False):  # a report about the present weights goes before a newer one about others
        for whole in (True, False):
            for card in lineage.cards:
                is_current = card.sha256 is None or lineage.sha256 is None or card.sha256 == lineage.sha256
                if is_current is current and (card.kind != FLEET_ROW) is whole:
                    found.setdefault("inspect" if card.kind == FLEET_ROW else card.kind, card)
    stale = [kind for kind, card in found.items() if card.sha256 and lineage.sha256 and card.sha256 != lineage.sha256]
    return found, stale


def _state(newest: Mapping[str, Card], stale: Sequence[str], watch: Watch | None) -> tuple[State, str]:
    """What needs attention, and why."""
    alarms = watch.alarms if watch else []
    opened = [alarm for alarm in alarms if alarm.status == "open"]
    if opened:
        return "alarm", f"alarm {opened[0].id}: {printable(opened[0].signal.replace('_', ' '))}"
    judged = [newest[kind] for kind in _GATED if kind in newest and kind not in stale]
    for state in ("fail", "inconclusive"):
        bad = [card for card in judged if _VERDICTS.get(card.verdict) == state]
        if bad:
            return state, "; ".join(_said(card) for card in bad[:3])
    if alarms:
        return "warning", f"alarm {alarms[0].id} is acknowledged"
    warned = [card for card in judged if card.warnings]
    if warned:
        return "warning", "; ".join(f"{card.kind}: {plural(card.warnings, 'warning')}" for card in warned[:3])
    return ("pass", "") if judged else ("unknown", "never checked")


def _said(card: Card) -> str:
    if card.verdict == "unreadable":
        return f"{card.kind}: cannot be read"
    rules = ", ".join(printable(name) for name in (card.rules or card.codes)[:2])
    return f"{card.kind}: {card.words or rules or card.decided}"


def _names(found: Sequence[Lineage]) -> list[str]:
    """One name each: that in the traffic, else the last part of the path, with more of the path where several share it."""
    names = [printable(one.served or name_of(one.place)) for one in found]
    for parts in (2, 3, 4):
        counts = Counter(names)
        names = [
            _longer(one, parts) if counts[name] > 1 and one.served is None else name
            for one, name in zip(found, names, strict=True)
        ]
    seen: dict[str, int] = defaultdict(int)
    unique = []
    for name in (shorten(name, _WIDE) for name in names):
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unique


def _longer(one: Lineage, parts: int) -> str:
    return printable("/".join(one.place.rstrip("/").split("/")[-parts:]))
