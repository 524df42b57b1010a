"""Stamps and registries."""

from __future__ import annotations

from benchmarks.validity.families.provenance import registered, stamps
from benchmarks.validity.families.words import Place, Shown


def shown(place: Place) -> Shown:
    """All of both."""
    return Shown([*stamps.told(place), *registered.told(place)])
