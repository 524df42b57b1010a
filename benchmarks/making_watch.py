"""The state of a watch over a large lake, written by the watch's own functions: a month of days, and some alarms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from loradiag.baselines.manifest import Calibrated
from loradiag.core.times import now
from loradiag.statistics.budget import weight_of
from loradiag.statistics.mmd import Closeness
from loradiag.statistics.tails import rank_of
from loradiag.traffic.schema import DAY
from loradiag.watching.alarms import raise_alarm, raised, settle
from loradiag.watching.diary import Note, add, decide
from loradiag.watching.episodes import Episode, begin, signals, take
from loradiag.watching.references import CALIBRATION, reference_of
from loradiag.watching.state import State, Totals

ALPHA = 0.05
RATE = 0.05
HELD_OUT, TOPICS = 384, 20
COUNTED = 40
"""Requests of an adapter and day that the evidence is of: what is drawn of the dashboard does not depend on it."""

DRIFTING, SINCE = 50, 20
"""One of so many adapters drifts from this day on, as it does in the lake."""

_EPOCH = date(1970, 1, 1)


def make_watch(path: Path, table: Any, names: Sequence[str]) -> None:
    """Watch every adapter through all days of a lake.

    Args:
        path: The file; written whole.
        table: Requests by adapter and day, as of :class:`loradiag.overview.days.TrafficReader`.
        names: Of the adapters.
    """
    work = path.with_name(f"{path.name}.part")
    work.unlink(missing_ok=True)
    generator = np.random.default_rng(0)
    totals = Totals(started=now(), alpha=ALPHA, first=len(names), slots=len(names))
    state = State(work)
    try:
        episodes = [_begun(name, slot, len(names), generator) for slot, name in enumerate(names)]
        for number, (day, requests) in enumerate(sorted(_by_day(table).items())):
            _live(state, episodes, day, requests, number, generator)
            totals.requests += sum(requests.values())
            totals.newest_day = day
        totals.polls, totals.polled, totals.seconds = 1, now(), 0.5
        _settle_some(state)
        with state.change():
            state.keep_totals(totals)
            state.keep(episodes)
        state.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        state.close()
    work.rename(path)


def look_again(path: Path) -> None:
    """Let the watch have looked once more: nothing else is new."""
    state = State(path)
    try:
        totals = state.begun()
        totals.polls, totals.polled = totals.polls + 1, now()
        with state.change():
            state.keep_totals(totals)
    finally:
        state.close()


def _by_day(table: Any) -> Mapping[int, Mapping[str, int]]:
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for name, day, count in zip(
        *(table[column].to_pylist() for column in ("adapter", "date", "requests")), strict=True
    ):
        if name is not None and day is not None:
            found[(day - _EPOCH) // timedelta(1)][name] = count
    return found


def _begun(name: str, slot: int, first: int, generator: np.random.Generator) -> Episode:
    scores = np.sort(generator.beta(8, 2, HELD_OUT))
    rank = rank_of(RATE, HELD_OUT)
    told = Calibrated(
        references=5 * HELD_OUT,
        calibration=HELD_OUT,
        conversations=6 * HELD_OUT,
        topics=TOPICS,
        rank=rank,
        novel_rate=rank / (HELD_OUT + 1),
        threshold=float(scores[rank - 1]),
        mean_nn_cosine=float(scores.mean()),
        gamma=1.0,
        closeness=Closeness(0.0, 0.0),
        seed=0,
    )
    weight = weight_of(slot, first)
    topics = generator.integers(0, TOPICS, HELD_OUT)
    reference = reference_of(told, scores, topics, least_share=0.08, tolerance=0.2, chance=CALIBRATION * ALPHA * weight)
    episode = begin(name, "0" * 64, reference, scores, slot, weight)
    episode.folder = f"baselines/{name}"
    return episode


def _live(
    state: State,
    episodes: Sequence[Episode],
    day: int,
    requests: Mapping[str, int],
    number: int,
    generator: np.random.Generator,
) -> None:
    notes = []
    for place, episode in enumerate(episodes):
        logged = requests.get(episode.adapter, 0)
        count = min(logged, COUNTED)
        drifts = place % DRIFTING == 7 and number >= SINCE
        cosines = generator.beta(8, 2, count)
        cosines[generator.random(count) < 0.4 * drifts] = 0.0
        topics = generator.integers(0, TOPICS, count)
        novel = take(episode, cosines, topics)
        episode.requests += logged
        episode.since = episode.since if episode.since is not None or not logged else day * DAY
        episode.seen = day * DAY + DAY // 2 if logged else episode.seen
        notes.append(Note(episode=episode, day=day, requests=logged, novel=novel, topics=topics))
    evidence = [signals(episode) for episode in episodes]
    with state.change():
        add(state, notes, ALPHA)
        decide(state, episodes, evidence, ALPHA * (1 - CALIBRATION))
        for place in raised(episodes, evidence, ALPHA * (1 - CALIBRATION)):
            episodes[place].alarm = raise_alarm(state, episodes[place], evidence[place], ALPHA).id
            episodes[place].requests_then = episodes[place].requests


def _settle_some(state: State) -> None:
    """Of every three alarms one is acknowledged, and the first is resolved."""
    numbers = [row[0] for row in state.database.execute("SELECT id FROM alarms ORDER BY id").fetchall()]
    with state.change():
        for number in numbers[::3]:
            settle(state, number, "acknowledged", "jon", "routing is mended on Friday")
        for number in numbers[:1]:
            settle(state, number, "resolved", "jon", "routing is mended")
