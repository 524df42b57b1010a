"""Tables over the cases of all families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.tables import markdown
from benchmarks.validity.confusion import interval
from benchmarks.validity.families.words import Table, Told


def counts(told: Sequence[Told]) -> str:
    """How many cases of each kind."""
    found = Counter(one.family for one in told)
    return ", ".join(f"{count:,} {family}" for family, count in found.items())


def alarms(told: Sequence[Told]) -> str:
    """Cases with which nothing is wrong, and how many of them drew a finding all the same."""
    rows = []
    for family in dict.fromkeys(one.family for one in told):
        sound = [one for one in told if one.family == family and one.sound]
        wrong = [one for one in sound if _extra(one)]
        codes = Counter(code for one in wrong for code in _extra(one))
        if sound:
            low, high = interval(len(wrong), len(sound))
            said = ", ".join(f"{code} {count}" for code, count in codes.most_common()) or "–"
            rows.append([family, f"{len(sound):,}", f"{len(wrong)} ({low:.1%}–{high:.1%})", said])
    return markdown(("sound cases of", "cases", "with a finding", "findings"), rows)


def _extra(one: Told) -> frozenset[str]:
    return (one.fired & one.judged) - one.expected.should - one.expected.may


def shown(table: Table) -> list[str]:
    """A table under its title."""
    return [f"### {table.title}", markdown(table.head, table.rows)]
