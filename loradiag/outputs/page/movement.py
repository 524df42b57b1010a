"""Every module over the checkpoints: a map of modules and steps, with a choice of measure."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.core.trajectory import ModuleTrajectory, Trajectory
from loradiag.outputs.facts import short_number
from loradiag.outputs.grid import rank
from loradiag.outputs.learning import MODULE_MEASURES
from loradiag.outputs.page.colors import step_of
from loradiag.outputs.page.heatmap import DENSE, Scale, density
from loradiag.outputs.page.legends import scale_bar
from loradiag.outputs.page.markup import Markup, element, join, rows

_NAME = 44
"""Characters of a module's name; its end tells it apart."""


def movement(report: Report, key: str, most: int) -> Markup:
    """The maps with a switch between them that needs no script. Empty where nothing was measured at two checkpoints."""
    series = report.measurements.trajectory
    if series is None or len(series.steps) < 2:
        return Markup("")
    ordered = sorted(
        series.modules, key=lambda row: (row.stack, -1 if row.layer is None else row.layer, rank(row.role), row.name)
    )
    found = [measure for measure in MODULE_MEASURES if any(_known(row, measure[0]) for row in ordered)]
    if not found:
        return Markup("")
    switch, panels = [], []
    for index, (field, title, log) in enumerate(found):
        radio = element("input", type="radio", name=f"{key}-movement", class_=f"m{index}", checked=index == 0)
        switch.append(element("label", radio, element("span", title)))
        panels.append(_panel(series, ordered[:most], field, title, index, log))
    legend = element("legend", "Measure", class_="hidden")
    note = f"The first {most:,} of {plural(len(ordered), 'module')}; the JSON report has all."
    return element(
        "div",
        element("fieldset", legend, *switch, class_="switch"),
        *panels,
        element("p", note, class_="dim") if len(ordered) > most else "",
        class_="heat",
    )


def _known(row: ModuleTrajectory, field: str) -> list[float]:
    return [value for value in getattr(row, field) if value is not None]


def _panel(
    series: Trajectory, modules: Sequence[ModuleTrajectory], field: str, title: str, index: int, log: bool
) -> Markup:
    values = [value for row in modules for value in _known(row, field)]
    positive = [value for value in values if value > 0]
    if log and positive:
        scale = Scale(min(positive), max(positive), log=True)
    else:
        scale = Scale(min(values, default=0.0), max(values, default=0.0), log=False)
    steps = [row.step for row in series.steps]
    dense = len(steps) > DENSE
    heads = [element("td"), *(_head(step, at, dense) for at, step in enumerate(steps))]
    body = rows(
        [
            element("th", _end(row.name), scope="row", title=row.name),
            *(_cell(row, step, value, title, scale) for step, value in zip(steps, getattr(row, field), strict=True)),
        ]
        for row in modules
    )
    caption = element("caption", element("span", f"{title} by module and step", class_="hidden"), class_="bare")
    made = element(
        "table",
        caption,
        element("thead", element("tr", *heads)),
        element("tbody", body),
        class_=f"{density(len(steps))} moves",
    )
    frame = element("div", made, class_="scroll tall" if len(modules) > 24 else "scroll")
    return element("div", frame, _legend(title, scale), class_=f"panel h{index}")


def _end(name: str) -> str:
    return name if len(name) <= _NAME else f"…{name[len(name) - _NAME + 1 :]}"


def _head(step: int, at: int, dense: bool) -> Markup:
    quiet = dense and at % 5
    return element("th", element("span", f"{step:,}"), scope="col", class_="quiet" if quiet else None)


def _cell(row: ModuleTrajectory, step: int, value: float | None, title: str, scale: Scale) -> Markup:
    where = f"{row.name}, step {step:,}: "
    if value is None:
        return element("td", "–", class_="unknown", title=f"{where}not there, zero or not known")
    if scale.log and value <= 0:
        return element("td", "0", class_="dead", title=f"{where}zero update")
    step_class = f"v{step_of(scale.share(value))}"
    return element("td", short_number(value), class_=step_class, title=f"{where}{title} {short_number(value)}")


def _legend(title: str, scale: Scale) -> Markup:
    return element(
        "p",
        element("span", short_number(scale.low), " ", scale_bar(), " ", short_number(scale.high)),
        element("span", join([title, ", logarithmic colours" if scale.log else ""])),
        class_="legend",
    )
