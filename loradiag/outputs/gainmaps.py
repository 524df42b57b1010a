"""Where in the model routes keep the update: gains by layer, role and module, arranged for tables. Text is safe to show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from loradiag.core.merge import Route, RouteModule, RouteRole
from loradiag.core.numbers import median
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.facts import percent
from loradiag.outputs.grid import rank
from loradiag.outputs.routefigures import gain_words
from loradiag.outputs.routes import called

KEPT = 0.05
"""A route all of whose gains are this close to 1 keeps the update everywhere."""

MODULES = 60
"""Columns where modules lie in no layers, those that lose most first."""

_SAID = 400
"""Characters about one cell at most."""


class Cell(msgspec.Struct, frozen=True):
    """A gain, what a pointer is told, whether something in it is not finite, and whether it is a median of several."""

    value: float | None
    said: str
    broken: bool = False
    several: bool = False


class Map(msgspec.Struct, frozen=True):
    """A table of routes × columns.

    Attributes:
        title: Above it.
        heads: Of the columns; of ``numbered`` ones every fifth is shown where there are many.
        lines: Cells by route.
        numbered: Whether heads are numbers.
        names: What the numbers stand for, where they are no layers.
    """

    title: str
    heads: tuple[str, ...]
    lines: Mapping[str, tuple[Cell | None, ...]]
    numbered: bool = False
    names: tuple[str, ...] = ()


def keeps(row: Route) -> bool:
    """Whether every module of a route keeps its update."""
    return bool(row.modules) and all(
        module.gain is not None and abs(module.gain - 1) <= KEPT and not module.nonfinite for module in row.modules
    )


def ends(found: Iterable[Route]) -> tuple[float, float]:
    """The least and the largest gain of a module."""
    values = [module.gain for row in found for module in row.modules if module.gain is not None]
    return min(values), max(values)


def maps(found: Sequence[Route]) -> list[Map]:
    """A map for every stack of layers, or one of modules where there are no layers; and one of roles."""
    modules = [module for row in found for module in row.modules]
    if all(module.layer is None for module in modules):
        return [_by_module(found), *_by_role(found)]
    return [*(_by_layer(found, stack) for stack in dict.fromkeys(module.stack for module in modules)), *_by_role(found)]


def _by_layer(found: Sequence[Route], stack: str) -> Map:
    here = [[module for module in row.modules if module.stack == stack] for row in found]
    layers = sorted({module.layer for modules in here for module in modules}, key=_order)
    lines = {}
    for row, modules in zip(found, here, strict=True):
        placed: dict[int | None, list[RouteModule]] = defaultdict(list)
        for module in modules:
            placed[module.layer].append(module)
        lines[row.route] = tuple(_layer(row, layer, placed[layer]) for layer in layers)
    title = f"Gain by layer: {shorten(printable(stack), 60)}" if stack else "Gain by layer"
    return Map(title, tuple("–" if layer is None else str(layer) for layer in layers), lines, numbered=True)


def _order(layer: int | None) -> int:
    return -1 if layer is None else layer


def _layer(row: Route, layer: int | None, modules: Sequence[RouteModule]) -> Cell | None:
    if not modules:
        return None
    by_role: dict[str, list[float]] = defaultdict(list)
    for module in modules:
        if module.gain is not None:
            by_role[module.role].append(module.gain)
    value = median(gain for values in by_role.values() for gain in values)
    where = f"{called(row.route)}, {'outside any layer' if layer is None else f'layer {layer}'}: {gain_words(value)}"
    if len(modules) > 1:
        where += f" (median of {plural(len(modules), 'module')})"
    if len(by_role) > 1:
        roles = sorted(by_role, key=lambda role: (rank(role), role))
        where += ": " + listed([f"{_role(role)} {gain_words(median(by_role[role]))}" for role in roles], 9)
    broken = any(module.nonfinite for module in modules)
    return Cell(value, shorten(where, _SAID), broken=broken, several=len(modules) > 1)


def _role(role: str) -> str:
    return shorten(printable(role), 40)


def _by_module(found: Sequence[Route]) -> Map:
    least: dict[str, float] = {}
    for row in found:
        for module in row.modules:
            gain = -1.0 if module.gain is None else module.gain
            least[module.name] = min(gain, least.get(module.name, gain))
    ranked = list(least) if len(least) <= MODULES else sorted(least, key=lambda part: (least[part], part))
    names = ranked[:MODULES]
    lines = {}
    for row in found:
        modules = {module.name: module for module in row.modules}
        lines[row.route] = tuple(_module(row, modules.get(part)) for part in names)
    more = f": the {len(names):,} that lose most of {len(least):,}" if len(names) < len(least) else ""
    heads = tuple(str(index + 1) for index in range(len(names)))
    return Map(f"Gain by module{more}", heads, lines, numbered=True, names=tuple(map(printable, names)))


def _module(row: Route, module: RouteModule | None) -> Cell | None:
    if module is None:
        return None
    said = f"{called(row.route)}, {shorten(printable(module.name), 120)}: {gain_words(module.gain)}"
    return Cell(module.gain, said, broken=bool(module.nonfinite))


def _by_role(found: Sequence[Route]) -> list[Map]:
    """Gains over all modules of a role together; nothing where there is one role only."""
    names = sorted({role.role for row in found for role in row.roles}, key=lambda role: (rank(role), role))
    lines = {}
    for row in found:
        roles = {role.role: role for role in row.roles}
        lines[row.route] = tuple(_of_role(row, roles.get(name)) for name in names)
    return [Map("Gain by role", tuple(map(_role, names)), lines)] if len(names) > 1 else []


def _of_role(row: Route, role: RouteRole | None) -> Cell | None:
    if role is None:
        return None
    over = f"{gain_words(role.gain)} over {plural(role.modules, 'module')}"
    rest = f"cosine {gain_words(role.cosine)}, {percent(role.swallowed_share)} of entries swallowed"
    return Cell(role.gain, f"{called(row.route)}, {_role(role.role)}: {over}; {rest}")
