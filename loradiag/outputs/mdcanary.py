"""The canary in Markdown: what to do first, then every metric."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.outputs.canary import FIGURES, MARKS, WORDS, named, statements, summary
from loradiag.outputs.mdtext import prose, table
from loradiag.outputs.routes import MARKS as TONE_MARKS


def canary(report: Report) -> list[str]:
    """The blocks; none where there is no canary."""
    found = report.measurements.canary
    if found is None:
        return []
    said = summary(found)
    first, *more = [prose(f"{line[:1].upper()}{line[1:]}.") for line in (said.text, *said.more)]
    blocks = ["### Canary", " ".join([f"{TONE_MARKS[said.tone]} **{first}**", *more])]
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
    blocks.append(table(("", ""), [(label, prose(text)) for label, text in statements(found)]))
    return blocks
