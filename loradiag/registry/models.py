"""The tables. Times are text in UTC to the second, as reports have them: it sorts, and it means the same in every database.

What files and stamps say and what people say are columns apart, so that neither overwrites the other; where both speak, people
have the last word (:meth:`Adapter.owned_by`, :meth:`Adapter.trained_with`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, Integer, LargeBinary, String, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PREFIX = "loradiag_"
"""Of every table: a PostgreSQL database is often shared."""

_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself in INTEGER alone
_Time = String(20)


class Base(DeclarativeBase):
    """The ancestor of all tables."""


class Version(Base):
    """The version of the tables, in one row."""

    __tablename__ = f"{PREFIX}registry"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]
    created: Mapped[str] = mapped_column(_Time)


class Adapter(Base):
    """An adapter: some weights, by the hash of their files.

    ``owner``, ``stage``, ``label``, ``notes`` and ``data_sha256`` were said by people. ``stamp`` is what the stamp says, as
    JSON, with ``stamped_owner`` and ``stamped_data`` out of it. All else is from reports, the newest that says it.
    """

    __tablename__ = f"{PREFIX}adapters"

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str | None] = mapped_column(Text, index=True)
    stage: Mapped[str | None] = mapped_column(String(16), index=True)
    owner: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[str | None] = mapped_column(Text)
    data_sha256: Mapped[str | None] = mapped_column(String(64))
    stamp: Mapped[str | None] = mapped_column(Text)
    stamped_owner: Mapped[str | None] = mapped_column(Text)
    stamped_data: Mapped[str | None] = mapped_column(String(64))
    base: Mapped[str | None] = mapped_column(Text, index=True)
    revision: Mapped[str | None] = mapped_column(Text)
    base_fingerprint: Mapped[str | None] = mapped_column(Text)
    method: Mapped[str | None] = mapped_column(Text)
    layout: Mapped[str | None] = mapped_column(Text)
    rank: Mapped[str | None] = mapped_column(Text)
    modules: Mapped[int | None]
    parameters: Mapped[int | None] = mapped_column(BigInteger)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    first_seen: Mapped[str] = mapped_column(_Time)
    last_seen: Mapped[str] = mapped_column(_Time)

    @classmethod
    def owned_by(cls) -> ColumnElement[str | None]:
        """The owner: the one that people named, else the stamp's."""
        return func.coalesce(cls.owner, cls.stamped_owner)

    @classmethod
    def trained_with(cls) -> ColumnElement[str | None]:
        """The hash of the training data: the one that people gave, else the stamp's."""
        return func.coalesce(cls.data_sha256, cls.stamped_data)


class Sighting(Base):
    """A place where an adapter lay: a path, or a URL."""

    __tablename__ = f"{PREFIX}sightings"

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    adapter_id: Mapped[int] = mapped_column(ForeignKey(Adapter.id), index=True)
    path: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text, index=True)
    first_seen: Mapped[str] = mapped_column(_Time)
    last_seen: Mapped[str] = mapped_column(_Time)


class Tag(Base):
    """A word that somebody put on an adapter."""

    __tablename__ = f"{PREFIX}tags"

    adapter_id: Mapped[int] = mapped_column(ForeignKey(Adapter.id), primary_key=True)
    tag: Mapped[str] = mapped_column(String(200), primary_key=True, index=True)


class StoredReport(Base):
    """A report, whole: ``document`` is its JSON through zlib.

    Reports that differ in nothing but when they were made are one, made first at ``created`` and last at ``confirmed``;
    ``digest`` is of all but that. ``codes`` are those of active errors and warnings, with blanks between.
    """

    __tablename__ = f"{PREFIX}reports"
    __table_args__ = (Index(f"{PREFIX}reports_of_adapter", "adapter_id", "digest", unique=True),)

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    adapter_id: Mapped[int] = mapped_column(ForeignKey(Adapter.id))
    kind: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64))
    created: Mapped[str] = mapped_column(_Time)
    confirmed: Mapped[str] = mapped_column(_Time)
    schema_version: Mapped[str] = mapped_column(String(16))
    tool_version: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(16))
    decided_by: Mapped[str] = mapped_column(Text)
    codes: Mapped[str] = mapped_column(Text)
    document: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]


class Evaluation(Base):
    """One result: an adapter's score on a task, under conditions that make it comparable with others.

    ``metric`` is empty where nobody named it. ``setup`` says how it was asked, such as ``5-shot, chat``; ``route`` which way of
    deploying, empty for the adapter as it was trained. ``low`` and ``high`` bound the score with 95% confidence; ``difference``
    and its bounds are adapter less base. ``source`` is ``report``, ``stamp``, or ``said`` (by ``who``). ``key`` is a hash of
    what makes it one.
    """

    __tablename__ = f"{PREFIX}evaluations"
    __table_args__ = (Index(f"{PREFIX}evaluations_of_task", "task", "at"),)

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    adapter_id: Mapped[int] = mapped_column(ForeignKey(Adapter.id), index=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    task: Mapped[str] = mapped_column(Text)
    metric: Mapped[str] = mapped_column(Text)
    filter: Mapped[str] = mapped_column(Text)
    route: Mapped[str] = mapped_column(Text)
    setup: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(16))
    primary: Mapped[bool]
    higher_is_better: Mapped[bool | None]
    n: Mapped[int | None]
    value: Mapped[float]
    standard_error: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    base_value: Mapped[float | None]
    difference: Mapped[float | None]
    difference_low: Mapped[float | None]
    difference_high: Mapped[float | None]
    source: Mapped[str] = mapped_column(String(16))
    who: Mapped[str | None] = mapped_column(Text)
    report_id: Mapped[int | None] = mapped_column(ForeignKey(StoredReport.id))
    at: Mapped[str] = mapped_column(_Time)


class Event(Base):
    """Something that happened to an adapter. Rows are added and never changed."""

    __tablename__ = f"{PREFIX}events"

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    adapter_id: Mapped[int] = mapped_column(ForeignKey(Adapter.id), index=True)
    at: Mapped[str] = mapped_column(_Time)
    who: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(String(32))
    before: Mapped[str | None] = mapped_column(Text)
    after: Mapped[str | None] = mapped_column(Text)
    why: Mapped[str | None] = mapped_column(Text)


def values(row: Base) -> dict[str, Any]:
    """The columns of a row by name."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}
