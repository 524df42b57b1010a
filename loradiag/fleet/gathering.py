"""What the rows of a fleet come to together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from loradiag.core.fleet import FleetAdapter, FleetBase


def base_name(base: str | None) -> str:
    """The last part of a base's name in small letters: a local copy keeps it."""
    return (base or "").rstrip("/").rpartition("/")[2].lower()


def bases_of(adapters: Sequence[FleetAdapter]) -> list[FleetBase]:
    """Return the bases that adapters name, those of most adapters first, with the fingerprints that stamps give them."""
    groups: dict[str, list[FleetAdapter]] = defaultdict(list)
    for row in adapters:
        if row.problem is None:
            groups[base_name(row.base)].append(row)
    found = [
        FleetBase(
            base=Counter(row.base for row in rows).most_common(1)[0][0],
            adapters=len(rows),
            fingerprints=dict(Counter(row.base_fingerprint for row in rows if row.base_fingerprint).most_common()),
        )
        for rows in groups.values()
    ]
    return sorted(found, key=lambda base: (-base.adapters, base.base or ""))
