"""What a watch has found, for those who only look: nothing is written, and none is needed."""

from __future__ import annotations

from pathlib import Path

from loradiag.core.errors import InputError
from loradiag.watching.adapters import plain, signals, together
from loradiag.watching.state import State


def evidence_in(state: Path) -> dict[str, float]:
    """Return the e-value of every adapter under watch; nothing where there is no watch, or it cannot be read."""
    if not state.is_file():
        return {}
    try:
        opened = State(state, read_only=True)
    except InputError:
        return {}
    try:
        episodes = opened.episodes()
    except InputError:
        return {}
    finally:
        opened.close()
    return {name: plain(together(signals(episode))) for name, episode in episodes.items()}
