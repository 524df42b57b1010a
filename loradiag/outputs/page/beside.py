"""The base on the page: what was found beside it, sizes as dots, intruder dimensions as strips, reach, the stamp."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.measurements import IntruderModule, RelativeModule
from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.beside import statements
from loradiag.outputs.facts import short_number
from loradiag.outputs.grid import grids
from loradiag.outputs.page.axes import Axis, horizontal_lines, log_axis
from loradiag.outputs.page.colors import step_of
from loradiag.outputs.page.curves import COLORS, SHAPES
from loradiag.outputs.page.markup import Markup, element, folded, join, name, names, rows, table
from loradiag.outputs.page.tables import FIRST, NAMES

SIZES = "Each mark is one module: the size of its update over that of the weight that it changes, by layer and role."
INTRUDERS = (
    "Each cell is one of the leading directions of the merged weight, strongest first: its best cosine with a direction of "
    "the base. Framed cells match nothing there. ~ marks counts that bounds could not settle."
)

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 980, 300, 64, 16, 12, 40
_STRIPS = 60
"""Strips of intruder dimensions shown at most, those with the most intruders first."""


def statements_of(report: Report) -> Markup:
    """What every output says of the base, as a list of terms."""
    said = statements(report)
    if not said:
        return Markup("")
    parts = [part for label, text in said for part in (element("dt", label), element("dd", text))]
    return element("dl", *parts, class_="said")


def dots(report: Report) -> Markup:
    """Relative sizes by layer. Empty without a base, or where no module lies in a layer."""
    relative = report.measurements.relative
    found = [row for row in relative.modules if row.relative_frobenius and row.layer is not None] if relative else []
    y = log_axis([row.relative_frobenius or 0.0 for row in found], HEIGHT - BOTTOM, TOP)
    if y is None:
        return Markup("")
    layers = sorted({row.layer for row in found if row.layer is not None})
    x = Axis(layers[0] - 0.5, layers[-1] + 0.5, LEFT, WIDTH - RIGHT)
    here = [row.role for row in found]
    order = [
        role for grid in grids(report, "stable_rank") for role in grid.rows if role in here
    ]  # as the curves have it
    roles = list(dict.fromkeys([*order, *here]))
    step = max(len(layers) // 16, 1)
    ticks = [
        element("text", f"{layer:,}", x=x.at(layer), y=HEIGHT - BOTTOM + 18, text_anchor="middle")
        for layer in layers[::step]
    ]
    chart = element(
        "svg",
        horizontal_lines(y, LEFT, WIDTH - RIGHT),
        *ticks,
        element("text", "layer", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 4, text_anchor="middle"),
        *(_dot(row, roles, x, y, len(layers)) for row in found),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"‖ΔW‖/‖W‖ of {plural(len(found), 'module')} by layer",
        class_="chart",
    )
    keys = [element("span", _mark(index, 8, 8, boxed=True), " ", role) for index, role in enumerate(roles)]
    return join([element("p", *keys, class_="legend"), element("div", chart, class_="scroll")])


def _dot(row: RelativeModule, roles: Sequence[str], x: Axis, y: Axis, layers: int) -> Markup:
    index = roles.index(row.role)
    # Roles of one layer stand side by side, in the order of the legend.
    room = min((WIDTH - LEFT - RIGHT) / layers * 0.7, 84)
    shift = (index - (len(roles) - 1) / 2) * room / max(len(roles), 1)
    value = row.relative_frobenius or 0.0
    said = element("title", f"{shorten(row.name, 120)}: {short_number(value)}")
    return element("g", said, _mark(index, x.at(row.layer or 0) + shift, y.at(value)), class_="line")


def _mark(index: int, x: float, y: float, *, boxed: bool = False) -> Markup:
    shape = element("path", d=SHAPES[index % len(SHAPES)], transform=f"translate({x:g} {y:g})", class_="mark")
    coloured = element("g", shape, class_=f"c{index % COLORS}")
    return element("svg", coloured, viewBox="0 0 16 16", width=16, height=16, aria_hidden="true") if boxed else coloured


def intruders(report: Report, most: int) -> Markup:
    """The match of every leading direction, the modules with the most intruders first."""
    measured = report.measurements.intruders
    found = [row for row in measured.modules if row.count is not None] if measured else []
    if not found:
        return Markup("")
    ranked = sorted(found, key=lambda row: -(row.count or 0))
    shown = ranked[: min(most, _STRIPS)]
    lines = [_strip(row) for row in shown]
    heads = ("module", "#intruders", f"best cosine with the base, directions 1 to {max(row.k for row in shown)}")
    first = table(heads, rows(lines[:FIRST]), caption="Modules with the most intruder dimensions", class_="rows")
    if len(lines) <= FIRST:
        return first
    left_out = len(found) - len(shown)
    note = element("p", f"{left_out:,} more are in the JSON report.", class_="dim") if left_out else ""
    every = table(heads, rows(lines), caption="Intruder dimensions", class_="rows")
    return join([first, folded(f"The first {plural(len(lines), 'module')}", note, every, class_="all")])


def _strip(row: IntruderModule) -> list[Markup]:
    count = f"{'' if row.certified else '~'}{row.count} of {row.k}"
    cells = [
        element(
            "span", f"{match:.2f}".lstrip("0"), class_=f"v{step_of(match)}" + ("" if match >= row.epsilon else " lone")
        )
        for match in row.matches
    ]
    title = None if row.certified else "not settled by bounds"
    return [
        element("th", name(row.name), scope="row"),
        element("td", count, class_="n", data_v=row.count, title=title),
        element("td", element("div", *cells, class_="strip")),
    ]


def reach(report: Report) -> Markup:
    """Targets against the base's modules, and the weights that nothing reaches, with their full names."""
    found = report.measurements.reach
    if found is None:
        return Markup("")
    parts: list[Markup] = []
    if found.targets:
        lines = [
            [
                element("th", name(shorten(row.target, 200)), scope="row"),
                element("td", row.kind),
                element("td", f"{row.resolved:,}", class_="n"),
                element("td", f"{row.adapted:,}", class_="n"),
            ]
            for row in found.targets
        ]
        heads = ("target", "kind", "#in the base", "#adapted")
        parts.append(table(heads, rows(lines[:NAMES]), caption="Targets in the base", class_="rows"))
    for row in found.unreached:
        said = f"never reached: {shorten(row.pattern, 120)} ({len(row.names):,})"
        parts.append(folded(said, names(row.names, NAMES, "weights")))
    for noun, listed in (("not in the base", found.absent), ("targeted, without factors", found.skipped)):
        if listed:
            parts.append(folded(f"{plural(len(listed), 'module')} {noun}", names(listed, NAMES, "modules")))
    if found.mismatched:
        shapes = [
            f"{row.name}: {' × '.join(map(str, row.adapter))}, base {' × '.join(map(str, row.base))}"
            for row in found.mismatched
        ]
        parts.append(folded(f"{plural(len(shapes), 'module')} of another shape", names(shapes, NAMES, "modules")))
    return join(parts)


def provenance(report: Report) -> Markup:
    """What the stamp says. Empty where there is none."""
    stamp = report.measurements.provenance
    if stamp is None:
        return Markup("")
    if stamp.problem:
        return element("p", f"{stamp.file} cannot be read: {stamp.problem}")
    pairs = [
        ("owner", stamp.owner),
        ("created", stamp.created),
        ("trained on", stamp.base_name),
        ("base fingerprint", stamp.base_fingerprint_full or stamp.base_fingerprint),
        ("training data, sha256", stamp.data_sha256),
        ("notes", stamp.notes),
        *stamp.hyperparameters.items(),
        *((f"evaluation: {task}", short_number(value)) for task, value in stamp.evaluation.items()),
    ]
    lines = [
        [element("th", shorten(label, 100), scope="row"), element("td", shorten(text, 500))]
        for label, text in pairs
        if text is not None
    ]
    parts = [table(("", ""), rows(lines), caption="Provenance", class_="rows prose")]
    if stamp.differing:
        said = f"{len(stamp.differing):,} of {plural(stamp.parts, 'part')} of the base differ"
        parts.append(folded(said, names(stamp.differing, NAMES, "parts")))
    return join(parts)
