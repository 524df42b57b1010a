"""Rows of the lake into evidence: each request once, each conversation and each text once a day."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Set
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from loradiag.baselines.reading import Baseline
from loradiag.baselines.topics import assign
from loradiag.traffic.schema import DAY
from loradiag.watching import answers
from loradiag.watching.arrivals import Part, split_by
from loradiag.watching.diary import Note, add
from loradiag.watching.episodes import Episode, take
from loradiag.watching.references import CALIBRATION
from loradiag.watching.remembered import unseen, unseen_labels
from loradiag.watching.state import State, Totals

Indexes = npt.NDArray[np.int64]

REMEMBERED = 30
"""Days for which requests are known again; what comes later than that, or from as far in the future, is not counted."""

_CREDIBLE = 20
"""Requests of a day in one file before that day is taken for the newest: one wrong clock must not make all others late."""

GRACE = 6 * 3_600_000_000
"""Microseconds."""

LABELS = 3
"""The same for conversations and texts, of which each counts once a day."""


Find = Callable[[str], "tuple[Episode, Baseline] | None"]
"""Gives an adapter's evidence and its baseline; None of one that is not watched."""


def count_part(part: Part, state: State, totals: Totals, find: Find, encoders: Set[str]) -> list[Episode]:
    """Count rows, and return the evidence that has changed. To be called within :meth:`State.change`.

    Args:
        part: Rows of a file.
        state: What was counted before.
        totals: Changed in place.
        find: Gives the adapters.
        encoders: The SHA-256 of every baseline's encoder.

    Raises:
        InputError: Vectors are damaged.
    """
    notes: list[Note] = []
    rows = np.flatnonzero(~part.failed)
    latest = max(int(time.time() * 1e6) // DAY, totals.newest_day or 0) + REMEMBERED
    for day, of_day in split_by(part.day, rows):
        if day <= latest and of_day.size >= _CREDIBLE:
            totals.newest_day = max(totals.newest_day or 0, day)
        if day > latest or 0 <= day < (totals.newest_day or 0) - REMEMBERED:
            totals.late += of_day.size
            continue
        notes += _count_day(part, day, of_day, state, totals, find, encoders)
    add(state, notes, totals.alpha * (1 - CALIBRATION))
    return list({note.episode.adapter: note.episode for note in notes}.values())


def _count_day(
    part: Part, day: int, rows: Indexes, state: State, totals: Totals, find: Find, encoders: Set[str]
) -> list[Note]:
    usable = np.isin(part.encoder, [code for code, name in enumerate(part.encoders) if name in encoders])
    rows = rows[np.lexsort((~usable[rows], part.key[rows]))]  # of a request the row with a vector, if one has
    rows = rows[np.unique(part.key[rows], return_index=True)[1]]
    new, new_vector = unseen(state, day, part.key[rows], usable[rows])
    totals.requests += int(new.sum())
    notes = []
    fresh, embedded = np.zeros(part.key.size, dtype=np.bool_), np.zeros(part.key.size, dtype=np.bool_)
    fresh[rows[new]], embedded[rows[new_vector]] = True, True
    for code, of_adapter in split_by(part.adapter, rows[new | new_vector]):
        number = int(fresh[of_adapter].sum())
        if code < 0:
            totals.unattributed += int((fresh & ~part.based)[of_adapter].sum())
            continue
        found = find(part.adapters[code])
        if found is None:
            totals.unwatched += number
            continue
        notes.append(_count_adapter(part, day, of_adapter, fresh, embedded, state, *found))
    return notes


def _count_adapter(
    part: Part,
    day: int,
    rows: Indexes,
    fresh: npt.NDArray[np.bool_],
    embedded: npt.NDArray[np.bool_],
    state: State,
    episode: Episode,
    baseline: Baseline,
) -> Note:
    rows = rows[np.argsort(part.time[rows], kind="stable")]
    answered = rows[fresh[rows]]
    episode.requests += answered.size
    _seen(episode, part.time[rows])
    if day >= 0:
        _count_answers(episode, part, day, answered)
    wanted = baseline.manifest.encoder.sha256
    own = part.encoders.index(wanted) if wanted in part.encoders else -2
    vectors = rows[embedded[rows] & (part.encoder[rows] == own)]
    counted = vectors[_once(part, day, vectors, state, episode.adapter)]
    novel, topics = np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.int16)
    if counted.size:
        found = part.vectors(counted)
        cosines, _ = baseline.search.nearest(found)
        topics = assign(found, baseline.centres)
        novel = take(episode, cosines.astype(np.float64), topics)
    return Note(episode=episode, day=day, requests=answered.size, novel=novel, topics=topics)


def _seen(episode: Episode, times: Indexes) -> None:
    dated = times[times >= 0]
    if dated.size:
        episode.since = int(dated[0]) if episode.since is None else min(episode.since, int(dated[0]))
        episode.seen = max(episode.seen or 0, int(dated[-1]))


def _count_answers(episode: Episode, part: Part, day: int, rows: Indexes) -> None:
    """Add a day's answers."""
    for name, metric in answers.WATCHED.items():
        values = part.values(metric.column, rows)
        if metric.logged:
            values = np.log(np.where(values > 0, values, np.nan))
        known = values[np.isfinite(values)]
        if known.size:
            answers.add(episode.answers.setdefault(name, answers.Days()), day, float(known.sum()), int(known.size))


def close_days(episode: Episode, latest: int) -> None:
    """Bet on the answers of days that are over: six hours after midnight nothing of the day before is waited for.

    Args:
        episode: Changed in place.
        latest: The time after which none is believed: one wrong clock must not end days that go on.
    """
    today = (min(episode.seen or 0, latest) - GRACE) // DAY
    for name, days in episode.answers.items():
        answers.close(days, answers.WATCHED[name], today, f"{episode.adapter} {episode.slot}")


def _once(part: Part, day: int, rows: Indexes, state: State, adapter: str) -> npt.NDArray[np.bool_]:
    """Which rows are the first of the day of their conversation, and of their text: what repeats itself is no new evidence."""
    if not rows.size:
        return np.zeros(0, dtype=np.bool_)
    salt = _salt(adapter)
    keep = np.ones(rows.size, dtype=np.bool_)
    for labels, mark in ((part.conversation[rows], salt[0]), (part.text_hash[rows], salt[1])):
        mixed = np.where(labels == 0, np.uint64(0), (labels ^ mark) | np.uint64(1))
        first = np.zeros(rows.size, dtype=np.bool_)
        first[np.unique(mixed, return_index=True)[1]] = True
        keep &= (first | (mixed == 0)) & unseen_labels(state, day, mixed)
    return keep


@lru_cache(maxsize=4096)
def _salt(adapter: str) -> tuple[np.uint64, np.uint64]:
    """Two numbers of an adapter's own, so that a text that two adapters are asked counts for both."""
    digest = hashlib.sha256(adapter.encode("utf-8", "surrogatepass")).digest()
    return np.uint64(int.from_bytes(digest[:8], "big")), np.uint64(int.from_bytes(digest[8:16], "big"))
