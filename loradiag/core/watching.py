"""What the watcher knows of an adapter. Part of the wire format, as :mod:`loradiag.core.measurements`.

An e-value says how much a gambler would have won who bets against "all is well" at fair odds, starting with 1: 100 is strong
evidence, 0.3 is none. The chance that it ever reaches 1/a, however often it is looked at, is at most a (Ville's inequality).
Times are in UTC, as ``2026-11-02T00:00:00Z``.
"""

from __future__ import annotations

from typing import Literal

from loradiag.core.measure import Measure

AlarmStatus = Literal["open", "acknowledged", "resolved"]

LARGEST_E = 1e300
"""E-values grow without bound; what is larger is written as this."""


class WatchSignal(Measure, kw_only=True, frozen=True):
    """One signal of one adapter.

    ``signal``: ``novelty`` (more requests unlike any reference than are tolerated), ``strangeness`` (requests stranger than
    held-out references and than those before them, which counts where more are novel than matters), ``mix`` (topics in other
    shares), or a measure of answers as ``drift.predictions`` names them. ``n``: requests that it has seen, or days where
    ``unit`` says so. ``e_value`` and ``peak``: of its process, now and at its highest; ``line``: what it must reach for its
    adapter to alarm. ``recent``: what is seen now (the share of novel requests among the last 200, Cohen's w of the topics of
    the last 300, the change of answers in the last days); ``expected``: what there would be without drift; ``tolerated``: up
    to which it is no drift.
    """

    signal: str
    unit: Literal["requests", "days"]
    n: int
    e_value: float
    peak: float
    line: float
    recent: float | None = None
    expected: float | None = None
    tolerated: float | None = None


class WatchAlarm(Measure, kw_only=True, frozen=True):
    """An alarm that was raised: once for each time that an adapter's evidence crosses its line.

    ``signal``: the one with the largest e-value then; ``e_value``: the adapter's; ``line``: what it had to reach. ``requests``:
    how many had been counted since the process began. ``by`` and ``why``: of whoever acknowledged or resolved it.
    """

    id: int
    adapter: str
    signal: str
    raised: str
    e_value: float
    line: float
    requests: int
    message: str
    status: AlarmStatus
    changed: str | None = None
    by: str | None = None
    why: str | None = None


class Watch(Measure, kw_only=True, frozen=True):
    """One adapter under watch.

    ``e_value``: the largest of its signals', each times the signal's part of the budget; ``line``: what it must reach to
    alarm by itself (e-BH lowers the line where several adapters have large ones). ``alpha``: the chance that any adapter
    under this watch ever alarms without drift; ``share``: the part of it that is this adapter's. ``since`` and ``seen``: of
    its first and its last request since the process began; ``counted``: of its ``requests``, each conversation and text once
    a day. ``baseline``: its directory, None if it is gone.
    """

    adapter: str
    lake: str
    baseline: str | None
    since: str | None
    seen: str | None
    requests: int
    counted: int
    alpha: float
    share: float
    e_value: float
    line: float
    signals: list[WatchSignal]
    alarms: list[WatchAlarm] = []


class WatchTotals(Measure, kw_only=True, frozen=True):
    """The watch as a whole.

    ``polled``: the last time that the lake was looked at to the end; ``seconds``: how long that took; ``behind``: seconds
    from the newest request's arrival in the lake to its being counted. ``unwatched``: requests of adapters without a
    baseline; ``unattributed``: of no adapter, and no base; ``late``: that came more than thirty days after the newest, or
    from as far in the future, and were not counted. ``budget_left``: the part of alpha that is left for adapters and episodes
    to come.
    """

    started: str
    polled: str | None
    seconds: float
    behind: float
    polls: int
    requests: int
    unattributed: int
    unwatched: int
    late: int
    flawed_files: int
    alpha: float
    budget_left: float


class WatchDay(Measure, kw_only=True, frozen=True):
    """One adapter on one day of its requests, as the watch remembers it.

    ``day``: as ``2026-11-02``. ``counted``: of its ``requests``, each conversation and text once; ``novel`` of these, whose
    share lies between ``novelty_low`` and ``novelty_high`` (95%, exact: Clopper and Pearson); None where none is counted. What
    share is expected, and tolerated, says the signal ``novelty`` of its :class:`Watch`. ``topics``: counted requests that are
    not novel by the cluster of the baseline that they are nearest to; with a baseline that is made again on the day, only those
    since. ``e_value``, ``line`` and ``signals`` (the e-value of each) stand as after the last decision that followed requests
    of this day, ``slot`` numbers the process that they are of: where it is another than the day before, evidence began anew.
    ``e_value`` is None until something was decided.
    """

    adapter: str
    day: str
    requests: int
    counted: int
    novel: int
    novelty_share: float | None
    novelty_low: float | None
    novelty_high: float | None
    topics: list[int]
    e_value: float | None
    line: float
    signals: dict[str, float]
    slot: int


class WatchSnapshot(Measure, kw_only=True, frozen=True):
    """A watch at one moment, read from its state alone: the whole, and every adapter by name.

    A state that an older loradiag has written does not say where baselines lie (None), nor, unless asked by its lake, which
    lake it is of (empty).
    """

    totals: WatchTotals
    adapters: list[Watch]
