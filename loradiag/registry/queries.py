"""Asking the registry: adapters in lines, and all of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import ColumnElement, Select, false, func, or_, select
from sqlalchemy.orm import Session

from loradiag.core.answers import Detail, EvaluationRow, EventRow, Listed, Missing, ReportRow, SightingRow
from loradiag.core.kinds import INSPECTION
from loradiag.registry.models import Adapter, Evaluation, Event, Sighting, StoredReport, Tag, values

CHUNK = 500
"""Adapters of one query: databases limit the number of values in one."""

NO_STAGE = "none"

if TYPE_CHECKING:
    Lines = Select[Adapter, str | None, str | None]


class Wanted(msgspec.Struct, kw_only=True, frozen=True):
    """Which adapters. Several of one field: any of ``stages``, all of ``tags`` and of ``missing``."""

    stages: tuple[str, ...] = ()
    owner: str | None = None
    base: str | None = None
    tags: tuple[str, ...] = ()
    failing: bool = False
    missing: tuple[Missing, ...] = ()
    hashes: tuple[str, ...] | None = None


def listed(session: Session, wanted: Wanted | None = None) -> list[Listed]:
    """Return adapters, those seen last first."""
    wanted = wanted or Wanted()
    query = select(Adapter, Adapter.owned_by(), Adapter.trained_with()).order_by(Adapter.last_seen.desc(), Adapter.id)
    found = session.execute(_filtered(query, wanted)).all()
    about = _About(session, [row[0].id for row in found])
    rows = [about.line(adapter, owner, data) for adapter, owner, data in found]
    return [row for row in rows if not wanted.failing or row.failing]


def detail(session: Session, adapter: Adapter) -> Detail:
    """Return all of an adapter, oldest first."""
    (line,) = listed(session, Wanted(hashes=(adapter.sha256,)))
    return Detail(
        adapter=line,
        stamp=msgspec.json.decode(adapter.stamp) if adapter.stamp else None,
        sightings=[as_row(SightingRow, row) for row in _of(session, Sighting, adapter, Sighting.last_seen)],
        reports=_reports(session, adapter),
        evaluations=[as_row(EvaluationRow, row) for row in _of(session, Evaluation, adapter, Evaluation.at)],
        history=[as_row(EventRow, row) for row in _of(session, Event, adapter, Event.id)],
    )


def _of(session: Session, table: type[Any], adapter: Adapter, order: Any) -> Sequence[Any]:
    return session.scalars(select(table).where(table.adapter_id == adapter.id).order_by(order, table.id)).all()


def as_row(kind: type[Any], row: Any) -> Any:
    """A row of a table as a value that has some of its columns."""
    return kind(**{name: getattr(row, name) for name in kind.__struct_fields__})


def _reports(session: Session, adapter: Adapter) -> list[ReportRow]:
    """Its stored reports without their documents, which may have megabytes each and are not fetched."""
    own = [column for column in StoredReport.__table__.columns if column.key != "document"]
    query = select(*own).where(StoredReport.adapter_id == adapter.id).order_by(StoredReport.confirmed, StoredReport.id)
    found = []
    for row in session.execute(query).mappings():
        told = {**row, "number": row["id"], "codes": row["codes"].split(), "decided_by": row["decided_by"].split()}
        found.append(ReportRow(**{name: told[name] for name in ReportRow.__struct_fields__}))
    return found


def based_on(base: str) -> ColumnElement[bool]:
    """Whether an adapter's base is of this name, or ends with it after a slash; capitals do not matter."""
    name = func.lower(Adapter.base)
    return or_(name == base.lower(), name.endswith(f"/{base.lower()}", autoescape=True))


def staged(stages: Iterable[str]) -> ColumnElement[bool]:
    """Whether an adapter is in one of these stages now."""
    named = [stage for stage in stages if stage != NO_STAGE]
    unstaged = Adapter.stage.is_(None) if NO_STAGE in stages else false()
    return or_(Adapter.stage.in_(named), unstaged)


