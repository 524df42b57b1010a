"""From sums over weights to the rows of a report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from loradiag.analyzers.merge.measure import Sums
from loradiag.analyzers.merge.predict import predicted_gain
from loradiag.analyzers.merge.routes import Plan, bits
from loradiag.analyzers.merge.routes import Route as Way
from loradiag.analyzers.merge.weights import Survival
from loradiag.core.merge import Route, RouteModule, RouteRole
from loradiag.core.text import printable


def route_row(route: Way, found: Sequence[Survival], plan: Plan, carrier: str, *, gated: bool) -> Route:
    """What became of the weights on one route: over all, by role and by module."""
    measured = [(row, row.routes[route.name]) for row in found if route.name in row.routes]
    total = _added(sums for _, sums in measured)
    relative = total.relative
    by_role: dict[str, list[Sums]] = defaultdict(list)
    for row, sums in measured:
        by_role[row.pair.module.place.role].append(sums)
    return Route(
        route=route.name,
        storage=route.storage,
        source=route.source,
        bits=bits(route.storage, plan.settings),
        summary=route.summary,
        gated=gated,
        predicted_gain=predicted_gain(route, relative, plan.settings, carrier) if relative else None,
        **_told(total),
        overflowed=total.overflowed,
        flushed=total.flushed,
        nonfinite=total.nonfinite,
        roles=[_role(role, rows) for role, rows in by_role.items()],
        modules=[_module(route, row, plan, carrier) for row in found],
    )


def _module(route: Way, row: Survival, plan: Plan, carrier: str) -> RouteModule:
    module, sums = row.pair.module, row.routes.get(route.name)
    place = module.place
    if sums is None:
        return RouteModule(
            name=module.name,
            role=place.role,
            stack=place.stack,
            layer=place.layer,
            reason=printable(row.reason or "not measured"),
        )
    relative = sums.relative
    return RouteModule(
        name=module.name,
        role=place.role,
        stack=place.stack,
        layer=place.layer,
        relative=relative,
        predicted_gain=predicted_gain(route, relative, plan.settings, carrier) if relative else None,
        **_told(sums),
        overflowed=sums.overflowed,
        flushed=sums.flushed,
        nonfinite=sums.nonfinite,
    )


def _role(role: str, rows: Sequence[Sums]) -> RouteRole:
    total = _added(rows)
    return RouteRole(
        role=role, modules=len(rows), gain=total.gain, cosine=total.cosine, swallowed_share=total.swallowed_share
    )


def _told(sums: Sums) -> dict[str, Any]:
    names = ("gain", "gain_error", "cosine", "error", "swallowed_share")
    return {name: getattr(sums, name) for name in names}


def _added(rows: Iterable[Sums]) -> Sums:
    total = Sums()
    for row in rows:
        total += row
    return total
