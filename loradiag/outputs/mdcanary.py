"""The canary in Markdown: what to do first, then every metric."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.outputs.canary import FIGURES, MARKS, WORDS, named, statements, summary
from loradiag.outputs.mdadvice import advised
from loradiag.outputs.mdtext import prose, table


def canary(report: Report) -> list[str]:
    """The blocks; none where there is no canary."""
    found = report.measurements.canary
    if found is None:
        return []
    blocks = ["### Canary", advised(summary(found))]
    if found.metrics:
        lines = [
            [
                prose(named(row.metric)),
                *(prose(figure.say(row)) for figure in FIGURES),
                f"{MARKS[row.status]} {WORDS[row.status]}",
            ]
            for row in found.metrics
        ]
        blocks.append(table(("metric", *(f"#{figure.title}" for figure in FIGURES), "status"), lines))
    blocks.append(table(("", ""), [(prose(label), prose(text)) for label, text in statements(found)]))
    return blocks
