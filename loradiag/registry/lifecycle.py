"""What people say of an adapter: whose it is, which stage it is in, how it did. Every change is an event with who and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from loradiag.core.errors import UsageError
from loradiag.core.text import printable, shorten
from loradiag.core.times import now
from loradiag.registry.models import Adapter, Evaluation, Event, Tag
from loradiag.registry.preparing import tomorrow
from loradiag.registry.scores import row
from loradiag.registry.texts import MAX_TEXT, kept, maybe, moment

STAGES = ("staging", "canary", "live", "retired")

_FREE = {
    None: STAGES,  # the registry may come when the fleet has long been serving
    "staging": ("canary", "retired"),
    "canary": ("live", "retired"),
    "live": ("retired",),
    "retired": (),
}
"""Where an adapter may go from each stage without a reason: one step on, or out."""


class Result(msgspec.Struct, frozen=True):
    """A result that somebody tells. ``metric`` may be empty."""

    task: str
    value: float
    metric: str = ""
    n: int | None = None
    standard_error: float | None = None
    at: str | None = None


class Change(msgspec.Struct, kw_only=True, frozen=True):
    """What is said. None is not said; an empty text takes back what was."""

    owner: str | None = None
    stage: str | None = None
    label: str | None = None
    notes: str | None = None
    data_sha256: str | None = None
    tags: tuple[str, ...] = ()
    untagged: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()


def change(session: Session, adapter: Adapter, said: Change, *, who: str, why: str | None = None) -> list[str]:
    """Write what is said, within a writer's session, and return what changed, in words.

    Raises:
        UsageError: There is no such stage, a step back or over a stage has no reason, or a result is no finite number.
    """
    writer = _Writer(session, adapter, kept(who), maybe(why, MAX_TEXT))
    if said.stage is not None:
        _check(adapter, said.stage, why)
        writer.column("stage", said.stage)
    for name, most in (("owner", 500), ("label", 500), ("notes", MAX_TEXT), ("data_sha256", 64)):
        value = getattr(said, name)
        if value is not None:
            writer.column(name, maybe(value.strip(), most))
    writer.tags(said.tags, said.untagged)
    for result in said.results:
        writer.result(result)
    return writer.changed


def _check(adapter: Adapter, stage: str, why: str | None) -> None:
    if stage not in STAGES:
        raise UsageError(f"no stage is called {printable(stage)!r}; there are {', '.join(STAGES)}")
    if stage == adapter.stage or stage in _FREE[adapter.stage] or (why and why.strip()):
        return
    back = STAGES.index(stage) < STAGES.index(adapter.stage or STAGES[0])
    step = "back" if back else "over a stage"
    raise UsageError(f"{adapter.sha256[:12]}: from {adapter.stage} to {stage} is a step {step}: say --why")


class _Writer:
    """Changes an adapter, and keeps the history."""

    def __init__(self, session: Session, adapter: Adapter, who: str, why: str | None) -> None:
        self._session = session
        self._adapter = adapter
        self._who, self._why = who, why
        self._now = now()
        self.changed: list[str] = []

    def column(self, name: str, value: str | None) -> None:
        """Write a column, if that changes it."""
        before = getattr(self._adapter, name)
        if before != value:
            setattr(self._adapter, name, value)
            self._happened(name, before, value)

    def tags(self, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
        """Put words on it, and take words off."""
        number = self._adapter.id
        there = {tag.tag: tag for tag in self._session.scalars(select(Tag).where(Tag.adapter_id == number))}
        for tag in dict.fromkeys(kept(tag.strip(), 200) for tag in removed):
            if tag in there:
                self._session.delete(there.pop(tag))
                self._happened("tag", tag, None)
        for tag in dict.fromkeys(kept(tag.strip(), 200) for tag in added):
            if tag and tag not in there:
                self._session.add(Tag(adapter_id=number, tag=tag))
                self._happened("tag", None, tag)

    def result(self, result: Result) -> None:
        """Add a result; the same value at the same time is one.

        Raises:
            UsageError: It is no finite number, or of no time, or of one to come.
        """
        if not all(map(math.isfinite, (result.value, result.standard_error or 0.0))):
            raise UsageError(f"{printable(result.task)}: a result, and its standard error, are finite numbers")
        at = moment(result.at) if result.at else self._now
        if at is None or at > tomorrow():
            said = "is no time" if at is None else "is to come; it would be the newest until then"
            raise UsageError(f"{printable(result.task)}: {printable(result.at or '')} {said}")
        known: Mapping[str, Any] = {
            "metric": kept(result.metric),
            "n": result.n,
            "standard_error": result.standard_error,
            "who": self._who,
        }
        made = row(
            "said", self._adapter.sha256, result.task, result.value, at, key_of=(at, repr(result.value)), **known
        )
        if self._session.scalars(select(Evaluation.id).where(Evaluation.key == made["key"])).first() is None:
            self._session.add(Evaluation(adapter_id=self._adapter.id, report_id=None, **made))
            named = f"{result.task}:{result.metric}" if result.metric else result.task
            self._happened("evaluation", None, f"{named} = {result.value:.6g}")

    def _happened(self, what: str, before: str | None, after: str | None) -> None:
        self._session.add(
            Event(
                adapter_id=self._adapter.id,
                at=self._now,
                who=self._who,
                what=what,
                before=before,
                after=after,
                why=self._why,
            )
        )
        shown = [shorten(printable(value), 60) if value else "none" for value in (before, after)]
        self.changed.append(f"{what.replace('data_sha256', 'data')}: {shown[0]} → {shown[1]}")
