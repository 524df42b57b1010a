"""Finding the adapter that somebody means: by the beginning of its hash, by its label or name, or by where it lies."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from loradiag.adapters.opening import locate_one
from loradiag.core.errors import InputError, UsageError
from loradiag.core.report import Report
from loradiag.core.text import listed, printable, shorten
from loradiag.registry.models import Adapter, Sighting, StoredReport
from loradiag.registry.preparing import place_of
from loradiag.storage.hashing import content_sha256

_BEGINNING = re.compile(r"[0-9a-fA-F]{4,64}", re.ASCII)


def find(session: Session, word: str) -> Adapter:
    """Return the one adapter that ``word`` means.

    What lies at a path on this machine is told by its hash, since another adapter may have lain there before. A name such
    as ``cafe`` may be the beginning of another adapter's hash: neither goes before the other.

    Raises:
        InputError: There is none.
        UsageError: There are several.
    """
    hashed = _by_hash(session, word)
    if hashed and hashed[0].sha256 == word.lower():
        return hashed[0]
    named = _by_label(session, word) or _by_name(session, word)
    if hashed and not named:
        named = _lying_at(session, word)
    found = list({adapter.id: adapter for adapter in (*hashed, *named)}.values())
    if len(found) == 1:
        return found[0]
    if found:
        raise _several(word, found)
    adapter = _by_place(session, word)
    if adapter is None:
        remedy = "'loradiag registry ls' lists them; 'loradiag registry add' records one"
        raise InputError(shorten(word, 200), "is no adapter of the registry", remedy, "unknown")
    return adapter


def stored(session: Session, adapter: Adapter, word: str) -> Report:
    """Return a stored report: by its number, or the newest of a kind.

    Raises:
        InputError: There is none, or it is damaged.
    """
    query = select(StoredReport).where(StoredReport.adapter_id == adapter.id)
    query = query.where(
        StoredReport.id == int(word) if word.isdecimal() and len(word) < 19 else StoredReport.kind == word
    )
    row = session.scalars(query.order_by(StoredReport.confirmed.desc(), StoredReport.id.desc())).first()
    if row is None:
        raise InputError(
            adapter.sha256[:12], f"has no report {shorten(printable(word), 40)!r}", "show lists them", "unknown"
        )
    return unpacked(row)


def unpacked(row: StoredReport) -> Report:
    """A report out of its row.

    Raises:
        InputError: It is damaged.
    """
    try:
        return msgspec.json.decode(zlib.decompress(row.document), type=Report)
    except (zlib.error, msgspec.DecodeError) as error:
        raise InputError(
            f"report {row.id}", f"is damaged ({error})", "restore the registry from a backup", "damaged"
        ) from error


def _by_hash(session: Session, word: str) -> Sequence[Adapter]:
    if not _BEGINNING.fullmatch(word):
        return []
    return session.scalars(select(Adapter).where(Adapter.sha256.startswith(word.lower())).limit(9)).all()


def _by_label(session: Session, word: str) -> Sequence[Adapter]:
    return session.scalars(select(Adapter).where(Adapter.label == word).limit(9)).all()


def _by_name(session: Session, word: str) -> Sequence[Adapter]:
    """By the name of the place where it lies; a path is more than a name."""
    if os.path.exists(word):
        return []
    mine = select(Sighting.adapter_id).where(Sighting.name == word)
    return session.scalars(select(Adapter).where(Adapter.id.in_(mine)).limit(9)).all()


def _by_place(session: Session, word: str) -> Adapter | None:
    if os.path.exists(word):
        sha256 = content_sha256(locate_one(word).weights)
        found = session.scalars(select(Adapter).where(Adapter.sha256 == sha256)).first()
        if found is None:
            said = f"holds weights that the registry does not know ({sha256[:12]}…)"
            raise InputError(word, said, "record them: loradiag registry add", "unknown")
        return found
    places = select(Sighting).where(Sighting.path.in_((place_of(word), word)))
    seen = session.scalars(places.order_by(Sighting.last_seen.desc(), Sighting.id.desc())).first()
    return session.get(Adapter, seen.adapter_id) if seen else None


def _lying_at(session: Session, word: str) -> Sequence[Adapter]:
    """The adapter that lies at a path now, if the registry knows it."""
    with suppress(InputError, UsageError):
        found = _by_place(session, word) if os.path.exists(word) else None
        return [found] if found else []
    return []


def _several(word: str, found: Sequence[Adapter]) -> UsageError:
    some = listed([adapter.sha256[:12] for adapter in found], 8)
    return UsageError(f"{shorten(printable(word), 80)}: several adapters are called so ({some}); name one by its hash")
