"""A labelled case of any family, and which findings count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from benchmarks.validity.cases import Expected
from loradiag.core.findings import Finding, Severity


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of one case.

    Attributes:
        family: The folder that it comes from.
        name: What it is called in tables.
        label: Its condition: how it was made, or what somebody else measured of it.
        expected: What that says of rules.
        judged: The rules that the case was made to be held against: those of them that are not expected must not fire.
        fired: Those that did, and count (see :func:`counting`).
        sound: Whether nothing is wrong: then nothing of ``judged`` may say so.
    """

    family: str
    name: str
    label: str
    expected: Expected
    judged: frozenset[str]
    fired: frozenset[str]
    sound: bool = False


class Table(msgspec.Struct, frozen=True):
    """A table that a family shows beside its rules."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


class Shown(msgspec.Struct, frozen=True):
    """All that a family has to say."""

    told: list[Told]
    tables: list[Table] = []


class Place(msgspec.Struct, frozen=True):
    """Where a family works: an empty folder of its own, what is not part of the repository, and whether to be quick."""

    scratch: Path
    shared: Path | None
    quick: bool = False


def expect(should: str = "", may: str = "") -> Expected:
    """What a label says, from codes with spaces between them."""
    return Expected(frozenset(should.split()), frozenset(may.split()))


def counting(findings: Iterable[Finding]) -> frozenset[str]:
    """Codes that count: from a warning on, or a note where the rule never says more than that of anything."""
    notes = _notes()
    return frozenset(found.code for found in findings if found.severity is not Severity.INFO or found.code in notes)


@lru_cache(maxsize=1)
def _notes() -> frozenset[str]:
    from loradiag.rules import all_rules

    return frozenset(rule.code for rule in all_rules() if rule.severity is Severity.INFO and rule.code != "LD208")
