"""Recording what was seen: reports, and the stamps beside adapters. The same thing twice is one thing."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from loradiag.adapters.stamps import Stamp
from loradiag.core.report import Report
from loradiag.core.who import user
from loradiag.registry.models import Adapter, Evaluation, Event, Sighting, StoredReport
from loradiag.registry.preparing import Prepared, prepared
from loradiag.registry.store import Store
from loradiag.registry.texts import kept

Item = tuple[Report, Stamp | None, str | Path | None]
"""A report of one adapter, the stamp beside it (None: what the report says of it), and where it was seen (None: the same)."""

BATCH = 200
"""Items of one transaction: what is recorded is kept, also if the next batch is never reached."""

PATIENCE = 2.0
"""Seconds after which what has come is committed, however few there are."""

_LEVEL = 3
"""Of zlib: 6 takes twice as long for a tenth less."""


class Recorded(msgspec.Struct, frozen=True):
    """What became of one item. ``problem`` says why it was not recorded; ``new`` and ``new_report`` what was not known."""

    subject: str
    sha256: str | None
    new: bool = False
    new_report: bool = False
    evaluations: int = 0
    problem: str | None = None


def record(
    store: Store, report: Report, stamp: Stamp | None = None, path: str | Path | None = None, *, who: str | None = None
) -> Recorded:
    """Record one report. See :func:`record_all`."""
    return record_all(store, [(report, stamp, path)], who=who)[0]


def record_all(
    store: Store, items: Iterable[Item], *, who: str | None = None, progress: Callable[[int], None] | None = None
) -> list[Recorded]:
    """Record reports, in batches that are each committed whole. What cannot be recorded costs only itself.

    Args:
        store: An open registry.
        items: Taken as they come.
        who: Who does so; the user if None.
        progress: Called with the number of items that are committed.

    Raises:
        InputError: The registry is damaged, or its server went away. Batches before are kept.
        UsageError: It cannot be written.
    """
    name = kept(who or user())
    done: list[Recorded] = []
    for batch in _batches(items):
        ready = [prepared(*item) for item in batch]
        with store.writing() as session:
            outcomes = _Batch(session, name, [row for row in ready if isinstance(row, Prepared)]).write()
        rows = iter(outcomes)
        for (report, _, _), found in zip(batch, ready, strict=True):
            done.append(Recorded(report.subject.path, None, problem=found) if isinstance(found, str) else next(rows))
        if progress is not None:
            progress(len(done))
    return done


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """So many at once, or what came within a moment: an interrupt must not cost minutes of inspections."""
    batch: list[Item] = []
    began = time.monotonic()
    for item in items:
        batch.append(item)
        if len(batch) >= BATCH or time.monotonic() - began > PATIENCE:
            yield batch
            batch, began = [], time.monotonic()
    if batch:
        yield batch


class _Batch:
    """One transaction of a writer that is alone: what is there is read, and what is missing is added."""

    def __init__(self, session: Session, who: str, rows: Sequence[Prepared]) -> None:
        self._session = session
        self._who = who
        self._rows = rows
        self._outcomes = [Recorded(row.path or row.name, row.sha256) for row in rows]
        self._ids: dict[str, int] = {}

    def write(self) -> list[Recorded]:
        """Write all, and say of each what was new."""
        if self._rows:
            self._adapters()
            self._sightings()
            self._evaluations(self._reports())
        return self._outcomes

    def _tell(self, index: int, **news: Any) -> None:
        self._outcomes[index] = msgspec.structs.replace(self._outcomes[index], **news)

    def _adapters(self) -> None:
        hashes = sorted({row.sha256 for row in self._rows})
        known = {row.sha256: row for row in self._session.scalars(select(Adapter).where(Adapter.sha256.in_(hashes)))}
        events: list[tuple[Adapter, dict[str, Any]]] = []
        for index, row in enumerate(self._rows):
            adapter = known.get(row.sha256)
            if adapter is None:
                adapter = Adapter(sha256=row.sha256, first_seen=row.at, last_seen=row.at)
                adapter.label = row.name if row.path is None else None
                known[row.sha256] = adapter
                self._session.add(adapter)
                events.append((adapter, {"at": row.at, "what": "seen", "after": row.path or row.name}))
                self._tell(index, new=True)
            event = _take_over(adapter, row)
            events += [(adapter, event)] if event else []
        self._session.flush()
        self._ids = {sha256: adapter.id for sha256, adapter in known.items()}
        blank = {"before": None, "why": None, "who": self._who}
        self._insert(Event, [{**blank, **event, "adapter_id": adapter.id} for adapter, event in events])

    def _sightings(self) -> None:
        ids = sorted(set(self._ids.values()))
        found = self._session.scalars(select(Sighting).where(Sighting.adapter_id.in_(ids)))
        known = {(row.adapter_id, row.path): row for row in found}
        for row in self._rows:
            if row.path is None:
                continue
            key = (self._ids[row.sha256], row.path)
            seen = known.get(key)
            if seen is None:
                seen = Sighting(adapter_id=key[0], path=key[1], name=row.name, first_seen=row.at, last_seen=row.at)
                known[key] = seen
                self._session.add(seen)
            seen.first_seen, seen.last_seen = min(seen.first_seen, row.at), max(seen.last_seen, row.at)
        self._session.flush()

    def _reports(self) -> list[int]:
        """The number of each report, whether it was there or not."""
        digests = sorted({row.report["digest"] for row in self._rows})
        known = self._known_reports(digests)
        missing: dict[tuple[int, str], dict[str, Any]] = {}
        spans: dict[int, dict[str, Any]] = {}
        for index, row in enumerate(self._rows):
            key = (self._ids[row.sha256], row.report["digest"])
            if key in known:
                number, created, confirmed = known[key]
                made = row.report["created"]
                known[key] = (number, min(created, made), max(confirmed, made))
                if known[key] != (number, created, confirmed):
                    spans[number] = {"id": number, "created": known[key][1], "confirmed": known[key][2]}
            elif key in missing:
                earlier = missing[key]
                earlier["created"] = min(earlier["created"], row.report["created"])
                earlier["confirmed"] = max(earlier["confirmed"], row.report["confirmed"])
            else:
                packed = zlib.compress(row.report["document"], _LEVEL)
                missing[key] = {**row.report, "adapter_id": key[0], "document": packed}
                self._tell(index, new_report=True)
        self._insert(StoredReport, list(missing.values()))
        if spans:
            self._session.execute(update(StoredReport), list(spans.values()))
        known = self._known_reports(digests) if missing else known
        return [known[self._ids[row.sha256], row.report["digest"]][0] for row in self._rows]

    def _known_reports(self, digests: Sequence[str]) -> dict[tuple[int, str], tuple[int, str, str]]:
        columns = (
            StoredReport.adapter_id,
            StoredReport.digest,
            StoredReport.id,
            StoredReport.created,
            StoredReport.confirmed,
        )
        query = select(*columns).where(
            StoredReport.digest.in_(digests), StoredReport.adapter_id.in_(self._ids.values())
        )
        return {(row[0], row[1]): (row[2], row[3], row[4]) for row in self._session.execute(query)}

    def _evaluations(self, reports: Sequence[int]) -> None:
        keys = [found["key"] for row in self._rows for found in row.evaluations]
        known: set[str] = set()
        for start in range(0, len(keys), 500):
            query = select(Evaluation.key).where(Evaluation.key.in_(keys[start : start + 500]))
            known.update(self._session.scalars(query))
        missing = []
        for index, (row, report) in enumerate(zip(self._rows, reports, strict=True)):
            fresh = [found for found in row.evaluations if found["key"] not in known]
            known.update(found["key"] for found in fresh)
            self._tell(index, evaluations=len(fresh))
            missing += [{**found, "adapter_id": self._ids[row.sha256], "report_id": report} for found in fresh]
        self._insert(Evaluation, missing)

    def _insert(self, table: type[Any], rows: list[dict[str, Any]]) -> None:
        if rows:
            self._session.execute(insert(table), rows)


def _take_over(adapter: Adapter, row: Prepared) -> dict[str, Any] | None:
    """Put what the report knows into the adapter's row; a newer one has the word. Return the event that it is, if any."""
    newer = row.at >= adapter.last_seen
    for name, value in row.adapter.items():
        if newer or getattr(adapter, name) is None:
            setattr(adapter, name, value)
    adapter.first_seen = min(adapter.first_seen, row.at)
    adapter.last_seen = max(adapter.last_seen, row.at)
    if row.said is None or not (newer or adapter.stamp is None):
        return None
    document = msgspec.json.encode(row.said).decode()
    if document == adapter.stamp or (
        adapter.stamp and msgspec.json.decode(adapter.stamp) == msgspec.json.decode(document)
    ):
        return None
    before = adapter.stamp and msgspec.json.decode(adapter.stamp).get("created")
    adapter.stamp, adapter.stamped_owner, adapter.stamped_data = document, row.said.owner, row.said.data_sha256
    return {"at": row.at, "what": "stamp", "before": before, "after": row.said.created, "why": None}
