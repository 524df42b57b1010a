"""Windows of requests, and the lakes that they come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from benchmarks.validity.families.traffic import lakes, windows
from benchmarks.validity.families.words import Place, Shown, Table, Told


def shown(place: Place) -> Shown:
    """Windows and lakes."""
    seen = list(windows.told(place))
    return Shown([*seen, *lakes.told(place)], [_by_kind(seen)])


def _by_kind(found: Sequence[Told]) -> Table:
    """How many windows of each kind were called what."""
    by: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for one in found:
        world, _, rest = one.name.partition(": ")
        by[one.label, f"{world}, {rest.partition(',')[0]}"].append(one)
    rows = []
    for (label, source), own in by.items():
        counts = [sum(code in one.fired for one in own) / len(own) for code in ("LD801", "LD802", "LD803")]
        rows.append([label, source, str(len(own)), *(f"{share:.0%}" for share in counts)])
    return Table("Windows by origin", ("requests", "source", "windows", "novel", "mix shifted", "wrong adapter"), rows)
