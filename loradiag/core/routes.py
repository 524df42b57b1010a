"""Ways of deploying, judged: the status of each route, which of them the gate is about, and which one to recommend.

A route that nobody asked for does not make the gate fail: folding a low-norm adapter into 4 bits in place always fails, and
matters only to who means to do it. Findings about such a route are shown as notes.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

import msgspec

from loradiag.core.findings import Disposition, Finding, Severity
from loradiag.core.merge import Merge, Route, RouteStatus
from loradiag.core.rules import EVERY_ROUTE


class Judged(msgspec.Struct, frozen=True):
    """A finding, and whether its rule says that the question could not be answered.

    ``eased``: the rule holds this one to be less grave than what it is for, and no policy asked for that.
    """

    finding: Finding
    undecided: bool
    eased: bool = False


class Settled(msgspec.Struct, frozen=True):
    """Findings with the severity that they have for the gate, and the routes with their statuses."""

    findings: list[Judged]
    merge: Merge


def settle(found: Sequence[Judged], merge: Merge, floor: Severity) -> Settled:
    """Judge every route by the findings about it.

    Args:
        found: Findings as the rules have them.
        merge: The routes.
        floor: The least severity that makes a route fail.
    """
    routes = [_judged(row, found, floor) for row in merge.routes]
    gate = _gate(merge.gate, {row.route: row.status for row in routes})
    recommended = _recommended(routes, {row.finding.route for row in found if row.eased and _counts(row)})
    return Settled(
        [_for_gate(row, gate) for row in found],
        msgspec.structs.replace(merge, routes=routes, recommended=recommended.route if recommended else None),
    )


def _judged(row: Route, found: Sequence[Judged], floor: Severity) -> Route:
    if row.status == "not-applicable":
        return row
    about = [judged for judged in found if judged.finding.route in (row.route, EVERY_ROUTE) and _counts(judged)]
    grave = {judged.finding.code for judged in about if judged.finding.severity.weight >= floor.weight}
    open_ = {judged.finding.code for judged in about if judged.undecided}
    status: RouteStatus = "fail" if grave else "inconclusive" if open_ else "pass"
    return msgspec.structs.replace(row, status=status, decided_by=sorted(grave or open_))


def _counts(judged: Judged) -> bool:
    return judged.finding.disposition is Disposition.ACTIVE


def _gate(asked: Sequence[str], statuses: dict[str, RouteStatus]) -> frozenset[str]:
    """The routes whose findings count: those that were asked for; else, while none keeps the adapter, the least bad ones."""
    if asked:
        return frozenset(asked)
    if "pass" in statuses.values():
        return frozenset()
    for status in ("inconclusive", "fail"):
        if status in statuses.values():
            return frozenset(name for name, found in statuses.items() if found == status)
    return frozenset()


def _for_gate(row: Judged, gate: frozenset[str]) -> Judged:
    finding = row.finding
    if finding.route in (None, EVERY_ROUTE) or finding.route in gate:
        return row
    return Judged(msgspec.structs.replace(finding, severity=Severity.INFO), undecided=False)


def _recommended(routes: Sequence[Route], eased: Set[str | None]) -> Route | None:
    """The cheapest route that passes; of two that cost the same, the one that loses less, by hundredths.

    One that passes because a rule made an exception is only recommended where no other passes.
    """
    passing = [row for row in routes if row.status == "pass"]
    # Of equals the first.
    return min(passing, key=lambda row: (row.route in eased, row.bits, round(_loss(row), 2)), default=None)


def _loss(row: Route) -> float:
    if row.effect_loss is not None:
        return row.effect_loss
    return abs(1 - row.gain) if row.gain is not None else 1.0
