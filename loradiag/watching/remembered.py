"""Which files and requests were counted: what comes again, or late, must not count twice.

Functions that write are to be called within :meth:`State.change`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from loradiag.watching.state import State

Keys = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]


def known_files(state: State) -> set[str]:
    """Return the names of files that were counted, within the lake.

    Raises:
        InputError: The state is damaged.
    """
    with state.explained():
        return {row[0] for row in state.database.execute("SELECT name FROM files")}


def keep_files(state: State, names: Iterable[str]) -> None:
    """Remember files that were counted."""
    state.database.executemany("INSERT OR IGNORE INTO files VALUES (?)", [(name,) for name in names])


def forget_files(state: State, names: Iterable[str]) -> None:
    """Forget files that are gone."""
    state.database.executemany("DELETE FROM files WHERE name = ?", [(name,) for name in names])


def unseen(state: State, day: int, keys: Keys, vectors: Flags) -> tuple[Flags, Flags]:
    """Remember requests of a day, and say which were not known, and which had not been known with a vector.

    Args:
        state: The file.
        day: Since 1970; -1 of undated ones.
        keys: [n], distinct.
        vectors: Whether each has one [n].

    Returns:
        Both [n].
    """
    signed = keys.view(np.int64).tolist()
    _give(state, signed)
    rows = state.database.execute(
        "SELECT given.place, seen.vector FROM given JOIN seen ON seen.day = ? AND seen.key = given.value", [day]
    ).fetchall()
    known, had = np.zeros(keys.size, dtype=np.bool_), np.zeros(keys.size, dtype=np.bool_)
    for place, vector in rows:
        known[place], had[place] = True, bool(vector)
    state.database.executemany(
        "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET vector = max(vector, excluded.vector)",
        zip([day] * keys.size, signed, vectors.astype(int).tolist(), strict=True),
    )
    return ~known, vectors & ~had


def unseen_labels(state: State, day: int, labels: Keys) -> Flags:
    """Remember labels of a day's requests (conversations, texts), and say which were not known [n]; 0 is none, and never known.

    Args:
        state: The file.
        day: Since 1970; -1 of undated ones.
        labels: [n].
    """
    signed = labels.view(np.int64)
    _give(state, signed.tolist())
    rows = state.database.execute(
        "SELECT given.place FROM given JOIN once ON once.day = ? AND once.label = given.value", [day]
    ).fetchall()
    fresh = np.ones(labels.size, dtype=np.bool_)
    fresh[[row[0] for row in rows]] = False
    fresh[labels == 0] = True
    real = signed[labels != 0].tolist()
    state.database.executemany("INSERT OR IGNORE INTO once VALUES (?, ?)", zip([day] * len(real), real, strict=True))
    return fresh


def _give(state: State, values: Sequence[int]) -> None:
    """Put values where a query finds them: more than it may have placeholders."""
    state.database.execute("CREATE TEMP TABLE IF NOT EXISTS given (place INTEGER PRIMARY KEY, value INTEGER)")
    state.database.execute("DELETE FROM given")
    state.database.executemany("INSERT INTO given VALUES (?, ?)", enumerate(values))


def forget_requests(state: State, before_keys: int, before_labels: int) -> None:
    """Forget requests of days that are over, and labels of such: before these days; undated ones stay."""
    state.database.execute("DELETE FROM seen WHERE day >= 0 AND day < ?", [before_keys])
    state.database.execute("DELETE FROM once WHERE day >= 0 AND day < ?", [before_labels])
