"""Runs over such answers, through loradiag's own comparison, statistics and rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from loradiag.core.forgetting import Forgetting, Memorisation
from loradiag.core.report import Report
from loradiag.models.harness.answers import Scored
from loradiag.models.harness.tasks import Group


class Asked(NamedTuple):
    """One question with the answers of the base, of the adapter, and of what is served of it."""

    name: str
    base: Scored
    adapter: Scored
    served: Scored | None = None
    asked: bool = True
    role: str = "task"


ROUTE = "nf4"


def report(questions: Sequence[Asked], groups: Sequence[Group] = (), asked: Sequence[str] = ()) -> Report:
    """Compare and judge."""
    from loradiag.analyzers.forgetting.questions import Questions
    from loradiag.analyzers.forgetting.results import scores_of

    rows: list[Any] = [
        SimpleNamespace(name=one.name, role=one.role, asked=one.asked, aggregate=lambda _metric: None)
        for one in questions
    ]
    own: dict[str | None, Mapping[str, Scored]] = {None: {one.name: one.adapter for one in questions}}
    served = {one.name: one.served for one in questions if one.served is not None}
    if served:
        own[ROUTE] = served
    tasks, found = scores_of(
        Questions(rows, list(groups), frozenset(asked)),
        rows,
        {one.name: one.base for one in questions},
        own,
        SimpleNamespace(metrics={}, examples=0),  # type: ignore[arg-type]
        lambda _said: None,
    )
    return judged(Forgetting(tasks=tasks, groups=found, routes=[ROUTE] if served else [], **_HOW))


def remembered(memory: Memorisation) -> Report:
    """Judge what was remembered."""
    return judged(Forgetting(tasks=[], memorisation=memory, **_HOW))


_HOW: dict[str, Any] = {"harness": "drawn", "compute": "float32", "trained_on": "bf16"}


def judged(found: Forgetting) -> Report:
    """By the default policy."""
    from loradiag.api.judging import default_policy
    from loradiag.api.judging import judged as judge
    from loradiag.core.measurements import Measurements
    from loradiag.core.report import Accounting, Subject

    return judge(Subject(path="drawn"), Measurements(forgetting=found), Accounting(), default_policy())
