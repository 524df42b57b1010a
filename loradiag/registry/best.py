"""Who did best on a task: results that can be compared, ranked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session, aliased

from loradiag.core.answers import Best, EvaluationRow, Ranked, described
from loradiag.core.errors import InputError
from loradiag.core.text import listed, printable, shorten
from loradiag.registry.models import Adapter, Evaluation, Event, Sighting
from loradiag.registry.queries import NO_STAGE, as_row, based_on, staged


class Asked(msgspec.Struct, kw_only=True, frozen=True):
    """What is asked. ``stages``: in one of them at some time between ``since`` and ``until``; now, where neither is given.

    ``higher_is_better`` overrides what results say. ``least`` documents a result must be of. Where ``metric``, ``route`` or
    ``setup`` is not named, those are taken that tasks are judged by, that were not folded, and that most adapters have.
    """

    task: str
    since: str | None = None
    until: str | None = None
    base: str | None = None
    stages: tuple[str, ...] = ()
    metric: str | None = None
    route: str | None = None
    setup: str | None = None
    least: int | None = None
    higher_is_better: bool | None = None


class _Found(msgspec.Struct, frozen=True):
    """A result and its adapter."""

    result: EvaluationRow
    sha256: str
    name: str
    stage: str | None
    owner: str | None
    base: str | None

    @property
    def terms(self) -> tuple[str, str, str, str]:
        """What results must share to be compared."""
        return self.result.metric, self.result.filter, self.result.route, self.result.setup


def best(session: Session, asked: Asked) -> Best:
    """Rank the adapters by the newest result of each within the time asked for.

    Raises:
        InputError: No result answers.
    """
    found = _found(session, asked)
    if not found:
        raise _nothing(session, asked)
    groups = Counter(row.terms for row in found)
    primary = {row.terms: row.result.primary for row in found}
    last = {row.terms: row.result.at for row in sorted(found, key=lambda row: row.result.at)}
    terms = max(groups, key=lambda key: (primary[key], key[2] == "", groups[key], last[key], key))
    rows = [row for row in found if row.terms == terms]
    higher, assumed = _direction(rows, asked)
    rows.sort(key=lambda row: (-row.result.value if higher else row.result.value, row.sha256))
    metric, filter_, route, setup = terms
    return Best(
        task=asked.task,
        metric=metric,
        filter=filter_,
        route=route,
        setup=setup,
        higher_is_better=higher,
        assumed=assumed,
        since=asked.since,
        until=asked.until,
        sizes=sorted({row.result.n for row in rows if row.result.n is not None}),
        rows=_ranked(rows),
        others={described(key): count for key, count in groups.most_common() if key != terms},
    )


def _found(session: Session, asked: Asked) -> list[_Found]:
    """One query: the newest result of each adapter under each metric, route and setup."""
    table = Evaluation
    terms = (table.adapter_id, table.metric, table.filter, table.route, table.setup)
    newest = func.row_number().over(partition_by=terms, order_by=(table.at.desc(), table.id.desc()))
    inner = select(table.id, newest.label("place")).where(table.task == asked.task, *_limits(asked)).subquery()
    name = (
        select(Sighting.name)
        .where(Sighting.adapter_id == Adapter.id)
        .order_by(Sighting.last_seen.desc(), Sighting.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(table, Adapter, func.coalesce(Adapter.label, name), Adapter.owned_by())
        .join(inner, and_(inner.c.id == table.id, inner.c.place == 1))
        .join(Adapter, Adapter.id == table.adapter_id)
    )
    if asked.base is not None:
        query = query.where(based_on(asked.base))
    if asked.stages:
        query = query.where(_was_staged(asked))
    return [
        _Found(
            as_row(EvaluationRow, row),
            adapter.sha256,
            called or adapter.sha256[:12],
            adapter.stage,
            owner,
            adapter.base,
        )
        for row, adapter, called, owner in session.execute(query)
    ]


def _limits(asked: Asked) -> list[ColumnElement[bool]]:
    table = Evaluation
    given: list[tuple[Any, Callable[[Any], ColumnElement[bool]]]] = [
        (asked.since, lambda since: table.at >= since),
        (asked.until, lambda until: table.at < until),
        (asked.metric, lambda metric: table.metric == metric),
        (asked.route, lambda route: table.route == route),
        (asked.setup, lambda setup: table.setup == setup),
        (asked.least, lambda least: table.n >= least),
    ]
    return [condition(value) for value, condition in given if value is not None]


def _was_staged(asked: Asked) -> ColumnElement[bool]:
    """In one of the stages now, or at some time of the window: set before it ends, and not left before it begins."""
    if asked.since is None and asked.until is None:
        return staged(asked.stages)
    entered, left = aliased(Event), aliased(Event)
    gone = select(left.id).where(left.adapter_id == Adapter.id, left.what == "stage", left.id > entered.id)
    was = select(entered.id).where(
        entered.adapter_id == Adapter.id,
        entered.what == "stage",
        entered.after.in_([stage for stage in asked.stages if stage != NO_STAGE]),
    )
    if asked.since is not None:
        was = was.where(~gone.where(left.at <= asked.since).exists())
    if asked.until is not None:
        was = was.where(entered.at < asked.until)
    return was.exists()


def _direction(rows: Sequence[_Found], asked: Asked) -> tuple[bool, bool]:
    """Whether more is better, and whether nobody said so."""
    if asked.higher_is_better is not None:
        return asked.higher_is_better, False
    said = {row.result.higher_is_better for row in rows if row.result.higher_is_better is not None}
    return (said.pop(), False) if len(said) == 1 else (True, True)


def _ranked(rows: Sequence[_Found]) -> list[Ranked]:
    first = rows[0].result
    return [
        Ranked(
            place=place,
            sha256=row.sha256,
            name=row.name,
            stage=row.stage,
            owner=row.owner,
            base=row.base,
            result=row.result,
            tied=place > 1 and _overlap(first, row.result),
        )
        for place, row in enumerate(rows, 1)
    ]


def _overlap(first: EvaluationRow, other: EvaluationRow) -> bool:
    if first.value == other.value:
        return True
    if first.low is None or first.high is None or other.low is None or other.high is None:
        return False
    return first.low <= other.high and other.low <= first.high


def _nothing(session: Session, asked: Asked) -> InputError:
    tasks = session.scalars(select(Evaluation.task).distinct().order_by(Evaluation.task).limit(200)).all()
    shown = shorten(printable(asked.task), 80)
    if asked.task in tasks:
        return InputError(
            shown, "has no result that answers", "widen the time, the base, the stage or the metric", "missing"
        )
    import difflib

    near = difflib.get_close_matches(asked.task, tasks, n=3) or tasks[:5]
    known = f"there are {listed([shorten(printable(task), 40) for task in near])}" if near else "no task has any"
    return InputError(shown, "has no result in the registry", known, "missing")
