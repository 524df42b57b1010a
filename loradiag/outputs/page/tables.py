"""Tables of modules, of vectors, of tools that take the adapter, and of what was covered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loradiag.core.findings import Severity
from loradiag.core.measurements import ModuleScale, ModuleSpectrum, StackCoverage, VectorModule
from loradiag.core.report import Report
from loradiag.core.text import plural, ranges
from loradiag.outputs.arrange import DEPLOY_MARKS, DEPLOY_WORDS, SEVERITY_MARKS, vectors_first, weights, worst_first
from loradiag.outputs.beside import Beside, beside, without_spectrum
from loradiag.outputs.facts import short_number
from loradiag.outputs.page.axes import Axis
from loradiag.outputs.page.markup import Markup, element, folded, join, name, names, rows, table

FIRST = 8
"""How many modules are shown at once; the others are folded away."""

NAMES = 500
"""How long a list of names may get: past this, nobody reads it here and the page grows heavy."""

_HEADS = (
    "module", "role", "#layer", "#rank", "#scale", "#eff. 1%", "#entropy", "#stable", "#99% in", "#‖ΔW‖F", "#σ₁",
    "#rms of ΔW", "#z among peers",
)  # fmt: skip


def modules(report: Report, most: int) -> Markup:
    """The modules to look at first, and the others folded away."""
    ranked = worst_first(report)
    if not ranked:
        return Markup("")
    scale = report.measurements.scale
    scales = {row.name: row for row in scale.modules} if scale else {}
    weight = weights(report)
    lines = [_module(row, scales.get(row.name), weight.get(row.name, 0)) for row in ranked[:most]]
    near = beside(report)
    if near:
        for line, row in zip(lines, ranked, strict=False):
            line += _beside(near.get(row.name))
    return _first_and_rest(lines, len(ranked), (*_HEADS, *(_BESIDE if near else ())), "module")


_BESIDE = ("#‖ΔW‖/‖W‖", "#σ₁/σ₁(W)", "#lost", "#intruders")


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
    """Modules that only the base gives a size: IA³ vectors, and layers that are stored whole."""
    found = without_spectrum(report)
    if not found:
        return Markup("")
    lines = [
        [element("th", name(row.relative.name), scope="row"), element("td", row.relative.role), *_beside(row)]
        for row in found[:most]
    ]
    return _first_and_rest(lines, len(found), ("module", "role", *_BESIDE), "module")


def _module(row: ModuleSpectrum, scale: ModuleScale | None, weight: int) -> list[Markup]:
    mark = next((severity for severity in Severity if severity.weight == weight), None)
    flag = (
        element("span", SEVERITY_MARKS[mark], class_=f"flag {mark.value}", title=f"named by a finding: {mark.value}")
        if mark
        else ""
    )
    state = _state(row)
    numbers: list[float | None] = [
        row.layer, row.rank, row.scale, row.effective_rank, row.entropy_rank, row.stable_rank, row.energy_rank_99,
        row.frobenius_norm, row.spectral_norm, scale.update_rms if scale else None, scale.norm_z if scale else None,
    ]  # fmt: skip
    title = element("th", flag, name(row.name), state, scope="row")
    return [title, element("td", row.role), *map(_number, numbers)]


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
    lines = [_vector(row, axis) for row in ranked[:most]]
    heads = (
        "module", "role", "#layer", "method", "#shape", "#mean", "#least", "#largest", "#rms from neutral", "range",
    )  # fmt: skip
    return _first_and_rest(lines, len(ranked), heads, "module")


def _vector(row: VectorModule, axis: Axis | None) -> list[Markup]:
    numbers = (row.mean, row.minimum, row.maximum, row.deviation)
    return [
        element("th", name(row.name), scope="row"),
        element("td", row.role),
        _number(row.layer),
        element("td", row.method),
        element("td", " × ".join(map(str, row.shape)), class_="n"),
        *map(_number, numbers),
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


def deployability(report: Report) -> Markup:
    """Which tools take the adapter as it is, and why not. Empty if it was not asked."""
    answer = report.measurements.deployability
    if answer is None or not answer.targets:
        return Markup("")
    lines = []
    for row in answer.targets:
        mark = element("span", DEPLOY_MARKS.get(row.status, "?"), class_=f"deploy {row.status}", aria_hidden="true")
        said = "; ".join(row.reasons) or ("takes it as it is" if row.status == "yes" else "")
        cells = [
            element("th", row.target, " ", element("small", row.version), scope="row"),
            element("td", mark, " ", DEPLOY_WORDS.get(row.status, row.status), class_="nowrap"),
            element("td", said),
        ]
        lines.append(cells)
    return table(("tool", "takes it", "why"), rows(lines), caption="Where it can go", class_="rows prose")


def coverage(report: Report) -> Markup:
    """Which roles of which stacks are adapted, with holes, targets, and what is saved whole."""
    covered = report.measurements.coverage
    if covered is None:
        return Markup("")
    lines = [_stack(stack) for stack in covered.stacks]
    parts = (
        [table(("stack", "layers", "modules by role"), rows(lines), caption="Coverage", class_="rows prose")]
        if lines
        else []
    )
    if covered.holes:
        holes = [f"{hole.stack or 'layer'} {hole.layer}: {', '.join(hole.roles)}" for hole in covered.holes]
        parts.append(folded(plural(len(holes), "hole") + " in the middle of a stack", names(holes, NAMES, "holes")))
    if covered.targets:
        targets = [f"{row.target} ({row.kind}): {plural(row.matched, 'module')}" for row in covered.targets]
        parts.append(folded(plural(len(targets), "target") + " of the configuration", names(targets, NAMES, "targets")))
    if covered.saved_modules:
        saved = list(covered.saved_modules)
        parts.append(folded(plural(len(saved), "module") + " saved whole", names(saved, NAMES, "modules")))
    if covered.biases:
        parts.append(element("p", plural(covered.biases, "bias vector") + " saved", class_="dim"))
    return join(parts)


def _stack(stack: StackCoverage) -> list[Markup]:
    counts = [
        element("span", role, " ", element("b", f"{count:,}"), class_="chip") for role, count in stack.roles.items()
    ]
    if stack.first_layer is None or stack.last_layer is None:
        layers = "outside layers"
    else:
        layers = f"{stack.layers:,} ({ranges([stack.first_layer, stack.last_layer]).replace(', ', '–')})"
    return [
        element("th", stack.stack or "whole network", scope="row"),
        element("td", layers, class_="nowrap"),
        element("td", *counts),
    ]
