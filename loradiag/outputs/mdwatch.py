"""The watch in Markdown: what it comes to, the evidence of each signal, alarms."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.outputs.mdadvice import advised
from loradiag.outputs.mdtext import prose, table
from loradiag.outputs.watch import ALARM_HEADS, FIGURES, alarm_cells, called, statements, summary, told, way


def watch(report: Report) -> list[str]:
    """The blocks; none where there is no watch."""
    found = report.measurements.watch
    if found is None:
        return []
    blocks = ["### Watch", advised(summary(found))]
    rows = [
        [prose(called(row)), *(prose(figure.say(row)) for figure in FIGURES), f"{way(row):.0%}"] for row in told(found)
    ]
    if rows:
        blocks.append(table(("signal", *(f"#{figure.title}" for figure in FIGURES), "#way to the line"), rows))
    if found.alarms:
        blocks.append(table(ALARM_HEADS, [[prose(cell) for cell in alarm_cells(alarm)] for alarm in found.alarms]))
    blocks.append(table(("", ""), [(prose(label), prose(text)) for label, text in statements(found)]))
    return blocks
