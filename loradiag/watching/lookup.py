"""What a watch has found, for those who only look: nothing is written, and none is needed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from loradiag.watching.adapters import Episode, plain, signals, together


def evidence_in(state: Path) -> dict[str, float]:
    """Return the e-value of every adapter under watch; nothing where there is no watch, or it cannot be read."""
    if not state.is_file():
        return {}
    try:
        database = sqlite3.connect(f"{state.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
        try:
            rows = database.execute("SELECT state FROM episodes").fetchall()
        finally:
            database.close()
        episodes = [msgspec.msgpack.decode(row[0], type=Episode) for row in rows]
    except (sqlite3.Error, msgspec.DecodeError):
        return {}
    return {episode.adapter: plain(together(signals(episode))) for episode in episodes}
