"""Servers and canaries."""

from __future__ import annotations

from benchmarks.validity.families.serving import canaries, servers
from benchmarks.validity.families.words import Place, Shown


def shown(place: Place) -> Shown:
    """All of both."""
    return Shown([*servers.told(place), *canaries.told(place)])
