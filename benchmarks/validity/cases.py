"""A labelled case, and what a rule should say of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


class Expected(msgspec.Struct, frozen=True):
    """What a label says of rules: those that should fire, and those that may. Of ``decided`` all others must not."""

    should: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter, perhaps beside a base.

    Attributes:
        name: What it is called in tables.
        group: ``fixture``, ``broken``, ``zoo``, ``wild`` or ``planted``.
        label: Its condition, a key of :mod:`benchmarks.validity.expected`.
        path: Where it lies.
        base: The base that it is inspected against.
        sound: Whether it is a healthy adapter as its maker left it: what fires there at warning or above is a false alarm.
        expected: What the label says of rules.
        truth: What was measured of it by others: losses before and after.
    """

    name: str
    group: str
    label: str
    path: Path
    base: Path | None = None
    sound: bool = False
    expected: Expected = Expected()
    truth: dict[str, Any] = {}


class Fired(msgspec.Struct, frozen=True):
    """A rule that fired."""

    code: str
    severity: str
    message: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the program said of a case: beside its base where there is one, and alone."""

    name: str
    group: str
    label: str
    sound: bool
    expected: Expected
    truth: dict[str, Any]
    beside_base: bool
    fired: list[Fired]
    alone: list[Fired]
    measures: dict[str, float]
    seconds: float = 0.0

    def codes(self, *, alone: bool = False) -> set[str]:
        """Codes that fired; LD208 counts from a warning on, since it describes below."""
        found = self.alone if alone else self.fired
        return {one.code for one in found if one.code != "LD208" or one.severity != "info"}


Plant = Callable[[Path], None]
"""Writes an adapter into an empty folder."""
