"""Answers by day, and streams under watch."""

from __future__ import annotations

from benchmarks.validity.families.streams import answers, watch
from benchmarks.validity.families.words import Place, Shown


def shown(place: Place) -> Shown:
    """All of both."""
    streams, delays = watch.told(place)
    return Shown([*answers.told(place), *streams], delays)
