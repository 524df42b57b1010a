"""Singular-value curves: which modules a chart of them shows, through which points, and what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.text import plural
from loradiag.core.updates import ModuleSpectrum

POINTS = 48
"""Curves of more singular values than this are drawn through so many of them, evenly spread."""

FLOOR = 1e-7
"""Singular values below this share of their module's largest are rounding of 32-bit factors, and would flatten the rest."""

NOTE = (
    "A curve that falls steeply means that few directions carry the update. Each line is one module; "
    "singular values below 10⁻⁷ of the module's largest are not drawn."
)


def alive(rows: Sequence[ModuleSpectrum]) -> list[ModuleSpectrum]:
    """Those that have a curve: their update is finite and not zero."""
    return [row for row in rows if row.spectral_norm and row.sigma and row.sigma[0] > 0]


def fair(ranked: Sequence[ModuleSpectrum], most: int) -> list[ModuleSpectrum]:
    """The first ``most`` modules, but some of every role, so that no role vanishes from the chart."""
    by_role: dict[str, list[ModuleSpectrum]] = {}
    for row in ranked:
        by_role.setdefault(row.role, []).append(row)
    share = max(most // max(len(by_role), 1) // 2, 1)
    chosen = {id(row) for rows in by_role.values() for row in rows[:share]}
    for row in ranked:
        if len(chosen) >= most:
            break
        chosen.add(id(row))
    return [row for row in ranked if id(row) in chosen][: max(most, len(by_role))]


def said_of_rest(
    every: Sequence[ModuleSpectrum], live: Sequence[ModuleSpectrum], shown: Sequence[ModuleSpectrum]
) -> str:
    """Say which modules have no curve in a chart, and why; nothing where all have one."""
    dead = sum(row.spectral_norm == 0 for row in every)
    broken = sum(row.spectral_norm is None for row in every)
    parts = []
    if len(shown) < len(live):
        parts.append(f"Showing the {len(shown):,} worst of {plural(len(live), 'module')}, some of every role.")
    if dead:
        parts.append(f"{plural(dead, 'module')} not drawn: the update is zero.")
    if broken:
        parts.append(f"{plural(broken, 'module')} not drawn: the update is not finite or could not be measured.")
    return " ".join(parts)


def drawn(row: ModuleSpectrum) -> list[float]:
    """The singular values that a curve shows; they come largest first, so those left out are at the end."""
    return [value for value in row.sigma if value > 0 and value >= row.sigma[0] * FLOOR]


def indices(last: int) -> list[int]:
    """Which of the first ``last`` singular values to draw through, counted from 1; always both ends."""
    if last <= POINTS:
        return list(range(1, last + 1))
    return sorted({1 + round(step * (last - 1) / (POINTS - 1)) for step in range(POINTS)})
