"""A new adapter beside the old one, on split traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loradiag.api.drifting import moment
from loradiag.api.judging import default_policy, judged
from loradiag.api.places import here
from loradiag.core.errors import InputError, UsageError
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.text import listed, printable
from loradiag.storage.urls import shown

if TYPE_CHECKING:
    from loradiag.analyzers.canary.comparing import Margin


def canary(
    old: str,
    new: str,
    lake: str | Path,
    *,
    metrics: Sequence[str] = (),
    margins: Mapping[str, float] | None = None,
    since: str | None = None,
    until: str | None = None,
    alpha: float = 0.05,
    floor: int = 100,
    policy: Policy | None = None,
) -> Report:
    """Compare two adapters on split traffic: promote, roll back, or keep going.

    May be asked after every request: the chance that any interval is ever wrong is at most ``alpha``.

    Args:
        old: The adapter that is served, by its name in the traffic.
        new: The one that may take its place.
        lake: What ``traffic ingest`` wrote.
        metrics: What is compared; all that are logged if empty.
        margins: The harm of a metric that does not matter: of ratios as 0.05 for 5%, else the difference.
        since: No request before this, as ``2026-11-02`` or with a time: when the split began.
        until: None from this on.
        alpha: The chance that any interval is ever wrong.
        floor: Pairs of requests below which nothing is said of a metric.
        policy: What to judge by; the default policy if None.

    Raises:
        InputError: The lake cannot be read, or has no request of an adapter.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: An option makes no sense.
    """
    from loradiag.analyzers.canary.canary import Question, run
    from loradiag.traffic.reading import Lake

    if not 0 < alpha < 1 or floor < 2:
        raise UsageError("alpha: a chance between 0 and 1, such as 0.05; floor: at least 2 pairs")
    if old == new:
        raise UsageError("OLD and NEW are the same adapter")
    chosen = _metrics(metrics, margins or {})
    asked = Question(
        old=old,
        new=new,
        metrics=chosen,
        alpha=alpha,
        floor=floor,
        since=moment(since, "since"),
        until=moment(until, "until"),
    )
    opened = Lake(here(lake), shown(lake))
    there = opened.names()
    for name in (old, new):
        if name not in there:
            told = listed([printable(other) for other in there], 5) or "none"
            raise InputError(
                opened.path, f"has no request of {printable(name)}; adapters there: {told}", "name one", "missing"
            )
    found = run(opened, asked)
    return judged(Subject(path=new), Measurements(canary=found), Accounting(), policy or default_policy())


def _metrics(names: Sequence[str], margins: Mapping[str, float]) -> list[Margin]:
    from loradiag.analyzers.canary.comparing import METRICS

    for name in (*names, *margins):
        if name not in METRICS:
            raise UsageError(f"metric {printable(name)}: there are {', '.join(METRICS)}")
    for name, value in margins.items():
        if not 0 < value < 100:
            raise UsageError(f"margin of {name}: a number above 0, such as 0.05")
    return [
        msgspec.structs.replace(METRICS[name], margin=margins.get(name, METRICS[name].margin))
        for name in (names or METRICS)
    ]
