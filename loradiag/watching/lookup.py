"""What a watch has found, for those who only look: nothing is written, and none is needed."""

from __future__ import annotations

from pathlib import Path

from loradiag.core.errors import LoradiagError
from loradiag.watching.episodes import plain, signals, together
from loradiag.watching.state import State


def evidence_in(state: Path) -> dict[str, float]:
    """Return the e-value of every adapter under watch; nothing where there is no watch, or it cannot be read."""
    try:
        opened = State(state, read_only=True)
    except LoradiagError:
        return {}
    try:
        with opened.explained():
            return {name: plain(together(signals(episode))) for name, episode in opened.episodes().items()}
    except LoradiagError:
        return {}
    finally:
        opened.close()
