"""Tables of modules: spectra, vectors, and layers that are stored whole, beside their weights where a base was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loradiag.core.findings import Severity
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.core.updates import ModuleScale, ModuleSpectrum, VectorModule
from loradiag.outputs.arrange import SEVERITY_MARKS, vectors_first, weights, worst_first
from loradiag.outputs.beside import Beside, beside, only_beside, shape
from loradiag.outputs.facts import short_number
from loradiag.outputs.page.axes import Axis
from loradiag.outputs.page.markup import Markup, element, folded, join, name, rows, table

FIRST = 8
"""How many modules are shown at once; the others are folded away."""

_PLACE = ("module", "role", "#layer")
_BESIDE = ("#‖ΔW‖/‖W‖", "#σ₁/σ₁(W)", "#lost", "#intruders")
_SPECTRUM = (
    "#rank",
    "#scale",
    "#eff. 1%",
    "#entropy",
    "#stable",
    "#99% in",
    "#‖ΔW‖F",
    "#σ₁",
    "#rms of ΔW",
    "#z among peers",
)
_VECTOR = ("method", "#shape", "#mean", "#least", "#largest", "#rms from neutral", "range")


def modules(report: Report, most: int) -> Markup:
    """The modules to look at first, and the others folded away. What the base tells stands before what takes scrolling."""
    ranked = worst_first(report)
    if not ranked:
        return Markup("")
    scale = report.measurements.scale
    scales = {row.name: row for row in scale.modules} if scale else {}
    weight, near = weights(report), beside(report)
    lines = [
        [
            *_place(row, weight.get(row.name, 0)),
            *(_beside(near.get(row.name)) if near else ()),
            *_spectrum(row, scales.get(row.name)),
        ]
        for row in ranked[:most]
    ]
    return _first_and_rest(lines, len(ranked), (*_PLACE, *(_BESIDE if near else ()), *_SPECTRUM), "module")


def _beside(near: Beside | None) -> list[Markup]:
    """The cells of a module beside its weight."""
    if near is None:
        return [element("td", "–", class_="n") for _ in _BESIDE]
    row, count = near.relative, near.intruders.count if near.intruders else None
    return [
        _number(row.relative_frobenius),
        _number(row.relative_spectral),
        element("td", near.lost, class_="n", data_v=row.swallowed_share),
        element("td", near.count, class_="n", data_v=count),
    ]


def sizes(report: Report, most: int) -> Markup:
    """Modules of which the base alone gives a size: layers that are stored whole."""
    found = only_beside(report)
    if not found:
        return Markup("")
    lines = [
        [
            element("th", name(row.relative.name), scope="row"),
            element("td", row.relative.role),
            _number(row.relative.layer),
            *_beside(row),
        ]
        for row in found[:most]
    ]
    return _first_and_rest(lines, len(found), (*_PLACE, *_BESIDE), "module")


def _place(row: ModuleSpectrum, weight: int) -> list[Markup]:
    mark = next((severity for severity in Severity if severity.weight == weight), None)
    flag = (
        element("span", SEVERITY_MARKS[mark], class_=f"flag {mark.value}", title=f"named by a finding: {mark.value}")
        if mark
        else ""
    )
    title = element("th", flag, name(row.name), _state(row), scope="row")
    return [title, element("td", row.role), _number(row.layer)]


def _spectrum(row: ModuleSpectrum, scale: ModuleScale | None) -> list[Markup]:
    numbers: list[float | None] = [
        row.rank, row.scale, row.effective_rank, row.entropy_rank, row.stable_rank, row.energy_rank_99,
        row.frobenius_norm, row.spectral_norm, scale.update_rms if scale else None, scale.norm_z if scale else None,
    ]  # fmt: skip
    return [_number(number) for number in numbers]


def _state(row: ModuleSpectrum) -> Markup:
    if row.spectral_norm is None:
        return element("b", "not finite or unmeasured", class_="tag bad")
    return element("b", "zero update", class_="tag bad") if row.spectral_norm == 0 else Markup("")


def _number(value: float | None) -> Markup:
    return element("td", short_number(value), class_="n", data_v=value)


def _first_and_rest(lines: Sequence[list[Markup]], total: int, heads: Iterable[str], noun: str) -> Markup:
    heads = tuple(heads)
    first = table(heads, rows(lines[:FIRST]), caption=f"The {noun}s to look at first", class_="rows")
    if total <= FIRST:
        return first
    capped = len(lines) < total
    summary = f"The {len(lines):,} worst of {plural(total, noun)}" if capped else f"All {plural(total, noun)}"
    every = table(heads, rows(lines), caption=summary, class_="rows sortable")
    note = element("p", f"Showing the {len(lines):,} worst of {total:,}; the JSON report has all.", class_="dim")
    return join([first, folded(summary, *([note] if capped else []), every, class_="all")])


def vectors(report: Report, most: int) -> Markup:
    """IA³ vectors and prompts, those farthest from doing nothing first, each with the range of its values."""
    ranked = vectors_first(report)
    if not ranked:
        return Markup("")
    ends = [end for row in ranked for end in (row.minimum, row.maximum) if end is not None]
    neutral = [1.0 if row.method == "ia3" else 0.0 for row in ranked]
    axis = Axis(min(ends + neutral), max(ends + neutral), 4, 156) if ends else None
    near = beside(report)
    lines = [
        [
            element("th", name(row.name), scope="row"),
            element("td", row.role),
            _number(row.layer),
            *(_beside(near.get(row.name)) if near else ()),
            *_vector(row, axis),
        ]
        for row in ranked[:most]
    ]
    return _first_and_rest(lines, len(ranked), (*_PLACE, *(_BESIDE if near else ()), *_VECTOR), "module")


def _vector(row: VectorModule, axis: Axis | None) -> list[Markup]:
    return [
        element("td", row.method),
        element("td", shape(row.shape), class_="n nowrap"),
        *map(_number, (row.mean, row.minimum, row.maximum, row.deviation)),
        element("td", _range(row, axis)),
    ]


def _range(row: VectorModule, axis: Axis | None) -> Markup:
    if axis is None or row.minimum is None or row.maximum is None or row.mean is None:
        return element("b", "not finite", class_="tag bad")
    neutral = axis.at(1.0 if row.method == "ia3" else 0.0)
    low, high = axis.at(row.minimum), axis.at(row.maximum)
    shapes = [
        element("line", x1=neutral, x2=neutral, y1=1, y2=15, class_="neutral"),
        element("line", x1=low, x2=high, y1=8, y2=8, class_="span"),
        element("circle", cx=axis.at(row.mean), cy=8, r=3, class_="mean"),
    ]
    said = f"from {short_number(row.minimum)} to {short_number(row.maximum)}, mean {short_number(row.mean)}"
    return element(
        "svg", element("title", said), *shapes, viewBox="0 0 160 16", width=160, height=16, role="img", class_="range"
    )