def _filtered(query: Lines, wanted: Wanted) -> Lines:
    if wanted.stages:
        query = query.where(staged(wanted.stages))
    if wanted.owner is not None:
        query = query.where(func.lower(Adapter.owned_by()) == wanted.owner.lower())
    if wanted.base is not None:
        query = query.where(based_on(wanted.base))
    if wanted.hashes is not None:
        query = query.where(Adapter.sha256.in_(wanted.hashes))
    for tag in wanted.tags:
        query = query.where(select(Tag.tag).where(Tag.adapter_id == Adapter.id, Tag.tag == tag).exists())
    conditions: Mapping[Missing, ColumnElement[bool]] = {
        "owner": Adapter.owned_by().is_(None),
        "data": Adapter.trained_with().is_(None),
        "evaluation": ~select(Evaluation.id).where(Evaluation.adapter_id == Adapter.id).exists(),
    }
    for word in wanted.missing:
        query = query.where(conditions[word])
    return query


class _About:
    """What other tables know of some adapters, by number: a query for each table, not for each adapter."""

    def __init__(self, session: Session, numbers: Sequence[int]) -> None:
        self._session = session
        self._numbers = numbers
        self._tags: dict[int, list[str]] = {}
        for number, tag in self._ask(select(Tag.adapter_id, Tag.tag).order_by(Tag.tag), Tag.adapter_id):
            self._tags.setdefault(number, []).append(tag)
        self._newest = self._newest_reports()
        self._counts = dict(self._counted(StoredReport.adapter_id, func.count()))
        self._scores = {
            number: (count, newest) for number, count, newest in self._counted(
                Evaluation.adapter_id, func.count(), func.max(Evaluation.at)
            )
        }  # fmt: skip
        self._places: dict[int, list[tuple[str, str]]] = {}
        places = select(Sighting.adapter_id, Sighting.path, Sighting.name).order_by(Sighting.last_seen, Sighting.id)
        for number, path, name in self._ask(places, Sighting.adapter_id):
            self._places.setdefault(number, []).append((path, name))

    def line(self, adapter: Adapter, owner: str | None, data: str | None) -> Listed:
        """The adapter in a line."""
        newest = self._newest.get(adapter.id, {})
        inspection = newest.get(INSPECTION)
        count, evaluated = self._scores.get(adapter.id, (0, None))
        places = self._places.get(adapter.id, [])
        path, name = places[-1] if places else (None, adapter.sha256[:12])
        found = values(adapter) | {"owner": owner, "data_sha256": data}
        return Listed(
            **{field: found[field] for field in Listed.__struct_fields__ if field in found},
            name=adapter.label or name,
            tags=self._tags.get(adapter.id, []),
            verdict=inspection[0] if inspection else None,
            verdicts={kind: row[0] for kind, row in sorted(newest.items())},
            codes=inspection[1].split() if inspection else [],
            decided_by=inspection[2].split() if inspection else [],
            inspected=inspection[3] if inspection else None,
            reports=self._counts.get(adapter.id, 0),
            evaluations=count,
            evaluated=evaluated,
            path=path,
            paths=len(places),
        )

    def _newest_reports(self) -> dict[int, dict[str, tuple[str, str, str, str]]]:
        """Verdict, codes and time of the newest report of each kind."""
        table = StoredReport
        place = func.row_number().over(
            partition_by=(table.adapter_id, table.kind), order_by=(table.confirmed.desc(), table.id.desc())
        )
        columns = (table.adapter_id, table.kind, table.verdict, table.codes, table.decided_by, table.confirmed)
        found: dict[int, dict[str, tuple[str, str, str, str]]] = {}
        for start in range(0, len(self._numbers), CHUNK):
            some = self._numbers[start : start + CHUNK]
            inner = select(*columns, place.label("place")).where(table.adapter_id.in_(some)).subquery()
            for row in self._session.execute(select(inner).where(inner.c.place == 1)):
                found.setdefault(row[0], {})[row[1]] = (row[2], row[3], row[4], row[5])
        return found

    def _counted(self, number: Any, *counts: Any) -> list[Any]:
        return self._ask(select(number, *counts).group_by(number), number)

    def _ask(self, query: Select[*tuple[Any, ...]], number: Any) -> list[Any]:
        rows: list[Any] = []
        for start in range(0, len(self._numbers), CHUNK):
            rows += self._session.execute(query.where(number.in_(self._numbers[start : start + CHUNK]))).all()
        return rows
