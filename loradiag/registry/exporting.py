"""The registry as files: JSON of everything, or one table as CSV or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from loradiag.core.answers import Detail, Listed
from loradiag.core.errors import UsageError
from loradiag.core.lazy import require
from loradiag.core.text import cell
from loradiag.registry.lookup import unpacked
from loradiag.registry.models import Adapter, Evaluation, Event, Sighting, StoredReport
from loradiag.registry.queries import Wanted, detail, listed

FORMATS = ("json", "csv", "parquet")
TABLES = ("adapters", "evaluations", "reports", "events", "sightings")

Row = Mapping[str, Any]

_SOURCES: Mapping[str, Any] = {
    "evaluations": Evaluation,
    "reports": StoredReport,
    "events": Event,
    "sightings": Sighting,
}
_INTERNAL = ("id", "adapter_id", "document", "key", "digest")


class Exported(msgspec.Struct, frozen=True, omit_defaults=True):
    """An adapter with all that is known of it. ``documents`` has whole reports by their number, where they were asked for."""

    detail: Detail
    documents: dict[str, Any] = {}


def as_json(session: Session, wanted: Wanted | None = None, *, documents: bool = False) -> str:
    """Everything about adapters, as JSON.

    Raises:
        InputError: A stored report is damaged.
    """
    parts = []
    for row in listed(session, wanted):
        adapter = session.scalars(select(Adapter).where(Adapter.sha256 == row.sha256)).one()
        parts.append(Exported(detail(session, adapter), _documents(session, adapter) if documents else {}))
        session.expunge_all()  # one after another: the history of a large fleet need not fit at once
    return safe_json({"adapters": parts})


def safe_json(document: object) -> str:
    """Any value as JSON in ASCII: it may be shown in a terminal as it is."""
    return json.dumps(msgspec.to_builtins(document), indent=2).replace("\x7f", "\\u007f") + "\n"


def rows_of(session: Session, table: str, wanted: Wanted | None = None) -> list[Row]:
    """One table, a row each; those other than ``adapters`` begin with hash and name of their adapter.

    Raises:
        UsageError: There is no such table.
    """
    if table not in TABLES:
        raise UsageError(f"no table is called {table!r}; there are {', '.join(TABLES)}")
    adapters = listed(session, wanted)
    if table == "adapters":
        return [flat(row) for row in adapters]
    source = _SOURCES[table]
    names = {row.sha256: row.name for row in adapters}
    query = select(source, Adapter.sha256).join(Adapter, Adapter.id == source.adapter_id).order_by(source.id)
    if source is StoredReport:
        from sqlalchemy.orm import defer

        query = query.options(defer(StoredReport.document))
    return [
        {"sha256": sha256, "name": names[sha256], **_own(row)}
        for row, sha256 in session.execute(query)
        if sha256 in names
    ]


def as_csv(rows: Iterable[Row], columns: Sequence[str]) -> str:
    """Rows as CSV. What a spreadsheet would take for a formula has a quote before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(cell(row.get(column)) for column in columns)
    return out.getvalue()


def as_parquet(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """Rows as a Parquet file.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    arrow = require("pyarrow", "parquet")
    parquet = require("pyarrow.parquet", "parquet")
    table = arrow.table({column: arrow.array([row.get(column) for row in rows]) for column in columns})
    sink = arrow.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


def columns_of(table: str) -> list[str]:
    """The names of a table's columns, in their order."""
    if table == "adapters":
        return [name for name in Listed.__struct_fields__ if name != "verdicts"] + ["failing", "missing"]
    own = [column.key for column in _SOURCES[table].__table__.columns if column.key not in _INTERNAL]
    return ["sha256", "name", *(["number"] if table == "reports" else []), *own]


def _own(row: Any) -> Row:
    """The columns of a row that mean something outside; the document is not touched, which would fetch it."""
    names = [column.key for column in row.__table__.columns if column.key not in _INTERNAL]
    found = {name: getattr(row, name) for name in names}
    return found | {"number": row.id} if isinstance(row, StoredReport) else found


def flat(row: Listed) -> Row:
    """An adapter as a row of single values: lists become words with blanks between."""
    found: dict[str, Any] = msgspec.structs.asdict(row)
    del found["verdicts"]
    lists: Iterable[tuple[str, Iterable[str]]] = (
        ("tags", row.tags),
        ("codes", row.codes),
        ("decided_by", row.decided_by),
        ("failing", row.failing),
        ("missing", row.missing),
    )
    return found | {name: " ".join(words) for name, words in lists}


def _documents(session: Session, adapter: Adapter) -> dict[str, Any]:
    query = select(StoredReport).where(StoredReport.adapter_id == adapter.id).order_by(StoredReport.id)
    return {str(row.id): unpacked(row) for row in session.scalars(query)}
