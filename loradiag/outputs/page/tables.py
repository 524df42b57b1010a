"""Tables of tools that take the adapter, and of what was covered."""

from __future__ import annotations

from loradiag.core.coverage import StackCoverage
from loradiag.core.report import Report
from loradiag.core.text import plural, ranges
from loradiag.outputs.arrange import DEPLOY_MARKS, DEPLOY_WORDS
from loradiag.outputs.page.findings import NAMES
from loradiag.outputs.page.markup import Markup, element, folded, join, names, rows, table


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
