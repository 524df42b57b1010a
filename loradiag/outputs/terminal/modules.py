"""Modules in a terminal: spectra and vectors, beside their weights where a base was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from loradiag.core.report import Report
from loradiag.core.updates import ModuleSpectrum, VectorModule
from loradiag.outputs.arrange import vectors_first, worst_first
from loradiag.outputs.beside import Beside, beside, only_beside, shape
from loradiag.outputs.facts import short_number
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import Column, columns, more, named

WORST = 6

_ALONE: Sequence[tuple[str, int, Callable[[ModuleSpectrum], str]]] = (
    ("r", 6, lambda row: str(row.rank)),
    ("scale", 3, lambda row: short_number(row.scale)),
    ("eff. 1%", 2, lambda row: short_number(row.effective_rank)),
    ("entropy", 1, lambda row: short_number(row.entropy_rank)),
    ("stable", 7, lambda row: short_number(row.stable_rank)),
    ("99% in", 4, lambda row: short_number(row.energy_rank_99)),
    ("‖ΔW‖F", 5, lambda row: short_number(row.frobenius_norm)),
    ("σ₁", 8, lambda row: short_number(row.spectral_norm)),
)
_WITH_BASE = ("r", "scale", "stable", "99% in")
"""What of it is shown beside the base's columns; sizes are told relative to the weights then."""

_VECTORS: Sequence[tuple[str, int, Callable[[VectorModule], str]]] = (
    ("shape", 5, lambda row: shape(row.shape)),
    ("mean", 4, lambda row: short_number(row.mean)),
    ("least", 2, lambda row: short_number(row.minimum)),
    ("largest", 3, lambda row: short_number(row.maximum)),
    ("rms from neutral", 9, lambda row: short_number(row.deviation)),
)
_BESIDE: Sequence[tuple[str, int, Callable[[Beside | None], str]]] = (
    ("‖ΔW‖/‖W‖", 12, lambda near: short_number(near.relative.relative_frobenius) if near else "–"),
    ("σ₁/σ₁(W)", 8, lambda near: short_number(near.relative.relative_spectral) if near else "–"),
    ("lost", 10, lambda near: near.lost if near else "–"),
    ("intr.", 11, lambda near: near.count if near else "–"),
)


def modules(report: Report, style: Style) -> Iterable[RenderableType]:
    """The modules to look at first, or all of them: those with a spectrum, else vectors, else what is stored whole."""
    near = beside(report)
    if report.measurements.spectrum is not None:
        yield from _spectra(report, near, style)
    elif report.measurements.vectors is not None:
        yield from _vectors(report, near, style)
    rows = only_beside(report)
    if rows:
        shown = rows if style.verbose else rows[:WORST]
        yield ""
        yield Text("whole layers beside the base's", style="bold")
        yield named([row.relative.name for row in shown], columns(shown, _BESIDE), style.width)
        yield from more(len(rows), len(shown))


def _spectra(report: Report, near: Mapping[str, Beside], style: Style) -> Iterable[RenderableType]:
    ranked = worst_first(report)
    shown = ranked if style.verbose else ranked[:WORST]
    told = [row for row in _ALONE if not near or row[0] in _WITH_BASE]
    names = [row.name for row in shown]
    yield ""
    yield Text("every module" if style.verbose else "modules to look at first", style="bold")
    yield named(names, [*columns(shown, told), *_beside(names, near)], style.width)
    yield from more(len(ranked), len(shown))


def _vectors(report: Report, near: Mapping[str, Beside], style: Style) -> Iterable[RenderableType]:
    ranked = vectors_first(report)
    shown = ranked if style.verbose else ranked[:WORST]
    names = [row.name for row in shown]
    yield ""
    yield Text("vectors farthest from doing nothing", style="bold")
    yield named(names, [*columns(shown, _VECTORS), *_beside(names, near)], style.width)
    yield from more(len(ranked), len(shown))


def _beside(names: Sequence[str], near: Mapping[str, Beside]) -> list[Column]:
    return columns([near.get(name) for name in names], _BESIDE) if near else []
